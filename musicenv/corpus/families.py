"""Families of tunes: near-duplicates, transpositions and variants that must not lie on both sides of a split.

Two tunes are related where they share enough of their runs of intervals, rare ones counting more (tf-idf weighted
containment).  Intervals do not change with the key or with the note values; repeated notes are skipped, for settings
differ in them.  Families are the connected components.  Nothing depends on chance or on Python's own hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from musicenv.alphabet import REST

RUN: Final = 6
"""Intervals in a run."""
RELATED: Final = 0.3
"""Share of the shorter tune's weight that related tunes have in common."""
SPLIT: Final = (("train", 0.8), ("validation", 0.1), ("test", 0.1))


def interval_runs(pitch: npt.NDArray[np.int16]) -> npt.NDArray[np.int64]:
    """The distinct runs of RUN successive intervals of a line, each as one number."""
    sounding = pitch[pitch != REST].astype(np.int64)
    intervals = np.diff(sounding)
    intervals = np.clip(intervals[intervals != 0], -15, 15) + 16
    if intervals.size < RUN:
        return np.zeros(0, dtype=np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(intervals, RUN)
    return np.unique(windows @ (32 ** np.arange(RUN, dtype=np.int64)))


def families(lines: Sequence[npt.NDArray[np.int16]], related: float = RELATED) -> npt.NDArray[np.int32]:
    """(n,) number of the family of each line of MIDI pitches; lines of one family have the same number."""
    runs = [interval_runs(line) for line in lines]
    sizes = np.array([run.size for run in runs])
    names, columns, counts = np.unique(np.concatenate(runs), return_inverse=True, return_counts=True)
    rows = np.repeat(np.arange(len(runs)), sizes)
    weight = np.log(len(runs) / counts)[columns]
    shape = (len(runs), names.size)
    weighted = csr_matrix((weight, (rows, columns)), shape=shape)
    present = csr_matrix((np.ones_like(weight), (rows, columns)), shape=shape)
    common = (weighted @ present.T).tocoo()
    total = np.asarray(weighted.sum(axis=1)).ravel()
    smaller = np.minimum(total[common.row], total[common.col])
    close = common.data >= related * smaller
    graph = csr_matrix((np.ones(int(close.sum())), (common.row[close], common.col[close])), shape=(len(runs),) * 2)
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int32)


def split_of(name: str) -> str:
    """The side of the split for a family with this name: "train", "validation" or "test", by a hash of the name."""
    place = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64
    for side, share in SPLIT:
        if place < share:
            return side
        place -= share
    return SPLIT[-1][0]
