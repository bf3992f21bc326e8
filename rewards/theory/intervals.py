"""Intervals between successive notes: steps, leaps and what follows them.  A rest breaks the line."""

from __future__ import annotations

from typing import Final

import numpy as np

from musicenv.alphabet import REST
from musicenv.jit import compiled
from musicenv.melody import Melody
from rewards.rules import statistic
from rewards.tallies import Numbers, tally
from rewards.theory.frame import shannon_entropy

LEAP = 5
"""Semitones above which an interval is a leap that asks for an answer: more than a perfect fourth."""
WIDEST: Final = 13
"""Semitones of the widest interval that is told apart: beyond the octave."""


@tally(2 * WIDEST + 2)
def _intervals(melody: Melody, k: int, counts: Numbers) -> None:
    """How many intervals there are of each size from -WIDEST to WIDEST semitones, the wider ones counted as these, and
    how many in all."""
    if k > 0 and melody.pitch[k] != REST and melody.pitch[k - 1] != REST:
        counts[min(max(melody.pitch[k] - melody.pitch[k - 1], -WIDEST), WIDEST) + WIDEST] += 1
        counts[2 * WIDEST + 1] += 1


@compiled
def _share_of_intervals(melody: Melody, counts: Numbers, low: int, high: int) -> float:
    """Share of the intervals whose size in semitones is in ``low``..``high``, at the end of the piece."""
    inside, intervals = 0.0, counts[-1]
    for size in range(low, high + 1):
        inside += counts[WIDEST + size] + (counts[WIDEST - size] if size > 0 else 0.0)
    return inside / intervals if intervals and melody.time >= melody.end else np.nan


@statistic(at_end=True, tally=_intervals)
def unisons(melody: Melody, counts: Numbers) -> float:
    """Share of intervals that repeat the note."""
    return _share_of_intervals(melody, counts, 0, 0)


@statistic(at_end=True, tally=_intervals)
def steps(melody: Melody, counts: Numbers) -> float:
    """Share of intervals of one or two semitones (Huron, Sweet Anticipation, 2006, ch. 5: pitch proximity)."""
    return _share_of_intervals(melody, counts, 1, 2)


@statistic(at_end=True, tally=_intervals)
def leaps(melody: Melody, counts: Numbers) -> float:
    """Share of intervals of a fourth (5 semitones) and more."""
    return _share_of_intervals(melody, counts, 5, WIDEST)


@statistic(at_end=True, tally=_intervals)
def forbidden_intervals(melody: Melody, counts: Numbers) -> float:
    """Share of tritones, sevenths and intervals beyond the octave (Fux, Gradus ad Parnassum, 1725)."""
    if melody.time < melody.end:
        return np.nan
    forbidden, intervals = 0.0, counts[-1]
    for size in (6, 10, 11, 13):
        forbidden += counts[WIDEST - size] + counts[WIDEST + size]
    return forbidden / intervals if intervals else np.nan


@tally(2)
def _answered(melody: Melody, k: int, counts: Numbers) -> None:
    """Leaps that another note follows, and how many it answers."""
    if k > 1 and melody.pitch[k] != REST and melody.pitch[k - 1] != REST and melody.pitch[k - 2] != REST:
        leap = melody.pitch[k - 1] - melody.pitch[k - 2]
        if abs(leap) > LEAP:
            answer = melody.pitch[k - 1] - melody.pitch[k] if leap > 0 else melody.pitch[k] - melody.pitch[k - 1]
            counts[0] += 1
            counts[1] += 1 <= answer <= 4


@statistic(tally=_answered)
def leap_resolution(melody: Melody, counts: Numbers) -> float:
    """Share of leaps (more than 5 semitones) answered by 1-4 semitones the other way; of those that have a next note.

    Source: Fux; Narmour's registral reversal (The Analysis and Cognition of Basic Melodic Structures, 1990); Sequence
    Tutor's rule 8.
    """
    return counts[1] / counts[0] if counts[0] else np.nan


@statistic(at_end=True, tally=_intervals)
def interval_entropy(melody: Melody, counts: Numbers) -> float:
    """Entropy in nats of the signed intervals, those beyond an octave counted as octaves.  Two-sided."""
    if melody.time < melody.end:
        return np.nan
    inside = counts[1:-2].copy()
    inside[0] += counts[0]
    inside[-1] += counts[-2]
    return shannon_entropy(inside)


@tally(10)
def _runs(melody: Melody, k: int, told: Numbers) -> None:
    """Leaps that follow a leap, and whether the newest interval is one; moves up or down, those that turn, and the way
    of the last; the newest interval's way; notes of the newest scale and of the longest, of the newest unison and of
    the longest."""
    if k == 0:
        told[6:] = 1.0
        return
    pitch, before = melody.pitch[k], melody.pitch[k - 1]
    interval = pitch - before if pitch != REST and before != REST else 0
    leaps = 1.0 * (abs(interval) >= LEAP)
    told[0] += leaps * told[1]
    told[1] = leaps
    way = 1.0 * (interval > 0) - 1.0 * (interval < 0)
    told[2] += abs(way)
    told[3] += way * told[4] < 0
    told[4] = way if interval != 0 else told[4]
    told[6] = told[6] + 1.0 if way * told[5] > 0 else 1.0 + abs(way)
    told[5] = way
    told[7] = max(told[7], told[6])
    told[8] = told[8] + 1.0 if pitch == before else 1.0
    told[9] = max(told[9], told[8])


@statistic(at_end=True, tally=_runs)
def leap_pairs(melody: Melody, told: Numbers) -> float:
    """Leaps (5 semitones or more) followed by another leap, per note; arpeggios of thirds are not meant.

    Source: Fux; Gauldin, A Practical Approach to 18th-Century Counterpoint: two leaps in a row are rare.
    """
    return np.nan if melody.time < melody.end or melody.pitch.size < 2 else told[0] / (melody.pitch.size - 1)


@statistic(at_end=True, tally=_runs)
def turns(melody: Melody, told: Numbers) -> float:
    """Share of notes at which the line changes its direction (unisons neither turn nor go on)."""
    return np.nan if melody.time < melody.end or told[2] < 2 else told[3] / (told[2] - 1)


@statistic(at_end=True, tally=_runs)
def longest_scale(melody: Melody, told: Numbers) -> float:
    """Most notes in a row that go the same way: scales and arpeggios without end are no melody."""
    return np.nan if melody.time < melody.end else told[7]


@statistic(at_end=True, tally=_runs)
def longest_unison(melody: Melody, told: Numbers) -> float:
    """Most notes in a row on one pitch."""
    return np.nan if melody.time < melody.end else told[9]
