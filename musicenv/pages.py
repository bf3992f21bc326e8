"""The arrays that a batch hands out.  They are written to again once nobody holds them any more: making new ones, and
telling compiled code where they lie, would take longer than a note without a prior."""

from __future__ import annotations

from collections.abc import Sequence
from sys import getrefcount
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from musicenv.jit import compiled
from musicenv.reference import block_of, reader

PAGES: Final = 3
"""Pages in use in turns: the batch holds the newest, and its user often the one before."""


class Page(NamedTuple):
    """What a step hands out."""

    rewards: npt.NDArray[np.float64]
    """(n,)"""
    finished: npt.NDArray[np.bool_]
    """(n,)"""
    observations: npt.NDArray[np.float32]
    """(n, D)"""
    masks: npt.NDArray[np.int8]
    """(n, A)"""
    terms: npt.NDArray[np.float64]
    """(n, S)"""
    room: npt.NDArray[np.uint8]
    """(n, bytes of a row) pieces that ended (``musicenv.packing``), one after the other."""


Arrays = tuple[
    npt.NDArray[np.float64],
    npt.NDArray[np.bool_],
    npt.NDArray[np.float32],
    npt.NDArray[np.int8],
    npt.NDArray[np.float64],
    npt.NDArray[np.uint8],
]
"""Those of a ``Page``."""

_KINDS: Final[tuple[Any, ...]] = (np.float64, np.bool_, np.float32, np.int8, np.float64, np.uint8)


def _page(shapes: Sequence[tuple[int, ...]]) -> Arrays:
    """Without names: it takes twice as long to get at arrays that have them."""
    arrays: Any = map(np.empty, shapes, _KINDS)
    page: Arrays = tuple(arrays)
    return page


read_page = reader(Page(*_page(((1,), (1,), (1, 1), (1, 1), (1, 1), (1, 1)))))
"""For compiled code: the reference to the page in its block."""


PAGE_WORDS: Final = block_of(_page(((0,), (0,), (0, 0), (0, 0), (0, 0), (0, 0)))).size
"""Words of a page's block."""
_AT: Final = tuple(4 + 7 * k + 2 * max(k - 2, 0) for k in range(len(_KINDS)))
"""The words of a block that say where each array lies."""


@compiled
def _put(
    block: npt.NDArray[np.int64],
    rewards: npt.NDArray[np.float64],
    finished: npt.NDArray[np.bool_],
    observations: npt.NDArray[np.float32],
    masks: npt.NDArray[np.int8],
    terms: npt.NDArray[np.float64],
    room: npt.NDArray[np.uint8],
) -> None:
    """Make the ``block`` of a page that of another one, which has these arrays; faster than ``block_of``."""
    block[_AT[0]], block[_AT[1]], block[_AT[2]] = rewards.ctypes.data, finished.ctypes.data, observations.ctypes.data
    block[_AT[3]], block[_AT[4]], block[_AT[5]] = masks.ctypes.data, terms.ctypes.data, room.ctypes.data


class Pages:
    """Pages of one size, one after the other."""

    def __init__(self, *shapes: tuple[int, ...]) -> None:
        """The shape of each array of a page."""
        self._shapes = shapes
        page = _page(self._shapes)
        alone, view = getrefcount(page[0]), page[0][:]
        counted = getrefcount(page[0]) > alone and view.base is page[0]
        self._nobody = alone * len(page) if counted else -1  # where holders are not counted, all pages are new
        self._block = block_of(page)
        self._pages = [(self._block, page)]
        """The one that was looked at first comes first."""

    def turn(self) -> tuple[npt.NDArray[np.int64], Arrays]:
        """The block where compiled functions find a page, and its arrays, which nobody holds, nor a view of them.

        Who wants to hold them takes them out of the tuple, which is not counted.
        """
        pages, held = self._pages, 0
        while True:
            found = pages.pop(0)
            page = found[1]
            if (  # one by one, where a loop would take as long as a note's rules; each has at least one holder, this
                getrefcount(page[0])
                + getrefcount(page[1])
                + getrefcount(page[2])
                + getrefcount(page[3])
                + getrefcount(page[4])
                + getrefcount(page[5])
            ) == self._nobody:
                break
            pages.append(found)
            held += 1
            if held == len(pages):
                found = self._new()
                break
        pages.append(found)
        return found

    def _new(self) -> tuple[npt.NDArray[np.int64], Arrays]:
        """One more; the oldest, where there are many, is its holder's alone."""
        block, page = self._block.copy(), _page(self._shapes)
        _put(block, *page)
        del self._pages[: 1 - PAGES]
        return block, page
