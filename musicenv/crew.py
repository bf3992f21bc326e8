"""Threads that share the work of each step: a step takes less time than a pool of futures needs to hand it out."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
_Queue = SimpleQueue[Any]


class Crew:
    """One thread for each but the first of ``parts``, which is the caller's own."""

    def __init__(self, parts: Sequence[Any]) -> None:
        self.parts = parts
        self._orders = [_Queue() for _ in parts[1:]]
        self._done = _Queue()
        for orders in self._orders:
            threading.Thread(target=_work, args=(orders, self._done), daemon=True).start()
            weakref.finalize(self, orders.put, None)

    def share(self, work: Callable[[Any], T]) -> list[T]:
        """What ``work`` says of each part, in their order; the first error of any is raised when all have ended."""
        for k, orders in enumerate(self._orders, start=1):
            orders.put((work, k, self.parts[k]))
        told = [_tell(work, 0, self.parts[0]), *(self._done.get() for _ in self._orders)]
        told.sort(key=lambda each: each[0])
        for _, _, error in told:
            if error is not None:
                raise error
        return [said for _, said, _ in told]


def _tell(work: Callable[[Any], Any], k: int, part: Any) -> tuple[int, Any, Exception | None]:
    try:
        return k, work(part), None
    except Exception as error:
        return k, None, error


def _work(orders: _Queue, done: _Queue) -> None:
    while (order := orders.get()) is not None:
        done.put(_tell(*order))
        del order  # holds the batch
