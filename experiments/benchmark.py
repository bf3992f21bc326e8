"""Compare agents: the same tasks, the same notes to learn from and the same time, many seeds, judges that are no
reward.

python -m experiments.benchmark                       # minutes on two cores
python -m experiments.benchmark --preset full --ship  # the published table: see Preset for how long it takes
python -m experiments.benchmark --contenders prior prior_ppo my_agents:mine --tasks jig
python -m experiments.benchmark --resume runs/benchmark/...
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Final, Literal

import torch
from tqdm import tqdm

from agents.budget import Budget
from experiments import benchmark_page, benchmark_plots
from experiments.benchmark_tables import NO_BUDGET, TABLE, estimates, markdown, paper_markdown, ranked, read
from experiments.cells import cells_of, run, run_real
from experiments.contenders import CONTENDERS, TASKS, contender
from experiments.runs import Run, UserError, command, open_run, print_table, start_run, user_input
from musicenv.files import write_atomic

SHIPPED: Final = Path(__file__).parent.parent / "docs" / "figures" / "benchmark"
"""Cells, tables and plots of the published comparison."""


@dataclass(frozen=True)
class Preset:
    """What is compared unless told otherwise."""

    tasks: tuple[str, ...]
    contenders: tuple[str, ...]
    seeds: int
    steps: int
    seconds: float
    pieces: int


PRESETS: Final = {
    "quick": Preset(
        tasks=("melody",),
        contenders=("uniform", "prior", "prior_best_of_4", "prior_ppo", "tutor_psi_tuned", "tutor_g_tuned", "cloning"),
        seeds=3,
        steps=30_000,
        seconds=6.0,
        pieces=64,
    ),
    # Some 80 minutes of one core for each seed and task, half of it for qr_dqn and recurrent_ppo at equal steps.
    "full": Preset(
        tasks=("melody", "jig", "continuation"),
        contenders=tuple(CONTENDERS),
        seeds=10,
        steps=300_000,
        seconds=60.0,
        pieces=256,
    ),
}


@dataclass(frozen=True)
class Args:
    """Compare agents: the same tasks, the same notes and the same time to learn, many seeds."""

    preset: Literal["quick", "full"] = "quick"
    """What the following are unless given."""
    tasks: tuple[str, ...] = ()
    """Of melody, jig, waltz, dorian, continuation, any."""
    contenders: tuple[str, ...] = ()
    """Names in experiments/contenders.py, or MODULE:ATTRIBUTE for an agent of one's own."""
    seeds: int | None = None
    """Runs of each contender on each task."""
    steps: int | None = None
    """Notes that each learner may compose while it learns; 0 leaves the comparison at equal steps out."""
    seconds: float | None = None
    """Seconds of one core that each learner may take, in runs of their own; 0 leaves these out."""
    pieces: int | None = None
    """Pieces that are judged for each run."""
    processes: int = 2
    """Runs side by side, each in one thread."""
    ship: bool = False
    """Write tables and plots into docs/figures/benchmark and docs/benchmark.md as well."""
    out: Path | None = None
    """Run folder; a new one under runs/benchmark by default."""
    resume: Path | None = None
    """Run folder to go on with; its own arguments hold, but for --processes and --ship."""

    @property
    def chosen(self) -> Preset:
        """The preset with what was given."""
        given = {field.name: getattr(self, field.name) for field in fields(Preset)}
        return replace(
            PRESETS[self.preset], **{name: value for name, value in given.items() if value not in (None, ())}
        )


def check(args: Args) -> Preset:
    """The choice, if it is possible; ValueError, naming the field, if not."""
    chosen = args.chosen
    for task in chosen.tasks:
        if task not in TASKS:
            raise ValueError(f"task {task!r} is not one of {', '.join(TASKS)}")
    for name in chosen.contenders:
        contender(name)
    for name, least in {"seeds": 1, "pieces": 10}.items():
        if getattr(chosen, name) < least:
            raise ValueError(f"{name}={getattr(chosen, name)} is not possible; give at least {least}")
    if args.processes < 1:
        raise ValueError(f"processes={args.processes} is not possible; give at least 1")
    if not budgets_of(chosen):
        raise ValueError("steps=0 and seconds=0 leave nothing to compare; give one of them")
    return chosen


