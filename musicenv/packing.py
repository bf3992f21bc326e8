"""Pieces that ended, packed into bytes: what is told of them is unpacked when somebody asks."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from musicenv.jit import compiled
from musicenv.kernel import Lines, read_state
from musicenv.reference import put

_ROW: Final = 8
"""Bytes that say which melody of the batch it is."""


@compiled
def pack(
    block: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
    observations: npt.NDArray[np.float32],
    out: npt.NDArray[np.uint8],
) -> None:
    """``pack_one`` for each of ``rows`` (r,) and ``observations`` (n, D): into the first rows of ``out`` (n, bytes)."""
    lines = read_state(block).lines
    for r in range(rows.size):
        pack_one(lines, rows[r], observations[rows[r]], out[r])


@compiled
def pack_one(lines: Lines, i: int, observation: npt.NDArray[np.float32], out: npt.NDArray[np.uint8]) -> None:
    """Write ``i``, the melody and its ``observation`` (D,) into ``out`` (bytes,), one after the other as ``PACKED``."""
    out[:_ROW].view(np.int64)[0] = i
    at = _packed(lines.values[i], out, _ROW)
    at = _packed(lines.scores[i], out, at)
    at = _packed(lines.frame[i], out, at)
    at = _packed(lines.summary[i], out, at)
    at = _packed(observation, out, at)
    at = _packed(lines.heard[i].reshape(-1), out, at)
    at = _packed(lines.notes[i].reshape(-1), out, at)
    at = _packed(lines.grid[i], out, at)
    at = _packed(lines.given[i], out, at)
    at = _packed(lines.passed[i], out, at)


@compiled
def _packed(array: Any, out: npt.NDArray[np.uint8], at: int) -> int:
    source = array.view(np.uint8)
    put(source, out[at : at + source.size])
    return int(at + source.size)


PACKED: Final = ("values", "scores", "frame", "summary", "observations", "heard", "notes", "grid", "given", "passed")
"""What is packed, the widest numbers first, so that each array begins at a multiple of its own."""


class Packing:
    """Where ``pack`` writes each array of the melodies of a batch."""

    def __init__(self, lines: Lines, seen: int) -> None:
        """``seen``: numbers in an observation."""
        arrays = {**lines._asdict(), "observations": np.empty((1, seen), dtype=np.float32)}
        self._parts: dict[str, tuple[slice, npt.DTypeLike, tuple[int, ...]]] = {}
        self.size = _ROW
        """Bytes of a row, up to a multiple of eight."""
        for name in PACKED:
            array = arrays[name]
            end = self.size + array[:1].nbytes
            self._parts[name] = slice(self.size, end), array.dtype, array.shape[1:]
            self.size = end
        self.size = -(-self.size // 8) * 8

    @staticmethod
    def rows(packed: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """(r,) which melodies of the batch were ``packed`` (r, size)."""
        return packed[:, :_ROW].copy().view(np.int64)[:, 0]

    def part(self, packed: npt.NDArray[np.uint8], name: str) -> npt.NDArray[Any]:
        """One array of ``Lines`` for what was ``packed`` (r, size), not copied."""
        where, kind, shape = self._parts[name]
        return packed[:, where].view(kind).reshape((len(packed), *shape))

    def lines(self, packed: npt.NDArray[np.uint8]) -> Lines:
        """Those of ``Lines``; nothing is kept of tallies."""
        parts = {name: self.part(packed, name) for name in Lines._fields if name in self._parts}
        return Lines(**parts, tallies=np.zeros((len(packed), 0)))
