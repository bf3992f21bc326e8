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
from rewards.tallies import Numbers, line_tally
from rewards.theory.frame import (
    CONTOUR,
    NOTES,
    RHYTHM,
    Ints,
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


@line_tally(8, kept=True)
def _alike(melody: Melody, kept: Numbers) -> None:
    """Bars read; at how many of their sixteenths sounds what sounded one bar, two bars and a phrase ago; of answers
    the sum of their bars' similarities with the questions', and the number of these bars, in the first half of the
    phrase and in its last bar."""
    phrase, slots, ready = phrase_bars(melody), melody.bar // SIXTEENTH, complete_bars(melody)
    for bar in range(int(kept[0]), ready):
        at = bar * slots
        length = min(slots, melody.grid.size - at)
        if bar >= 1:
            kept[1] += count_equal(melody.grid, at - slots, at, length)
        if bar >= 2:
            kept[2] += count_equal(melody.grid, at - 2 * slots, at, length)
        if bar >= phrase:
            same = count_equal(melody.grid, at - phrase * slots, at, length)
            kept[3] += same
            if bar // phrase % 2 == 1 and length > 0:
                if bar % phrase < max(phrase // 2, 1):
                    kept[4] += same / length
                    kept[5] += 1
                if bar % phrase == phrase - 1:
                    kept[6] += same / length
                    kept[7] += 1
    kept[0] = ready


@statistic(tally=_alike)
def question_and_answer(melody: Melody, told: Numbers) -> float:
    """How like its question does an answer begin?  Mean similarity of bars 1 and 5, 2 and 6: a parallel period.

    Source: Caplin, Classical Form (1998), ch. 4; in these tunes the commonest form of an eight-bar part is A B A' C.
    """
    return told[4] / told[5] if told[5] else np.nan


@statistic(tally=_alike)
def rhyme(melody: Melody, told: Numbers) -> float:
    """Do the ends of the phrases rhyme?  Similarity of bars 4 and 8 (Huron, The Melodic Arch, 1996)."""
    return told[6] / told[7] if told[7] else np.nan


@compiled
def _share_alike(melody: Melody, alike: float, lag: int) -> float:
    """Share that ``alike`` sixteenths are of those of the complete bars that have a bar ``lag`` bars ago."""
    slots = melody.bar // SIXTEENTH
    length = min(complete_bars(melody) * slots, melody.grid.size) - lag * slots
    return alike / length if length > 0 else np.nan


@statistic(tally=_alike)
def phrase_similarity(melody: Melody, told: Numbers) -> float:
    """Share of sixteenths at which sounds what sounded one phrase ago: mean over all pairs of bars four apart."""
    return _share_alike(melody, told[3], phrase_bars(melody))


@statistic(tally=_alike)
def similarity_two_bars_apart(melody: Melody, told: Numbers) -> float:
    """Share of sixteenths at which sounds what sounded two bars ago; near 1 for A A' A A' throughout."""
    return np.nan if too_short(melody) else _share_alike(melody, told[2], 2)


@statistic(tally=_alike)
def similarity_of_neighbours(melody: Melody, told: Numbers) -> float:
    """Share of sixteenths at which sounds what sounded one bar ago; near 1 for a loop of one bar."""
    return np.nan if too_short(melody) else _share_alike(melody, told[1], 1)


@compiled
def _was_heard(melody: Melody, first: int, last: int, bar: int) -> bool:
    """Are the notes ``first``..``last - 1`` of ``bar``, which fill it, those of an earlier bar?"""
    begins, k = bar * melody.bar, 0
    for ago in range(begins, 0, -melody.bar):
        while melody.onset[k] < melody.onset[first] - ago:
            k += 1
        if melody.onset[k] == melody.onset[first] - ago and (k == 0 or melody.onset[k - 1] < begins - ago):
            same = 0
            while (
                first + same < last
                and melody.pitch[k + same] == melody.pitch[first + same]
                and melody.duration[k + same] == melody.duration[first + same]
            ):
                same += 1
            if first + same == last:
                return True
    return False


@line_tally(3, kept=True)
def _returns(melody: Melody, kept: Numbers) -> None:
    """Bars read, notes and rests up to them, and how many of the bars have the notes of an earlier one."""
    first, ready = int(kept[1]), complete_bars(melody)
    for bar in range(int(kept[0]), ready):
        ends = (bar + 1) * melody.bar
        while first < melody.pitch.size and melody.onset[first] < ends - melody.bar:
            first += 1
        last = first
        while last < melody.pitch.size and melody.onset[last] < ends:
            last += 1
        if last > first and melody.onset[last - 1] + melody.duration[last - 1] >= ends:
            kept[2] += _was_heard(melody, first, last, bar)
        first = last
    kept[0], kept[1] = ready, first


@statistic(tally=_returns)
def literal_return(melody: Melody, told: Numbers) -> float:
    """Share of bars, after the first, whose notes are those of an earlier bar."""
    return np.nan if too_short(melody) or told[0] < 2 else told[2] / (told[0] - 1)


@line_tally(2)
def _likenesses(melody: Melody, told: Numbers) -> None:
    """Of a finished piece the bars that have the rhythm of an earlier one; of the others than literal returns those
    that vary an earlier bar."""
    if melody.time < melody.end:
        return
    codes = codes_of_bars(melody)
    rhythms, notes, contours = codes[RHYTHM], codes[NOTES], codes[CONTOUR]
    for bar in range(1, notes.size):
        same, varied, literal = False, False, False
        for earlier in range(bar):
            same |= rhythms[earlier] == rhythms[bar]
            literal |= notes[earlier] == notes[bar]
            varied |= contours[earlier] == contours[bar]
        told[0] += same
        if not literal:
            for earlier in range(bar):
                varied = varied or bar_likeness(melody, earlier, bar) >= VARIED
            told[1] += varied


@compiled
def _share_of_bars(melody: Melody, bars: float) -> float:
    """``bars`` as a share of those after the first, at the end of the piece."""
    return bars / (melody.bars - 1) if melody.time >= melody.end and melody.bars > 1 else np.nan


@statistic(at_end=True, tally=_likenesses)
def rhythm_return(melody: Melody, told: Numbers) -> float:
    """Share of bars, after the first, that have the rhythm of an earlier bar."""
    return _share_of_bars(melody, told[0])


@statistic(at_end=True, tally=_likenesses)
def varied_return(melody: Melody, told: Numbers) -> float:
    """Share of bars, after the first, that vary an earlier bar: its rhythm and contour (a transposition is one), or
    at least .6 of its sixteenths sound the same.  Literal returns do not count.

    Source: sequence and variation as in Schoenberg, Fundamentals of Musical Composition (1967), ch. 3-5.
    """
    return _share_of_bars(melody, told[1])


@compiled
def _half_bar(melody: Melody) -> int:
    """Sixteenths of half a bar, or of a beat where a bar has three."""
    return melody.bar // SIXTEENTH // (3 if melody.bar == 3 * melody.beat else 2)


@compiled
def _sounds(melody: Melody, first: int, apart: int, length: int) -> Ints:
    """What sounds in complete stretches of ``length`` sixteenths, one number each, equal where they are alike; they
    begin at ``first`` and each ``apart`` after the one before."""
    stretches = max(min(complete_bars(melody) * melody.bar // SIXTEENTH, melody.grid.size) - first - length, -apart)
    codes = np.empty(stretches // apart + 1, dtype=np.int64)
    for stretch in range(codes.size):
        begin, code = first + stretch * apart, 0
        for pitch in melody.grid[begin : begin + length]:
            code = code * 128 + pitch  # at most eight of them fit
        codes[stretch] = code
    return codes


@statistic(at_end=True)
def half_bar_repetition(melody: Melody) -> float:
    """Share of half bars (beats where a bar has three) that sound like an earlier one of the same piece.

    A cap: tuned agents fill bars with the same half.
    """
    if melody.time < melody.end:
        return np.nan
    cell = _half_bar(melody)
    return share_of_returns(_sounds(melody, 0, cell, cell))


@statistic(at_end=True)
def same_tail(melody: Melody) -> float:
    """Largest share of bars that end alike: in the same sounding second half (last beat where a bar has three).

    A cap: tuned agents end every bar in the same way.
    """
    if melody.time < melody.end:
        return np.nan
    slots, tail = melody.bar // SIXTEENTH, _half_bar(melody)
    tails = _sounds(melody, slots - tail, slots, tail)
    most = 0
    for one in tails:
        alike = 0
        for other in tails:
            alike += one == other
        most = max(most, alike)
    return most / tails.size if tails.size else np.nan
