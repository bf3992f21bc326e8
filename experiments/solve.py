"""Solve the tasks of counterpoint exactly, or check what ships.

    python -m experiments.solve                     # both sets, some ten minutes on one core
    python -m experiments.solve --sets form         # the 48 tasks with rules of form
    python -m experiments.solve --check 8           # solves eight of each set again and compares

writes optimum, number of optima, expected score of evenly drawn legal notes, one best line and the hash of the rules of
each task to ``musicenv/counterpoint``.  To be run again when a rule of counterpoint has changed.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from experiments.runs import Run, UserError, command, open_run, print_table, start_run, user_input
from mcts.merged_beam import beam_search
from musicenv.counterpoint.sets import (
    SETS,
    KnownTask,
    as_text,
    data_file,
    known_tasks,
    members,
    name_of,
    regret,
    rules_hash,
    task_of,
)
from musicenv.counterpoint.solver import solve
from musicenv.files import write_atomic
from rewards.counterpoint import suite

BEAMS = {"greedy": (1, False), "beam_64": (64, False), "beam_512": (512, False), "merged_512": (512, True)}
"""Width of the reference searches, and whether they merge equal states."""


@dataclass(frozen=True)
class Arguments:
    """Solve the tasks of counterpoint exactly, or check what ships."""

    sets: tuple[str, ...] = SETS
    """"form", "plain" or both."""
    check: int = 0
    """Solve so many shipped tasks of each set again, drawn by the seed, and compare; write nothing that ships."""
    references: bool = True
    """Whether to run greedy and beam search too, and print their mean regret."""
    seed: int = 0
    """Which tasks are checked."""
    write: bool = True
    """Whether to replace the data that ship; otherwise they go to the run folder."""
    out: Path | None = None
    """Run folder; a new one under runs/solve by default."""
    resume: Path | None = None
    """Go on with this run folder, with its arguments."""


def solved(cantus: str, species: int, above: bool, form: bool) -> KnownTask:
    """Solve one task."""
    solution = solve(task_of(cantus, species, above), suite(species, form))
    return KnownTask(
        name_of(cantus, species, above),
        cantus,
        species,
        above,
        form,
        solution.optimum,
        int(solution.optima[0]),
        solution.uniform,
        tuple(solution.line()),
        solution.value.size,
        rules_hash(),
    )


def _figures(known: KnownTask, references: bool) -> dict[str, Any]:
    """What one line of metrics.jsonl holds of a task."""
    began = time.process_time()
    found = {
        name: regret(beam_search(known.task, known.suite, width, merged)[0], known)
        for name, (width, merged) in (BEAMS.items() if references else ())
    }
    return {"form": known.form, "task": dataclasses.asdict(known), "beam_seconds": time.process_time() - began} | found


def _solve_all(run: Run, arguments: Arguments) -> list[dict[str, Any]]:
    """Solve what the run has not solved yet, a line of its metrics each; all lines."""
    lines = run.metrics()
    done = {(line["form"], line["task"]["name"]) for line in lines}
    wanted = [(name == "form", member) for name in arguments.sets for member in members(name)]
    waiting = [(form, member) for form, member in wanted if (form, name_of(*member)) not in done]
    for form, (cantus, species, above) in tqdm(waiting, desc="tasks", file=sys.stderr):
        began = time.process_time()
        known = solved(cantus, species, above, form)
        figures = {"seconds": time.process_time() - began} | _figures(known, arguments.references)
        run.log(figures)
        lines.append(figures)
    return lines


def _check(arguments: Arguments) -> dict[str, int]:
    """Solve some shipped tasks again; how many there are, were checked and disagree."""
    rng = np.random.default_rng(arguments.seed)
    checked, wrong, tasks = 0, [], 0
    for name in arguments.sets:
        shipped = list(known_tasks(name).values())
        tasks += len(shipped)
        for k in tqdm(rng.permutation(len(shipped))[: arguments.check], desc=name, file=sys.stderr):
            known = shipped[k]
            again = solved(known.cantus, known.species, known.above, known.form)
            checked += 1
            if again != known:
                wrong.append(f"{name} {known.name}")
    for text in wrong:
        print(f"disagrees: {text}")
    return {"tasks": tasks, "checked": checked, "disagreements": len(wrong)}


def _table(lines: Sequence[dict[str, Any]], references: bool) -> list[list[object]]:
    """Means by set and species."""
    rows: list[list[object]] = []
    for form, species in sorted({(line["form"], line["task"]["species"]) for line in lines}):
        mine = [line for line in lines if (line["form"], line["task"]["species"]) == (form, species)]
        row: list[object] = [f"{'form' if form else 'plain'} {species}", len(mine)]
        row.append(float(np.sum([line["seconds"] for line in mine])))
        row += [int(np.median([line["task"][name] for line in mine])) for name in ("states", "optima")]
        row += [float(np.mean([line["task"][name] for line in mine])) for name in ("optimum", "uniform")]
        row += [float(np.mean([line[name] for line in mine])) for name in (BEAMS if references else ())]
        rows.append(row)
    return rows


def solve_tasks(arguments: Arguments) -> None:
    """The command."""
    run = open_run(arguments.resume, "solve") if arguments.resume else None
    arguments = run.arguments_as(Arguments) if run else arguments
    for name in arguments.sets:
        with user_input():
            data_file(name)
    if arguments.check < 0:
        raise UserError(f"check={arguments.check} is negative; give the number of tasks of each set")
    run = run or start_run("solve", arguments, arguments.out)
    if arguments.check:
        figures = _check(arguments)
        run.finish(figures)
        print_table([list(figures.values())], list(figures))
        print(f"figures: {run.folder / 'result.json'}")
        return
    lines = _solve_all(run, arguments)
    written = []
    for name in arguments.sets:
        path = data_file(name) if arguments.write else run.folder / data_file(name).name
        tasks = [line["task"] for line in lines if line["form"] == (name == "form")]
        written.append(write_atomic(path, as_text(tasks)))
    rows = _table(lines, arguments.references)
    columns = ["set", "tasks", "seconds", "states", "optima", "optimum", "uniform"]
    columns += list(BEAMS) if arguments.references else []
    run.finish({"table": [dict(zip(columns, row, strict=True)) for row in rows]}, [run.folder / "metrics.jsonl"])
    print_table(rows, columns)
    print("states, optima: medians; greedy ... merged_512: mean regret.  written: " + ", ".join(map(str, written)))


main = command(Arguments, solve_tasks)

if __name__ == "__main__":
    main()
