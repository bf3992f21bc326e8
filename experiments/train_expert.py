"""Tune the prior by expert iteration: a tree search composes, the policy learns from it; then report and write pieces.

python -m experiments.train_expert
python -m experiments.train_expert --task counterpoint:made-2-both --steps 1000000
python -m experiments.train_expert --resume runs/train_expert/...
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

from stable_baselines3.common.logger import configure
from tqdm import tqdm

from agents.expert import Expert, ExpertSettings
from agents.policy import PriorPolicy
from experiments.report import describe
from experiments.runs import Run, command, user_input
from experiments.timeline import Timeline
from experiments.training_run import PAUSE, Herald, TrainingArgs, run_training


@dataclass(frozen=True)
class Args(ExpertSettings, TrainingArgs):
    """Tune the prior by expert iteration: a tree search composes, the policy learns from it."""

    steps: int = 600_000
    """Notes to compose while training, those that the search tries among them."""


def train(run: Run, args: Args, expert: Expert) -> PriorPolicy:
    """Train for ``args.steps`` notes, from the checkpoint where there is one; checkpoints lie between iterations."""
    path = run.folder / "checkpoint.pt"
    if path.exists():
        with user_input():
            expert.restore(path)
        run.rewind("notes", expert.notes)
    if expert.notes >= args.steps:
        return expert.policy
    logger = configure(str(run.folder / "tensorboard"), ["tensorboard"])
    print(f"training: {describe(expert.batch.tasks)}, {args.steps:,} notes; writing to {run.folder}", flush=True)
    timeline = Timeline(run.folder, args, expert.policy, expert.notes)
    herald, saved = Herald(), time.monotonic()
    with tqdm(total=args.steps, initial=expert.notes, unit=" notes", unit_scale=True, smoothing=0.1) as bar:
        timeline.look(expert.notes, logger)

        def watch() -> None:
            bar.update(expert.notes - bar.n)

        while expert.notes < args.steps:
            figures, found = expert.iterate(1.0 - expert.notes / args.steps, watch)
            figures["passes_all"] = float(found.passed.all(axis=1).mean())
            for name, mean in zip(expert.batch.suite.names, found.scores.mean(axis=0), strict=True):
                figures[f"terms/{name}"] = float(mean)
            run.log(figures)
            for name, value in figures.items():
                logger.record(name if "/" in name else f"expert/{name}", value)
            timeline.look(expert.notes, logger)
            logger.dump(expert.notes)
            shown = {"score": "score", "incumbent": "incumbent", "KL": "kl_per_piece"}
            bar.set_postfix({name: f"{figures[key]:.2f}" for name, key in shown.items()}, refresh=False)
            best = int(found.returns.argmax())
            herald.offer(float(found.returns[best]), partial(found.melodies.__getitem__, best))
            herald.say(bar)
            if time.monotonic() - saved > PAUSE or expert.notes >= args.steps:
                expert.save(path)
                saved = time.monotonic()
    return expert.policy


main = command(Args, lambda args: run_training(args, Expert, train))

if __name__ == "__main__":
    main()
