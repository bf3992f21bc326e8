"""``musicenv:Melody-v0``: composing one melody, note by note."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from musicenv.alphabet import N_ACTIONS
from musicenv.batch import Batch
from musicenv.options import Options, OptionSet, resolve
from rewards.named import Reward

if TYPE_CHECKING:
    from musicenv.render.window import RollWindow
    from rewards.priors import Prior


def observation_space(batch: Batch) -> gym.spaces.Box[np.float32]:
    """The flat float32 Box of one piece of ``batch``."""
    return gym.spaces.Box(*batch.bounds, dtype=np.float32)


def draw(batch: Batch, i: int, mode: str) -> Any:
    """Piece ``i`` so far as ABC text ("ansi") or piano roll ("rgb_array")."""
    from musicenv import render

    melody = batch.melody(i)
    return render.to_abc(melody) if mode == "ansi" else render.piano_roll(melody)


def check_render_mode(mode: str | None, modes: Sequence[str]) -> None:
    """ValueError where there is no such way to render."""
    if mode is not None and mode not in modes:
        raise ValueError(f"render_mode {mode!r} is not one of {', '.join(modes)}")


class MelodyEnv(gym.Env[npt.NDArray[np.float32], np.int64]):
    """Compose a melody of a given metre, key and length.

    **Observation**: Box float32 (D,); ``env.unwrapped.layout`` names its blocks (see ``musicenv.observation``): the
    last notes, place in bar and piece, metre, mode, key, style, highest and lowest so far, what sounded 1, 2, 4 and 8
    bars ago, legal durations, scores of the reward's terms so far; with a prior its ``hidden`` state and
    its ``log_probs`` (310, nats).

    **Action**: Discrete(310): one note, a pitch or a rest with a duration (``musicenv.alphabet``).  Legal ones are in
    ``action_masks()`` (bool) and ``info["action_mask"]`` (int8), both (310,).  An illegal duration is replaced by the
    longest legal one that is shorter, or by the shortest legal one.

    **Reward**: the gain of the suite's score: note rules at each note; statistics of the piece at the bar lines that
    divide it into at most eight stretches (up to eight bars: at each), as the difference to the reading before.  The
    sum over the piece is its score.  ``info["terms"]`` (S,) is the weighted score of each term so far, named by
    ``env.unwrapped.terms``.

    **End**: ``terminated`` at the final barline, which every piece meets exactly; never truncated.
    ``info["melody"]`` is then the piece and ``info["passed"]`` (S,) tells which terms it passes.

    **Options**, in ``gym.make`` and again in ``reset(options=)``: bars, metre, key, style, pickup, opening (see
    ``musicenv.options.Options``).  In ``gym.make`` alone: ``reward``: a name, a sum of names, a
    dict of weights, ``"module:function"``, a rule or a suite.  ``prior``: a name, a prior, or None for none.
    """

    metadata = {"render_modes": ["ansi", "human", "rgb_array"], "render_fps": 4}  # noqa: RUF012 - as Gymnasium has it

    def __init__(
        self,
        reward: Reward = "default",
        prior: Prior | str | None = "lstm",
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        wanted = Options().updated(options)
        suite, loaded = resolve(reward, prior)
        self._prepare(render_mode, wanted, Batch(1, wanted.tasks(), suite, loaded))

    def _prepare(self, render_mode: str | None, options: OptionSet, batch: Batch) -> None:
        check_render_mode(render_mode, self.metadata["render_modes"])
        self.render_mode = render_mode
        self._window: RollWindow | None = None
        self._options = self._current = options
        self.batch = batch
        self.layout = batch.layout
        self.terms = batch.suite.names
        self.observation_space = observation_space(self.batch)
        self.action_space = gym.spaces.Discrete(N_ACTIONS)
        self._action = np.zeros(1, dtype=np.int64)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[npt.NDArray[np.float32], dict[str, Any]]:
        super().reset(seed=seed)
        wanted = self._options.updated(options)
        if wanted != self._current:
            self.batch.set_tasks(wanted.tasks())
            self._current = wanted
        self.batch.reset([self.np_random])
        if self.render_mode == "human":
            self.render()
        return self.batch.observations[0], self._info()

    def step(self, action: np.int64) -> tuple[npt.NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        batch = self.batch
        self._action[0] = action
        batch.step_and_listen(self._action)
        finished = batch.ended > 0
        info = self._info()
        if finished:
            info |= {"melody": batch.melody(0), "passed": batch.lines.passed[0].copy()}
        if self.render_mode == "human":
            self.render()
        return batch.observations[0], batch.rewards.item(0), finished, False, info

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """(310,) True for each note that is legal now."""
        legal: npt.NDArray[np.bool_] = self.batch.masks[0].astype(np.bool_)
        return legal

    def render(self) -> Any:
        """ABC text ("ansi") or a piano roll, uint8 (height, width, 3) ("rgb_array").

        With "human" a window shows the piano roll, and reset and step draw it anew, ``render_fps`` notes a second.
        """
        if self.render_mode is None:
            gym.logger.warn('render() needs render_mode="ansi", "human" or "rgb_array" in gym.make; nothing was drawn')
            return None
        if self.render_mode != "human":
            return draw(self.batch, 0, self.render_mode)
        if self._window is None:
            from musicenv.render.window import RollWindow

            self._window = RollWindow("musicenv", self.metadata["render_fps"])
        self._window.show(draw(self.batch, 0, "rgb_array"))
        return None

    def close(self) -> None:
        """Close the window, if one is open."""
        if self._window is not None:
            self._window.close()
            self._window = None

    def _info(self) -> dict[str, Any]:
        return {"action_mask": self.batch.masks[0], "terms": self.batch.terms[0]}
