"""Key and implied harmony of a single line."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import REST, SIXTEENTH
from musicenv.jit import compiled
from musicenv.melody import Melody
from musicenv.scales import KRUMHANSL_KESSLER, SCALES
from musicenv.task import MODES
from rewards.rules import statistic
from rewards.theory.frame import complete_bars, too_short

TRIADS: Final = {
    "major": ((0, 4, 7), (2, 5, 9), (4, 7, 11), (5, 9, 0), (7, 11, 2), (9, 0, 4)),
    "minor": ((0, 3, 7), (3, 7, 10), (5, 8, 0), (7, 11, 2), (8, 0, 3), (10, 2, 5)),
    "dorian": ((0, 3, 7), (2, 5, 9), (3, 7, 10), (5, 9, 0), (7, 10, 2), (10, 2, 5)),
    "mixolydian": ((0, 4, 7), (2, 5, 9), (5, 9, 0), (7, 10, 2), (9, 0, 4), (10, 2, 5)),
}
"""The six triads that accompany each mode."""

CHANGE = 0.15
"""What a change of chord has to gain, in bars of sounding time."""


def _profiles() -> npt.NDArray[np.float64]:
    """(modes, 12) the key profile of each mode, of mean 0 and norm 1; dorian reads as minor, mixolydian as major."""
    rows = [KRUMHANSL_KESSLER["major" if mode in ("major", "mixolydian") else "minor"] for mode in MODES]
    centred = np.array(rows) - np.mean(rows, axis=1, keepdims=True)
    return np.asarray(centred / np.linalg.norm(centred, axis=1, keepdims=True))


_OUTSIDE = np.array([[degree not in SCALES[mode] for degree in range(12)] for mode in MODES], dtype=np.int64)
_TRIADS = np.array([TRIADS[mode] for mode in MODES], dtype=np.int64)
_PROFILES = _profiles()


@statistic
def chromatic_notes(melody: Melody) -> float:
    """Share of the notes outside the scale of the mode; in minor the raised sixth and seventh belong to it."""
    if too_short(melody):
        return np.nan
    outside, notes = 0, 0
    for pitch in melody.pitch:
        if pitch != REST:
            notes += 1
            outside += _OUTSIDE[melody.mode, pitch % 12]
    return outside / notes if notes else np.nan


@statistic(at_end=True)
def key_correlation(melody: Melody) -> float:
    """Correlation of the time spent on each pitch class with the key's profile.

    Source: Krumhansl and Kessler (1982); Krumhansl, Cognitive Foundations of Musical Pitch (1990), ch. 4.
    """
    if melody.time < melody.end:
        return np.nan
    ticks = np.zeros(12)
    for k in range(melody.pitch.size):
        if melody.pitch[k] != REST:
            ticks[melody.pitch[k] % 12] += melody.duration[k]
    total, squares, product = 0.0, 0.0, 0.0
    for degree in range(12):
        total += ticks[degree]
        squares += ticks[degree] * ticks[degree]
        product += ticks[degree] * _PROFILES[melody.mode, degree]
    spread = squares - total * total / 12
    return product / np.sqrt(spread) if spread > 1e-9 else np.nan


@compiled
def _harmonise(melody: Melody) -> tuple[float, float]:
    """One triad per bar, chosen by Viterbi: mean share of the sounding time that fits, share of bars that change.

    A triad is worth the share of its bar's sixteenths that belong to it; a change costs ``CHANGE``.
    """
    slots = melody.bar // SIXTEENTH
    bars = complete_bars(melody)
    chords = _TRIADS.shape[1]
    score, changes = np.zeros(chords), np.zeros(chords)
    sounding = np.zeros(12)
    for bar in range(bars):
        sounding[:] = 0.0
        total = 0
        for i in range(bar * slots, min((bar + 1) * slots, melody.grid.size)):
            if melody.grid[i] > REST:
                sounding[melody.grid[i] % 12] += 1.0
                total += 1
        best = 0
        for chord in range(1, chords):
            if score[chord] > score[best]:
                best = chord
        moved_score, moved_changes = score[best] - CHANGE, changes[best] + 1.0
        for chord in range(chords):
            if bar > 0 and score[chord] < moved_score:
                score[chord], changes[chord] = moved_score, moved_changes
            if total > 0:
                fit = 0.0
                for tone in range(3):
                    fit += sounding[_TRIADS[melody.mode, chord, tone]]
                score[chord] += fit / total
    best = 0
    for chord in range(1, chords):
        if score[chord] > score[best]:
            best = chord
    return (score[best] + CHANGE * changes[best]) / bars, changes[best] / max(bars - 1, 1)


@statistic(at_end=True)
def implied_harmony(melody: Melody) -> float:
    """Mean share of a bar's sounding time that belongs to its triad, in the best harmonisation with a triad a bar.

    Source: Temperley, The Cognition of Basic Musical Structures (2001), ch. 6; the path is found by Viterbi.
    """
    return np.nan if melody.time < melody.end else _harmonise(melody)[0]


@statistic(at_end=True)
def harmonic_rhythm(melody: Melody) -> float:
    """Share of barlines at which that harmonisation changes its triad: neither a drone nor a new chord every bar."""
    return np.nan if melody.time < melody.end else _harmonise(melody)[1]
