"""What a tune from a file is good for: an opening to go on from, a cantus firmus to write against.

``rewards.variation`` has the rules for a piece that varies a tune.
"""

from __future__ import annotations

from musicenv.melody import Melody, sounding_pitch


def opening(melody: Melody, bars: int = 2) -> tuple[tuple[int | None, int], ...]:
    """The notes of the pick-up and of the first ``bars`` bars, for the environment's option ``opening``.

    (sounding MIDI pitch or None for a rest, ticks) pairs; a note is in it that begins before the bar line and ends by
    it, so that the agent goes on from there.  The environment needs the melody's key, metre and pick-up too.
    """
    if not 1 <= bars <= melody.bars:
        raise ValueError(f"bars={bars} is not in 1..{melody.bars}, the bars of the melody")
    ends = melody.onset.astype(int) + melody.duration
    return tuple(
        (pitch, int(ticks))
        for pitch, ticks, end in zip(sounding_pitch(melody), melody.duration, ends, strict=True)
        if end <= bars * melody.bar
    )


def cantus_firmus(melody: Melody) -> list[int]:
    """Sounding MIDI pitches of a melody taken as a cantus firmus: each note a whole note, rests and repeats left out.

    As in species counterpoint, where a cantus moves in whole notes and does not repeat one.
    """
    line: list[int] = []
    for pitch in sounding_pitch(melody):
        if pitch is not None and (not line or line[-1] != pitch):
            line.append(pitch)
    return line
