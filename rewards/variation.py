"""Varying a given tune: statistics that compare a piece with a theme, bar by bar.

suite = theory.suite() + near_rhythm(theme) * 2.0 + near_contour(theme)

A variation keeps some of its theme and changes the rest: its rhythm under another line, its line under another rhythm,
or most of its notes (Schoenberg, Fundamentals of Musical Composition, 1967, ch. 17).  Each function below takes a theme
and returns a statistic: the mean likeness, 0..1, of the piece's complete bars with those of the theme.  A piece longer
than its theme meets it again from the beginning; one in bars of another length pays nothing (NaN).  ``target`` asks for
a distance: the statistic is 1 where the mean likeness is ``target``, and falls evenly to 0 on both sides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import REST, SIXTEENTH
from musicenv.jit import compiled
from musicenv.melody import Melody
from rewards.rules import Rule
from rewards.theory.frame import complete_bars

Grid = npt.NDArray[np.int16]

STEP: Final = 2.0
"""Semitones, a scale step: lines so far apart are alike by a half."""


def near_rhythm(theme: Melody, target: float = 1.0) -> Rule:
    """Notes struck where the theme strikes them: F measure of the struck sixteenths, bar by bar."""
    return _near(theme, target, "near_rhythm", rhythm_likeness)


def near_contour(theme: Melody, target: float = 1.0) -> Rule:
    """A line that moves as the theme's does, on any degree: likeness of the pitches above each bar's own mean."""
    return _near(theme, target, "near_contour", contour_likeness)


def near_notes(theme: Melody, target: float = 1.0) -> Rule:
    """The theme's own notes: share of the sixteenths at which the same pitch sounds."""
    return _near(theme, target, "near_notes", notes_likeness)


def _near(theme: Melody, target: float, name: str, likeness: Callable[[Melody, Grid, Grid], float]) -> Rule:
    """The statistic; its theme and target are constants of the compiled rule and part of its fingerprint."""
    if not 0.0 <= target <= 1.0:
        raise ValueError(f"target={target} is not in 0..1")
    sounding, struck = grids_of(theme)
    reach = max(target, 1.0 - target)

    def near(melody: Melody) -> float:
        return 1.0 - abs(likeness(melody, sounding, struck) - target) / reach

    return Rule(near, "piece", name)


def grids_of(melody: Melody) -> tuple[Grid, Grid]:
    """Two (bars, sixteenths of a bar) arrays: the relative pitch that sounds, REST for none; 1 where a note is struck.

    The pick-up is not in them.
    """
    slots = melody.bar // SIXTEENTH
    sounding = np.full(melody.bars * slots, REST, dtype=np.int16)
    sounding[: melody.grid.size] = np.maximum(melody.grid, REST)
    struck = strikes(melody, sounding.size)
    return sounding.reshape(-1, slots), struck.reshape(-1, slots)


@compiled
def strikes(melody: Melody, size: int) -> Grid:
    """(size,) 1 at each sixteenth from the first downbeat in which a note begins."""
    struck = np.zeros(size, dtype=np.int16)
    for k in range(melody.pitch.size):
        if melody.pitch[k] != REST and 0 <= melody.onset[k] < size * SIXTEENTH:
            struck[melody.onset[k] // SIXTEENTH] = 1
    return struck


@compiled
def rhythm_likeness(melody: Melody, sounding: Grid, struck: Grid) -> float:
    """Mean over the complete bars of 2 (struck in both) / (struck in either, counted twice where in both)."""
    bars, slots = complete_bars(melody), melody.bar // SIXTEENTH
    if bars == 0 or struck.shape[1] != slots:
        return np.nan
    mine = strikes(melody, bars * slots)
    total = 0.0
    for bar in range(bars):
        both, either = 0, 0
        for k in range(min(slots, melody.grid.size - bar * slots)):
            here, there = mine[bar * slots + k], struck[bar % struck.shape[0], k]
            both += here * there
            either += here + there
        total += 2.0 * both / either if either else 1.0
    return total / bars


@compiled
def contour_likeness(melody: Melody, sounding: Grid, struck: Grid) -> float:
    """Mean over the complete bars of that of 1 / (1 + d / STEP) over the sixteenths at which both sound.

    d is the difference in semitones of the two pitches, each above the mean of its bar.
    """
    bars, slots = complete_bars(melody), melody.bar // SIXTEENTH
    if bars == 0 or sounding.shape[1] != slots:
        return np.nan
    total = 0.0
    for bar in range(bars):
        theme = sounding[bar % sounding.shape[0]]
        size = min(slots, melody.grid.size - bar * slots)
        apart, both = 0.0, 0
        for k in range(size):
            if melody.grid[bar * slots + k] != REST and theme[k] != REST:
                apart += melody.grid[bar * slots + k] - theme[k]
                both += 1
        if both == 0:
            continue
        alike = 0.0
        for k in range(size):
            if melody.grid[bar * slots + k] != REST and theme[k] != REST:
                alike += 1.0 / (1.0 + abs(melody.grid[bar * slots + k] - theme[k] - apart / both) / STEP)
        total += alike / both
    return total / bars


@compiled
def notes_likeness(melody: Melody, sounding: Grid, struck: Grid) -> float:
    """Share of the sixteenths of the complete bars at which sounds what sounds in the theme."""
    bars, slots = complete_bars(melody), melody.bar // SIXTEENTH
    if bars == 0 or sounding.shape[1] != slots:
        return np.nan
    same, size = 0, min(bars * slots, melody.grid.size)
    for k in range(size):
        same += melody.grid[k] == sounding[k // slots % sounding.shape[0], k % slots]
    return same / size if size else np.nan
