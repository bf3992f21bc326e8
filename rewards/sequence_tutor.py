"""The nine rules of the Sequence Tutor, to compare with: amounts as published, defects corrected.

Source: Jaques, Gu, Turner and Eck, Tuning Recurrent Neural Networks with Reinforcement Learning (2017); Jaques et al.,
Sequence Tutor (ICML 2017); ``rl_tuner`` in Magenta.  Their reward is log p(a | s) + r / c with c = .5, here
``"log_likelihood+sequence_tutor=2"``.  The amounts are theirs and not calibrated.

**A loop maximises this reward**: motifs pay at each note and pay again when they return.  Real eight-bar parts get 141
on average, the same notes shuffled 191, a scale up and down 254, a bar of eight pitches eight times 571.  The suite is
here to be compared with, not to compose with.

What is corrected, and why:

- *Events.*  The original scores each sixteenth of two bars of 4/4; here a rule speaks once of each note or rest, in any
  metre and length.  It read the codes of "hold" and "rest" the other way round, so that a long note was scored as
  repeated rests; here a note has its duration.
- *key* follows the scale of the mode, not of C major; the raised sixth and seventh belong to minor.
- *tonic* is the tonic of the key in any octave, not one C; at the end it is the last note of the piece, not step 28.
- *repetition* counts notes, not sixteenths; rests are counted as notes are (the original forbade a third).
- *autocorrelation* is that of the sounding line; the original's took "hold" and "rest" for very low notes.
- *motif* and *repeated_motif* take the last eight notes and rests; a motif that returns has its durations again, too.
- *preferred_intervals* pays seconds, thirds and sixths of either size and punishes both sevenths: which of them belong
  to the scale depends on the mode.  A hold is paid once a note: a long tonic outscored every melody.
- *leap_back* measures its half a bar in the metre of the piece, where the original counts eight sixteenths.
- *unique_extremes* are of what sounds; the original's highest note of a silent piece was a rest.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from musicenv.alphabet import REST, SIXTEENTH
from musicenv.jit import compiled
from musicenv.melody import Melody
from rewards.rules import Suite, rule, statistic
from rewards.theory.cadences import THIRD
from rewards.theory.harmony import OUTSIDE
from rewards.theory.shape import autocorrelation as autocorrelation_at
from rewards.theory.shape import successions

MOTIF: Final = 8
"""Notes and rests of a motif."""

_INTERVALS: Final = np.array([0, 0.4, 0.4, 0.45, 0.45, 0.35, 0, 0.1, 0.25, 0.25, -1.5, -1.5, 0])
"""What an interval of 0..12 semitones pays; beyond the octave -5."""

_SUCCESSIONS: Final = successions.size
_add_to_successions: Final = successions.compiled


@rule
def key(melody: Melody) -> float:
    """-1 for a note outside the scale."""
    return -float(OUTSIDE[melody.mode, 0, melody.pitch[-1]])


@rule
def tonic(melody: Melody) -> float:
    """3 for a tonic on the first downbeat; at the end up to 12 (four times 3) for the share of the last beat that a
    last note on the tonic fills.
    """
    if melody.pitch[-1] == REST or melody.pitch[-1] % 12 != 0:
        return 0.0
    score = 0.0
    if melody.onset[-1] <= 0 < melody.time:
        score += 3.0
    if melody.time >= melody.end:
        score += 12.0 * min(melody.duration[-1], melody.beat) / melody.beat
    return score


@rule
def repetition(melody: Melody) -> float:
    """-100 for a note or rest that more than four times before it came without another between; more than six where
    some of them are longer than a sixteenth or rests lie between.
    """
    times, relaxed = 0, False
    newest = melody.pitch[-1]
    for k in range(melody.pitch.size - 2, -1, -1):
        if melody.pitch[k] == newest:
            times += 1
            relaxed |= newest != REST and melody.duration[k] > SIXTEENTH
        elif melody.pitch[k] == REST:
            relaxed = True
        else:
            break
    return -100.0 if times > (6 if relaxed else 4) else 0.0


@rule
def autocorrelation(melody: Melody) -> float:
    """-3 |r| for each r beyond .15, the autocorrelations of the line so far at lags of one, two and three notes."""
    size, told, score = melody.pitch.size, np.zeros(_SUCCESSIONS), 0.0
    for k in range(size):
        _add_to_successions(melody, k, told)
    for lag in range(1, 4):
        r = abs(autocorrelation_at(told, size, lag))
        if r > 0.15:
            score -= 3.0 * r
    return score


@compiled
def _motif_pitches(melody: Melody) -> int:
    """How many different pitches the last eight notes and rests have; 0 before there are eight."""
    size = melody.pitch.size
    count = 0
    if size >= MOTIF:
        for k in range(size - MOTIF, size):
            new = melody.pitch[k] != REST
            for earlier in range(size - MOTIF, k):
                new &= melody.pitch[earlier] != melody.pitch[k]
            count += new
    return count


@rule
def motif(melody: Melody) -> float:
    """3 where the last eight notes and rests have three different pitches, .3 more for each further one."""
    pitches = _motif_pitches(melody)
    return 3.0 + 0.3 * (pitches - 3) if pitches >= 3 else 0.0


@rule
def repeated_motif(melody: Melody) -> float:
    """4 where that motif came before, not overlapping, and 1 more for each pitch beyond three."""
    pitches = _motif_pitches(melody)
    if pitches < 3:
        return 0.0
    begin = melody.pitch.size - MOTIF
    for first in range(begin - MOTIF + 1):
        k = 0
        while (
            k < MOTIF
            and melody.pitch[first + k] == melody.pitch[begin + k]
            and melody.duration[first + k] == melody.duration[begin + k]
        ):
            k += 1
        if k == MOTIF:
            return 4.0 + (pitches - 3)
    return 0.0


@rule
def preferred_intervals(melody: Melody) -> float:
    """The interval from the last note that sounded: second .4, third .45 (.75 from tonic or mediant), fourth .35, fifth
    .1 (.5 from tonic or dominant), sixth .25, seventh -1.5, beyond the octave -5; and a rest .25 (.75 after tonic or
    dominant), a note longer than a sixteenth .375 (1.5 on tonic or dominant).
    """
    newest = melody.pitch[-1]
    before = melody.pitch.size - 2
    while before >= 0 and melody.pitch[before] == REST:
        before -= 1
    score, left = 0.0, -1
    if before >= 0:
        left = melody.pitch[before] % 12
    if newest == REST:
        if before < 0:
            return 0.0
        return 0.75 if left == 0 or left == 7 else 0.25
    if melody.duration[-1] > SIXTEENTH:
        score = 1.5 if newest % 12 == 0 or newest % 12 == 7 else 0.375
    if before < 0:
        return score
    size = abs(newest - melody.pitch[before])
    if size > 12:
        return score - 5.0
    if size == 7 and (left == 0 or left == 7):
        return score + 0.5
    if (size == 3 or size == 4) and (left == 0 or left == THIRD[melody.mode]):
        return score + 0.75
    return float(score + _INTERVALS[size])


@rule
def leap_back(melody: Melody) -> float:
    """A leap (a fifth or more) waits for its answer: 5 where the line has come back to the note that it left, or leaps
    back after half a bar (sooner: nothing); another leap the same way pays -5.  Rests are passed over.
    """
    left, direction, leapt, before, score = 0, 0, 0, REST, 0.0
    for k in range(melody.pitch.size):
        score = 0.0
        pitch = melody.pitch[k]
        if pitch == REST:
            continue
        interval = pitch - before
        if before != REST and abs(interval) >= 7:
            if direction == 0:
                direction, left = 1 if interval > 0 else -1, before
            elif direction * interval > 0:
                score = -5.0
            else:
                direction = 0
                score = 5.0 if 2 * (melody.onset[k] - leapt) >= melody.bar else 0.0
            leapt = melody.onset[k]
        elif direction != 0 and direction * (pitch - left) <= 0:
            direction, score = 0, 5.0
        before = pitch
    return score


@statistic(at_end=True)
def unique_extremes(melody: Melody) -> float:
    """At the end 3 if the highest pitch comes once, and 3 if the lowest does."""
    if melody.time < melody.end:
        return np.nan
    low, high, lowest, highest = 127, REST, 0, 0
    for pitch in melody.pitch:
        if pitch != REST:
            low, high = min(low, pitch), max(high, pitch)
    for pitch in melody.pitch:
        lowest += pitch == low
        highest += pitch == high and pitch != REST
    return 3.0 * (lowest == 1) + 3.0 * (highest == 1)


RULES: Final = (
    key,
    tonic,
    repetition,
    autocorrelation,
    motif,
    repeated_motif,
    preferred_intervals,
    leap_back,
    unique_extremes,
)
"""What ``suite`` holds, in the order of its terms."""


def suite() -> Suite:
    """The nine rules, each with weight 1."""
    return sum((of_rule * 1.0 for of_rule in RULES[1:]), start=RULES[0] * 1.0)
