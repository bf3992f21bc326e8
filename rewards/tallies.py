"""Tallies: numbers that several statistics read of a line, worked out once, and of each note once.

A statistic that names a tally is given its numbers after the melody::

    @tally(25)
    def interval_counts(melody, k, counts):
        if k > 0 and melody.pitch[k] != REST and melody.pitch[k - 1] != REST: ...

    @statistic(at_end=True, tally=interval_counts)
    def steps(melody, counts): ...

The step calls the function for each note, in order, when statistics are read: once a note, not once a reading.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from rewards.code import compiled_or_checked

Numbers = npt.NDArray[np.float64]
Function = Callable[..., None]


@dataclass(frozen=True, eq=False)
class Tally:
    """Numbers that statistics read.  Call it in Python; ``compiled`` adds to them under numba."""

    function: Function
    """Adds note k of the melody, or all of a line, to the ``size`` numbers, which are zeros at first."""
    size: int
    of_notes: bool
    """Whether it is called for each note; else once a reading."""
    kept: bool = False
    """Of a line: whether it goes on from the numbers that it left at the reading before."""

    @property
    def kind(self) -> tuple[int, bool, bool]:
        """What its code does not say."""
        return self.size, self.of_notes, self.kept

    def __call__(self, melody: Any) -> Numbers:
        """(size,) the numbers of a melody, from its first note on."""
        numbers = np.zeros(self.size)
        if self.of_notes:
            for k in range(melody.pitch.size):
                self.function(melody, k, numbers)
        else:
            self.function(melody, numbers)
        return numbers

    @cached_property
    def compiled(self) -> Function:
        return compiled_or_checked(self.function, forceinline=self.of_notes)


def tally(size: int) -> Callable[[Function], Tally]:
    """Make a tally of ``size`` numbers from a function (melody, k, numbers) that adds note k to them."""
    return lambda function: Tally(function, size, of_notes=True)


def line_tally(size: int, *, kept: bool = False) -> Callable[[Function], Tally]:
    """Make a tally of ``size`` numbers from a function (melody, numbers) that reads the line; ``kept`` where it goes on
    from the numbers that it left at the reading before, since when notes were added at the end."""
    return lambda function: Tally(function, size, of_notes=False, kept=kept)


def _laid_out(tallies: Iterable[Tally], begin: int) -> tuple[dict[Tally, int], int]:
    """Where the numbers of each begin, one after the other, and where the last ones end."""
    found = {}
    for used in tallies:
        found[used] = begin
        begin += used.size
    return found, begin


@dataclass(frozen=True)
class Tallies:
    """The tallies of a suite, and where the numbers of each begin: among those kept from reading to reading, of which
    the first says how many notes were read, or among those made at the end of a piece."""

    kept: dict[Tally, int]
    at_end: dict[Tally, int]
    size: int
    """How many numbers are kept of a melody."""
    size_at_end: int

    @classmethod
    def of(cls, read: Iterable[tuple[Tally | None, bool]]) -> Tallies:
        """Of the tallies that statistics read, each with whether it reads at the end alone."""
        pairs = [(used, late) for used, late in read if used is not None]
        early = dict.fromkeys(used for used, late in pairs if not late or used.kept)
        late = dict.fromkeys(used for used, _ in pairs if used not in early)
        kept, size = _laid_out(early, 1 if early else 0)
        at_end, size_at_end = _laid_out(late, 0)
        return cls(kept, at_end, size, size_at_end)

    def numbers(self, used: Tally) -> str:
        """Where the numbers of a tally are, in the code of a step."""
        name, begin = ("kept", self.kept[used]) if used in self.kept else ("late", self.at_end[used])
        return f"{name}[{begin}:{begin + used.size}]"

    def __iter__(self) -> Iterator[Tally]:
        return iter((*self.kept, *self.at_end))
