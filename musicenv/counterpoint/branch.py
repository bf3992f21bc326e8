"""Exact optima where some rules read the whole line: branch and bound.

The rules that declare what they read are solved first; what their best line still gains from a state bounds what any
line can gain, since the others only cost.  The best bound is followed first (A*: Hart, Nilsson and Raphael 1968).
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

from musicenv.counterpoint.solver import Solution, melody_of, solve
from musicenv.counterpoint.space import FINISHED
from musicenv.task import Task
from rewards.rules import RuleError, Suite, Term


@dataclass(frozen=True)
class Proved:
    """A best line, and how it was found."""

    score: float
    line: tuple[int, ...]
    """Its actions."""
    nodes: int
    """How many unfinished lines were looked at."""
    finite: Solution
    """Of the rules that declare what they read."""


def branch_and_bound(task: Task, suite: Suite, most_nodes: int = 100_000) -> Proved:
    """The best line under rules some of which declare no window; these are asked in Python, and may only cost."""
    finite = solve(task, Suite(tuple(term for term in suite if term.rule.window is not None)))
    others = [term for term in suite if term.rule.window is None]
    graph, nodes = finite.graph, 0
    waiting: list[tuple[float, int, tuple[int, ...], int, float]] = [(-finite.optimum, 0, (), 0, 0.0)]
    while nodes < most_nodes:
        bound, _, line, state, score = heapq.heappop(waiting)
        if state == FINISHED:
            return Proved(score, line, nodes, finite)
        nodes += 1
        for move in range(graph.first[state], graph.first[state + 1]):
            child = int(graph.child[move])
            longer = (*line, int(graph.action[move]))
            after = score + float(graph.gain[move]) - _cost(others, task, longer, child == FINISHED)
            hope = after + (0.0 if child == FINISHED else float(finite.value[child]))
            heapq.heappush(waiting, (-hope, -len(longer), longer, child, after))
    raise RuleError(f"{most_nodes:,} lines were looked at without a proof; the best is at most {-bound:g}")


def _cost(others: list[Term], task: Task, line: tuple[int, ...], finished: bool) -> float:
    """What the rules that read the whole line take for its newest note."""
    melody, cost = melody_of(task, list(line)), 0.0
    for term in others:
        if term.rule.kind == "note" or finished:
            cost -= term.weight * term.score(melody)
    if cost < 0:
        raise RuleError(
            "a rule that declares no window pays instead of costing, so that no bound holds; let it declare"
        )
    return cost
