"""Melodies as a game: the environment's own batch, its rules and its prior's states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from agents.compose import Agent, Critic, Pieces, PriorAgent
from mcts.assembly import assemble
from mcts.completing import most_turns, move, play_on, turn
from mcts.game import Floats, Ints
from musicenv.asking import culprit, refusal
from musicenv.batch import Batch
from musicenv.jit import compiled
from musicenv.kernel import START, TIME
from musicenv.reference import copy_bytes
from musicenv.step import OK
from musicenv.task import Task
from rewards.priors.stepping import SMALL_BATCH, UNTOLD
from rewards.rules import Suite

Bytes = npt.NDArray[np.uint8]


def _bytes_of(array: npt.NDArray[np.generic]) -> Bytes:
    """(n, bytes of a row) of a contiguous array (n, ...), not copied."""
    return array.reshape(len(array), -1).view(np.uint8)


@compiled
def copy_rows(sizes: Ints, source: Ints, rows: Ints, target: Ints, to: Ints) -> None:
    """In each of k arrays copy ``rows`` (m,) to the rows ``to`` (m,), of so many bytes (k,); none of the first is among
    the second.  The arrays begin at the addresses ``source`` (k,) and ``target`` (k,)."""
    for k in range(sizes.size):
        for r in range(rows.size):
            copy_bytes(target[k] + to[r] * sizes[k], source[k] + rows[r] * sizes[k], sizes[k])


def _addresses(arrays: Sequence[Bytes]) -> Ints:
    return np.array([array.ctypes.data for array in arrays], dtype=np.int64)


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
        self._sizes = np.array([array.shape[1] for array in self._state], dtype=np.int64)
        self._at, self._stored_at = _addresses(self._state), _addresses(self._stored)
        self.prior = batch.prior if isinstance(agent, PriorAgent) and batch.is_whole else None
        """Where moves can be drawn in compiled code: the agent is the prior, and nothing is added to its step."""
        self._places = np.arange(self.n)

    def begin(self, rng: np.random.Generator) -> None:
        self.batch.reset([rng] * self.n)

    def reserve(self, rows: int) -> None:
        for k, array in enumerate(self._stored):
            if rows > len(array):
                self._stored[k] = np.empty((rows, array.shape[1]), np.uint8)
                self._stored[k][: len(array)] = array
        self._stored_at[:] = _addresses(self._stored)  # in place: compiled searches read it from there

    @property
    def layout(self) -> tuple[Ints, Ints, Ints]:
        """Of each array of state the bytes of a row, and where the places and the stored rows begin."""
        return self._sizes, self._at, self._stored_at

    @cached_property
    def compiled(self) -> Any:
        """``move``, ``turn`` and ``play_on`` under the batch's rules."""
        return assemble(move, turn, play_on, play=self.batch.compiled.play)

    @property
    def bytes_per_position(self) -> int:
        """What a stored position takes."""
        return int(self._sizes.sum())

    def store(self, places: Ints, rows: Ints) -> None:
        copy_rows(self._sizes, self._at, places, self._stored_at, rows)

    def fetch(self, rows: Ints, places: Ints | None = None) -> None:
        copy_rows(self._sizes, self._stored_at, rows, self._at, self._places if places is None else places)

    def move(self, source: Ints, places: Ints) -> None:
        copy_rows(self._sizes, self._at, source, self._at, places)

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

    def play_on(self, m: int, temperature: float, rng: np.random.Generator) -> npt.NDArray[np.float64] | None:
        if self.prior is None:
            return None
        inverse, places, returns = self.inverse(temperature), np.arange(m), np.zeros(m)
        scratch = actions, _, _ = np.zeros(m, dtype=np.int64), np.zeros(m), np.zeros(m, dtype=np.bool_)
        block, told = self.batch.block, (*scratch, returns)
        while (left := places.size) > SMALL_BATCH:
            self.notes += left
            (left,) = self.ask(self.compiled.turn, actions, block, places, inverse, rng.random(left), *told)
            places = places[:left]
            self.listen(places)
        if left:
            turns = max(most_turns(frame) for frame in self.batch.lines.frame[places])
            self.finish(places, inverse, rng.random((turns, left)), *told)
        return returns

    def finish(
        self, places: Ints, inverse: np.float32, uniform: npt.NDArray[np.float64], *told: npt.NDArray[Any]
    ) -> None:
        """Play few ``places`` on to their ends in one call (``mcts.completing.play_on``), with what is ``told``."""
        given = self.batch.block, places, inverse, uniform, *told, UNTOLD
        (heard,) = self.ask(self.compiled.play_on, told[0], *given)
        self.notes += heard + places.size
        self.heard += heard

    def inverse(self, temperature: float) -> np.float32:
        """What the prior's logits are multiplied with to draw at a ``temperature``."""
        assert isinstance(self.agent, PriorAgent)
        return np.float32(1 / (temperature * self.agent.temperature))

    def ask(self, compiled: Callable[..., tuple[int, ...]], actions: Ints, *given: Any) -> tuple[int, ...]:
        """What a ``compiled`` function tells of what is ``given``, after code, place and term; an exception that names
        the rule, or the one of ``actions`` (n,), where a step failed."""
        try:
            code, i, k, *rest = compiled(*given)
        except Exception as error:
            raise culprit(self.batch, error) from error
        if code != OK:
            raise refusal(self.batch, code, i, k, actions)
        return tuple(rest)

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
