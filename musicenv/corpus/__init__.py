"""Real music: read from ABC, stored as arrays, split by families, given as melodies.

corpus = load()
parts = corpus.melodies("train", unit="parts", bars=8, metre="4/4")
"""

from musicenv.corpus.abc import read_abc, read_notes
from musicenv.corpus.corpus import Corpus
from musicenv.corpus.sources import DEFAULT, SOURCES
from musicenv.corpus.store import load
from musicenv.corpus.tune import Part, Tune

__all__ = ["DEFAULT", "SOURCES", "Corpus", "Part", "Tune", "load", "read_abc", "read_notes"]
