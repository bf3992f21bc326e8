"""Best of k: the simplest planner, and the one that every search has to beat."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from agents.compose import Agent, Pieces, compose
from musicenv.batch import Batch


def best_of(
    batch: Batch, agent: Agent, k: int, pieces: int, seed: int, progress: Callable[[int], object] | None = None
) -> Pieces:
    """``pieces`` pieces, each the one with the highest return of ``k`` composed by ``agent``."""
    if k < 1:
        raise ValueError(f"best-of {k}: choose at least 1")
    drawn = compose(batch, agent, pieces * k, seed, progress)
    best = drawn.returns.reshape(pieces, k).argmax(axis=1)
    return drawn.pick(np.arange(pieces) * k + best)
