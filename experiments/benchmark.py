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
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final, Literal

import torch
from tqdm import tqdm

from agents.budget import Budget
from agents.sequence_tutor import RULES
from experiments import benchmark_plots
from experiments.benchmark_tables import (
    TABLE,
    compact,
    estimates,
    markdown,
    paper_markdown,
    ranked,
    read,
    rules_markdown,
)
from experiments.cells import Cell, cells_of, real_path, run, run_real
from experiments.challenges import TASKS
from experiments.contenders import CONTENDERS, SWEEP, contender
from experiments.pages import fill
from experiments.runs import Run, command, machine, open_run, print_table, published, start_run, user_input
from musicenv.files import write_atomic

PAGE: Final = Path(__file__).parent.parent / "docs" / "benchmark.md"
SHIPPED: Final = Path(__file__).parent.parent / "docs" / "figures" / "benchmark"
"""Raw figures and plots of the published comparison; its tables are in docs/benchmark.md."""


SHOWN: Final = ("real", "uniform", "prior", "prior_ppo", "tutor_q_tuned", "tutor_psi_tuned", "tutor_g_tuned")
"""Who stands in the tables of the paper's metrics and of the rules."""


@dataclass(frozen=True)
class Part:
    """A comparison: everybody on every task, within the same budgets."""

    tasks: tuple[str, ...]
    contenders: tuple[str, ...]
    seeds: int
    steps: int
    seconds: float
    pieces: int

    @property
    def budgets(self) -> list[Budget]:
        """Equal steps, then equal time."""
        steps = [Budget(steps=self.steps)] if self.steps else []
        return steps + ([Budget(seconds=self.seconds)] if self.seconds else [])

    @property
    def cells(self) -> Iterator[Cell]:
        """What is measured; uniform play always, since scores are measured by it."""
        names = dict.fromkeys(("uniform", *self.contenders))
        return cells_of(self.tasks, tuple(names), self.budgets, self.seeds, self.pieces)


QUICK: Final = Part(
    tasks=("melody",),
    contenders=("uniform", "prior", "prior_best_of_4", "prior_ppo", "tutor_psi_tuned", "tutor_g_tuned", "cloning"),
    seeds=3,
    steps=30_000,
    seconds=6.0,
    pieces=64,
)
MAIN: Final = Part(("melody",), tuple(CONTENDERS), seeds=10, steps=300_000, seconds=45.0, pieces=256)
"""Some 70 minutes of one core for each seed."""
OTHERS: Final = Part(
    tasks=("jig", "waltz", "dorian", "continuation"),
    contenders=(
        "uniform",
        "prior",
        "prior_best_of_4",
        "prior_regenerate",
        "prior_ppo",
        "expert",
        "tutor_psi_tuned",
        "tutor_g_tuned",
    ),
    seeds=10,
    steps=80_000,
    seconds=12.0,
    pieces=128,
)
"""Other metres, keys and beginnings: some 25 minutes of one core for each task."""
LINES: Final = Part(
    tasks=("counterpoint",),
    contenders=(
        "uniform",
        "prior",
        "prior_best_of_16",
        "prior_regenerate",
        "prior_ppo",
        "expert",
        "tutor_psi_tuned",
        "tutor_g_tuned",
        "maskable_ppo",
        "a2c",
    ),
    seeds=10,
    steps=40_000,
    seconds=10.0,
    pieces=256,
)
"""Lines are short, and rules dear: some 30 minutes."""
SWEPT: Final = Part(
    tasks=("melody",),
    contenders=("prior", "prior_0.8", "prior_0.6", "prior_ppo", *(f"tutor_{rule}_tuned" for rule in RULES), *SWEEP),
    seeds=5,
    steps=0,
    seconds=MAIN.seconds,
    pieces=MAIN.pieces,
)
"""What the rules pay against likelihood, over the weight of the reward: 13 minutes for each seed beside MAIN."""

PRESETS: Final[dict[str, tuple[Part, ...]]] = {
    "quick": (QUICK,),
    "main": (MAIN,),
    "breadth": (OTHERS, LINES),
    "sweep": (SWEPT,),
    "full": (MAIN, OTHERS, LINES, SWEPT),
}


@dataclass(frozen=True)
class Args:
    """Compare agents: the same tasks, the same notes and the same time to learn, many seeds."""

    preset: Literal["quick", "main", "breadth", "sweep", "full"] = "quick"
    """What the following are unless given: one comparison, or several in one run."""
    tasks: tuple[str, ...] = ()
    """Of melody, jig, waltz, dorian, continuation, any, counterpoint, counterpoint_2."""
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
    def parts(self) -> list[Part]:
        """Those of the preset with what was given."""
        given = {field.name: getattr(self, field.name) for field in fields(Part)}
        asked = {name: value for name, value in given.items() if value not in (None, ())}
        return [replace(part, **asked) for part in PRESETS[self.preset]]


