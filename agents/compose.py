"""Composing whole pieces with an agent, and the agents that need no training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from agents.distributions import invert
from musicenv.alphabet import N_ACTIONS
from musicenv.batch import Batch
from musicenv.exponential import exponential
from musicenv.jit import in_any_order
from musicenv.melody import Melody

Floats = npt.NDArray[np.float32]
_IMPOSSIBLE: Final = np.float32(-1e30)
"""Between minus infinity and what any note has, in nats."""


class Seen(Protocol):
    """What an agent may look at: a batch, or some of its melodies."""

    @property
    def n(self) -> int: ...
    @property
    def observations(self) -> Floats: ...
    @property
    def masks(self) -> npt.NDArray[np.int8]: ...
    @property
    def log_probs(self) -> Floats: ...


Agent = Callable[[Seen], Floats]
"""What an agent thinks before the next note of each melody of a batch: (n, A) log-probabilities in nats, normalised,
-inf for illegal notes."""
Critic = Callable[[Seen], npt.NDArray[np.float64]]
"""(n,) sum of rewards that is expected to come."""


@dataclass(frozen=True)
class Pieces:
    """n finished pieces and what the batch's suite says of them."""

    melodies: list[Melody]
    scores: npt.NDArray[np.float64]
    """(n, S) weighted score of each term."""
    values: npt.NDArray[np.float64]
    """(n, S) each statistic's value, NaN where not defined; for a rule the sum of its scores."""
    passed: npt.NDArray[np.bool_]
    """(n, S) whether the term's score reaches its threshold; True where it has none."""
    returns: npt.NDArray[np.float64]
    """(n,) sum of rewards."""
    kl: npt.NDArray[np.float64]
    """(n,) nats a piece, from the prior to the agent, summed over its notes; NaN without a prior.  That of
    counterpoint plays by what a note is paid at once."""

    def pick(self, rows: npt.NDArray[np.int64]) -> Pieces:
        """The pieces ``rows``, in that order."""
        melodies = [self.melodies[i] for i in rows]
        return Pieces(melodies, *(getattr(self, name)[rows] for name in _ARRAYS))

    @staticmethod
    def joined(parts: Sequence[Pieces]) -> Pieces:
        """The pieces of all ``parts``, one after the other."""
        melodies = [melody for part in parts for melody in part.melodies]
        return Pieces(melodies, *(np.concatenate([getattr(part, name) for part in parts]) for name in _ARRAYS))


_ARRAYS = tuple(field.name for field in fields(Pieces))[1:]


def masked(log_probs: Floats, masks: npt.NDArray[np.int8]) -> Floats:
    """``log_probs`` (n, A) restricted to legal notes and normalised again; any shape of unnormalised logits will do."""
    out = np.empty(log_probs.shape, dtype=np.float32)
    _mask(np.ascontiguousarray(log_probs, dtype=np.float32), masks, out)
    return out


@in_any_order
def _mask(logits: Floats, masks: npt.NDArray[np.int8], out: Floats) -> None:
    n, actions = logits.shape
    weight, power = np.empty(actions, dtype=np.float32), np.empty(actions, dtype=np.int32)
    for i in range(n):
        masked_row(logits[i], masks[i], out[i], weight, power)


@in_any_order
def masked_row(x: Floats, legal: npt.NDArray[np.int8], y: Floats, weight: Floats, power: npt.NDArray[np.int32]) -> None:
    """``masked`` of one row ``x`` (A,), written into ``y``; ``weight`` and ``power`` (A,) are scratch."""
    none, top, actions = np.float32(0.0), np.float32(-np.inf), x.size
    for a in range(actions):
        y[a] = x[a] if legal[a] else np.float32(-np.inf)
        top = max(top, y[a])
    for a in range(actions):
        weight[a] = y[a] - top
    exponential(weight, power)
    total = none
    for a in range(actions):
        total += weight[a] if legal[a] else none
    shift = top + np.float32(np.log(total))
    for a in range(actions):
        y[a] -= shift


def uniform(batch: Seen) -> Floats:
    """Every legal note is as likely as any other."""
    return masked(np.zeros((batch.n, N_ACTIONS), dtype=np.float32), batch.masks)


@dataclass(frozen=True)
class PriorAgent:
    """The batch's prior, its logits divided by ``temperature``."""

    temperature: float

    def __call__(self, batch: Seen) -> Floats:
        cooled = self.temperature != 1.0
        return masked(batch.log_probs / np.float32(self.temperature) if cooled else batch.log_probs, batch.masks)


def prior(temperature: float = 1.0) -> Agent:
    """The batch's prior as an agent; planners may ask it for the next note without going through Python."""
    return PriorAgent(temperature)


