"""Threads that share work which lets go of the interpreter's lock: compiled code and torch's products."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

P = TypeVar("P")
T = TypeVar("T")
_Queue = SimpleQueue[Any]


def parts_of(n: int, size: int) -> list[slice]:
    """0..n in parts of ``size``; the last one may have less, or up to half as much again, so that none is small."""
    ends = [*range(size, n - size // 2, size), n]
    return [slice(first, last) for first, last in zip([0, *ends], ends, strict=False)]


class Workers:
    """``threads`` threads, the caller's among them: a step takes less time than a pool of futures needs to hand it
    out."""

    def __init__(self, threads: int = 1) -> None:
        if threads < 1:
            raise ValueError(f"threads={threads} is too few; ask for at least 1")
        self.threads = threads
        self._orders = [_Queue() for _ in range(threads - 1)]
        self._lent = [False] * (threads - 1)
        self._told = _Queue()
        for orders in self._orders:
            threading.Thread(target=_work, args=(orders,), daemon=True).start()
            weakref.finalize(self, orders.put, None)

    def __reduce__(self) -> tuple[type[Workers], tuple[int]]:
        return Workers, (self.threads,)  # a copy has threads of its own

    def map(self, work: Callable[[P], T], parts: Sequence[P]) -> list[T]:
        """What ``work`` makes of each of ``parts``, in their order; who is free takes the next.

        As long as the parts do not depend on ``threads``, nor does what comes out.  An error is raised when all threads
        have ended.
        """
        helpers = self._orders[: len(parts) - 1]
        if not helpers:
            return [work(part) for part in parts]
        left, done = deque(enumerate(parts)), dict[int, T]()

        def take() -> None:
            while left:
                try:
                    place, part = left.popleft()
                except IndexError:  # another was faster
                    return
                done[place] = work(part)

        told = self._told
        for orders in helpers:
            orders.put(lambda: told.put(_error_of(take)))
        errors: list[Exception | None] = []
        try:
            errors.append(_error_of(take))
        finally:  # Ctrl-C, too, waits for those who still write
            errors += [told.get() for _ in helpers]
        for error in errors:
            if error is not None:
                raise error
        return [done[place] for place in range(len(parts))]

    def lend(self, work: Callable[[], None]) -> None:
        """Have each of the others do ``work``, which ends by itself, unless it still does what it was lent for before.

        Nobody waits for it."""
        for k, orders in enumerate(self._orders):
            if not self._lent[k]:
                self._lent[k] = True
                orders.put(partial(_lend, work, self._lent, k))


def _lend(work: Callable[[], None], lent: list[bool], k: int) -> None:
    try:
        work()
    finally:
        lent[k] = False


def _error_of(work: Callable[[], None]) -> Exception | None:
    try:
        work()
    except Exception as error:
        return error
    return None


def _work(orders: _Queue) -> None:
    while (order := orders.get()) is not None:
        order()
        del order  # holds what it works on
