"""Tune the prior with PPO to follow the rules, then report and write pieces.

python -m experiments.train_ppo
python -m experiments.train_ppo --key "D dorian" --metre 6/8 --reward "default+my_rules:swing=0.5"
python -m experiments.train_ppo --task counterpoint:made-2-both
python -m experiments.train_ppo --resume runs/train_ppo/...
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import configure
from tqdm import tqdm

from agents import checkpoint
from agents.policy import PriorPolicy
from agents.training import Settings, Trained, build
from experiments.report import describe
from experiments.runs import Run, command, user_input
from experiments.timeline import Timeline
from experiments.training_run import PAUSE, Herald, TrainingArgs, run_training


@dataclass(frozen=True)
class Args(Settings, TrainingArgs):
    """Tune the prior with PPO to follow the rules, then report and write pieces."""


class Progress(BaseCallback):
    """Bar, best piece, TensorBoard, metrics, timeline, checkpoints; each rollout begins with all of them up to date."""

    def __init__(self, run: Run, trained: Trained, total: int, timeline: Timeline) -> None:
        super().__init__()
        self.run, self.trained, self.timeline = run, trained, timeline
        self.names = trained.batch.suite.names
        self.bar = tqdm(total=total, initial=trained.model.num_timesteps, unit=" notes", unit_scale=True, smoothing=0.1)
        self.herald = Herald()
        self.saved = time.monotonic()
        self.terms: list[np.ndarray[tuple[int], np.dtype[np.float64]]] = []
        self.passes: list[bool] = []

    def _on_step(self) -> bool:
        if self.locals["dones"].any():
            for i in np.flatnonzero(self.locals["dones"]):
                info = self.locals["infos"][i]
                self.terms.append(info["terms"])
                self.passes.append(bool(info["passed"].all()))
                self.herald.offer(info["episode"]["r"], partial(info.__getitem__, "melody"))
        return True

    def _on_rollout_end(self) -> None:
        if not self.terms:
            return
        means = np.mean(self.terms, axis=0)
        for name, mean in zip(self.names, means, strict=True):
            self.logger.record(f"terms/{name}", float(mean))
        self.logger.record("rollout/score", float(means.sum()))
        self.logger.record("rollout/passes_all", float(np.mean(self.passes)))
        self.terms, self.passes = [], []

    def _on_rollout_start(self) -> None:
        values = self.logger.name_to_value
        if "train/kl_per_note" in values:
            figures = {"notes": self.num_timesteps, **{name: float(value) for name, value in values.items()}}
            self.run.log(figures)
            self.logger.dump(self.num_timesteps)
            shown = {"score": "rollout/score", "pass": "rollout/passes_all", "KL": "train/kl_per_piece"}
            self.bar.set_postfix(
                {name: f"{figures.get(key, np.nan):.2f}" for name, key in shown.items()}, refresh=False
            )
        self.bar.update(self.num_timesteps - self.bar.n)
        self.timeline.look(self.num_timesteps, self.logger)
        self.herald.say(self.bar)
        if self.num_timesteps and time.monotonic() - self.saved > PAUSE:
            self.save()

    def save(self) -> None:
        """Write the checkpoint; only between rollouts."""
        checkpoint.save(self.trained.model, self.trained.env, self.run.folder / "checkpoint.pt")
        self.saved = time.monotonic()

    def _on_training_end(self) -> None:
        self._on_rollout_start()
        self.save()
        self.bar.close()


def train(run: Run, args: Args, trained: Trained) -> PriorPolicy:
    """Train up to ``args.steps`` notes, from the checkpoint where there is one."""
    path = run.folder / "checkpoint.pt"
    if path.exists():
        with user_input():
            checkpoint.restore(trained.model, trained.env, path)
        run.rewind("notes", trained.model.num_timesteps)
    left = args.steps - trained.model.num_timesteps
    if left <= 0:
        return trained.model.policy
    trained.model.set_logger(configure(str(run.folder / "tensorboard"), ["tensorboard"]))
    print(f"training: {describe(trained.batch.tasks)}, {args.steps:,} notes; writing to {run.folder}", flush=True)
    timeline = Timeline(run.folder, args, trained.model.policy, trained.model.num_timesteps)
    progress = Progress(run, trained, args.steps, timeline)
    # SB3 would write its logs before the update; Progress writes them after it.
    trained.model.learn(left, progress, log_interval=None, reset_num_timesteps=not path.exists())  # type: ignore[arg-type]
    return trained.model.policy


main = command(Args, lambda args: run_training(args, build, train))

if __name__ == "__main__":
    main()
