"""What a planner plays: positions side by side that can be stored, fetched, stepped and looked at."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from musicenv.task import Task
from rewards.rules import Suite

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


class Game(Protocol):
    """``n`` places where positions are in play, and rows where others are stored.

    Methods that are given a number act on the first places; a position is one place or one row.
    """

    n: int

    def begin(self, rng: np.random.Generator) -> None:
        """Put a beginning into every place, heard."""

    def reserve(self, rows: int) -> None:
        """Room for at least this many stored positions; those stored before stay."""

    def store(self, places: Ints, rows: Ints) -> None:
        """Copy the positions in ``places`` (m,) to ``rows`` (m,)."""

    def fetch(self, rows: Ints, places: Ints | None = None) -> None:
        """Copy the positions stored in ``rows`` (m,) to ``places`` (m,), by default the first m."""

    def move(self, source: Ints, places: Ints) -> None:
        """Copy positions from places ``source`` (m,) to ``places`` (m,)."""

    def step(self, moves: Ints) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """Make ``moves`` (m,) in the first m places: rewards (m,) and whether the end is reached (m,)."""

    def listen(self, places: int | Ints) -> None:
        """Let the prior hear the last move of these places, or of the first so many; each move is heard once."""

    def look(self, m: int) -> Floats:
        """(m, A) log-probabilities of the moves from the first ``m`` places, -inf where not legal; heard before."""

    def play_on(self, m: int, temperature: float, rng: np.random.Generator) -> npt.NDArray[np.float64] | None:
        """Play the first ``m`` places on to their ends, moves drawn with the probabilities of ``look``, their
        logarithms divided by ``temperature``: the sum of rewards (m,); None where that would be no faster than steps.
        """

    def values(self, m: int) -> npt.NDArray[np.float64]:
        """(m,) expected sum of rewards to come, by a critic; ValueError where there is none."""

    def clock(self, m: int) -> Ints:
        """(m,) how far the first ``m`` places have come, >= 0 and growing with each move: ticks, or moves."""

    def keys(self, m: int) -> Ints | None:
        """(m,) of the first ``m`` places: positions, equally far, that have the same key have the same future, whatever
        came before; None where the game cannot tell.  At the end keys mean nothing."""

    def task(self, place: int) -> tuple[Task, Suite] | None:
        """What is asked for in a place, and its rules, where these have finite states (counterpoint); else None."""


def close_ranks(game: Game, gone: npt.NDArray[np.bool_], *also: npt.NDArray[np.generic]) -> int:
    """Move what is not ``gone`` (m,) to the first places, and rows of the arrays ``also`` with it: how many stay."""
    stay = int(np.count_nonzero(~gone))
    holes = np.flatnonzero(gone[:stay])
    if holes.size:
        source = stay + np.flatnonzero(~gone[stay:])
        game.move(source, holes)
        for array in also:
            array[holes] = array[source]
    return stay


class Incumbents:
    """The best whole piece seen of each of B pieces, whoever found it.

    They lie in rows 0..B-1 of the game; rows B..2B-1 hold the beginnings.
    """

    def __init__(self, game: Game, pieces: int) -> None:
        self.game = game
        self.pieces = pieces
        self.returns = np.full(pieces, -np.inf)
        """(B,)"""

    @property
    def beginnings(self) -> Ints:
        """(B,) rows."""
        return np.arange(self.pieces, 2 * self.pieces)

    def offer(self, places: Ints, pieces: Ints, returns: npt.NDArray[np.float64]) -> None:
        """Finished pieces in ``places``, each of one of the B ``pieces``, with their ``returns``."""
        better = np.flatnonzero(returns > self.returns[pieces])
        if not better.size:
            return
        rising = better[np.lexsort((-better, returns[better]))]  # of equal ones the first is kept
        chosen = np.array(list({int(pieces[k]): int(k) for k in rising}.values()), dtype=np.int64)
        self.returns[pieces[chosen]] = returns[chosen]
        self.game.store(places[chosen], pieces[chosen])
