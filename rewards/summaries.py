"""Running summaries of a line: what rules read of notes that lie further back than their window.

``Melody.summary`` holds their values for the notes before the newest, indexed by the constants below; a rule that
wants them with the newest calls the function of that name.  The step keeps only those that a suite reads, and the exact
solver of counterpoint packs them, with the window, into the state of a line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import REST
from musicenv.jit import compiled
from musicenv.melody import Melody
from rewards.voices import DEGREE, downbeat, given_at, height, moved


@dataclass(frozen=True)
class Summary:
    """One running summary: a whole number that each note brings up to date."""

    name: str
    bits: int
    """Its values are 0 .. 2**bits - 1."""
    update: Callable[[Any], int]
    """Compiled: the value with the newest note of a melody whose ``summary`` holds the values before it."""
    initial: int = 0
    """Its value before the first note."""
    window: int = 1
    """How many of the last notes ``update`` reads, the newest one among them."""
    reads: tuple[str, ...] = ()
    """The summaries that ``update`` reads."""


LOWEST_SO_FAR, HIGHEST_SO_FAR, CLIMAXES, CLIMAX_IN_PLACE, TURNING, RUN, IMPERFECTS, DEGREES, LEAPS = range(9)
"""Places of the summaries in ``Melody.summary``."""
UNHEARD: Final = 31
"""Value of ``LOWEST_SO_FAR`` before anything has sounded."""
LONGEST_RUN: Final = 6
"""Where the count of ``RUN`` stops."""
MOST_IMPERFECTS: Final = 4
"""Where the count of ``IMPERFECTS`` stops."""
FOURTH: Final = 5
"""Semitones from which a leap counts for ``LEAPS``."""


@compiled
def lowest(melody: Melody) -> int:
    """Height (1..30) of the lowest note."""
    before = int(melody.summary[LOWEST_SO_FAR])
    return min(before, height(int(melody.pitch[-1]))) if melody.pitch[-1] != REST else before


@compiled
def highest(melody: Melody) -> int:
    """Height (1..30) of the highest note; 0 before there is one."""
    before = int(melody.summary[HIGHEST_SO_FAR])
    return max(before, height(int(melody.pitch[-1]))) if melody.pitch[-1] != REST else before


@compiled
def climaxes(melody: Melody) -> int:
    """How often the highest note was heard, up to 2."""
    before, count = int(melody.summary[HIGHEST_SO_FAR]), int(melody.summary[CLIMAXES])
    if melody.pitch[-1] == REST or height(int(melody.pitch[-1])) < before:
        return count
    return 1 if height(int(melody.pitch[-1])) > before else min(count + 1, 2)


@compiled
def climax_in_place(melody: Melody) -> int:
    """Whether the highest note was first heard in the third quarter of the piece."""
    if melody.pitch[-1] == REST or height(int(melody.pitch[-1])) <= melody.summary[HIGHEST_SO_FAR]:
        return int(melody.summary[CLIMAX_IN_PLACE])
    return 1 if melody.end <= 2 * melody.onset[-1] and 4 * melody.onset[-1] < 3 * melody.end else 0


@compiled
def run(melody: Melody) -> int:
    """Three times the number of moves in the latest direction, and that: 0 down, 1 none yet, 2 up."""
    before, move = int(melody.summary[RUN]), moved(melody)
    if move == 0:
        return before
    way = 2 if move > 0 else 0
    return (min(before // 3 + 1, LONGEST_RUN) if before % 3 == way else 1) * 3 + way


@compiled
def turning(melody: Melody) -> int:
    """Height (1..30) of the latest note at which the line turned, at first of the note that it began with."""
    before, move = int(melody.summary[TURNING]), moved(melody)
    if before == 0:
        return height(int(melody.pitch[-1])) if melody.pitch[-1] != REST else 0
    if move * (melody.summary[RUN] % 3 - 1) < 0:
        return height(int(melody.pitch[-2]))
    return before


@compiled
def imperfects(melody: Melody) -> int:
    """How many downbeats in a row were thirds (value 4..7 for 1..4 and more) or sixths (8..11); 0 for none."""
    before, tick = int(melody.summary[IMPERFECTS]), downbeat(melody)
    if tick < 0 or melody.pitch[-1] == REST:
        return before
    interval = abs(int(melody.pitch[-1]) - given_at(melody, tick)) % 12
    kind = 1 if interval in (3, 4) else 2 if interval in (8, 9) else 0
    if kind == 0:
        return 0
    count = before % 4 + 2 if before // 4 == kind else 1
    return 4 * kind + min(count, MOST_IMPERFECTS) - 1


@compiled
def degrees(melody: Melody) -> int:
    """A bit for each degree of the scale that was heard."""
    before = int(melody.summary[DEGREES])
    if melody.pitch[-1] == REST or DEGREE[melody.mode, melody.pitch[-1] % 12] < 0:
        return before
    return before | 1 << int(DEGREE[melody.mode, melody.pitch[-1] % 12])


@compiled
def leaps(melody: Melody) -> int:
    """How many leaps of a fourth and more there were, up to 3."""
    return min(int(melody.summary[LEAPS]) + (abs(moved(melody)) >= FOURTH), 3)


SUMMARIES: Final = (
    Summary("lowest", 5, lowest, UNHEARD, reads=("lowest",)),
    Summary("highest", 5, highest, reads=("highest",)),
    Summary("climaxes", 2, climaxes, reads=("highest", "climaxes")),
    Summary("climax_in_place", 1, climax_in_place, reads=("highest", "climax_in_place")),
    Summary("turning", 5, turning, window=2, reads=("turning", "run")),
    Summary("run", 5, run, initial=1, window=2, reads=("run",)),
    Summary("imperfects", 4, imperfects, reads=("imperfects",)),
    Summary("degrees", 7, degrees, reads=("degrees",)),
    Summary("leaps", 2, leaps, window=2, reads=("leaps",)),
)
"""All summaries in the order of ``Melody.summary``; the constants above are their places."""
_PLACES: Final = {summary.name: place for place, summary in enumerate(SUMMARIES)}


def initial_values() -> npt.NDArray[np.int64]:
    """(F,) the summaries of a line without notes."""
    return np.array([summary.initial for summary in SUMMARIES], dtype=np.int64)


def places(names: Iterable[str]) -> tuple[int, ...]:
    """Places of the named summaries and of those that they are made from, in order; ValueError for an unknown name."""
    found: set[int] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in _PLACES:
            raise ValueError(f"there is no summary {name!r}; rewards.summaries has {', '.join(_PLACES)}")
        if _PLACES[name] not in found:
            found.add(_PLACES[name])
            waiting.extend(SUMMARIES[_PLACES[name]].reads)
    return tuple(sorted(found))


def updated(melody: Melody, kept: Iterable[int]) -> npt.NDArray[np.int64]:
    """(F,) the summaries of ``melody`` with its newest note, where they are ``kept``."""
    summary = melody.summary.copy()
    for place in kept:
        summary[place] = SUMMARIES[place].update(melody)
    return summary
