"""Which note sounded at a tick of the line: what observations, priors and tables of repetition look up bar by bar."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from musicenv.jit import inlined


@inlined
def note_at(onset: npt.NDArray[np.int16], n: int, tick: int, near: int) -> int:
    """Index of the note that sounds at ``tick``, of the ``n`` notes whose ``onset`` this is; the last one, after it.

    The search begins at note ``near``, any from 0 on: looking back from one note after the other, what is looked for
    is mostly the note after the one before.  No note may begin after ``tick`` alone.
    """
    j = min(np.uint64(near), np.uint64(n - 1))
    one, last = np.uint64(1), np.uint64(n - 1)
    while onset[j] > tick:
        j -= one
    while j < last and onset[j + one] <= tick:
        j += one
    return int(j)
