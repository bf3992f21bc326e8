"""Intervals between successive notes: steps, leaps and what follows them.  A rest breaks the line."""

from __future__ import annotations

import numpy as np

from musicenv.alphabet import REST
from musicenv.jit import compiled
from musicenv.melody import Melody
from rewards.rules import statistic
from rewards.theory.frame import shannon_entropy

LEAP = 5
"""Semitones above which an interval is a leap that asks for an answer: more than a perfect fourth."""


@compiled
def _share_of_intervals(melody: Melody, low: int, high: int) -> float:
    """Share of the intervals whose size in semitones is in ``low``..``high``."""
    if melody.time < melody.end:
        return np.nan
    inside, intervals = 0, 0
    before = melody.pitch[0]
    for pitch in melody.pitch[1:]:
        if pitch != REST and before != REST:
            size = abs(pitch - before)
            inside += (size >= low) & (size <= high)
            intervals += 1
        before = pitch
    return inside / intervals if intervals else np.nan


@statistic(at_end=True)
def unisons(melody: Melody) -> float:
    """Share of intervals that repeat the note."""
    return _share_of_intervals(melody, 0, 0)


@statistic(at_end=True)
def steps(melody: Melody) -> float:
    """Share of intervals of one or two semitones (Huron, Sweet Anticipation, 2006, ch. 5: pitch proximity)."""
    return _share_of_intervals(melody, 1, 2)


@statistic(at_end=True)
def leaps(melody: Melody) -> float:
    """Share of intervals of a fourth (5 semitones) and more."""
    return _share_of_intervals(melody, 5, 127)


@statistic(at_end=True)
def forbidden_intervals(melody: Melody) -> float:
    """Share of tritones, sevenths and intervals beyond the octave (Fux, Gradus ad Parnassum, 1725)."""
    if melody.time < melody.end:
        return np.nan
    forbidden, intervals = 0, 0
    before = melody.pitch[0]
    for pitch in melody.pitch[1:]:
        if pitch != REST and before != REST:
            size = abs(pitch - before)
            intervals += 1
            forbidden += (size == 6) | (size == 10) | (size == 11) | (size > 12)
        before = pitch
    return forbidden / intervals if intervals else np.nan


@statistic
def leap_resolution(melody: Melody) -> float:
    """Share of leaps (more than 5 semitones) answered by 1-4 semitones the other way; of those that have a next note.

    Source: Fux; Narmour's registral reversal (The Analysis and Cognition of Basic Melodic Structures, 1990); Sequence
    Tutor's rule 8.
    """
    answered, asked = 0, 0
    for k in range(2, melody.pitch.size):
        if melody.pitch[k] != REST and melody.pitch[k - 1] != REST and melody.pitch[k - 2] != REST:
            leap = melody.pitch[k - 1] - melody.pitch[k - 2]
            if abs(leap) > LEAP:
                asked += 1
                answer = melody.pitch[k - 1] - melody.pitch[k] if leap > 0 else melody.pitch[k] - melody.pitch[k - 1]
                if 1 <= answer <= 4:
                    answered += 1
    return answered / asked if asked else np.nan


@statistic(at_end=True)
def leap_pairs(melody: Melody) -> float:
    """Leaps (5 semitones or more) followed by another leap, per note; arpeggios of thirds are not meant.

    Source: Fux; Gauldin, A Practical Approach to 18th-Century Counterpoint: two leaps in a row are rare.
    """
    if melody.time < melody.end:
        return np.nan
    pairs, notes = 0, 0
    leapt = False
    for k in range(1, melody.pitch.size):
        notes += 1
        leaps_now = (
            melody.pitch[k] != REST
            and melody.pitch[k - 1] != REST
            and abs(melody.pitch[k] - melody.pitch[k - 1]) >= LEAP
        )
        if leaps_now and leapt:
            pairs += 1
        leapt = leaps_now
    return pairs / notes if notes else np.nan


@statistic(at_end=True)
def interval_entropy(melody: Melody) -> float:
    """Entropy in nats of the signed intervals, those beyond an octave counted as octaves.  Two-sided."""
    if melody.time < melody.end:
        return np.nan
    counts = np.zeros(25, dtype=np.int64)
    before = melody.pitch[0]
    for pitch in melody.pitch[1:]:
        if pitch != REST and before != REST:
            counts[min(max(pitch - before, -12), 12) + 12] += 1
        before = pitch
    return shannon_entropy(counts)


@statistic(at_end=True)
def turns(melody: Melody) -> float:
    """Share of notes at which the line changes its direction (unisons neither turn nor go on)."""
    if melody.time < melody.end:
        return np.nan
    changes, direction, moves = 0, 0, 0
    for k in range(1, melody.pitch.size):
        if melody.pitch[k] != REST and melody.pitch[k - 1] != REST and melody.pitch[k] != melody.pitch[k - 1]:
            now = 1 if melody.pitch[k] > melody.pitch[k - 1] else -1
            moves += 1
            if now == -direction:
                changes += 1
            direction = now
    return changes / (moves - 1) if moves > 1 else np.nan


@statistic(at_end=True)
def longest_scale(melody: Melody) -> float:
    """Most notes in a row that go the same way: scales and arpeggios without end are no melody."""
    if melody.time < melody.end:
        return np.nan
    longest, run, direction = 1, 1, 0
    for k in range(1, melody.pitch.size):
        now = 0
        if melody.pitch[k] != REST and melody.pitch[k - 1] != REST:
            now = np.sign(melody.pitch[k] - melody.pitch[k - 1])
        run = run + 1 if now == direction and now != 0 else 1 + abs(now)
        direction = now
        longest = max(longest, run)
    return float(longest)


@statistic(at_end=True)
def longest_unison(melody: Melody) -> float:
    """Most notes in a row on one pitch."""
    if melody.time < melody.end:
        return np.nan
    longest, run = 1, 1
    for k in range(1, melody.pitch.size):
        run = run + 1 if melody.pitch[k] == melody.pitch[k - 1] else 1
        longest = max(longest, run)
    return float(longest)
