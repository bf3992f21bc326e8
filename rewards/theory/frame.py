"""What the statistics share: bars and phrases, likeness of stretches of time, entropy."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import REST, SIXTEENTH
from musicenv.jit import compiled
from musicenv.melody import Melody

Grid = npt.NDArray[np.int16]
Ints = npt.NDArray[np.int64]

RHYTHM, NOTES, CONTOUR = 0, 1, 2
"""What ``codes_of_bars`` compares."""
_MIX = 6364136223846793005
"""Knuth's multiplier (The Art of Computer Programming, vol. 2, 3.3.4): codes of other bars are others."""


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
def place_in_beat(melody: Melody, onset: int) -> int:
    """Ticks from the beat to ``onset``; 12 and 18 divide 36, and a division by a constant is a fast one."""
    place = onset % 36
    if melody.beat == 12:
        return place - 12 * (place >= 12) - 12 * (place >= 24)
    return place - 18 * (place >= 18)


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
    """(3, complete bars) codes that are equal for bars alike in RHYTHM, NOTES or CONTOUR.

    RHYTHM: the onsets and durations of the notes and rests that begin in the bar; NOTES: the pitches as well; CONTOUR:
    the rhythm and whether the line goes up, down or stays.  A bar without an onset is like no other, and so is the
    contour of fewer than three notes.
    """
    bars = complete_bars(melody)
    codes = np.empty((3, bars), dtype=np.int64)
    for bar in range(bars):
        codes[:, bar] = -1 - bar
    bar, begin, notes, before = -1, -melody.bar, 0, 0
    rhythm, heights, contour = 0, 0, 0
    for k in range(melody.pitch.size + 1):
        ended = k == melody.pitch.size
        onset = begin + melody.bar if ended else melody.onset[k]
        if onset >= begin + melody.bar:
            if 0 <= bar < bars and notes > 0:
                codes[RHYTHM, bar], codes[NOTES, bar] = rhythm, heights
                if notes >= 3:
                    codes[CONTOUR, bar] = contour
            if ended:
                break
            while onset >= begin + melody.bar:
                bar, begin, notes, rhythm, heights, contour = bar + 1, begin + melody.bar, 0, 1, 1, 1
        pitch = melody.pitch[k]
        code = ((onset - begin) * 128 + melody.duration[k] * 2 + (pitch == REST)) * 128
        rhythm = rhythm * _MIX + code
        heights = heights * _MIX + code + pitch
        contour = contour * _MIX + code + (1 + (pitch > before) - (pitch < before) if notes > 0 else 0)
        notes += 1
        before = pitch
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
def shannon_entropy(counts: npt.NDArray[Any]) -> float:
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
