"""What a benchmark's cells say: scores by contender, budget and task, and estimates of them."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from experiments.cells import REAL
from experiments.challenges import TASKS
from experiments.statistics import Estimate, Floats, estimate, probability_of_improvement

NOTES: Final = "notes"
TIME: Final = "time"
"""The kinds of budgets that learners are compared at."""
NOTHING: Final = "nothing"
"""The kind of those who do not learn."""
SCORE: Final = "score"
"""The return, as a share of the way from uniform play (0) to real parts (1) on each task; in counterpoint, which has no
real parts, 1 less the regret: the way from uniform play to the best line."""
AHEAD: Final = "ahead"
"""How likely a run of OURS scores more than one of a contender."""
OURS: Final = "prior_ppo"
OURS_VARIED: Final = "prior_ppo_varied"
"""The same where variety counts."""

Cells = Sequence[Mapping[str, Any]]


def kind_of(cell: Mapping[str, Any]) -> str:
    """The kind of a cell's budget."""
    given = cell.get("budget")
    return NOTHING if not given else TIME if given["steps"] is None else NOTES


def _budget(cell: Mapping[str, Any]) -> str:
    given = cell["budget"]
    return f"{given['seconds']:g} s of one core" if given["steps"] is None else f"{given['steps']:,} notes"


class Results:
    """The figures of many cells; of a contender's cells with one seed on one task the last counts."""

    def __init__(self, cells: Iterable[Mapping[str, Any]]) -> None:
        """ValueError where a task has cells of different sizes, which do not compare."""
        last = {
            (c["task"], c["contender"], kind_of(c), c.get("seed", 0)): each for each in cells for c in [each["cell"]]
        }
        self.cells: Cells = list(last.values())
        found = {cell["cell"]["task"] for cell in self.cells}
        self.tasks = [task for task in TASKS if task in found]
        self._figures: dict[tuple[str, str, str], dict[int, Mapping[str, float | None]]] = {}
        self._rules: dict[tuple[str, str, str], list[Mapping[str, float | None]]] = {}
        self._sizes: dict[tuple[str, str], set[str]] = {}
        for (task, name, kind, seed), each in last.items():
            self._figures.setdefault((name, kind, task), {})[seed] = each["figures"]
            self._rules.setdefault((name, kind, task), []).append(each["rules"])
            if kind != NOTHING:
                self._sizes.setdefault((task, kind), set()).add(_budget(each["cell"]))
            if name != REAL:
                self._sizes.setdefault((task, "pieces"), set()).add(str(each["cell"]["pieces"]))
        for (task, what), sizes in self._sizes.items():
            if len(sizes) > 1:
                raise ValueError(
                    f"cells of {task} do not compare, with {' and '.join(sorted(sizes))}"
                    f"{' judged' if what == 'pieces' else ''}; give runs of one size"
                )

    def on(self, *tasks: str) -> Results:
        """Those on some tasks."""
        return Results(cell for cell in self.cells if cell["cell"]["task"] in tasks)

    def without(self, contenders: Collection[str]) -> Results:
        """Those of all others."""
        return Results(cell for cell in self.cells if cell["cell"]["contender"] not in contenders)

    @cached_property
    def kinds(self) -> list[str]:
        """The kinds of budgets that somebody learned within on every task; NOTHING where nobody did."""
        learned = [kind for kind in (NOTES, TIME) if all((task, kind) in self._sizes for task in self.tasks)]
        return learned or [NOTHING]

    def budget(self, kind: str) -> str:
        """Such as "300,000 notes"; several where tasks differ."""
        return (
            NOTHING
            if kind == NOTHING
            else ", ".join(dict.fromkeys(size for task in self.tasks for size in self._sizes[task, kind]))
        )

    @property
    def pieces(self) -> str:
        """How many were judged for each run; several where tasks differ."""
        return ", ".join(dict.fromkeys(size for task in self.tasks for size in self._sizes[task, "pieces"]))

    def contenders(self, kind: str) -> list[str]:
        """Who learned within a kind of budget, and who did not learn, all of them on every task; real parts first."""
        names = list(dict.fromkeys(name for name, of, _ in self._figures if of in (kind, NOTHING)))
        whole = [name for name in names if self.seeds(name, kind)]
        return sorted(whole, key=lambda name: name != REAL)

    def ranked(self, kind: str) -> list[str]:
        """The contenders by their score, real parts first."""
        return sorted(self.contenders(kind), key=lambda n: (n != REAL, -self.estimate(n, kind, SCORE).value))

    def _runs(self, name: str, kind: str, task: str) -> dict[int, Mapping[str, float | None]]:
        return self._figures.get((name, kind, task)) or self._figures.get((name, NOTHING, task), {})

    def seeds(self, name: str, kind: str) -> list[int]:
        """Those of a contender that there are on every task."""
        return sorted(set.intersection(*(set(self._runs(name, kind, task)) for task in self.tasks)))

    def rules_of(self, name: str, kind: str, task: str) -> dict[str, float]:
        """Share of the pieces that pass each rule, mean over the runs on a task; NaN for a rule nothing can fail."""
        runs = self._rules.get((name, kind, task)) or self._rules[name, NOTHING, task]
        return {rule: float(np.mean([_number(run[rule]) for run in runs])) for rule in runs[0]}

    def scores(self, name: str, kind: str, figure: str) -> Floats:
        """(runs, tasks) of one figure; of the seeds that there are on every task.  NaN where it is not defined."""
        seeds = self.seeds(name, kind)
        return np.array([self._of_task(name, kind, figure, task, seeds) for task in self.tasks]).T

    def _of_task(self, name: str, kind: str, figure: str, task: str, seeds: Sequence[int]) -> Floats:
        runs = self._runs(name, kind, task)
        if figure != SCORE:
            # Not all figures are everybody's: real parts were not learned, and figures come with time.
            return np.array([_number(runs[seed].get(figure)) for seed in seeds])
        measure, none, best = self._scale(task)
        return (self._of_task(name, kind, measure, task, seeds) - none) / (best - none)

    def _scale(self, task: str) -> tuple[str, float, float]:
        """The figure that scores are made of, and what of it scores 0 and 1."""
        if not TASKS[task].has_real:
            return "regret", 1.0, 0.0
        ends = []
        for name in ("uniform", REAL):
            runs = self._figures.get((name, NOTHING, task))
            if runs is None:
                raise ValueError(f"{task} has no cells of {name}, by which scores are measured; measure them too")
            ends.append(float(np.mean([_number(run["return"]) for run in runs.values()])))
        return "return", ends[0], ends[1]

    def estimate(self, name: str, kind: str, figure: str) -> Estimate:
        """Interquartile mean over all runs on all tasks, and its interval; NaN where it is not defined everywhere."""
        if figure == AHEAD:
            if name in (OURS, REAL) or OURS not in self.contenders(kind):
                return UNDEFINED
            return probability_of_improvement(self.scores(OURS, kind, SCORE), self.scores(name, kind, SCORE))
        found = self.scores(name, kind, figure)
        return estimate(found) if np.isfinite(found).all() else UNDEFINED


