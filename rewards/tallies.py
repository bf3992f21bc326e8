"""Tallies: what several statistics read of a line, worked out once, and what they need not read again.

A statistic that names a tally is given its numbers after the melody::

    @tally(26)
    def interval_counts(melody, counts): ...

    @statistic(at_end=True, tally=interval_counts)
    def steps(melody, counts): ...

A tally that is ``kept`` goes on from what it left at the reading before, so that a longer line costs no more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from rewards.code import compiled_or_checked

Numbers = npt.NDArray[np.float64]
Function = Callable[[Any, Numbers], None]


@dataclass(frozen=True, eq=False)
class Tally:
    """Numbers that statistics read.  Call it in Python; ``compiled`` writes them under numba."""

    function: Function
    """Writes into the ``size`` numbers, which are zeros at first."""
    size: int
    kept: bool = False
    """Whether it is called again, as the line grows, with what it wrote before; only notes are added meanwhile."""

    def __call__(self, melody: Any) -> Numbers:
        """(size,) the numbers of a melody, from its first note on."""
        numbers = np.zeros(self.size)
        self.function(melody, numbers)
        return numbers

    @cached_property
    def compiled(self) -> Function:
        return compiled_or_checked(self.function)


def tally(size: int, *, kept: bool = False) -> Callable[[Function], Tally]:
    """Make a tally of ``size`` numbers; ``kept`` where the function goes on from what it finds in them."""
    return lambda function: Tally(function, size, kept)
