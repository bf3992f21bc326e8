"""Many melodies behind ``gymnasium.vector.VectorEnv``: the same batch, the same step, SAME_STEP autoreset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from musicenv.alphabet import N_ACTIONS
from musicenv.batch import Batch
from musicenv.env import MelodyEnv, check_render_mode, draw, observation_space
from musicenv.finished import Finished
from musicenv.melody import Melody
from musicenv.options import Options, OptionSet, resolve
from rewards.named import Reward

if TYPE_CHECKING:
    from rewards.priors import Prior

Floats = npt.NDArray[np.float32]


class MelodyVectorEnv(VectorEnv[Floats, npt.NDArray[np.int64], npt.NDArray[Any]]):
    """``num_envs`` melodies at once; observation, action, reward and options as in ``MelodyEnv``, one row a piece.

    A finished piece is followed in the same step by the next one: its last observation is in ``infos["final_obs"]``,
    and ``infos["final_info"]`` holds its ``melody``, ``terms`` and ``passed``.  ``infos["action_mask"]`` is (n, 310)
    int8 and ``infos["terms"]`` (n, S).  Environment i is seeded with ``seed + i`` and equals a single environment of
    that seed step for step.  ``threads`` share the melodies, which pays from some hundred on.
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
        self._check(num_envs, render_mode, max_episode_steps, threads)
        wanted = Options().updated(options)
        suite, loaded = resolve(reward, prior)
        self._prepare(render_mode, wanted, Batch(num_envs, wanted.tasks(), suite, loaded, threads))

    def _check(self, num_envs: int, render_mode: str | None, max_episode_steps: int | None, threads: int = 1) -> None:
        check_render_mode(render_mode, self.metadata["render_modes"])
        if num_envs < 1:
            raise ValueError(f"num_envs={num_envs} is too few; ask for at least 1")
        if threads < 1:
            raise ValueError(f"threads={threads} is too few; ask for at least 1")
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
        self._everyone.flags.writeable = False  # one array for all infos

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
        batch, n = self.batch, self.num_envs
        final = batch.advance(np.asarray(actions, dtype=np.int64), self._generators)
        infos = self._infos()
        if final is not None:
            rows, which = final.rows, batch.finished.copy()
            seen = np.empty(n, dtype=object)  # None where nothing ended
            for i, observation in zip(rows.tolist(), final.observations, strict=True):
                seen[i] = observation
            terms, passed = np.zeros((n, len(self.terms))), np.zeros((n, len(self.terms)), dtype=np.bool_)
            terms[rows], passed[rows] = final.terms, final.passed
            told = {"melody": Melodies(final, n), "terms": terms, "passed": passed}
            told |= {"_melody": which, "_terms": which, "_passed": which}
            infos |= {"final_obs": seen, "_final_obs": which, "final_info": told, "_final_info": which}
        return batch.observations, batch.rewards, batch.finished, np.zeros(n, dtype=np.bool_), infos

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """(n, 310) True for each note that is legal now."""
        return self.batch.masks.astype(np.bool_)

    def render(self) -> tuple[Any, ...] | None:
        """One rendering a piece, as ``MelodyEnv.render`` gives it."""
        mode = self.render_mode
        return None if mode is None else tuple(draw(self.batch, i, mode) for i in range(self.num_envs))

    def _infos(self) -> dict[str, Any]:
        everyone = self._everyone
        terms = self.batch.lines.scores.copy()
        return {"action_mask": self.batch.masks, "_action_mask": everyone, "terms": terms, "_terms": everyone}


class Melodies(Sequence["Melody | None"]):
    """(n,) the melodies that ended in a step, None for the others; each is made when it is asked for."""

    def __init__(self, final: Finished, n: int) -> None:
        self._final, self._n = final, n

    def __len__(self) -> int:
        return self._n

    @overload
    def __getitem__(self, i: int) -> Melody | None: ...
    @overload
    def __getitem__(self, i: slice) -> list[Melody | None]: ...
    def __getitem__(self, i: int | slice) -> Melody | list[Melody | None] | None:
        if isinstance(i, slice):
            return [self[k] for k in range(self._n)[i]]
        found = np.flatnonzero(self._final.rows == range(self._n)[i])
        return self._final.melody[found[0]] if found.size else None
