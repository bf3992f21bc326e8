"""Nested rollout policy adaptation (Rosin 2011) with the prior as bias (Cazenave 2020, GNRPA), two levels deep.

A playout draws moves with probabilities softmax(log prior + weight); weights, one for each moment and move, are moved
towards the best playout of their level.  Inner weights begin as the outer ones, again and again.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from agents.compose import draw
from mcts.game import Floats, Game, Incumbents, Ints, close_ranks
from mcts.search import Watch

AT_ONCE: Final = 32
"""Playouts of a piece side by side, at most: what they find is news to the others only afterwards."""
STEP: Final = 1.0
"""How far the weights of a playout's moves are raised at each adaptation."""


class Playout(NamedTuple):
    """A whole piece of T moves."""

    total: float
    moments: Ints
    """(T,) the clock before each move."""
    moves: Ints
    """(T,)"""
    log_probs: Floats
    """(T, A) the prior."""


class Weights:
    """One number for each moment and move, 0 at first."""

    def __init__(self, table: Floats) -> None:
        self.table = table

    def at(self, moments: Ints) -> Floats:
        """(m, A)"""
        if (beyond := int(moments.max()) + 1 - len(self.table)) > 0:
            self.table = np.concatenate([self.table, np.zeros((beyond, self.table.shape[1]), np.float32)])
        return self.table[moments]

    def copy(self) -> Weights:
        return Weights(self.table.copy())

    def adapt(self, playout: Playout) -> None:
        """Towards ``playout``: the gradient of its log-likelihood."""
        logits = playout.log_probs + self.at(playout.moments)
        probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        np.add.at(self.table, (playout.moments, playout.moves), STEP)
        np.subtract.at(self.table, playout.moments, STEP * probabilities)


def nrpa(
    game: Game, incumbents: Incumbents, playouts: int, rng: np.random.Generator, watch: Watch = lambda: None
) -> None:
    """About ``playouts`` playouts of each piece, as many at a time as the game has places for, up to
    ``AT_ONCE``."""
    pieces = incumbents.pieces
    at_once = min(game.n // pieces, AT_ONCE)
    rounds = max(round(np.sqrt(playouts / at_once)), 1)
    game.fetch(incumbents.beginnings)
    actions = game.look(pieces).shape[1]
    outer = [Weights(np.zeros((0, actions), np.float32)) for _ in range(pieces)]
    best: list[Playout | None] = [None] * pieces
    for _ in range(rounds):
        inner = [weights.copy() for weights in outer]
        best_inner: list[Playout | None] = [None] * pieces
        for _ in range(rounds):
            for piece, playout in enumerate(_play(game, incumbents, inner, at_once, rng)):
                best_inner[piece] = leader = _better(playout, best_inner[piece])
                inner[piece].adapt(leader)
            watch()
        for piece, found in enumerate(best_inner):
            if found is not None:
                best[piece] = leader = _better(found, best[piece])
                outer[piece].adapt(leader)


def _better(new: Playout, old: Playout | None) -> Playout:
    return new if old is None or new.total > old.total else old


def _play(
    game: Game, incumbents: Incumbents, weights: list[Weights], at_once: int, rng: np.random.Generator
) -> list[Playout]:
    """The best of ``at_once`` playouts of each piece."""
    pieces = np.repeat(np.arange(incumbents.pieces), at_once)
    totals = np.zeros(pieces.size)
    game.fetch(incumbents.beginnings[pieces])
    who = np.arange(pieces.size)
    m = pieces.size
    steps: list[tuple[Ints, Ints, Ints, Floats]] = []
    log_probs = game.look(m)
    while m:
        moments = game.clock(m)
        bias = np.zeros((m, log_probs.shape[1]), np.float32)
        for piece in np.unique(pieces[who[:m]]):
            mine = pieces[who[:m]] == piece
            bias[mine] = weights[piece].at(moments[mine])
        logits = log_probs + bias
        moves = draw(logits - logits.max(axis=1, keepdims=True), rng)
        steps.append((who[:m].copy(), moments, moves, log_probs))
        rewards, finished = game.step(moves)
        totals[who[:m]] += rewards
        ended = np.flatnonzero(finished)
        incumbents.offer(ended, pieces[who[ended]], totals[who[ended]])
        m = close_ranks(game, finished, who)
        if m:
            game.listen(m)
            log_probs = game.look(m)
    return [_recorded(steps, int(r), float(totals[r])) for r in _best_rows(totals, at_once)]


def _best_rows(totals: npt.NDArray[np.float64], at_once: int) -> Ints:
    best: Ints = totals.reshape(-1, at_once).argmax(axis=1) + np.arange(0, totals.size, at_once)
    return best


def _recorded(steps: list[tuple[Ints, Ints, Ints, Floats]], row: int, total: float) -> Playout:
    found = [(step, np.flatnonzero(step[0] == row)) for step in steps]
    chosen = [(step, int(at[0])) for step, at in found if at.size]
    return Playout(
        total,
        np.array([step[1][at] for step, at in chosen]),
        np.array([step[2][at] for step, at in chosen]),
        np.array([step[3][at] for step, at in chosen]),
    )