def top_p(share: float) -> Agent:
    """The batch's prior, of which only the likeliest notes are kept that together have at least ``share`` of the
    probability (Holtzman et al. 2020, nucleus sampling); 0 keeps one note: greedy.
    """

    def agent(batch: Seen) -> Floats:
        log_probs = masked(batch.log_probs, batch.masks)
        order = np.argsort(-log_probs, axis=1, kind="stable")
        p = np.exp(np.take_along_axis(log_probs, order, axis=1), dtype=np.float64)
        # A note stays where those before it have less than the share; the first has none before it.
        kept = p.cumsum(axis=1) - p < share
        kept[:, 0] = True
        masks = np.zeros(batch.masks.shape, dtype=np.int8)
        np.put_along_axis(masks, order, kept.astype(np.int8), axis=1)
        return masked(log_probs, masks & batch.masks)

    return agent


def compose(
    batch: Batch,
    agent: Agent,
    pieces: int,
    seed: int,
    progress: Callable[[int], object] | None = None,
    together: int = 1,
) -> Pieces:
    """``pieces`` pieces by ``agent``: rounds of ``batch.n`` side by side, none cut short or chosen by its length.

    ``progress`` is told the number of pieces each time that a round ends.  Each ``together`` pieces in a row have the
    same task, where tasks are drawn.  The same seed composes the same pieces.
    """
    rng = np.random.default_rng(seed)
    done: list[Pieces] = []
    for begin in range(0, pieces, batch.n):
        generators = [rng] * batch.n
        if together > 1:
            groups = [(begin + i) // together for i in range(batch.n)]
            generators = [np.random.default_rng([seed, group]) for group in groups]
        done.append(_round(batch, agent, rng, generators))
        if progress is not None:
            progress(min(batch.n, pieces - begin))
    return Pieces.joined(done).pick(np.arange(pieces))


def _round(batch: Batch, agent: Agent, rng: np.random.Generator, generators: Sequence[np.random.Generator]) -> Pieces:
    """One piece in each row of the batch, its task drawn by its own generator; rows that have ended go on with pieces
    that are thrown away.
    """
    n = batch.n
    batch.reset(generators)
    melodies: list[Melody | None] = [None] * n
    shape = (n, len(batch.suite))
    scores, values, passed = np.zeros(shape), np.zeros(shape), np.zeros(shape, dtype=np.bool_)
    returns, kl = np.zeros(n), np.zeros(n)
    open_rows = np.ones(n, dtype=np.bool_)
    while open_rows.any():
        log_probs = agent(batch)
        if "log_probs" not in batch.layout:
            kl[:] = np.nan
        else:
            kl += np.where(open_rows, divergence(log_probs, masked(batch.log_probs, batch.masks)), 0.0)
        final = batch.advance(draw(log_probs, rng), generators)
        returns += np.where(open_rows, batch.rewards, 0.0)
        if final is not None:
            for r, i in enumerate(final.rows):
                if open_rows[i]:
                    melodies[i], scores[i], values[i] = final.melody[r], final.terms[r], final.values[r]
                    passed[i] = final.passed[r]
                    open_rows[i] = False
    return Pieces([melody for melody in melodies if melody is not None], scores, values, passed, returns, kl)


def draw(log_probs: Floats, rng: np.random.Generator, temperature: float = 1.0) -> npt.NDArray[np.int64]:
    """One action a row of ``log_probs`` (n, A), divided by ``temperature``; -inf for what is never drawn.

    By inversion of the cumulative distribution.
    """
    chosen = np.empty(len(log_probs), dtype=np.int64)
    inverse = np.float32(1 / temperature)
    _draw(np.ascontiguousarray(log_probs, dtype=np.float32), inverse, rng.random(len(log_probs)), chosen)
    return chosen


@in_any_order
def _draw(
    log_probs: Floats, inverse: np.float32, uniform: npt.NDArray[np.float64], chosen: npt.NDArray[np.int64]
) -> None:
    n, actions = log_probs.shape
    weight, power = np.empty(actions, dtype=np.float32), np.empty(actions, dtype=np.int32)
    none = np.float32(0.0)
    for i in range(n):
        x = log_probs[i]
        for a in range(actions):
            weight[a] = x[a] * inverse
        exponential(weight, power)
        total = none
        for a in range(actions):
            weight[a] = weight[a] if x[a] > _IMPOSSIBLE else none  # ``exponential`` is limited
            total += weight[a]
        chosen[i] = invert(weight, uniform[i] * total)


def divergence(log_p: Floats, log_q: Floats) -> npt.NDArray[np.float64]:
    """(n,) KL(p || q) in nats of rows of log-probabilities."""
    p = np.exp(log_p, dtype=np.float64)
    difference = np.subtract(log_p, log_q, out=np.zeros_like(p), where=p > 0)
    out: npt.NDArray[np.float64] = (p * difference).sum(axis=1)
    return out
