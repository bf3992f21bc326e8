"""Compare agents: the same tasks, the same notes to learn from and the same time, many seeds, judges that are no
reward.

python -m experiments.benchmark                       # minutes on two cores
python -m experiments.benchmark --preset full         # the published tables: hours, see benchmark_presets
python -m experiments.benchmark --contenders prior prior_ppo my_agents:mine --tasks jig counterpoint
python -m experiments.benchmark --resume runs/benchmark/...
python -m experiments.benchmark --publish RUN [RUN ...]   # tables and plots of what has been measured, into docs/
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final, Literal

import torch
from tqdm import tqdm

from experiments import benchmark_plots, benchmark_report
from experiments.benchmark_presets import PRESETS, Part
from experiments.benchmark_results import Results, compact, read
from experiments.cells import real_path, run, run_real
from experiments.challenges import TASKS
from experiments.contenders import contender
from experiments.pages import fill
from experiments.runs import Run, command, open_run, print_table, published, start_run, user_input
from musicenv.files import write_atomic

ROOT: Final = Path(__file__).parent.parent
PAGES: Final = (ROOT / "README.md", ROOT / "docs" / "benchmark.md")
SHIPPED: Final = ROOT / "docs" / "figures" / "benchmark"
"""Raw figures and plots of the published comparison; its tables are in README.md and docs/benchmark.md."""


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
    out: Path | None = None
    """Run folder; a new one under runs/benchmark by default."""
    resume: Path | None = None
    """Run folder to go on with; its own arguments hold, but for --processes."""
    publish: tuple[Path, ...] = ()
    """Measure nothing: put tables and plots of the cells in these runs, or folders of cells, into docs/benchmark.md and
    docs/figures/benchmark; of equal cells those in the last folder count."""

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


def report(run_: Run, results: Results) -> tuple[list[Path], dict[str, str]]:
    """Raw figures and plots as files, and what goes into the page, by the names of its blocks."""
    blocks = benchmark_report.blocks(results)
    files = [write_atomic(run_.folder / "cells.json", json.dumps(compact(results)) + "\n")]
    files += benchmark_plots.draw(run_.folder, results)
    found = {task: benchmark_report.estimates(results.on(task)) for task in results.tasks}
    for task, of_task in found.items():
        for kind, of in of_task.items():
            print(f"\n{task}, {results.on(task).budget(kind)} to learn (interquartile means)")
            columns = benchmark_report.short(results.on(task))
            values = [[figures.get(column.figure) for column in columns] for figures in of.values()]
            rows = [[name, *(v and v.value for v in row)] for name, row in zip(of, values, strict=True)]
            print_table(rows, ["", *(column.head for column in columns)])
    tables = [write_atomic(run_.folder / f"{name}.md", text + "\n") for name, text in blocks.items()]
    run_.finish(found, [*files, *tables])
    print(f"\nlook: {run_.folder / 'score.png'}\nfigures: {run_.folder / 'result.json'}")
    return files, blocks


def publish(args: Args) -> None:
    """Tables, plots and raw figures of runs into docs/."""
    with user_input():
        results = read(args.publish)
    run_ = start_run("benchmark", replace(args, publish=()), args.out)
    with user_input():  # what is missing among the cells
        files, blocks = report(run_, results)
    SHIPPED.mkdir(parents=True, exist_ok=True)
    published(run_.folder, SHIPPED / "result.json")
    for file in files:
        shutil.copy(file, SHIPPED / file.name)
    print(f"pages: {', '.join(str(fill(page, blocks)) for page in PAGES)}")


def benchmark(args: Args) -> None:
    """The command."""
    if args.publish:
        publish(args)
        return
    processes, run_ = args.processes, None
    if args.resume is not None:
        run_ = open_run(args.resume, "benchmark")
        args = run_.arguments_as(Args)
    with user_input():
        parts = check(args)
    run_ = run_ or start_run("benchmark", args, args.out)
    print(f"writing to {run_.folder}", flush=True)
    measure_all(parts, run_.folder / "cells", processes)
    report(run_, read([run_.folder]))


main = command(Args, benchmark)

if __name__ == "__main__":
    main()
