"""How good the best piece is after how much thought: a curve for each planner, all by the same reward.

python -m experiments.planner_curves
python -m experiments.planner_curves --agents regenerate:ppo:runs/train_ppo/... best-of-n:ppo:runs/train_ppo/...
python -m experiments.planner_curves --task counterpoint:fux_d-3-above --agents beam nrpa puct regenerate value-beam
python -m experiments.planner_curves --publish RUN      # its figures to docs/figures
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

from agents.assignment import MELODY
from agents.training import check
from experiments.runs import UserError, command, open_run, print_table, start_run, user_input
from mcts.evaluation import EVALUATIONS
from mcts.game import Incumbents
from mcts.melodies import Melodies
from mcts.named import planner_named
from mcts.planners import TREES, Budget, places_for, run
from mcts.search import OutOfTimeError
from musicenv.files import atomic_path, write_atomic

Curve = npt.NDArray[np.float64]
SIMULATIONS: Final = {"best-of-n": 64, "regenerate": 64, "nrpa": 256, "beam": 128, "value-beam": 8}
"""What ``Budget.simulations`` is; 16 a note for tree searches."""
MOMENTS: Final = 24
FIGURES: Final = Path("docs/figures")


@dataclass(frozen=True)
class Args:
    """How good the best piece is after how much thought: a curve for each planner."""

    agents: tuple[str, ...] = ("best-of-n", "beam", "mcts", "puct", "nrpa", "regenerate")
    """Planners, as for compose: each alone plans with the prior; nrpa:ppo:RUN with what a run of train_ppo has learned,
    whose reward has to be the default one."""
    task: str = MELODY
    """As for compose; "counterpoint:fux_d-2-above" is one with a known optimum."""
    leaf: str = "sampled"
    """What a leaf of the tree searches is worth, as for compose."""
    pieces: int = 16
    """Planned side by side, at most 32."""
    seconds: float = 1.6
    """Processor time for each piece."""
    seed: int = 0
    """Of everything random."""
    out: Path | None = None
    """Run folder; a new one under runs/planner_curves by default."""
    publish: Path | None = None
    """A run folder whose curves are put into docs/figures; nothing is measured then."""


def moments(seconds: float) -> Curve:
    """(MOMENTS,) seconds a piece at which the curves are read, evenly by their logarithm."""
    return np.geomspace(seconds / 100, seconds, MOMENTS)


def curve(name: str, args: Args, at: Curve, told: tqdm[Any]) -> dict[str, Any]:
    """Best returns (MOMENTS, pieces) at the moments ``at`` (MOMENTS,), -inf where there is none yet, and the effort."""
    planner, guide = planner_named(name, args.leaf)
    game = Melodies(guide.batch(places_for(args.pieces), task=args.task), guide.agent, guide.critic)
    incumbents = Incumbents(game, args.pieces)
    compiling = Incumbents(game, args.pieces), Budget(2, value=args.leaf), np.random.default_rng(args.seed)
    run(planner, game, *compiling)
    returns = np.full((at.size, args.pieces), -np.inf)
    budget, heard = Budget(SIMULATIONS.get(name.partition(":")[0], 16), math.inf, value=args.leaf), game.heard
    began, done = time.process_time(), 0
    before = np.full(args.pieces, -np.inf)

    def watch(mean: float) -> None:
        nonlocal done, before
        spent = (time.process_time() - began) / args.pieces
        while done < at.size and spent >= at[done]:
            returns[done] = before
            done += 1
        before = incumbents.returns.copy()
        told.set_postfix_str(f"{name}: {mean:.2f} after {spent:.2f} s a piece", refresh=False)
        told.update(0)
        if done == at.size:
            raise OutOfTimeError

    run(planner, game, incumbents, budget, np.random.default_rng(args.seed), math.inf, watch)
    return {
        "returns": returns,
        "notes_heard": (game.heard - heard) / args.pieces,
        "bytes_a_position": game.bytes_per_position,
    }


def summary(figures: dict[str, Any]) -> list[list[object]]:
    """Rows of the table: mean best returns at a quarter of the time, at half of it and at its end."""
    rows: list[list[object]] = []
    for name, found in figures["planners"].items():
        means = np.array(found["mean"], dtype=float)
        seconds = np.array(figures["seconds"])
        at = [int(np.searchsorted(seconds, share * seconds[-1] - 1e-9)) for share in (1 / 16, 1 / 4, 1)]
        rows.append([name, *(means[k] for k in at), found["standard_error"][-1], round(found["notes_heard"])])
    return rows


def plot(figures: dict[str, Any], path: Path) -> Path:
    """Draw the curves, each with a band of one standard error, into a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 5.5))
    seconds = np.array(figures["seconds"])
    top = -math.inf
    for name, found in figures["planners"].items():
        mean, error = (np.array(found[key], dtype=float) for key in ("mean", "standard_error"))
        axes.plot(seconds, mean, label=name)
        axes.fill_between(seconds, mean - error, mean + error, alpha=0.2)
        top = max(top, float(np.nanmax(mean)))
    axes.set(xlabel="processor seconds a piece", ylabel="return of the best piece so far", xscale="log")
    shown = 3.5 if figures["task"] == MELODY else 20.0  # what is below has not begun to be music
    axes.set_ylim(top - shown, top + shown / 12)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    plt.close(figure)
    return path


