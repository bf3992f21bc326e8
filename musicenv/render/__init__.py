"""Music out: a melody as ABC, MIDI, MusicXML, a piano roll or a page of score.

Libraries are imported where they are used: text and piano rolls need numpy alone.
"""

from musicenv.render.abc import abc_line, to_abc
from musicenv.render.midi import to_midi
from musicenv.render.notation import key_name, metre_name

__all__ = ["abc_line", "key_name", "metre_name", "to_abc", "to_midi"]
