"""n-gram models of notes, to measure the prior against: interpolated Kneser-Ney, alone or with a cache of the tune.

Sources: Chen and Goodman 1999 for interpolated Kneser-Ney; Kuhn and De Mori 1990 for the cache.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import N_ACTIONS

Context = tuple[int, ...]
Counts = dict[Context, dict[int, int]]
BEGIN = N_ACTIONS
"""Stands before the first note."""


def _interpolated(
    below: npt.NDArray[np.float64], followers: dict[int, int] | None, discount: float
) -> npt.NDArray[np.float64]:
    """Absolute discounting: counts less ``discount``, and what that frees goes to the shorter context's ``below``."""
    if not followers:
        return below
    total = sum(followers.values())
    mixed = below * (discount * len(followers) / total)
    for note, count in followers.items():
        mixed[note] += (count - discount) / total
    return mixed


class KneserNey:
    """Interpolated Kneser-Ney of ``order`` (1: unigram) over the actions, with one discount an order."""

    def __init__(self, tunes: Iterable[Sequence[int]], order: int) -> None:
        self.order = order
        raw: list[Counts] = [defaultdict(dict) for _ in range(order)]
        for tune in tunes:
            line = (BEGIN,) * (order - 1) + tuple(int(note) for note in tune)
            for i in range(order - 1, len(line)):
                followers = raw[order - 1][line[i - order + 1 : i]]
                followers[line[i]] = followers.get(line[i], 0) + 1
        # A shorter context counts in how many longer ones each note was seen, not how often.
        for length in range(order - 2, -1, -1):
            for context, followers in raw[length + 1].items():
                shorter = raw[length][context[1:]]
                for note in followers:
                    shorter[note] = shorter.get(note, 0) + 1
        self.counts = raw
        self.discounts = [_discount(counts) for counts in raw]
        self._known: dict[Context, npt.NDArray[np.float64]] = {}

    def probabilities(self, tune: Sequence[int]) -> Iterator[npt.NDArray[np.float64]]:
        """p (N_ACTIONS,) of each next note of ``tune``."""
        line = (BEGIN,) * (self.order - 1) + tuple(int(note) for note in tune)
        for i in range(self.order - 1, len(line)):
            yield self._after(line[i - self.order + 1 : i])

    def _after(self, context: Context) -> npt.NDArray[np.float64]:
        """p of the note after ``context``; those after short contexts are asked for often, and kept."""
        known = self._known.get(context)
        if known is not None:
            return known
        below = self._after(context[1:]) if context else np.full(N_ACTIONS, 1 / N_ACTIONS)
        p = _interpolated(below, self.counts[len(context)].get(context), self.discounts[len(context)])
        if len(context) < 3:
            self._known[context] = p
        return p


class Cached:
    """Any model, and on top of it the n-grams of the tune so far, up to ``order``, by absolute discounting."""

    def __init__(self, model: Any, order: int, discount: float) -> None:
        self.model, self.order, self.discount = model, order, discount

    def probabilities(self, tune: Sequence[int]) -> Iterator[npt.NDArray[np.float64]]:
        """p (N_ACTIONS,) of each next note of ``tune``."""
        seen: Counts = defaultdict(dict)
        line = tuple(int(note) for note in tune)
        for i, p in enumerate(self.model.probabilities(tune)):
            for length in range(1, self.order):
                if length <= i:
                    p = _interpolated(p, seen.get(line[i - length : i]), self.discount)
            yield p
            for length in range(1, min(self.order, i + 1)):
                followers = seen[line[i - length : i]]
                followers[line[i]] = followers.get(line[i], 0) + 1


def _discount(counts: Counts) -> float:
    """Ney's estimate n1 / (n1 + 2 n2), from how many n-grams were seen once and twice."""
    once = sum(count == 1 for followers in counts.values() for count in followers.values())
    twice = sum(count == 2 for followers in counts.values() for count in followers.values())
    return once / (once + 2 * twice) if once and twice else 0.5
