"""Notes that ``experiments.speed`` plays, and how it plays them."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from experiments.report import real_parts
from experiments.timing import Run
from musicenv.alphabet import N_ACTIONS, action_of
from musicenv.melody import Melody
from musicenv.task import Task

Actions = npt.NDArray[np.int64]


def tunes(n: int, seed: int) -> Actions:
    """(T, n) notes of held-out eight-bar parts in 4/4, drawn with replacement for each of n players and joined."""
    rng = np.random.default_rng(seed)
    parts = [_actions(melody) for melody in real_parts([Task()]) if melody.start == 0]
    lines = [np.concatenate([parts[k] for k in rng.integers(len(parts), size=16)]) for _ in range(min(n, 256))]
    length = min(*map(len, lines), max(2**22 // n, 64)) if n > 1 else len(lines[0])
    played = np.array([line[:length] for line in lines], dtype=np.int64).T
    return np.ascontiguousarray(np.tile(played, -(-n // played.shape[1]))[:, :n])


def _actions(melody: Melody) -> Actions:
    notes = zip(melody.pitch.tolist(), melody.duration.tolist(), strict=True)
    return np.array([action_of(pitch, duration) for pitch, duration in notes], dtype=np.int64)


def uniform(n: int, seed: int) -> Actions:
    """(T, n) notes drawn evenly from the alphabet, legal or not."""
    return np.random.default_rng(seed).integers(N_ACTIONS, size=(512, n))


def playing(env: Any, actions: npt.NDArray[Any], seed: int = 0) -> Run:
    """Steps of a vector environment; from the last of ``actions`` (T, n) on to the first."""
    env.reset(seed=seed)
    place = 0

    def run(steps: int) -> None:
        nonlocal place
        for _ in range(steps):
            env.step(actions[place])
            place = (place + 1) % len(actions)

    return run


def playing_one(env: gym.Env[Any, Any], actions: npt.NDArray[Any]) -> Run:
    """Steps of a single environment, reset where it ends."""
    env.reset(seed=0)
    listed, place = actions.tolist(), 0

    def run(steps: int) -> None:
        nonlocal place
        for _ in range(steps):
            ended = env.step(listed[place])[2]
            place = (place + 1) % len(listed)
            if ended:
                env.reset()

    return run
