"""The blocks of docs/benchmark.md that a benchmark fills."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np

from experiments.benchmark_claims import goals_markdown, paper_statement, trade_off
from experiments.benchmark_results import NOTES, NOTHING, OURS, OURS_VARIED, TIME, Results
from experiments.benchmark_tables import (
    HEARD,
    LINES,
    PAID,
    SHORT,
    Column,
    by_task,
    markdown,
    paper_markdown,
    rules_markdown,
)
from experiments.cells import REAL
from experiments.challenges import TASKS
from experiments.contenders import CONTENDERS, SWEEP
from experiments.runs import machine
from experiments.statistics import Estimate

SHOWN: Final = (REAL, "uniform", "prior", OURS, OURS_VARIED, "tutor_q_tuned", "tutor_psi_tuned", "tutor_g_tuned")
"""Who stands in the tables of the paper's metrics and of the rules."""
IN_README: Final = (
    *(REAL, "prior_mcts", "prior_regenerate", OURS, OURS_VARIED, "tutor_psi_tuned", "tutor_g_tuned", "tutor_q_tuned"),
    *("prior", "tutor_psi_paper", "maskable_ppo", "ppo", "dqn", "uniform"),
)
"""Who stands in the README."""
KINDS: Final = {NOTES: "Equally many notes", TIME: "Equally long", NOTHING: "Without learning"}
"""Heads of what is compared at each kind of budget."""


def estimates(results: Results) -> dict[str, dict[str, dict[str, Estimate]]]:
    """Kind of budget -> contender, the best first -> figure -> interquartile mean and interval; on one task."""
    columns = dict.fromkeys(column.figure for column in (*PAID, *HEARD, *LINES))
    out: dict[str, dict[str, dict[str, Estimate]]] = {}
    for kind in results.kinds:
        for name in results.ranked(kind):
            found = {figure: results.estimate(name, kind, figure) for figure in columns}
            out.setdefault(kind, {})[name] = {f: value for f, value in found.items() if np.isfinite(value.value)}
    return out


def blocks(results: Results) -> dict[str, str]:
    """The text of each, by name; the first task is shown at length, the others below it.

    Contenders that differ in the weight of the reward alone are told of where rules stand against likelihood.
    """
    all_tasks, first = results.without(SWEEP), results.tasks[0]
    main, swept = all_tasks.on(first), results.on(first)
    out = {"about": about(main)}
    for kind in main.kinds:
        out |= {f"paid_{kind}": markdown(main, kind, PAID), f"heard_{kind}": markdown(main, kind, HEARD)}
    last = main.kinds[-1]
    if TASKS[first].has_real:
        shown = [name for name in SHOWN if name in main.contenders(last)]
        out |= {
            "short": markdown(main, main.kinds[0], SHORT, IN_README),
            "goals": goals_markdown(main, OURS),
            "goals_varied": goals_markdown(main, OURS_VARIED),
            "trade_off": "\n\n".join(f"{KINDS[kind]}: {trade_off(swept, kind)}" for kind in swept.kinds),
            "paper": paper_markdown(main, last, shown),
            "paper_statement": paper_statement(main, last),
            "rules": rules_markdown(main, last, first, shown),
        }
    others = [all_tasks.on(task) for task in all_tasks.tasks[1:]]
    if others:
        out["tasks"] = "\n\n".join(_section(by_task(all_tasks, kind), KINDS[kind]) for kind in all_tasks.kinds)
        out["each_task"] = "\n\n".join(map(_of_task, others))
    return out


def short(results: Results) -> Sequence[Column]:
    """What is shown of a task among others."""
    return SHORT if TASKS[results.tasks[0]].has_real else LINES


def _section(table: str, head: str) -> str:
    return f"{head}:\n\n{table}"


def _of_task(results: Results) -> str:
    task = results.tasks[0]
    tables = [
        _section(markdown(results, kind, short(results)), f"{KINDS[kind]}, {results.budget(kind)}")
        for kind in results.kinds
    ]
    return "\n\n".join([f"### {task}", about(results), *tables])


def about(results: Results) -> str:
    """The size of a comparison on one task, in words."""
    runs = Counter(
        {name: len(results.seeds(name, kind)) for kind in results.kinds for name in results.contenders(kind)}
    )
    del runs[REAL]
    most = max(runs.values(), default=0)
    fewer = [f"{count} of `{name}`" for name, count in runs.items() if count < most]
    alone = [f"`{name}`" for name in runs if name in CONTENDERS and CONTENDERS[name].slow]
    budgets = " or ".join(f"{'from' if kind == NOTES else 'for'} {results.budget(kind)}" for kind in results.kinds)
    here = machine()
    said = [
        f"{most} runs of each contender{_besides(fewer)}, {results.pieces} pieces a run; learning {budgets} "
        f"({here['processor']}, {here['system']})."
    ]
    if alone:
        said.append(f"{_listed(alone)} would take too long over the notes and are compared at equal time alone.")
    if most < 5:
        said.append("Of so few runs the ranges below are too narrow.")
    return " ".join(said)


def _besides(fewer: Sequence[str]) -> str:
    return f" ({_listed(fewer)})" if fewer else ""


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
