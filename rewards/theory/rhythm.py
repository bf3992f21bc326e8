"""Rhythm and metre: how many notes, how long, and where they fall."""

from __future__ import annotations

import numpy as np

from musicenv.alphabet import REST
from musicenv.jit import compiled
from musicenv.melody import Melody
from rewards.rules import statistic
from rewards.theory.frame import place_in_beat, shannon_entropy, too_short


@statistic
def density(melody: Melody) -> float:
    """Notes per bar: keeps pieces from growing thin, which is the cheap way to please a prior."""
    if too_short(melody):
        return np.nan
    notes = 0
    for pitch in melody.pitch:
        if pitch != REST:
            notes += 1
    return notes * melody.bar / (melody.time - melody.start)


@statistic(at_end=True)
def rests(melody: Melody) -> float:
    """Share of the time that is silent."""
    if melody.time < melody.end:
        return np.nan
    silent = 0
    for k in range(melody.pitch.size):
        if melody.pitch[k] == REST:
            silent += melody.duration[k]
    return silent / (melody.time - melody.start)


@statistic(at_end=True)
def duration_entropy(melody: Melody) -> float:
    """Entropy in nats of the durations of notes and rests.  Two-sided: variety for its own sake is harmful."""
    if melody.time < melody.end:
        return np.nan
    counts = np.zeros(48, dtype=np.int64)
    for duration in melody.duration:
        counts[min(duration, 48) - 1] += 1
    return shannon_entropy(counts)


@statistic
def syncopation(melody: Melody) -> float:
    """Share of notes held over a stronger place than the one they begin on: from off the beat over the next beat, or
    over a barline.

    Source: Longuet-Higgins and Lee (1984), reduced to two levels; .001 of the notes of real tunes cross a barline.
    """
    if too_short(melody):
        return np.nan
    held, notes, barline = 0, 0, melody.start - melody.start % melody.bar + melody.bar
    for k in range(melody.pitch.size):
        if melody.pitch[k] != REST:
            while melody.onset[k] >= barline:
                barline += melody.bar
            place = place_in_beat(melody, melody.onset[k])
            over_beat = (place > 0) & (place + melody.duration[k] > melody.beat)
            held += over_beat | (melody.onset[k] + melody.duration[k] > barline)
            notes += 1
    return held / notes if notes else np.nan


@statistic(at_end=True)
def accent(melody: Melody) -> float:
    """Agogic accent: how much longer notes on the beat are than the others, as the logarithm of the ratio of means.

    Source: Lerdahl and Jackendoff, A Generative Theory of Tonal Music (1983), metrical preference rule 5.
    """
    if melody.time < melody.end:
        return np.nan
    on_time, on, off_time, off = 0, 0, 0, 0
    for k in range(melody.pitch.size):
        if melody.pitch[k] != REST:
            on_beat = place_in_beat(melody, melody.onset[k]) == 0
            on_time += melody.duration[k] * on_beat
            on += on_beat
            off_time += melody.duration[k] * (not on_beat)
            off += not on_beat
    return np.log(on_time * off / (on * off_time)) if on and off else np.nan


@compiled
def _share_struck(melody: Melody, period: int) -> float:
    """Share of the multiples of ``period`` ticks, from the first downbeat on, at which a note begins."""
    if melody.time < melody.end:
        return np.nan
    struck, place = 0, 0
    for k in range(melody.pitch.size):
        while place < melody.onset[k]:
            place += period
        struck += (melody.onset[k] == place) & (melody.pitch[k] != REST)
    return struck / -(-melody.time // period)


@statistic(at_end=True)
def beats_struck(melody: Melody) -> float:
    """Share of the beats on which a note begins (Temperley, Music and Probability, 2007, ch. 3)."""
    return _share_struck(melody, melody.beat)


@statistic(at_end=True)
def downbeats_struck(melody: Melody) -> float:
    """Share of the bars on whose downbeat a note begins."""
    return _share_struck(melody, melody.bar)
