"""Best of k: the simplest planner, and the one that every search has to beat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from agents.compose import Agent, Pieces, compose
from musicenv.batch import Batch
from rewards.judging import judge
from rewards.rules import Suite


def best_of(
    batch: Batch,
    agent: Agent,
    k: int,
    pieces: int,
    seed: int,
    progress: Callable[[int], object] | None = None,
    also: Suite | None = None,
) -> Pieces:
    """``pieces`` pieces, each the one with the highest return of ``k`` that ``agent`` composes for one task.

    ``also`` holds terms that the agent does not see; they count in the return and so in the choice.
    """
    if k < 1:
        raise ValueError(f"best-of {k}: choose at least 1")
    drawn = compose(batch, agent, pieces * k, seed, progress, together=k)
    if also is not None:
        drawn = replace(drawn, returns=drawn.returns + judge(also, drawn.melodies).returns)
    best = drawn.returns.reshape(pieces, k).argmax(axis=1)
    return drawn.pick(np.arange(pieces) * k + best)
