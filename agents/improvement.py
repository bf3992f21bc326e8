"""What a policy learns from a tree search: the better policy that the search makes of it, and the losses towards that.

The policy target is that of Gumbel MuZero (Danihelka et al. 2022, "Policy improvement by planning with Gumbel"): the
policy's own logits plus what the search found each note to be worth; it improves on the policy with few simulations,
where shares of visits would not.  Returns are normalised by their deviation, as a game's outcome is by its two results
(cf. Laterre et al. 2018, "Ranked reward").
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from agents.compose import Floats

Ints = npt.NDArray[np.int64]
Returns = npt.NDArray[np.float64]


class Decisions(NamedTuple):
    """m decisions, each after a search whose root has up to K children."""

    log_probs: Floats
    """(m, A) the policy before the search, in nats; -inf for illegal notes."""
    actions: Ints
    """(m, K) the move to each child."""
    visits: Ints
    """(m, K) simulations that went there, 0 beyond the children."""
    means: Returns
    """(m, K) mean return of these."""
    values: Returns
    """(m,) the return that the critic expected before the search."""
    chosen: Ints
    """(m,) the child that the piece went on with."""


def completed(decisions: Decisions) -> Returns:
    """(m,) what a child that was not visited is expected to be worth: the critic's value mixed with that of the visited
    children by their probability (Danihelka et al. 2022, appendix D)."""
    probability = np.exp(np.take_along_axis(decisions.log_probs, decisions.actions, axis=1), dtype=np.float64)
    probability *= decisions.visits > 0
    seen, count = probability.sum(axis=1), decisions.visits.sum(axis=1)
    visited = (probability * decisions.means).sum(axis=1) / np.where(seen > 0, seen, 1.0)
    out: Returns = np.where(seen > 0, (decisions.values + count * visited) / (1 + count), decisions.values)
    return out


def with_outcome(decisions: Decisions, outcomes: Returns, weight: float) -> Decisions:
    """The decisions as if the piece that was made of them, with its return ``outcomes`` (m,), had been ``weight`` more
    simulations: what a search with a critic alone would never hear of."""
    rows = np.arange(len(outcomes)), decisions.chosen
    visits, means = decisions.visits.astype(np.float64), decisions.means.copy()
    means[rows] = (visits[rows] * means[rows] + weight * outcomes) / (visits[rows] + weight)
    return decisions._replace(means=means)


def improved(decisions: Decisions, unvisited: Returns, step: float) -> Floats:
    """(m, A) the improved policy: softmax(log-probabilities + ``step`` x completed returns).

    ``unvisited`` (m,) is what ``completed`` gives; ``step`` is in nats for a unit of return.
    """
    gains = np.where(decisions.visits > 0, step * (decisions.means - unvisited[:, None]), 0.0)
    logits = decisions.log_probs.astype(np.float64)
    np.add.at(logits, (np.arange(len(logits))[:, None], decisions.actions), gains)
    out: Returns = np.exp(logits - logits.max(axis=1, keepdims=True))
    out /= out.sum(axis=1, keepdims=True)
    return out.astype(np.float32)


def policy_loss(log_probs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of ``log_probs`` (B, A) with ``target`` (B, A), in nats."""
    # An illegal note has probability 0 in the target and a log-probability of -1e8: nothing, not a rounding error.
    return -torch.where(target > 0, target * log_probs, 0.0).sum(dim=1).mean()


def value_loss(values: torch.Tensor, returns: torch.Tensor, deviation: float) -> torch.Tensor:
    """Mean square of what ``values`` (B,) miss of ``returns`` (B,), in units of ``deviation``."""
    return (((values - returns) / deviation) ** 2).mean()
