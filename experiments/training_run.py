"""What the commands that train have in common: resuming, telling of the best piece so far, the report at the end."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import torch
from tqdm import tqdm

from agents.compose import Agent, Pieces, prior, uniform
from agents.policy import PriorPolicy, policy_agent
from agents.training import Learning, check
from experiments.compose import AT_ONCE
from experiments.pieces import Piece, available, pieces_of, write_pieces
from experiments.report import Column, Reporter, flat, tables, write_report
from experiments.runs import Run, UserError, open_run, start_run, user_input
from mcts.best_of import best_of
from musicenv import render
from musicenv.melody import Melody
from rewards.rules import RuleError

PAUSE: Final = 5.0
"""Seconds between two checkpoints, and between two pieces that are told of."""


@dataclass(frozen=True)
class TrainingArgs(Learning):
    """What is learned, for how long, and what is written."""

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
    out: Path | None = None
    """Run folder; a new one under runs by default."""
    resume: Path | None = None
    """Run folder to go on with; its own arguments hold."""


class Herald:
    """Tells of the best piece so far, now and then."""

    def __init__(self) -> None:
        self.best = -math.inf
        self._said = time.monotonic()
        self._news: Melody | None = None

    def offer(self, score: float, melody: Callable[[], Melody]) -> None:
        """A finished piece, which is asked for if it is the best."""
        if score > self.best:
            self.best, self._news = score, melody()

    def say(self, bar: tqdm[Any]) -> None:
        """Write the best piece as ABC above the bar, if there is a new one and the last is some seconds ago."""
        if self._news is not None and time.monotonic() - self._said > PAUSE:
            bar.write(f"best so far ({self.best:.1f}): {render.to_abc(self._news, one_line=True)}")
            self._said, self._news = time.monotonic(), None


A = TypeVar("A", bound=TrainingArgs)
T = TypeVar("T")


def run_training(args: A, build: Callable[[A], T], train: Callable[[Run, A, T], PriorPolicy]) -> None:
    """The body of a training command: build, train (from the run's checkpoint, where there is one) and report."""
    run = None
    if args.resume is not None:
        run = open_run(args.resume, args.command)
        given = replace(args, resume=None)
        if changed := [field.name for field in fields(args) if getattr(given, field.name) != field.default]:
            raise UserError(
                f"--resume goes on with the run's own arguments; leave out --{changed[0].replace('_', '-')}"
            )
        args = run.arguments_as(type(args))
    with user_input():
        check(args, steps=0, pieces=1, best_of=1, write=0, timeline=0)
        torch.set_num_threads(1)  # its own threads wait for each other at each product, and what they add up differs
        built = build(args)
    run = run or start_run(args.command, args, args.out)
    try:
        report(run, args, train(run, args, built))
    except RuleError as error:
        raise UserError(str(error)) from error


def report(run: Run, args: TrainingArgs, policy: PriorPolicy) -> None:
    """Compose fresh pieces, compare them with real parts, and write figures and files."""
    batch = args.assignment.batch(min(AT_ONCE, args.pieces * args.best_of))
    reporter = Reporter(batch.tasks, batch.suite, batch.prior)
    agents: dict[str, tuple[Agent, int]] = {"uniform": (uniform, 1)}
    if batch.prior is not None:
        agents["prior"] = (prior(), 1)
    tuned = policy_agent(policy)
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
    for name, pieces in ((name, pieces) for name, pieces in shown.items() if pieces):
        formats = available("midi", "musicxml", "mp3") if name in ("best", "tuned") else ["midi"]
        files += write_pieces(run.folder / "pieces", {name: pieces}, formats)
    result = run.finish(flat(columns), files)
    print("\n" + tables(columns)[0])
    print(f"\nbest = the best of {args.best_of} by the reward; each rule's share and mean: {files[0]}")
    print(f"listen: python -m experiments.listen {run.folder}\nlook:   {run.folder / 'pieces' / 'best' / 'roll.png'}")
    print(f"figures: {result}")