def check(args: Args) -> list[Part]:
    """What is to be compared, if it is possible; ValueError, naming the field, if not."""
    if args.processes < 1:
        raise ValueError(f"processes={args.processes} is not possible; give at least 1")
    for part in args.parts:
        for task in part.tasks:
            if task not in TASKS:
                raise ValueError(f"task {task!r} is not one of {', '.join(TASKS)}")
        for name in part.contenders:
            contender(name)
        for name, least in {"seeds": 1, "pieces": 10}.items():
            if getattr(part, name) < least:
                raise ValueError(f"{name}={getattr(part, name)} is not possible; give at least {least}")
        if not part.budgets:
            raise ValueError("steps=0 and seconds=0 leave nothing to compare; give one of them")
    return args.parts


def _alone() -> None:
    """A worker computes in one thread, leaves Ctrl-C to the command, and ends with it, however that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    threading.Thread(target=_end_with, args=(multiprocessing.parent_process(),), daemon=True).start()


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)


def measure_all(parts: Sequence[Part], folder: Path, processes: int) -> None:
    """Measure all cells that are not in ``folder`` yet, and real parts; seed after seed, so that a run that is stopped
    has everyone.
    """
    cells = sorted(dict.fromkeys(cell for part in parts for cell in part.cells), key=lambda cell: cell.seed)
    left = [cell for cell in cells if not cell.path(folder).exists()]
    tasks = dict.fromkeys(cell.task for cell in cells)
    real = [task for task in tasks if TASKS[task].has_real and not real_path(task, folder).exists()]
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
    workers = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), initializer=_alone)
    jobs: dict[Future[Path], str] = {workers.submit(run_real, task, folder): f"real {task}" for task in real}
    jobs |= {workers.submit(run, cell, folder): f"{cell.contender} {cell.task} {cell.seed}" for cell in left}
    try:
        with tqdm(total=len(jobs), unit=" runs") as bar:
            for done in as_completed(jobs):
                try:
                    done.result()
                except Exception as error:
                    error.add_note(f"while measuring {jobs[done]}; the runs that are done are kept")
                    raise
                bar.set_postfix_str(jobs[done], refresh=False)
                bar.update()
    except BaseException:  # Ctrl-C as well: what is being measured is of no use to anyone
        workers.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    workers.shutdown()


def about(parts: Sequence[Part], tasks: list[str]) -> str:
    """The size of a comparison, in words."""
    here = machine()
    return (
        f"Measured with {chosen.seeds} runs of each contender on {', '.join(tasks)}, {chosen.pieces} pieces a run; "
        f"learning from {chosen.steps:,} notes, or for {chosen.seconds:g} s of one core "
        f"({here['processor']}, {here['system']})."
        + (" Of so few runs the ranges below are too narrow." if chosen.seeds < 5 else "")
    )


def report(run_: Run, parts: Sequence[Part]) -> tuple[list[Path], dict[str, str]]:
    """Raw figures and plots as files, and what goes into the page, by the names of its blocks."""
    results = read(run_.folder / "cells")
    found = estimates(results)
    blocks = {f"table_{'steps' if 'notes' in budget else 'time'}": markdown(of) for budget, of in found.items()}
    last, task = results.budgets[-1], results.tasks[0]
    shown = [name for name in SHOWN if name in results.contenders(last)]
    blocks |= {"paper": paper_markdown(results, last, task, shown), "rules": rules_markdown(results, last, task, shown)}
    blocks["about"] = about(chosen, results.tasks)
    files = [write_atomic(run_.folder / "cells.json", json.dumps(compact(results)) + "\n")]
    named = [name for name in chosen.contenders if name.startswith(("prior_ppo", "tutor", "uniform"))] + ["prior"]
    files += benchmark_plots.draw(run_.folder, results, found, named)
    for budget, of in found.items():
        print(f"\n{budget.replace('_', ' ')} of learning (interquartile means)")
        figures = [column for column in TABLE if column.figure != "learning_notes"]
        rows = [[name, *(of[name][column.figure].value for column in figures)] for name in ranked(of)]
        print_table(rows, ["", *(column.head for column in figures)])
    tables = [write_atomic(run_.folder / f"{name}.md", text + "\n") for name, text in blocks.items()]
    run_.finish(found, [*files, *tables])
    return files, blocks


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
    measure_all(chosen, run_.folder / "cells", processes)
    files, blocks = report(run_, chosen)
    if ship:
        SHIPPED.mkdir(parents=True, exist_ok=True)
        published(run_.folder, SHIPPED / "result.json")
        for file in files:
            shutil.copy(file, SHIPPED / file.name)
        print(f"page: {fill(PAGE, blocks)}")
    print(f"\nlook: {run_.folder / 'score.png'}\nfigures: {run_.folder / 'result.json'}")


main = command(Args, benchmark)

if __name__ == "__main__":
    main()
