"""A benchmark's tables in Markdown."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from experiments.benchmark_results import AHEAD, SCORE, Results
from experiments.cells import REAL
from experiments.judges.paper import COLUMNS as PUBLISHED
from experiments.judges.paper import METRICS, won_by_random
from experiments.statistics import Estimate


class Column(NamedTuple):
    """A figure in a table."""

    figure: str
    head: str
    digits: int = 2
    interval: bool = False
    """Whether the interval stands beside it."""


PAID: Final = (
    Column(SCORE, "score", 2, True),
    Column("passes_all", "all rules", 2, True),
    Column(AHEAD, "prior_ppo ahead", 2, True),
    Column("learning_notes", "notes learned from", 0),
    Column("learning_seconds", "s to learn", 0),
    Column("tries", "tries", 0),
    Column("seconds_per_piece", "s a piece", 3),
)
"""What the rules pay, and what it costs."""
HEARD: Final = (
    Column("nll_judge", "nats/note", 2, True),
    Column("nll_ngrams", "nats/note (n-grams)"),
    Column("overlap", "overlap"),
    Column("auc_by_features", "found out (features)", 2, True),
    Column("auc_by_notes", "found out (notes)", 2, True),
    Column("distinct_4grams_by_real", "4-grams"),
    Column("edit_distance_by_real", "distance"),
    Column("vendi_by_real", "kinds"),
    Column("shared_notes", "shared", 1),
    Column("copied", "copied"),
)
"""What the other judges say."""
SHORT: Final = (
    Column(SCORE, "score", 2, True),
    Column("passes_all", "all rules", 2, True),
    Column("nll_judge", "nats/note"),
    Column("auc_by_notes", "found out (notes)"),
    Column("vendi_by_real", "kinds"),
    Column("copied", "copied"),
)
"""Of the smaller tables."""
LINES: Final = (
    Column("regret", "regret", 2, True),
    Column("optimal", "optimal", 2),
    Column("hard_rules", "hard rules kept"),
    Column("different", "different"),
    Column("edit_distance", "distance"),
    Column("seconds_per_piece", "s a piece", 3),
)
"""Of counterpoint."""


def markdown(results: Results, kind: str, columns: Sequence[Column], some: Sequence[str] = ()) -> str:
    """The table of one kind of budget; of ``some`` contenders, where they are named."""
    names = [name for name in results.ranked(kind) if not some or name in some]
    rows = [[name, *(_cell(results.estimate(name, kind, c.figure), c) for c in columns)] for name in names]
    return table([["", *(column.head for column in columns)], *rows])


def by_task(results: Results, kind: str) -> str:
    """The scores on each task, and over all of them, of those who composed on every task."""
    column = Column(SCORE, SCORE, 2, True)
    views = [results, *(results.on(task) for task in results.tasks)]
    names = [name for name in results.ranked(kind) if name != REAL]
    rows = [[name, *(_cell(view.estimate(name, kind, SCORE), column) for view in views)] for name in names]
    return table([["", "all tasks", *results.tasks], *rows])


def _cell(value: Estimate, column: Column) -> str:
    if math.isnan(value.value):
        return "-"
    value = Estimate(*(round(each, column.digits) + 0.0 for each in value))  # no -0.00
    text = f"{value.value:,.{column.digits}f}"
    if not column.interval or value.low == value.high:
        return text
    return f"{text} ({value.low:.{column.digits}f}..{value.high:.{column.digits}f})"


def table(rows: Sequence[Sequence[str]]) -> str:
    """In Markdown; the first row is the head.  Columns in which nobody has a value are left out."""
    kept = [k for k, column in enumerate(zip(*rows[1:], strict=True)) if set(column) != {"-"}]
    chosen = [[row[k] for k in kept] for row in rows]
    ruled = [chosen[0], ["---", *("---:" for _ in chosen[0][1:])], *chosen[1:]]
    return "\n".join("| " + " | ".join(row) + " |" for row in ruled)


def two_digits(value: float) -> str:
    """A dash where it is not defined."""
    return "-" if math.isnan(value) else f"{value:.2f}"


def rules_markdown(results: Results, kind: str, task: str, ours: Sequence[str]) -> str:
    """Share of the pieces that pass each rule, on one task, means over the seeds."""
    found = {name: results.rules_of(name, kind, task) for name in ours}
    names = [name for name in found[ours[0]] if not math.isnan(found[ours[0]][name])]
    return table([["", *ours], *([rule, *(two_digits(found[name][rule]) for name in ours)] for rule in names)])


def paper_means(results: Results, kind: str, name: str) -> dict[str, float]:
    """The paper's METRICS of a contender, means over its runs."""
    return {key: float(results.scores(name, kind, f"paper_{key}").mean()) for key in METRICS}


def paper_markdown(results: Results, kind: str, ours: Sequence[str]) -> str:
    """The paper's table: its own columns, and beside them ours, means over the seeds."""
    means = {name: paper_means(results, kind, name) for name in ours}
    rows = [["", *(f"*{name}*" for name in PUBLISHED), *ours]]
    for key, metric in METRICS.items():
        values = [of[key] for of in means.values()]
        wins = "uniform" in means and _wins(means["uniform"][key], values, metric.badness)
        marks = (" †" if key in won_by_random() else "") + (" ‡" if wins else "")
        rows.append([metric.text + marks, *(f"{value:g}" for value in metric.published), *map(two_digits, values)])
    return table(rows)


def _wins(value: float, values: Sequence[float], badness: Callable[[float], float]) -> bool:
    return badness(value) <= min(badness(each) for each in values if not math.isnan(each))
