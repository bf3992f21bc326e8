"""Many melodies behind ``gymnasium.vector.VectorEnv``: the same batch, the same step, SAME_STEP autoreset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from musicenv.alphabet import N_ACTIONS
from musicenv.batch import Batch
from musicenv.env import MelodyEnv, check_render_mode, draw, observation_space
from musicenv.lazy import LazyInfos
from musicenv.options import Options, OptionSet, resolve
from rewards.named import Reward

if TYPE_CHECKING:
    from rewards.priors import Prior

Floats = npt.NDArray[np.float32]


class MelodyVectorEnv(VectorEnv[Floats, npt.NDArray[np.int64], npt.NDArray[Any]]):
    """``num_envs`` melodies at once; observation, action, reward and options as in ``MelodyEnv``, one row a piece.

    A finished piece is followed in the same step by the next one: its last observation is in ``infos["final_obs"]``,
    and ``infos["final_info"]`` holds its ``melody``, ``terms`` and ``passed``, which are put together when they are
    asked for.  ``infos["action_mask"]`` is (n, 310) int8 and ``infos["terms"]`` (n, S).  Environment i is seeded with
    ``seed + i`` and equals a single environment of that seed step for step.  Nothing is ever truncated: what ``step``
    says of that is one read-only array.  ``threads`` share the melodies, which pays from some hundred on.
    """

    metadata = {  # noqa: RUF012
        **MelodyEnv.metadata,
        "render_modes": ["ansi", "rgb_array"],
        "autoreset_mode": AutoresetMode.SAME_STEP,
    }

    def __init__(
        self,
        num_envs: int = 1,
        reward: Reward = "default",
        prior: Prior | str | None = "lstm",
        render_mode: str | None = None,
        max_episode_steps: int | None = None,
        threads: int = 1,
        **options: Any,
    ) -> None:
        self._check(num_envs, render_mode, max_episode_steps)
        wanted = Options().updated(options)
        suite, loaded = resolve(reward, prior)
        self._prepare(render_mode, wanted, Batch(num_envs, wanted.tasks(), suite, loaded, threads))

    def _check(self, num_envs: int, render_mode: str | None, max_episode_steps: int | None) -> None:
        check_render_mode(render_mode, self.metadata["render_modes"])
        if num_envs < 1:
            raise ValueError(f"num_envs={num_envs} is too few; ask for at least 1")
        if max_episode_steps is not None:
            raise ValueError("max_episode_steps: a melody ends at its final barline; choose its length with bars=")

    def _prepare(self, render_mode: str | None, options: OptionSet, batch: Batch) -> None:
        self.num_envs = batch.n
        self.render_mode = render_mode
        self._options = self._current = options
        self.batch = batch
        self.layout = batch.layout
        self.terms = batch.suite.names
        self.single_observation_space = observation_space(batch)
        self.single_action_space = gym.spaces.Discrete(N_ACTIONS)
        self.observation_space = batch_space(self.single_observation_space, batch.n)
        self.action_space = batch_space(self.single_action_space, batch.n)
        self._generators: list[np.random.Generator] = []
        self._everyone = np.ones(batch.n, dtype=np.bool_)
        self._never = np.zeros(batch.n, dtype=np.bool_)  # a melody is never cut off
        self._everyone.flags.writeable = self._never.flags.writeable = False  # one array for all steps

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats, dict[str, Any]]:
        if seed is not None or not self._generators:
            if seed is None or isinstance(seed, int):
                seeds = [None if seed is None else seed + i for i in range(self.num_envs)]
            else:
                seeds = list(seed)
            if len(seeds) != self.num_envs:
                raise ValueError(f"reset got {len(seeds)} seeds for {self.num_envs} environments; give one each")
            self._generators = [gym.utils.seeding.np_random(each)[0] for each in seeds]
        wanted = self._options.updated(options)
        if wanted != self._current:
            self.batch.set_tasks(wanted.tasks())
            self._current = wanted
        self.batch.reset(self._generators)
        return self.batch.observations, self._infos()

    def step(
        self, actions: npt.NDArray[np.int64]
    ) -> tuple[Floats, npt.NDArray[np.float64], npt.NDArray[np.bool_], npt.NDArray[np.bool_], dict[str, Any]]:
        batch = self.batch
        final = batch.advance(actions, self._generators)
        infos = self._infos()
        if final is not None:
            infos = LazyInfos(
                infos,
                final_obs=final.spread_observations,
                final_info=final.spread_infos,
                _final_obs=batch.finished,
                _final_info=batch.finished,
            )
        return batch.observations, batch.rewards, batch.finished, self._never, infos

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """(n, 310) True for each note that is legal now."""
        return self.batch.masks.astype(np.bool_)

    def render(self) -> tuple[Any, ...] | None:
        """One rendering a piece, as ``MelodyEnv.render`` gives it."""
        mode = self.render_mode
        return None if mode is None else tuple(draw(self.batch, i, mode) for i in range(self.num_envs))

    def _infos(self) -> dict[str, Any]:
        batch, everyone = self.batch, self._everyone
        return {"action_mask": batch.masks, "_action_mask": everyone, "terms": batch.terms, "_terms": everyone}
