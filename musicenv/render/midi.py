"""A melody as a MIDI file."""

from __future__ import annotations

from math import gcd
from pathlib import Path
from typing import TYPE_CHECKING, Final

from musicenv.alphabet import TICKS_PER_QUARTER
from musicenv.files import write_atomic
from musicenv.melody import Melody, sounding_pitch
from musicenv.render.notation import key_signature, metre_name, voices
from musicenv.render.performance import GAP, Performance
from musicenv.task import MODES

if TYPE_CHECKING:
    from symusic.core import ScoreTick, TrackTick

MIDI_TICKS_PER_QUARTER: Final = 480
MIDI_TICKS: Final = MIDI_TICKS_PER_QUARTER // TICKS_PER_QUARTER
"""Of one of our ticks."""


def to_midi(melody: Melody, path: Path | None = None, performance: Performance | None = None) -> bytes:
    """The bytes of a MIDI file with a track, and one for the given line; written to ``path`` too, if given.

    The file begins with the first note; a pick-up is a first bar of its own length.
    """
    content = bytes(midi_score(melody, performance or Performance()).dumps_midi())
    if path is not None:
        write_atomic(path, content)
    return content


def midi_score(melody: Melody, performance: Performance) -> ScoreTick:
    """The melody as symusic holds it, 480 ticks to the quarter.

    ValueError for notes that MIDI cannot hold: symusic would write them wrong, and readers hang or crash on them.
    """
    from symusic.core import KeySignatureTick, ScoreTick, TempoTick, TimeSignatureTick

    performance.seconds(melody)
    score = ScoreTick(MIDI_TICKS_PER_QUARTER)
    score.tempos.append(TempoTick(0, qpm=performance.quarters_per_minute(melody)))
    # MIDI knows major and minor only: what counts for it is the signature and the third.
    is_minor = MODES[melody.mode] in ("minor", "dorian", "phrygian")
    score.key_signatures.append(KeySignatureTick(0, key_signature(melody.key, melody.mode)[1], is_minor))
    if melody.start < 0:
        common = gcd(-melody.start, 48)
        score.time_signatures.append(TimeSignatureTick(0, -melody.start // common, 48 // common))
    numerator, denominator = map(int, metre_name(melody).split("/"))
    score.time_signatures.append(TimeSignatureTick(-melody.start * MIDI_TICKS, numerator, denominator))
    for voice in voices(melody):
        score.tracks.append(_track(voice, "Melody" if voice is melody else "Given line", performance))
    return score


def _track(melody: Melody, name: str, performance: Performance) -> TrackTick:
    from symusic.core import NoteTick, TrackTick

    track = TrackTick(name, performance.program, False)
    gap = round(GAP * MIDI_TICKS * performance.phrasing)
    for pitch, onset, ticks in zip(
        sounding_pitch(melody), melody.onset.tolist(), melody.duration.tolist(), strict=True
    ):
        if pitch is None:
            continue
        if not (0 <= pitch <= 127 and ticks > 0 and melody.start <= onset <= melody.time - ticks):
            raise ValueError(f"pitch {pitch} for {ticks} ticks at tick {onset} is no MIDI note; pitches are 0..127")
        time = (onset - melody.start) * MIDI_TICKS
        track.notes.append(NoteTick(time, ticks * MIDI_TICKS - gap, pitch, performance.velocity(onset, melody)))
    return track
