"""Threads that share work which lets go of the interpreter's lock: compiled code and torch's products."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

P = TypeVar("P")
T = TypeVar("T")


def parts_of(n: int, size: int) -> list[slice]:
    """0..n in parts of ``size``; the last one may have less, or up to half as much again, so that none is small."""
    ends = [*range(size, n - size // 2, size), n]
    return [slice(first, last) for first, last in zip([0, *ends], ends, strict=False)]


class Workers:
    """``threads`` threads, the caller's among them."""

    def __init__(self, threads: int = 1) -> None:
        if threads < 1:
            raise ValueError(f"threads={threads} is too few; ask for at least 1")
        self.threads = threads
        self._pool = ThreadPoolExecutor(threads - 1) if threads > 1 else None

    def __reduce__(self) -> tuple[type[Workers], tuple[int]]:
        return Workers, (self.threads,)  # a copy has threads of its own

    def map(self, work: Callable[[P], T], parts: Sequence[P]) -> list[T]:
        """What ``work`` makes of each of ``parts``, in their order; who is free takes the next.

        As long as the parts do not depend on ``threads``, nor does what comes out.
        """
        helpers = min(self.threads, len(parts)) - 1
        if self._pool is None or helpers < 1:
            return [work(part) for part in parts]
        left, done = deque(enumerate(parts)), dict[int, T]()

        def take() -> None:
            while left:
                try:
                    place, part = left.popleft()
                except IndexError:  # another was faster
                    return
                done[place] = work(part)

        others = [self._pool.submit(take) for _ in range(helpers)]
        try:
            take()
        finally:
            wait(others)
        for other in others:
            other.result()
        return [done[place] for place in range(len(parts))]
