"""Pieces that ended, taken out of a batch that goes on."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from musicenv.kernel import viewed
from musicenv.lazy import LazyInfos
from musicenv.melody import Melody
from rewards.rules import SuiteArrays

if TYPE_CHECKING:
    from musicenv.batch import Batch


class Finished:
    """The r pieces that ended in a step; the page where they are packed is not written to again as long as somebody
    holds this."""

    def __init__(self, batch: Batch, room: npt.NDArray[np.uint8]) -> None:
        """The newest of ``batch``, in the first rows of ``room``."""
        self._finished, self._ended = batch.finished, batch.ended
        self._packing, self._suite, self._room = batch.packing, batch.arrays, room

    @cached_property
    def rows(self) -> npt.NDArray[np.int64]:
        """(r,) which melodies of the batch, in their order."""
        return np.sort(self._packing.rows(self._room[: self._ended]))

    @cached_property
    def _packed(self) -> npt.NDArray[np.uint8]:
        """(r, bytes of a row) in the order of ``rows``: threads pack them in any.  A copy: who keeps a piece
        need not keep the room."""
        packed = self._room[: self._ended]
        self._room = packed[self._packing.rows(packed).argsort()]
        return self._room

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

    def of_piece(self, what: str, r: int) -> Any:
        """One of the above, of one piece."""
        return getattr(self, what)[r]

    def spread_observations(self) -> npt.NDArray[Any]:
        """(n,) objects: the observation of each melody of the batch that ended, else None."""
        return self._spread("observations", None)

    def spread_infos(self) -> LazyInfos:
        """What is told of these pieces, by name, one for each melody of the batch, and which of them ended."""
        ended = self._finished
        return LazyInfos(
            melody=partial(self._spread, "melody", None),
            terms=partial(self._spread, "terms", 0.0),
            passed=partial(self._spread, "passed", False),
            _melody=ended,
            _terms=ended,
            _passed=ended,
        )

    def _spread(self, what: str, of_none: Any) -> npt.NDArray[Any]:
        """One for each melody of the batch: ``of_none`` where none ended."""
        values, n = getattr(self, what), self._finished.size
        shape, kind = (n, object) if of_none is None else ((n, values.shape[1]), values.dtype)
        out = np.full(shape, of_none, dtype=kind)
        for i, value in zip(self.rows.tolist(), values, strict=True):
            out[i] = value
        return out


def values_of(
    values: npt.NDArray[np.float64], scores: npt.NDArray[np.float64], suite: SuiteArrays
) -> npt.NDArray[np.float64]:
    """``Finished.values`` from the ``values`` and weighted ``scores`` of ``Lines``; overwrites the first."""
    of_notes = np.broadcast_to(~suite.of_piece & (suite.weight != 0), values.shape)
    return np.asarray(np.divide(scores, suite.weight, out=values, where=of_notes))
