"""Any small deterministic Gymnasium environment as a game, if it can be saved and restored; copying will do."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from mcts.game import Floats, Incumbents, Ints
from mcts.planners import PLANNERS, Budget, Planner, run

Env = gym.Env[Any, Any]


class _Position(NamedTuple):
    saved: Any
    moves: tuple[int, ...]
    legal: npt.NDArray[np.bool_]
    key: int


class Plan(NamedTuple):
    """What ``plan_env`` found."""

    moves: tuple[int, ...]
    """Actions from the environment's start to its end."""
    total: float
    """Sum of their rewards."""


class GymGame:
    """A ``mcts.game.Game`` of one environment with discrete actions; every legal action is as likely as any other.

    ``save(env)`` gives a state; ``restore(env, state)`` gives the environment in that state and leaves the state as it
    is.  By default both copy the whole environment.  Legal actions are those of ``action_masks()``, where the
    environment has it (as for sb3-contrib), else all.  Nothing is discounted; episodes are cut after ``horizon`` moves.
    ``key(env)``, of which the number of moves need not be a part, is equal where the same moves bring the same from now
    on.
    """

    def __init__(
        self,
        env: Env,
        n: int = 16,
        seed: int | None = None,
        save: Callable[[Env], Any] = copy.deepcopy,
        restore: Callable[[Env, Any], Env] = lambda env, state: copy.deepcopy(state),
        horizon: int = 1000,
        key: Callable[[Env], int] | None = None,
    ) -> None:
        if not isinstance(env.action_space, gym.spaces.Discrete):
            raise ValueError(f"planning needs discrete actions; this environment has {env.action_space}")
        self.env, self.n, self.seed, self.horizon = env, n, seed, horizon
        self.save, self.restore, self.key = save, restore, key
        self.actions = int(env.action_space.n)
        self._first = int(env.action_space.start)
        self._places: list[_Position] = []
        self._rows: dict[int, _Position] = {}

    def begin(self, rng: np.random.Generator) -> None:
        self.env.reset(seed=self.seed)
        position = self._position(())
        self._places = [position] * self.n

    def reserve(self, rows: int) -> None:
        pass

    def store(self, places: Ints, rows: Ints) -> None:
        self._rows.update((int(row), self._places[place]) for place, row in zip(places, rows, strict=True))

    def fetch(self, rows: Ints, places: Ints | None = None) -> None:
        for place, row in zip(range(rows.size) if places is None else places, rows, strict=True):
            self._places[place] = self._rows[int(row)]

    def move(self, source: Ints, places: Ints) -> None:
        for place, position in zip(places, [self._places[i] for i in source], strict=True):
            self._places[place] = position

    def step(self, moves: Ints) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        rewards, finished = np.zeros(moves.size), np.zeros(moves.size, dtype=np.bool_)
        for i, move in enumerate(moves.tolist()):
            before = self._places[i]
            self.env = self.restore(self.env, before.saved)
            _, reward, terminated, truncated, _ = self.env.step(self._first + move)
            rewards[i] = reward
            made = (*before.moves, self._first + move)
            finished[i] = terminated or truncated or len(made) >= self.horizon
            self._places[i] = self._position(made)
        return rewards, finished

    def listen(self, places: int | Ints) -> None:
        pass

    def look(self, m: int) -> Floats:
        legal = np.array([position.legal for position in self._places[:m]])
        with np.errstate(divide="ignore"):
            out: Floats = np.log(legal / legal.sum(axis=1, keepdims=True)).astype(np.float32)
        return out

    def play_on(self, m: int, temperature: float, rng: np.random.Generator) -> None:
        return None

    def values(self, m: int) -> npt.NDArray[np.float64]:
        raise ValueError("this game has no critic; choose another value for leaves")

    def clock(self, m: int) -> Ints:
        return np.array([len(position.moves) for position in self._places[:m]], dtype=np.int64)

    def keys(self, m: int) -> Ints | None:
        if self.key is None:
            return None
        return np.array([position.key for position in self._places[:m]], dtype=np.int64)

    def task(self, place: int) -> None:
        return None

    def _position(self, made: tuple[int, ...]) -> _Position:
        key = 0 if self.key is None else hash((len(made), self.key(self.env)))
        return _Position(self.save(self.env), made, self._legal(), key)

    def moves_of(self, row: int) -> tuple[int, ...]:
        """The actions that led to the position stored in ``row``."""
        return self._rows[row].moves

    def _legal(self) -> npt.NDArray[np.bool_]:
        masks = getattr(self.env.unwrapped, "action_masks", None)
        return np.ones(self.actions, dtype=np.bool_) if masks is None else np.asarray(masks(), dtype=np.bool_)


def plan_env(game: GymGame, planner: str | Planner = "uct", budget: Budget | None = None, seed: int = 0) -> Plan:
    """The best episode that ``planner`` (a name in ``mcts.planners.PLANNERS``, or a function) finds from the start."""
    incumbents = Incumbents(game, 1)
    chosen = PLANNERS[planner] if isinstance(planner, str) else planner
    run(chosen, game, incumbents, budget or Budget(), np.random.default_rng(seed))
    return Plan(game.moves_of(0), float(incumbents.returns[0]))
