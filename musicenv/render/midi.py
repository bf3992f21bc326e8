"""A melody as a MIDI file."""

from __future__ import annotations

from math import gcd
from pathlib import Path
from typing import Final

from musicenv.alphabet import TICKS_PER_QUARTER
from musicenv.files import write_atomic
from musicenv.melody import Melody, sounding_pitch
from musicenv.render.notation import key_signature, metre_name

MIDI_TICKS_PER_QUARTER: Final = 480
TEMPO: Final = {"2/4": 100, "3/4": 120, "4/4": 144, "6/8": 105, "9/8": 100}
"""Beats per minute where none are asked for: a beat is a quarter, in compound metres a dotted quarter."""
VELOCITIES: Final = (96, 86, 76)
"""Of notes on the downbeat, on another beat, and off the beat: enough for the ear to find the bar."""


def beats_per_minute(melody: Melody, tempo: float | None) -> float:
    """``tempo``, or what suits the metre."""
    beats = TEMPO[metre_name(melody)] if tempo is None else tempo
    if not 10 <= beats <= 1000:
        raise ValueError(f"tempo={tempo} is not in 10..1000 beats per minute")
    return beats


def to_midi(melody: Melody, path: Path | None = None, tempo: float | None = None, program: int = 0) -> bytes:
    """The bytes of a MIDI file with one track; written to ``path`` too, if given.

    ``tempo`` is in beats per minute (see TEMPO), ``program`` the General MIDI instrument 0..127.  The file begins with
    the first note; a pick-up is a first bar of its own length.
    """
    from symusic.core import KeySignatureTick, NoteTick, ScoreTick, TempoTick, TimeSignatureTick, TrackTick

    scale = MIDI_TICKS_PER_QUARTER // TICKS_PER_QUARTER
    beats = beats_per_minute(melody, tempo)
    if not 0 <= program <= 127:
        raise ValueError(f"program={program} is not a General MIDI instrument, 0..127")
    score = ScoreTick(MIDI_TICKS_PER_QUARTER)
    score.tempos.append(TempoTick(0, qpm=beats * melody.beat / TICKS_PER_QUARTER))
    # MIDI knows major and minor only: what counts for it is the signature and the third.
    score.key_signatures.append(KeySignatureTick(0, key_signature(melody.key, melody.mode)[1], melody.mode in (1, 2)))
    if melody.start < 0:
        common = gcd(-melody.start, 48)
        score.time_signatures.append(TimeSignatureTick(0, -melody.start // common, 48 // common))
    numerator, denominator = map(int, metre_name(melody).split("/"))
    score.time_signatures.append(TimeSignatureTick(-melody.start * scale, numerator, denominator))
    track = TrackTick("Melody", program, False)
    for pitch, onset, ticks in zip(
        sounding_pitch(melody), melody.onset.tolist(), melody.duration.tolist(), strict=True
    ):
        if pitch is not None:
            strength = 0 if onset % melody.bar == 0 else 1 if onset % melody.bar % melody.beat == 0 else 2
            time = (onset - melody.start) * scale
            track.notes.append(NoteTick(time, ticks * scale, pitch, VELOCITIES[strength]))
    score.tracks.append(track)
    content = bytes(score.dumps_midi())
    if path is not None:
        write_atomic(path, content)
    return content
