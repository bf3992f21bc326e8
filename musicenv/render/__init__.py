"""Music out: a melody as ABC, MIDI, MusicXML, sound, a piano roll or a page of score.

Libraries are imported where they are used: text and piano rolls need numpy alone.
"""

from musicenv.render.abc import to_abc
from musicenv.render.animation import piano_roll_gif
from musicenv.render.audio import mono, mp3_bytes, samples, to_mp3, to_wav
from musicenv.render.midi import to_midi
from musicenv.render.musicxml import to_musicxml
from musicenv.render.notation import key_name, metre_name
from musicenv.render.performance import Performance
from musicenv.render.roll import piano_roll
from musicenv.render.score import score_png, score_svg
from musicenv.render.sheet import piano_roll_png

__all__ = [
    "Performance",
    "key_name",
    "metre_name",
    "mono",
    "mp3_bytes",
    "piano_roll",
    "piano_roll_gif",
    "piano_roll_png",
    "samples",
    "score_png",
    "score_svg",
    "to_abc",
    "to_midi",
    "to_mp3",
    "to_musicxml",
    "to_wav",
]
