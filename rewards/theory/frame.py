"""What the statistics share: bars and phrases, likeness of stretches of time, entropy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import REST, SIXTEENTH
from musicenv.jit import compiled
from musicenv.melody import Melody

Grid = npt.NDArray[np.int16]
Ints = npt.NDArray[np.int64]

RHYTHM, NOTES, CONTOUR = 0, 1, 2
"""Rows of ``codes_of_bars``."""


@compiled
def complete_bars(melody: Melody) -> int:
    """How many bars are complete; at the end of the piece the last one is, shortened or not."""
    if melody.time >= melody.end:
        return melody.bars
    return max(melody.time // melody.bar, 0)


@compiled
def phrase_bars(melody: Melody) -> int:
    """Bars of a phrase: four, or half of a piece of fewer than eight bars."""
    return 4 if melody.bars >= 8 else max(melody.bars // 2, 1)


@compiled
def too_short(melody: Melody) -> bool:
    """Is the first phrase still incomplete?  Shares and entropies of fewer notes than that say little."""
    return complete_bars(melody) < phrase_bars(melody)


@compiled
def count_equal(grid: Grid, first: int, second: int, length: int) -> int:
    """In how many of ``length`` sixteenths from ``first`` and from ``second`` on does the same pitch sound?"""
    one, other = grid[first : first + length], grid[second : second + length]
    same = 0
    for i in range(length):
        same += one[i] == other[i]
    return same


@compiled
def bar_likeness(melody: Melody, first: int, second: int) -> float:
    """Share of the sixteenths of two bars (numbers from 0) at which the same pitch sounds."""
    slots = melody.bar // SIXTEENTH
    length = min(slots, melody.grid.size - max(first, second) * slots)
    if length <= 0:
        return np.nan
    return count_equal(melody.grid, first * slots, second * slots, length) / length


@compiled
def codes_of_bars(melody: Melody) -> Ints:
    """(3, complete bars): a code of each bar's RHYTHM, NOTES and CONTOUR; bars of equal codes are alike in that.

    RHYTHM is the onsets and durations of the notes and rests that begin in the bar, NOTES these and the pitches,
    CONTOUR these and whether the line goes up, down or stays, within the bar.  A bar without an onset is like no other;
    one with fewer than three notes has a contour like no other.
    """
    bars = complete_bars(melody)
    codes = np.zeros((3, bars), dtype=np.int64)
    for bar in range(bars):
        codes[RHYTHM, bar] = codes[NOTES, bar] = codes[CONTOUR, bar] = -1 - bar
    bar, begin, notes = -1, -melody.bar, 0
    for k in range(melody.pitch.size):
        onset = melody.onset[k]
        while onset >= begin + melody.bar:
            bar, begin, notes = bar + 1, begin + melody.bar, 0
        if bar >= bars:
            break
        if bar < 0:
            continue
        notes += 1
        if notes == 1:
            codes[RHYTHM, bar] = codes[NOTES, bar] = codes[CONTOUR, bar] = 1
        pitch = melody.pitch[k]
        code = codes[RHYTHM, bar] * 1000003 + (onset - begin) * 128 + melody.duration[k] * 2 + (pitch == REST)
        codes[RHYTHM, bar] = code
        codes[NOTES, bar] = (codes[NOTES, bar] * 1000003 + pitch) * 1000003 + code
        rise = 0
        if notes > 1:
            rise = np.sign(pitch - melody.pitch[k - 1])
        codes[CONTOUR, bar] = (codes[CONTOUR, bar] * 1000003 + rise) * 1000003 + code
        if notes < 3 and (k + 1 == melody.pitch.size or melody.onset[k + 1] >= begin + melody.bar):
            codes[CONTOUR, bar] = -1 - bar
    return codes


@compiled
def share_of_returns(codes: Ints) -> float:
    """Share of the bars after the first whose code is that of an earlier bar; ``codes`` (bars,)."""
    returns = 0
    for bar in range(1, codes.size):
        for earlier in range(bar):
            if codes[earlier] == codes[bar]:
                returns += 1
                break
    return returns / (codes.size - 1) if codes.size > 1 else np.nan


@compiled
def entropy(counts: Ints) -> float:
    """Shannon entropy in nats of a histogram; NaN of an empty one."""
    total = 0
    weighted = 0.0
    for count in counts:
        if count > 0:
            total += count
            weighted += count * np.log(count)
    if total == 0:
        return np.nan
    return float(max(np.log(total) - weighted / total, 0.0))
