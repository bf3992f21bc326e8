"""Melodies as a game: the environment's own batch, its rules and its prior's states."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from agents.compose import Agent, Critic, Pieces
from mcts.game import Floats, Ints
from musicenv.batch import Batch
from musicenv.jit import compiled
from musicenv.kernel import START, TIME
from musicenv.task import Task
from rewards.rules import Suite

Bytes = npt.NDArray[np.uint8]


def _bytes_of(array: npt.NDArray[np.generic]) -> Bytes:
    """(n, bytes of a row) of a contiguous array (n, ...), not copied."""
    return array.reshape(len(array), -1).view(np.uint8)


@compiled
def _copy(source: Bytes, rows: Ints, target: Bytes, to: Ints) -> None:
    """Copy ``rows`` (m,) of ``source`` to the rows ``to`` (m,) of ``target``; none of the first is among the second."""
    for r in range(rows.size):
        target[to[r]] = source[rows[r]]


@dataclass(frozen=True)
class First:
    """The first ``n`` melodies of a batch, as an agent sees them; observations are written if it looks at them."""

    batch: Batch
    n: int
    likely: bool = True
    """Whether these say what is likely next, as agents want to know and critics do not."""

    @cached_property
    def observations(self) -> Floats:
        self.batch.observe(np.arange(self.n), self.likely)
        return self.batch.observations[: self.n]

    @property
    def masks(self) -> npt.NDArray[np.int8]:
        return self.batch.masks[: self.n]

    @property
    def log_probs(self) -> Floats:
        return self.batch.log_probs[: self.n]


class Melodies:
    """A ``mcts.game.Game``: the places are the melodies of ``batch``; rows hold copies of its state, array by array."""

    def __init__(self, batch: Batch, agent: Agent, critic: Critic | None = None) -> None:
        self.batch, self.agent, self.critic = batch, agent, critic
        self.n = batch.n
        self.notes = 0
        """Notes stepped so far, each with its rules."""
        self.heard = 0
        """Notes that the prior has listened to so far."""
        self._state = [_bytes_of(array) for array in batch.get_state().values() if array.size]
        self._stored = [np.empty((0, array.shape[1]), np.uint8) for array in self._state]

    def begin(self, rng: np.random.Generator) -> None:
        self.batch.reset([rng] * self.n)

    def reserve(self, rows: int) -> None:
        for k, array in enumerate(self._stored):
            if rows > len(array):
                self._stored[k] = np.empty((rows, array.shape[1]), np.uint8)
                self._stored[k][: len(array)] = array

    @property
    def bytes_per_position(self) -> int:
        """What a stored position takes."""
        return sum(array.shape[1] for array in self._state)

    def store(self, places: Ints, rows: Ints) -> None:
        for stored, array in zip(self._stored, self._state, strict=True):
            _copy(array, places, stored, rows)

    def fetch(self, rows: Ints, places: Ints | None = None) -> None:
        where = np.arange(rows.size) if places is None else places
        for stored, array in zip(self._stored, self._state, strict=True):
            _copy(stored, rows, array, where)

    def move(self, source: Ints, places: Ints) -> None:
        for array in self._state:
            _copy(array, source, array, places)

    def step(self, moves: Ints) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        self.notes += moves.size
        self.batch.step_first(moves, watched=False)
        return self.batch.rewards[: moves.size].copy(), self.batch.finished[: moves.size].copy()

    def listen(self, places: int | Ints) -> None:
        rows = np.arange(places) if isinstance(places, int) else places
        self.heard += rows.size
        self.batch.listen(rows, watched=False)

    def look(self, m: int) -> Floats:
        self.batch.observe_masks(np.arange(m))
        return self.agent(First(self.batch, m))

    def values(self, m: int) -> npt.NDArray[np.float64]:
        if self.critic is None:
            raise ValueError("value 'critic' needs an agent with a critic, such as ppo:RUN")
        return self.critic(First(self.batch, m, likely=False))

    def clock(self, m: int) -> Ints:
        frame = self.batch.lines.frame
        out: Ints = frame[:m, TIME] - frame[:m, START]
        return out

    def keys(self, m: int) -> Ints | None:
        return self.batch.keys(np.arange(m))

    def task(self, place: int) -> tuple[Task, Suite] | None:
        task = self.batch.task_of(place)
        return None if task is None else (task, self.batch.suite)

    def pieces(self, rows: Ints, returns: npt.NDArray[np.float64]) -> Pieces:
        """The finished melodies stored in ``rows``."""
        parts: list[Pieces] = []
        for first in range(0, rows.size, self.n):
            some = rows[first : first + self.n]
            self.fetch(some)
            places = np.arange(some.size)
            lines = self.batch.lines
            parts.append(
                Pieces(
                    [self.batch.melody(int(i)) for i in places],
                    lines.scores[places].copy(),
                    self.batch.values(places),
                    lines.passed[places].copy(),
                    returns[first : first + self.n],
                    np.full(some.size, np.nan),
                )
            )
        return Pieces.joined(parts)
