"""Running summaries of a line: what rules read of notes that lie further back than their window.

``Melody.summary`` holds their values after the newest note, indexed by the constants below.  The step keeps only those
that a suite reads, and the exact solver of counterpoint packs them, with the window, into the state of a line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import REST
from musicenv.jit import compiled
from musicenv.melody import Melody


@dataclass(frozen=True)
class Summary:
    """One running summary: a whole number that each note brings up to date."""

    name: str
    bits: int
    """Its values are 0 .. 2**bits - 1."""
    update: Callable[[Any], int]
    """The value after the newest note of a melody whose ``summary`` holds the values before it."""
    initial: int = 0
    """Its value before the first note."""
    window: int = 1
    """How many of the last notes ``update`` reads, the newest one among them."""
    reads: tuple[str, ...] = ()
    """The summaries that ``update`` reads."""

    @cached_property
    def compiled(self) -> Callable[[Any], int]:
        return compiled(self.update)


LOWEST_SO_FAR: Final = 0
HIGHEST_SO_FAR: Final = 1


def _lowest(melody: Melody) -> int:
    pitch, lowest = int(melody.pitch[-1]), int(melody.summary[LOWEST_SO_FAR])
    return pitch if pitch != REST and pitch < lowest else lowest


def _highest(melody: Melody) -> int:
    return max(int(melody.pitch[-1]), int(melody.summary[HIGHEST_SO_FAR]))


SUMMARIES: Final = (
    Summary("lowest", 7, _lowest, initial=127, reads=("lowest",)),
    Summary("highest", 7, _highest, reads=("highest",)),
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


def updated(melody: Melody, kept: Iterable[int]) -> Melody:
    """``melody``, whose summary tells of the notes before its newest, with the ``kept`` summaries brought up to it."""
    summary = melody.summary.copy()
    for place in kept:
        summary[place] = SUMMARIES[place].update(melody)
    return melody._replace(summary=summary)
