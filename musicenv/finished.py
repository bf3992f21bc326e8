"""Pieces that ended, taken out of a batch that goes on."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from musicenv.kernel import viewed
from musicenv.melody import Melody
from rewards.rules import SuiteArrays

if TYPE_CHECKING:
    from musicenv.batch import Batch


class Finished:
    """Copies of the r pieces that ended in a step."""

    def __init__(self, batch: Batch, rows: npt.NDArray[np.int64], packed: npt.NDArray[np.uint8]) -> None:
        self.rows = rows
        """(r,) which melodies of the batch."""
        self._packing, self._suite, self._packed = batch.packing, batch.arrays, packed

    @cached_property
    def observations(self) -> npt.NDArray[np.float32]:
        """(r, D)"""
        return self._packing.part(self._packed, "observations")

    @cached_property
    def terms(self) -> npt.NDArray[np.float64]:
        """(r, S) weighted scores."""
        return self._packing.part(self._packed, "scores")

    @cached_property
    def passed(self) -> npt.NDArray[np.bool_]:
        """(r, S)"""
        return self._packing.part(self._packed, "passed")

    @cached_property
    def values(self) -> npt.NDArray[np.float64]:
        """(r, S) each statistic's value, NaN where not defined; for a rule the sum of its scores."""
        return values_of(self._packing.part(self._packed, "values").copy(), self.terms, self._suite)

    @cached_property
    def melody(self) -> list[Melody]:
        """The r pieces."""
        lines = self._packing.lines(self._packed)
        return [viewed(lines, r) for r in range(self.rows.size)]


def values_of(
    values: npt.NDArray[np.float64], scores: npt.NDArray[np.float64], suite: SuiteArrays
) -> npt.NDArray[np.float64]:
    """``Finished.values`` from the ``values`` and weighted ``scores`` of ``Lines``; overwrites the first."""
    of_notes = np.broadcast_to(~suite.of_piece & (suite.weight != 0), values.shape)
    return np.asarray(np.divide(scores, suite.weight, out=values, where=of_notes))
