"""How long a learner may learn: a number of notes, or time on one core."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger

from agents.vec_env import MelodyVecEnv


@dataclass(frozen=True)
class Budget:
    """Whichever is given; with both, whatever is used up first."""

    steps: int | None = None
    """Notes composed in the environment while learning."""
    seconds: float | None = None
    """Processor time.  A learner runs in one thread, so that this is wall-clock time on a core of its own; on a machine
    with other work it is still the same amount of computing."""

    def __post_init__(self) -> None:
        if self.steps is None and self.seconds is None:
            raise ValueError("a budget without steps or seconds never ends; give at least one of them")
        for name in ("steps", "seconds"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < math.inf:
                raise ValueError(f"{name}={value} is not possible; give 0 or more")

    @property
    def name(self) -> str:
        """Such as "200000_notes" or "60_s"."""
        given = {"notes": self.steps, "s": self.seconds}
        return "_".join(f"{value:g}_{unit}" for unit, value in given.items() if value is not None)


class Meter:
    """What of a budget has been used since the meter was made."""

    def __init__(self, budget: Budget, clock: Callable[[], float] = time.process_time) -> None:
        self.budget = budget
        self.steps = 0
        self.clock = clock
        self.began = clock()

    @property
    def seconds(self) -> float:
        """Used so far, by the clock: processor time, unless another was given."""
        return self.clock() - self.began

    @property
    def left(self) -> float:
        """Share of the budget that is left, 1 to 0."""
        shares = [0.0]
        if self.budget.steps is not None:
            shares.append(self.steps / max(self.budget.steps, 1))
        if self.budget.seconds is not None:
            shares.append(self.seconds / max(self.budget.seconds, 1e-9))
        return max(1.0 - max(shares), 0.0)


class _Watch(BaseCallback):
    """Stops training when the budget is used up, and lets SB3's schedules follow the budget."""

    def __init__(self, meter: Meter) -> None:
        super().__init__()
        self.meter = meter

    def _on_training_start(self) -> None:
        self.meter = Meter(self.meter.budget, self.meter.clock)  # what SB3 did before is not counted
        # SB3 knows progress in steps alone; schedules of step size and exploration ask here.
        self.model._update_current_progress_remaining = self._progress  # type: ignore[method-assign]

    def _progress(self, num_timesteps: int, total_timesteps: int) -> None:
        self.model._current_progress_remaining = self.meter.left

    def _on_step(self) -> bool:
        self.meter.steps = self.num_timesteps
        return self.meter.left > 0.0


@dataclass(frozen=True)
class Used:
    """What a learner has used."""

    steps: int
    seconds: float


def learn(
    model: BaseAlgorithm, env: MelodyVecEnv, budget: Budget, clock: Callable[[], float] = time.process_time
) -> Used:
    """Train any SB3 model within ``budget``, its seconds by ``clock``.  Compiling the step is not counted."""
    if budget.steps == 0 or budget.seconds == 0:
        return Used(0, 0.0)
    batch = env.batch
    batch.reset([np.random.default_rng(0)] * batch.n)
    batch.step(np.zeros(batch.n, dtype=np.int64))
    watch = _Watch(Meter(budget, clock))
    model.set_logger(Logger(None, []))  # SB3's own would leave a folder among the temporary files
    model.learn(sys.maxsize, watch, log_interval=None)  # type: ignore[arg-type]
    return Used(watch.meter.steps, watch.meter.seconds)