def budgets_of(chosen: Preset) -> list[Budget]:
    """Equal steps, then equal time."""
    steps = [Budget(steps=chosen.steps)] if chosen.steps else []
    return steps + ([Budget(seconds=chosen.seconds)] if chosen.seconds else [])


def _alone() -> None:
    """A worker computes in one thread, and leaves Ctrl-C to the command."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)


def measure_all(chosen: Preset, folder: Path, processes: int) -> None:
    """Measure all cells that are not in ``folder`` yet."""
    # uniform play and real parts are what scores are measured by.
    names = dict.fromkeys(("uniform", *chosen.contenders))
    cells = list(cells_of(chosen.tasks, tuple(names), budgets_of(chosen), chosen.seeds, chosen.pieces))
    left = [cell for cell in cells if not cell.path(folder).exists()]
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
    workers = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), initializer=_alone)
    jobs: dict[Future[Path], str] = {workers.submit(run_real, task, folder): f"real {task}" for task in chosen.tasks}
    jobs |= {workers.submit(run, cell, folder): f"{cell.contender} {cell.task} {cell.seed}" for cell in left}
    try:
        with tqdm(total=len(jobs), unit=" runs") as bar:
            for done in as_completed(jobs):
                done.result()
                bar.set_postfix_str(jobs[done], refresh=False)
                bar.update()
    finally:
        for job in jobs:
            job.cancel()
        workers.shutdown(wait=False, cancel_futures=True)


def report(run_: Run, chosen: Preset) -> list[Path]:
    """Tables and plots from the cells."""
    results = read(run_.folder / "cells")
    found = estimates(results)
    blocks = {f"table_{kind}": markdown(of) for kind, of in zip(_kinds(results.budgets), found.values(), strict=True)}
    if "melody" in results.tasks:
        shown = ("real", "uniform", "prior", "prior_ppo", "tutor_q_paper", "tutor_psi_paper", "tutor_g_paper")
        blocks["paper"] = paper_markdown(results, results.budgets[0], "melody", shown)
    files = [write_atomic(run_.folder / f"{name}.md", text + "\n") for name, text in blocks.items()]
    files.append(write_atomic(run_.folder / "cells.json", json.dumps(results.cells) + "\n"))
    named = [name for name in chosen.contenders if name.startswith(("prior_ppo", "tutor", "uniform"))] + ["prior"]
    files += benchmark_plots.draw(run_.folder, results, found, named)
    for budget, of in found.items():
        print(f"\n{budget.replace('_', ' ')} of learning (interquartile means)")
        figures = [column for column in TABLE if column.figure != "learning_notes"]
        rows = [[name, *(of[name][column.figure].value for column in figures)] for name in ranked(of)]
        print_table(rows, ["", *(column.head for column in figures)])
    run_.finish(
        {budget: {n: {f: list(e) for f, e in of.items()} for n, of in by.items()} for budget, by in found.items()},
        files,
    )
    return files


def _kinds(budgets: list[str]) -> list[str]:
    return ["steps" if "notes" in budget else "time" for budget in budgets if budget != NO_BUDGET]


def benchmark(args: Args) -> None:
    """The command."""
    ship, processes, run_ = args.ship, args.processes, None
    if args.resume is not None:
        run_ = open_run(args.resume, "benchmark")
        args = run_.arguments_as(Args)
    with user_input():
        chosen = check(args)
    run_ = run_ or start_run("benchmark", args, args.out)
    print(f"writing to {run_.folder}", flush=True)
    try:
        measure_all(chosen, run_.folder / "cells", processes)
    except ValueError as error:
        raise UserError(str(error)) from error
    files = report(run_, chosen)
    if ship:
        SHIPPED.mkdir(parents=True, exist_ok=True)
        for file in (*files, run_.folder / "result.json"):
            shutil.copy(file, SHIPPED / file.name)
        print(f"page: {benchmark_page.fill(SHIPPED)}")
    print(f"\nlook: {run_.folder / 'score.png'}\nfigures: {run_.folder / 'result.json'}")


main = command(Args, benchmark)

if __name__ == "__main__":
    main()