def write(figures: dict[str, Any], folder: Path) -> list[Path]:
    """The curves as JSON and PNG in ``folder``."""
    raw = write_atomic(folder / f"{_name(figures['task'])}.json", json.dumps(figures, indent=1) + "\n")
    with atomic_path(raw.with_suffix(".png")) as path:
        plot(figures, path)
    return [raw, raw.with_suffix(".png")]


def _name(task: str) -> str:
    """Of the files, for a task."""
    kind = task.partition(":")[0]
    return "planner_curves" + ("" if kind == MELODY else f"_{kind}")


def measure(args: Args) -> None:
    """The command."""
    if args.publish is not None:
        published = open_run(args.publish, "planner_curves")
        raw = published.folder / f"{_name(published.arguments_as(Args).task)}.json"
        print(*write(json.loads(raw.read_text(encoding="utf-8")), FIGURES), sep="\n")
        return
    with user_input():
        check(args, pieces=1, seconds=0.0)
        if args.pieces > TREES:
            raise UserError(f"pieces {args.pieces}: choose at most {TREES}, which are planned side by side")
        if args.leaf not in EVALUATIONS:
            raise UserError(f"leaf {args.leaf!r} is not known; choose one of {', '.join(EVALUATIONS)}")
        for name in args.agents:
            planner_named(name, args.leaf, args.task)[1].batch(1, task=args.task)
    torch.set_num_threads(1)
    started = start_run("planner_curves", args, args.out)
    at = moments(args.seconds)
    figures: dict[str, Any] = {
        "task": args.task,
        "seconds": at.tolist(),
        "pieces": args.pieces,
        "leaf": args.leaf,
        "planners": {},
    }
    with tqdm(args.agents, unit=" planners", mininterval=1.0) as bar:
        for name in bar:
            with user_input():
                found = curve(name, args, at, bar)
            returns = found.pop("returns")
            known = np.where(np.isfinite(returns).all(axis=1, keepdims=True), returns, np.nan)
            error = known.std(axis=1) / math.sqrt(args.pieces)
            figures["planners"][name] = {"mean": _plain(known.mean(axis=1)), "standard_error": _plain(error), **found}
            started.log({"planner": name, "best": figures["planners"][name]["mean"][-1]})
    files = write(figures, started.folder)
    result = started.finish({"planners": figures["planners"]}, files)
    print_table(summary(figures), ["planner", "1/16 of the time", "1/4", "all of it", "standard error", "notes heard"])
    print(f"\nlook:    {files[1]}\nfigures: {result}\nmemory:  {memory(figures)}")


def memory(figures: dict[str, Any]) -> str:
    """What a stored position takes."""
    return f"{max(found['bytes_a_position'] for found in figures['planners'].values()):,} bytes a stored position"


def _plain(values: Curve) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]


main = command(Args, measure)

if __name__ == "__main__":
    main()
