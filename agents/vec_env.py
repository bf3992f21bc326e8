"""The batch as a Stable-Baselines3 ``VecEnv``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

from musicenv.alphabet import N_ACTIONS
from musicenv.batch import Batch
from musicenv.env import observation_space
from musicenv.lazy import LazyInfos

_TOLD: Final = {"terminal_observation": "observations", "melody": "melody", "terms": "terms", "passed": "passed"}
"""What the info of a finished piece tells, by what it is in ``Finished``."""


class MelodyVecEnv(VecEnv):
    """``batch.n`` melodies for SB3.  A finished piece's info holds ``terminal_observation``, ``melody``, ``terms`` and
    ``passed`` as in ``MelodyVectorEnv``, put together when they are asked for, and ``episode`` = {r, l} as
    ``VecMonitor`` would give it."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.render_mode = None
        super().__init__(batch.n, observation_space(batch), gym.spaces.Discrete(N_ACTIONS))
        self._generators: list[np.random.Generator] = []
        self._infos: list[dict[str, Any]] = [{} for _ in range(batch.n)]
        self._returns = np.zeros(batch.n)
        self._lengths = np.zeros(batch.n, dtype=np.int64)
        self._actions = np.zeros(batch.n, dtype=np.int64)

    def reset(self) -> npt.NDArray[np.float32]:
        if not self._generators or any(seed is not None for seed in self._seeds):
            self._generators = [gym.utils.seeding.np_random(seed)[0] for seed in self._seeds]
        self._reset_seeds()
        self._returns[:] = 0.0
        self._lengths[:] = 0
        self.batch.reset(self._generators)
        return self.batch.observations

    def step_async(self, actions: npt.NDArray[np.int64]) -> None:
        self._actions = np.asarray(actions, dtype=np.int64)

    def step_wait(self) -> VecEnvStepReturn:
        batch = self.batch
        final = batch.advance(self._actions, self._generators)
        self._returns += batch.rewards
        self._lengths += 1
        infos: list[dict[str, Any]] = self._infos
        if final is not None:
            infos = list(self._infos)
            for r, i in enumerate(final.rows):
                told = {name: partial(final.of_piece, what, r) for name, what in _TOLD.items()}
                infos[i] = LazyInfos(told, episode={"r": float(self._returns[i]), "l": int(self._lengths[i])})
            self._returns[final.rows] = 0.0
            self._lengths[final.rows] = 0
        return batch.observations, batch.rewards.astype(np.float32), batch.finished, infos

    def get_state(self) -> dict[str, Any]:
        """Everything that changes from step to step, as arrays and plain values."""
        return {
            "batch": self.batch.get_state(),
            "generators": [generator.bit_generator.state for generator in self._generators],
            "returns": self._returns,
            "lengths": self._lengths,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what ``get_state`` gave."""
        self._generators = [np.random.default_rng() for _ in state["generators"]]
        for generator, each in zip(self._generators, state["generators"], strict=True):
            generator.bit_generator.state = each
        self._returns[:], self._lengths[:] = state["returns"], state["lengths"]
        self.batch.set_state(state["batch"])

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """(n, A) True for each note that is legal now."""
        return self.batch.masks.astype(np.bool_)

    def env_method(self, method_name: str, *args: Any, indices: VecEnvIndices = None, **kwargs: Any) -> Any:
        """One result a melody; ``action_masks`` gives its whole (n, A) array at once, which SB3 stacks row by row."""
        result = getattr(self, method_name)(*args, **kwargs)
        return result[self._get_indices(indices)]

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        return [getattr(self, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        setattr(self, attr_name, value)

    def env_is_wrapped(
        self, wrapper_class: type[gym.Wrapper[Any, Any, Any, Any]], indices: VecEnvIndices = None
    ) -> list[bool]:
        return [False for _ in self._get_indices(indices)]

    def get_images(self) -> Sequence[npt.NDArray[np.uint8] | None]:
        return [None for _ in range(self.num_envs)]

    def close(self) -> None:
        """Nothing is held that needs closing."""
