"""Measuring speed on a machine that does other things too: interleaved, in many short runs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Final

Run = Callable[[int], object]
"""Makes so many steps."""

SLICE: Final = 0.02
"""Seconds of one run: long beside the clock's resolution, short beside what disturbs it."""


def _seconds(run: Run, steps: int, clock: Callable[[], float]) -> float:
    began = clock()
    run(steps)
    return clock() - began


def interleaved(runs: Mapping[str, Run], seconds: float, *, wall: bool = False) -> dict[str, float]:
    """Seconds per step of each of ``runs``, measured in turns for ``seconds`` each: of its slices the fastest.

    By the process's CPU time, which does not count what other processes take; by the wall clock where threads share
    the work.
    """
    clock = time.perf_counter if wall else time.process_time
    steps = {}
    for name, run in runs.items():
        run(1)
        count = 1
        while (taken := _seconds(run, count, clock)) < SLICE / 4:
            count *= 2
        steps[name] = max(round(count * SLICE / taken), 1)
    best = dict.fromkeys(runs, float("inf"))
    began = time.perf_counter()
    while True:
        for name, run in runs.items():
            best[name] = min(best[name], _seconds(run, steps[name], clock) / steps[name])
        if time.perf_counter() - began > seconds * len(runs):
            return best


def rates(runs: Mapping[str, Callable[[], int]], repeats: int = 15) -> dict[str, float]:
    """How much each of ``runs`` does in a second of processor time; each returns how much it did.

    Measured in turns, in slices of which the median is told: what disturbs one disturbs the others too, so that ratios
    hold.  Each is called again until a slice of time is full: after another's turn its data are not in the caches.
    """
    for run in runs.values():
        run()  # compiles
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            began, done, taken = time.process_time(), 0, 0.0
            while taken < 2 * SLICE:
                done += run()
                taken = time.process_time() - began
            found[name].append(done / taken)
    return {name: statistics.median(each) for name, each in found.items()}
