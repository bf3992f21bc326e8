"""Which note sounded at a tick of the line: what observations and the prior's inputs look up some bars back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from musicenv.jit import inlined


@inlined
def note_at(onset: npt.NDArray[np.int16], n: int, tick: int, near: int) -> int:
    """Index of the note that sounds at ``tick``, of the ``n`` notes whose ``onset`` this is; of the last one, after it.

    The first note begins at ``tick`` or before.  The search begins at note ``near``, any from 0 on: looking back from
    one note after the other, what is looked for is mostly the note after the one that was found before.
    """
    j = min(np.uint64(near), np.uint64(n - 1))
    one, last = np.uint64(1), np.uint64(n - 1)
    while onset[j] > tick:
        j -= one
    while j < last and onset[j + one] <= tick:
        j += one
    return int(j)