UNDEFINED: Final = Estimate(math.nan, math.nan, math.nan)


def read(folders: Sequence[Path]) -> Results:
    """All cells of runs, of folders TASK/*.json of cells, or of ``cells.json`` where that is all there is (as in
    docs/figures/benchmark); of equal cells that in the last folder counts.

    ValueError where a folder has none.
    """
    cells: list[Mapping[str, Any]] = []
    for folder in folders:
        held = folder / "cells" if (folder / "cells").is_dir() else folder
        paths = sorted(held.glob("*/*.json"))
        if paths:
            cells += [json.loads(path.read_text(encoding="utf-8")) for path in paths]
        elif (folder / "cells.json").exists():
            cells += spread(json.loads((folder / "cells.json").read_text(encoding="utf-8")))
        else:
            raise ValueError(f"{folder} holds no cells; give run folders of experiments.benchmark, or folders of cells")
    return Results(cells)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def compact(results: Results) -> dict[str, Any]:
    """All cells by task, with the names of figures and rules once for each, in seven digits."""
    return {task: _of_task(results.on(task)) for task in results.tasks}


def _of_task(results: Results) -> dict[str, Any]:
    figures = sorted({name for cell in results.cells for name in cell["figures"]})
    rules = sorted({name for cell in results.cells for name in cell["rules"]})

    def row(cell: Mapping[str, Any]) -> dict[str, Any]:
        values = {
            "figures": [cell["figures"].get(name) for name in figures],
            "rules": [cell["rules"].get(name) for name in rules],
        }
        return {**cell["cell"], **{part: [_short(value) for value in found] for part, found in values.items()}}

    return {"figures": figures, "rules": rules, "runs": [row(cell) for cell in results.cells]}


def spread(shortened: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The cells that ``compact`` gave, in its digits."""
    cells = []
    for of_task in shortened.values():
        for row in of_task["runs"]:
            found = {part: dict(zip(of_task[part], row[part], strict=True)) for part in ("figures", "rules")}
            cells.append({"cell": {name: value for name, value in row.items() if name not in found}, **found})
    return cells


def _short(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else float(f"{value:.7g}")
