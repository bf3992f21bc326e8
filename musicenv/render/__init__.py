"""Music out: a melody as ABC, MIDI, MusicXML, a piano roll or a page of score.

Libraries are imported where they are used: text and piano rolls need numpy alone.
"""

from musicenv.render.abc import to_abc
from musicenv.render.midi import to_midi
from musicenv.render.musicxml import to_musicxml
from musicenv.render.notation import key_name, metre_name
from musicenv.render.roll import piano_roll
from musicenv.render.score import score_png
from musicenv.render.sheet import piano_roll_png

__all__ = ["key_name", "metre_name", "piano_roll", "piano_roll_png", "score_png", "to_abc", "to_midi", "to_musicxml"]
