"""Tune the prior with PPO to follow the rules, then report and write pieces.

python -m experiments.train_ppo
python -m experiments.train_ppo --key "D dorian" --metre 6/8 --reward "default+my_rules:swing=0.5"
python -m experiments.train_ppo --task counterpoint:made-2-both
python -m experiments.train_ppo --resume runs/train_ppo/...
"""

from __future__ import annotations

import time
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import configure
from tqdm import tqdm

from agents import checkpoint
from agents.compose import Agent, Pieces, prior, uniform
from agents.policy import policy_agent
from agents.training import Settings, Trained, build, check
from experiments.pieces import Piece, available, pieces_of, write_pieces
from experiments.report import Column, Reporter, describe, flat, tables, write_report
from experiments.runs import Run, UserError, command, open_run, start_run, user_input
from experiments.timeline import Timeline
from mcts.best_of import best_of
from musicenv import render
from musicenv.melody import Melody
from rewards.rules import RuleError


@dataclass(frozen=True)
class Args(Settings):
    """Tune the prior with PPO to follow the rules, then report and write pieces."""

    steps: int = 2_000_000
    """Notes to compose while training."""
    pieces: int = 256
    """Fresh pieces for each column of the report."""
    best_of: int = 4
    """The last column chooses each piece from this many by the reward."""
    write: int = 4
    """Best and random pieces to write as files, each."""
    timeline: int = 10
    """How often one seed is composed while training, to hear the agent learn."""
    threads: int = 1
    """Threads of torch; 2 are faster on an idle machine, much slower where other work takes a core."""
    out: Path | None = None
    """Run folder; a new one under runs/train_ppo by default."""
    resume: Path | None = None
    """Run folder to go on with; its own arguments hold."""


class Progress(BaseCallback):
    """Bar, best piece, TensorBoard, metrics, timeline, checkpoints; each rollout begins with all of them up to date."""

    def __init__(self, run: Run, trained: Trained, total: int, timeline: Timeline) -> None:
        super().__init__()
        self.run, self.trained, self.timeline = run, trained, timeline
        self.names = trained.batch.suite.names
        self.bar = tqdm(total=total, initial=trained.model.num_timesteps, unit=" notes", unit_scale=True, smoothing=0.1)
        self.best = -np.inf
        self.said = self.saved = time.monotonic()
        self.found: list[tuple[float, Melody]] = []
        self.terms: list[np.ndarray[tuple[int], np.dtype[np.float64]]] = []
        self.passes: list[bool] = []

    def _on_step(self) -> bool:
        if self.locals["dones"].any():
            for i in np.flatnonzero(self.locals["dones"]):
                info = self.locals["infos"][i]
                self.terms.append(info["terms"])
                self.passes.append(bool(info["passed"].all()))
                if info["episode"]["r"] > self.best:
                    self.best = info["episode"]["r"]
                    self.found = [(self.best, info["melody"])]
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
        if self.found and time.monotonic() - self.said > 5:
            self.said = time.monotonic()
            score, melody = self.found.pop()
            self.bar.write(f"best so far ({score:.1f}): {render.to_abc(melody, one_line=True)}")
        if self.num_timesteps and time.monotonic() - self.saved > 5:
            self.save()

    def save(self) -> None:
        """Write the checkpoint; only between rollouts."""
        checkpoint.save(self.trained.model, self.trained.env, self.run.folder / "checkpoint.pt")
        self.saved = time.monotonic()

    def _on_training_end(self) -> None:
        self._on_rollout_start()
        self.save()
        self.bar.close()


def train(run: Run, args: Args, trained: Trained) -> None:
    """Train up to ``args.steps`` notes, from the checkpoint where there is one."""
    path = run.folder / "checkpoint.pt"
    if path.exists():
        with user_input():
            checkpoint.restore(trained.model, trained.env, path)
        run.rewind("notes", trained.model.num_timesteps)
    left = args.steps - trained.model.num_timesteps
    if left <= 0:
        return
    trained.model.set_logger(configure(str(run.folder / "tensorboard"), ["tensorboard"]))
    print(f"training: {describe(trained.batch.tasks)}, {args.steps:,} notes; writing to {run.folder}", flush=True)
    timeline = Timeline(run.folder, trained, args.steps, args.timeline, args.seed)
    progress = Progress(run, trained, args.steps, timeline)
    # SB3 would write its logs before the update; Progress writes them after it.
    trained.model.learn(left, progress, log_interval=None, reset_num_timesteps=not path.exists())  # type: ignore[arg-type]


def report(run: Run, args: Args, trained: Trained) -> None:
    """Compose fresh pieces, compare them with real parts, and write figures and files."""
    batch = trained.batch
    reporter = Reporter(batch.tasks, batch.suite, batch.prior)
    agents: dict[str, tuple[Agent, int]] = {"uniform": (uniform, 1)}
    if batch.prior is not None:
        agents["prior"] = (prior(), 1)
    tuned = policy_agent(trained.model.policy)
    agents |= {"tuned": (tuned, 1), "best": (tuned, args.best_of)}
    columns: list[Column] = [reporter.real()] if reporter.parts else []
    composed: dict[str, Pieces] = {}
    total = sum(k for _, k in agents.values()) * args.pieces
    with tqdm(total=total, unit=" pieces", desc="composing") as bar:
        for number, (name, (agent, k)) in enumerate(agents.items()):
            # Seeds far from those of training, one for each agent.
            composed[name] = best_of(batch, agent, k, args.pieces, args.seed + 10_000 + number, bar.update)
            columns.append(reporter.column(name, composed[name]))
    composed["best"] = composed["best"].pick(np.argsort(-composed["best"].returns)[: args.write])
    shown = {name: pieces_of(found)[: args.write] for name, found in composed.items() if name != "uniform"}
    shown |= {"real": [Piece(melody) for melody in reporter.parts[: args.write]]} if reporter.parts else {}
    files = [write_report(run.folder, columns)]
    for name, pieces in shown.items():
        formats = available("midi", "musicxml", "mp3") if name in ("best", "tuned") else ["midi"]
        files += write_pieces(run.folder / "pieces", {name: pieces}, formats)
    result = run.finish(flat(columns), files)
    print("\n" + tables(columns)[0])
    print(f"\nbest = the best of {args.best_of} by the reward; each rule's share and mean: {files[0]}")
    print(f"listen: python -m experiments.listen {run.folder}\nlook:   {run.folder / 'pieces' / 'best' / 'roll.png'}")
    print(f"figures: {result}")


def run_training(args: Args) -> None:
    """The command."""
    run = None
    if args.resume is not None:
        run = open_run(args.resume, "train_ppo")
        if changed := [
            field.name for field in fields(Args) if getattr(replace(args, resume=None), field.name) != field.default
        ]:
            raise UserError(
                f"--resume goes on with the run's own arguments; leave out --{changed[0].replace('_', '-')}"
            )
        args = run.arguments_as(Args)
    with user_input():
        check(args, steps=0, pieces=1, best_of=1, write=0, timeline=0, threads=1)
        torch.set_num_threads(args.threads)
        trained = build(args)
    run = run or start_run("train_ppo", args, args.out)
    try:
        train(run, args, trained)
        report(run, args, trained)
    except RuleError as error:
        raise UserError(str(error)) from error


main = command(Args, run_training)

if __name__ == "__main__":
    main()
