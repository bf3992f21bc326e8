"""Rhythm and metre: how many notes, how long, and where they fall."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from musicenv.alphabet import REST
from musicenv.melody import Melody
from musicenv.task import BAR_TICKS
from rewards.rules import statistic
from rewards.tallies import Numbers, tally
from rewards.theory.frame import place_in_beat, shannon_entropy, too_short

_PERIOD: Final = math.lcm(*BAR_TICKS)
_DOWNBEAT: Final = np.array([[tick % bar == 0 for tick in range(_PERIOD)] for bar in BAR_TICKS])
"""(metres, ticks) whether a bar begins there: a division by a constant is a fast one."""


@tally(2)
def _held(melody: Melody, k: int, counts: Numbers) -> None:
    """The notes, and those of them held over a stronger place than their own."""
    if melody.pitch[k] != REST:
        place, onset, duration = place_in_beat(melody, melody.onset[k]), melody.onset[k], melody.duration[k]
        counts[0] += 1
        if place > 0:
            counts[1] += place + duration > melody.beat
        elif duration > melody.beat:
            counts[1] += onset % melody.bar + duration > melody.bar


@statistic(tally=_held)
def density(melody: Melody, counts: Numbers) -> float:
    """Notes per bar: keeps pieces from growing thin, which is the cheap way to please a prior."""
    if too_short(melody):
        return np.nan
    return float(counts[0] * melody.bar / (melody.time - melody.start))


@tally(49)
def _durations(melody: Melody, k: int, told: Numbers) -> None:
    """The ticks that are silent, and how many notes and rests last so many ticks, those from a whole note on as one."""
    duration = melody.duration[k]
    if melody.pitch[k] == REST:
        told[0] += duration
    told[min(duration, 48)] += 1


@statistic(at_end=True, tally=_durations)
def rests(melody: Melody, told: Numbers) -> float:
    """Share of the time that is silent."""
    return np.nan if melody.time < melody.end else told[0] / (melody.time - melody.start)


@statistic(at_end=True, tally=_durations)
def duration_entropy(melody: Melody, told: Numbers) -> float:
    """Entropy in nats of the durations of notes and rests.  Two-sided: variety for its own sake is harmful."""
    return np.nan if melody.time < melody.end else shannon_entropy(told[1:])


@statistic(tally=_held)
def syncopation(melody: Melody, counts: Numbers) -> float:
    """Share of notes held over a stronger place than the one they begin on: from off the beat over the next beat, or
    over a barline.

    Source: Longuet-Higgins and Lee (1984), reduced to two levels; .001 of the notes of real tunes cross a barline.
    """
    if too_short(melody):
        return np.nan
    return counts[1] / counts[0] if counts[0] else np.nan


@tally(6)
def _accents(melody: Melody, k: int, counts: Numbers) -> None:
    """Notes on the beat and their ticks, the other notes and theirs, and from the first downbeat on the notes on a beat
    and on a downbeat."""
    if melody.pitch[k] != REST:
        onset = melody.onset[k]
        on_beat = place_in_beat(melody, onset) == 0
        counts[0] += on_beat
        counts[1] += melody.duration[k] * on_beat
        counts[2] += not on_beat
        counts[3] += melody.duration[k] * (not on_beat)
        counts[4] += on_beat & (onset >= 0)
        counts[5] += (onset >= 0) & _DOWNBEAT[melody.metre, onset % _PERIOD]


@statistic(at_end=True, tally=_accents)
def accent(melody: Melody, counts: Numbers) -> float:
    """Agogic accent: how much longer notes on the beat are than the others, as the logarithm of the ratio of means.

    Source: Lerdahl and Jackendoff, A Generative Theory of Tonal Music (1983), metrical preference rule 5.
    """
    if melody.time < melody.end:
        return np.nan
    on, on_time, off, off_time = counts[0], counts[1], counts[2], counts[3]
    return np.log(on_time * off / (on * off_time)) if on and off else np.nan


@statistic(at_end=True, tally=_accents)
def beats_struck(melody: Melody, counts: Numbers) -> float:
    """Share of the beats on which a note begins (Temperley, Music and Probability, 2007, ch. 3)."""
    return np.nan if melody.time < melody.end else counts[4] / -(-melody.time // melody.beat)


@statistic(at_end=True, tally=_accents)
def downbeats_struck(melody: Melody, counts: Numbers) -> float:
    """Share of the bars on whose downbeat a note begins."""
    return np.nan if melody.time < melody.end else counts[5] / -(-melody.time // melody.bar)
