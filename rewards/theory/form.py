"""Form: what returns, where, and how literally.

Two bars are as *similar* as the share of their sixteenths at which the same pitch sounds.  A phrase has four bars (half
of the piece where there are fewer than eight).  Repetition is half of what makes a tune, and too much of it a loop:
all of these are two-sided.
"""

from __future__ import annotations

import numpy as np

from musicenv.alphabet import SIXTEENTH
from musicenv.jit import compiled
from musicenv.melody import Melody
from rewards.rules import statistic
from rewards.theory.frame import (
    CONTOUR,
    NOTES,
    RHYTHM,
    bar_likeness,
    codes_of_bars,
    complete_bars,
    count_equal,
    phrase_bars,
    share_of_returns,
    too_short,
)

VARIED = 0.6
"""From this similarity on, a bar that is not the same counts as a variant."""


@compiled
def _answered(melody: Melody, first: int, last: int) -> float:
    """Mean similarity of bars ``first``..``last - 1`` of each odd phrase with those of the even phrase after it."""
    phrase = phrase_bars(melody)
    ready = complete_bars(melody)
    total, pairs = 0.0, 0
    for question in range(0, melody.bars - phrase, 2 * phrase):
        for bar in range(question + first, question + last):
            if bar + phrase < ready:
                likeness = bar_likeness(melody, bar, bar + phrase)
                if not np.isnan(likeness):
                    total += likeness
                    pairs += 1
    return total / pairs if pairs else np.nan


@statistic
def question_and_answer(melody: Melody) -> float:
    """How like its question does an answer begin?  Mean similarity of bars 1 and 5, 2 and 6: a parallel period.

    Source: Caplin, Classical Form (1998), ch. 4; in these tunes the commonest form of an eight-bar part is A B A' C.
    """
    return _answered(melody, 0, max(phrase_bars(melody) // 2, 1))


@statistic
def rhyme(melody: Melody) -> float:
    """Do the ends of the phrases rhyme?  Similarity of bars 4 and 8 (Huron, The Melodic Arch, 1996)."""
    phrase = phrase_bars(melody)
    return _answered(melody, phrase - 1, phrase)


@compiled
def _lag_similarity(melody: Melody, lag: int) -> float:
    """Share of sixteenths at which sounds what sounded ``lag`` bars ago, over the complete bars."""
    slots = melody.bar // SIXTEENTH
    length = min(complete_bars(melody) * slots, melody.grid.size) - lag * slots
    if length <= 0:
        return np.nan
    return count_equal(melody.grid, 0, lag * slots, length) / length


@statistic
def phrase_similarity(melody: Melody) -> float:
    """Share of sixteenths at which sounds what sounded one phrase ago: mean over all pairs of bars four apart."""
    return _lag_similarity(melody, phrase_bars(melody))


@statistic
def similarity_two_bars_apart(melody: Melody) -> float:
    """Share of sixteenths at which sounds what sounded two bars ago; near 1 for A A' A A' throughout."""
    return np.nan if too_short(melody) else _lag_similarity(melody, 2)


@statistic
def similarity_of_neighbours(melody: Melody) -> float:
    """Share of sixteenths at which sounds what sounded one bar ago; near 1 for a loop of one bar."""
    return np.nan if too_short(melody) else _lag_similarity(melody, 1)


@statistic
def literal_return(melody: Melody) -> float:
    """Share of bars, after the first, whose notes are those of an earlier bar."""
    return np.nan if too_short(melody) else share_of_returns(codes_of_bars(melody, NOTES))


@statistic(at_end=True)
def rhythm_return(melody: Melody) -> float:
    """Share of bars, after the first, that have the rhythm of an earlier bar."""
    return np.nan if melody.time < melody.end else share_of_returns(codes_of_bars(melody, RHYTHM))


@statistic(at_end=True)
def varied_return(melody: Melody) -> float:
    """Share of bars, after the first, that vary an earlier bar: its rhythm and contour (a transposition is one), or
    at least .6 of its sixteenths sound the same.  Literal returns do not count.

    Source: sequence and variation as in Schoenberg, Fundamentals of Musical Composition (1967), ch. 3-5.
    """
    if melody.time < melody.end:
        return np.nan
    notes, contour = codes_of_bars(melody, NOTES), codes_of_bars(melody, CONTOUR)
    bars = notes.size
    returns = 0
    for bar in range(1, bars):
        varied, literal = False, False
        for earlier in range(bar):
            literal |= notes[earlier] == notes[bar]
            varied |= contour[earlier] == contour[bar]
        if not literal:
            for earlier in range(bar):
                varied = varied or bar_likeness(melody, earlier, bar) >= VARIED
            returns += varied
    return returns / (bars - 1) if bars > 1 else np.nan


@statistic(at_end=True)
def half_bar_repetition(melody: Melody) -> float:
    """Share of half bars (beats where a bar has three) that sound like an earlier one of the same piece.

    A cap: tuned agents fill bars with the same half.
    """
    if melody.time < melody.end:
        return np.nan
    cell = melody.bar // SIXTEENTH // (3 if melody.bar == 3 * melody.beat else 2)
    cells = min(complete_bars(melody) * melody.bar // SIXTEENTH, melody.grid.size) // cell
    repeated = 0
    for later in range(1, cells):
        for earlier in range(later):
            k = 0
            while k < cell and melody.grid[earlier * cell + k] == melody.grid[later * cell + k]:
                k += 1
            if k == cell:
                repeated += 1
                break
    return repeated / (cells - 1) if cells > 1 else np.nan


@statistic(at_end=True)
def same_tail(melody: Melody) -> float:
    """Largest share of bars that end alike: in the same sounding second half (last beat where a bar has three).

    A cap: tuned agents end every bar in the same way.
    """
    if melody.time < melody.end:
        return np.nan
    slots = melody.bar // SIXTEENTH
    tail = slots // 3 if melody.bar == 3 * melody.beat else slots // 2
    bars = min(complete_bars(melody), melody.grid.size // slots)
    most = 0
    for bar in range(bars):
        alike = 0
        for other in range(bars):
            k = 1
            while k <= tail and melody.grid[(bar + 1) * slots - k] == melody.grid[(other + 1) * slots - k]:
                k += 1
            if k > tail:
                alike += 1
        most = max(most, alike)
    return most / bars if bars else np.nan
