"""What a benchmark's cells say: scores, estimates and tables in Markdown."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from experiments.cells import REAL
from experiments.judges.paper import COLUMNS as PUBLISHED
from experiments.judges.paper import METRICS, won_by_random
from experiments.statistics import Estimate, Floats, estimate

NO_BUDGET: Final = "no learning"
SCORE: Final = "score"
"""The return, as a share of the way from uniform play (0) to real parts (1) on each task."""


class Column(NamedTuple):
    """A figure in the table."""

    figure: str
    head: str
    digits: int = 2
    interval: bool = False
    """Whether the interval stands beside it."""


TABLE: Final = (
    Column(SCORE, "score", 2, True),
    Column("passes_all", "all rules", 2, True),
    Column("nll_judge", "nats/note", 2, True),
    Column("nll_ngrams", "nats/note (n-grams)"),
    Column("overlap", "overlap"),
    Column("auc_by_features", "found out (features)"),
    Column("auc_by_notes", "found out (notes)"),
    Column("vendi_by_real", "diversity"),
    Column("copied", "copied"),
    Column("learning_notes", "notes learned from", 0),
    Column("learning_seconds", "s to learn", 0),
    Column("tries", "tries", 0),
    Column("seconds_per_piece", "s a piece", 3),
)


class Results:
    """The figures of many cells."""

    def __init__(self, cells: Sequence[Mapping[str, Any]]) -> None:
        self.cells = cells
        self.tasks = sorted({cell["cell"]["task"] for cell in cells})
        self._figures: dict[tuple[str, str, str], dict[int, Mapping[str, float]]] = {}
        self._rules: dict[tuple[str, str, str], list[Mapping[str, float | None]]] = {}
        for read in cells:
            cell = read["cell"]
            key = (cell["contender"], budget_of(cell), cell["task"])
            self._figures.setdefault(key, {})[cell.get("seed", 0)] = read["figures"]
            self._rules.setdefault(key, []).append(read["rules"])

    @property
    def budgets(self) -> list[str]:
        """Those that somebody learned within, as ``Budget.name``; equal notes before equal time."""
        found = {budget for _, budget, _ in self._figures}
        return sorted(found - {NO_BUDGET}, key=lambda name: ("notes" not in name, name))

    def contenders(self, budget: str) -> list[str]:
        """Who learned within a budget, and who did not learn, all of them on every task; real parts first."""
        names = list(dict.fromkeys(name for name, of, _ in self._figures if of in (budget, NO_BUDGET)))
        whole = [name for name in names if all(self._runs(name, budget, task) for task in self.tasks)]
        return sorted(whole, key=lambda name: name != REAL)

    def _runs(self, name: str, budget: str, task: str) -> dict[int, Mapping[str, float]]:
        return self._figures.get((name, budget, task)) or self._figures.get((name, NO_BUDGET, task), {})

    def rules_of(self, name: str, budget: str, task: str) -> dict[str, float]:
        """Share of the pieces that pass each rule, mean over the runs on a task; NaN for a rule nothing can fail."""
        runs = self._rules.get((name, budget, task)) or self._rules[name, NO_BUDGET, task]
        return {rule: float(np.mean([_number(run[rule]) for run in runs])) for rule in runs[0]}

    def scores(self, name: str, budget: str, figure: str) -> Floats:
        """(runs, tasks) of one figure; of the seeds that there are on every task.  NaN where it is not defined."""
        runs = [self._runs(name, budget, task) for task in self.tasks]
        seeds = sorted(set.intersection(*map(set, runs)))
        if figure != SCORE:
            # Real parts were not learned: some figures are not theirs.
            return np.array([[_number(of_task[seed].get(figure)) for of_task in runs] for seed in seeds])
        returns = self.scores(name, budget, "return")
        none, real = (self.scores(each, budget, "return").mean(axis=0) for each in ("uniform", REAL))
        return np.asarray((returns - none) / (real - none))

    def estimate(self, name: str, budget: str, figure: str) -> Estimate:
        """Interquartile mean over all runs on all tasks, and its interval; NaN where it is not defined everywhere."""
        found = self.scores(name, budget, figure)
        return estimate(found) if np.isfinite(found).all() else Estimate(math.nan, math.nan, math.nan)


def budget_of(cell: Mapping[str, Any]) -> str:
    """The name of a cell's budget."""
    given = cell.get("budget")
    if not given:
        return NO_BUDGET
    shown = {"notes": given["steps"], "s": given["seconds"]}
    return "_".join(f"{value:g}_{unit}" for unit, value in shown.items() if value is not None)


