"""Where tunes come from.  A source is a function that yields tunes and counts what it leaves out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from musicenv.alphabet import REST, TICKS_PER_QUARTER
from musicenv.corpus.abc import read_abc
from musicenv.corpus.abc_body import AbcTune, Bar, Note
from musicenv.corpus.abc_fields import FINE, SIGNATURE_MODES, Key, signature
from musicenv.corpus.tune import Tune, tunes_of

Source = Callable[[Counter[str]], Iterator[Tune]]
"""Reads a collection: yields its tunes, and counts by reason in the counter what it does not read."""

DEFAULT: Final = ("oneills1850", "ryansMammoth", "airdsAirs", "miscFolk")
"""The public-domain prints (1778-1903) in music21's corpus, on which the shipped models are trained."""


def music21_folder(collection: str) -> Path:
    """Folder of a collection in music21's corpus."""
    from music21 import common

    folder = Path(common.getCorpusFilePath()) / collection
    if not folder.is_dir():
        raise FileNotFoundError(
            f"music21 is installed without its corpus ({collection!r} is missing in {folder.parent}); "
            "install the full package: pip install --force-reinstall music21"
        )
    return folder


def abc_files(files: Sequence[Path], collection: str, unread: Counter[str]) -> Iterator[Tune]:
    """The tunes of ABC files."""
    for path in files:
        data = path.read_bytes()
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            text = data.decode("latin-1")
        for abc in read_abc(text):
            if abc.fault or not abc.bars:
                unread[f"tunes: {abc.fault or 'without notes'}"] += 1
            else:
                yield from tunes_of(abc, collection, path.name)
            unread.update(abc.unread)


def music21_score(score: Any, collection: str, name: str) -> Iterator[Tune]:
    """The voices of a music21 score, each as a tune, named "name: voice"; of a chord the highest note.

    Tonic and mode are those which the final bass note and the key signature give (final G under one flat: G dorian).
    """
    voices = list(score.parts)
    final = voices[-1].flatten().notes[-1].pitches[0].pitchClass if voices else 0
    for number, voice in enumerate(voices, 1):
        abc = AbcTune(fields={"T": [f"{name}: {voice.partName or number}"], "X": [f"1/{number}"]})
        sharps, metre = 0, "none"
        for measure in voice.getElementsByClass("Measure"):
            sharps = measure.keySignature.sharps if measure.keySignature else sharps
            metre = measure.timeSignature.ratioString if measure.timeSignature else metre
            mode = SIGNATURE_MODES[(final - 7 * sharps) % 12]
            right = measure.rightBarline
            bar = Bar(Key(final, mode, signature(sharps)), metre)
            bar.closes = right is not None and ("Repeat" in right.classes or right.type in ("double", "final"))
            for note in measure.flatten().notesAndRests:
                if not note.duration.isGrace:
                    pitch = REST if note.isRest else max(p.midi for p in note.pitches)
                    length = round(note.quarterLength * TICKS_PER_QUARTER * FINE)
                    bar.notes.append(Note(pitch, length, note.tie is not None and note.tie.type != "stop"))
            if bar.notes:
                abc.bars.append(bar)
        if abc.bars:
            yield from tunes_of(abc, collection, name)


def _music21_abc(collection: str, unread: Counter[str]) -> Iterator[Tune]:
    return abc_files(sorted(music21_folder(collection).glob("*.abc")), collection, unread)


def _bach_chorales(unread: Counter[str]) -> Iterator[Tune]:
    from music21 import converter

    for path in sorted(music21_folder("bach").glob("bwv*.mxl")):
        score: Any = converter.parse(path)
        if len(score.parts) == 4:
            yield from music21_score(score, "bachChorales", path.stem)
        else:
            unread["scores that are not in four parts"] += 1


SOURCES: Final[dict[str, Source]] = {
    **{name: partial(_music21_abc, name) for name in (*DEFAULT, "essenFolksong")},
    "bachChorales": _bach_chorales,
}
"""Collections that can be loaded by name.  Another source joins by an entry here."""