def read(folder: Path) -> Results:
    """All cells in a folder of them."""
    return Results([json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*/*.json"))])


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def estimates(results: Results) -> dict[str, dict[str, dict[str, Estimate]]]:
    """Budget -> contender -> figure -> interquartile mean and interval."""
    return {
        budget: {
            name: {column.figure: results.estimate(name, budget, column.figure) for column in TABLE}
            for name in results.contenders(budget)
        }
        for budget in results.budgets
    }


def ranked(found: Mapping[str, Mapping[str, Estimate]]) -> list[str]:
    """Contenders by their score, real parts first."""
    return sorted(found, key=lambda name: (name != REAL, -found[name][SCORE].value))


def markdown(found: Mapping[str, Mapping[str, Estimate]]) -> str:
    """The table of one budget."""
    rows = [[name, *(_cell(found[name][column.figure], column) for column in TABLE)] for name in ranked(found)]
    return _table([["", *(column.head for column in TABLE)], *rows])


def _cell(value: Estimate, column: Column) -> str:
    if math.isnan(value.value):
        return "-"
    value = Estimate(*(round(each, column.digits) + 0.0 for each in value))  # no -0.00
    text = f"{value.value:,.{column.digits}f}"
    if not column.interval or value.low == value.high:
        return text
    return f"{text} ({value.low:.{column.digits}f}..{value.high:.{column.digits}f})"


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Markdown; the first row is the head."""
    ruled = [rows[0], ["---", *("---:" for _ in rows[0][1:])], *rows[1:]]
    return "\n".join("| " + " | ".join(row) + " |" for row in ruled)


def compact(results: Results) -> dict[str, Any]:
    """All cells, with the names of figures and rules once, in five digits."""
    figures = sorted({name for cell in results.cells for name in cell["figures"]})
    rules = sorted({name for cell in results.cells for name in cell["rules"]})

    def row(cell: Mapping[str, Any]) -> dict[str, Any]:
        values = {
            "figures": [cell["figures"].get(name) for name in figures],
            "rules": [cell["rules"].get(name) for name in rules],
        }
        return {**cell["cell"], **{part: [_short(value) for value in found] for part, found in values.items()}}

    return {"figures": figures, "rules": rules, "runs": [row(cell) for cell in results.cells]}


def _short(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else float(f"{value:.5g}")


def _two_digits(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"


def rules_markdown(results: Results, budget: str, task: str, ours: Sequence[str]) -> str:
    """Share of the pieces that pass each rule, on one task, means over the seeds."""
    found = {name: results.rules_of(name, budget, task) for name in ours}
    names = [name for name in found[ours[0]] if not math.isnan(found[ours[0]][name])]
    return _table([["", *ours], *([rule, *(_two_digits(found[name][rule]) for name in ours)] for rule in names)])


def paper_markdown(results: Results, budget: str, task: str, ours: Sequence[str]) -> str:
    """The paper's table: its own columns, and beside them ours on one task, means over the seeds."""
    rows = [["", *(f"*{name}*" for name in PUBLISHED), *ours]]
    where = results.tasks.index(task)
    for key, metric in METRICS.items():
        means = [float(results.scores(name, budget, f"paper_{key}")[:, where].mean()) for name in ours]
        wins = "uniform" in ours and _wins(means[ours.index("uniform")], means, metric.badness)
        marks = (" †" if key in won_by_random() else "") + (" ‡" if wins else "")
        rows.append([metric.text + marks, *(f"{value:g}" for value in metric.published), *map(_two_digits, means)])
    return _table(rows)


def _wins(value: float, values: Sequence[float], badness: Callable[[float], float]) -> bool:
    return badness(value) <= min(badness(each) for each in values if not math.isnan(each))
