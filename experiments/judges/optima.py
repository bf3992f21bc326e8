"""Judges of counterpoint, where the best line is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from experiments.judges.diversity import mean_edit_distance
from experiments.judges.figures import distinct
from musicenv.counterpoint.sets import KnownTask, known_tasks, regret
from musicenv.melody import Melody, relative_given
from musicenv.task import Task
from rewards.judging import judge

_Key = tuple[bytes, int, int]


class Optima:
    """Judges lines by the best ones for the same cantus firmus; of tasks with rules of form that are solved."""

    real: Final[Sequence[Melody]] = ()
    """The corpus has no counterpoint."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        solved = {known.task: known for known in known_tasks("form").values()}
        if unknown := [task for task in tasks if task not in solved]:
            names = ", ".join(known.name for known in solved.values())
            raise ValueError(f"{len(unknown)} of {len(tasks)} tasks are not solved; choose some of {names}")
        self.known: dict[_Key, KnownTask] = {
            (relative_given(task).tobytes(), task.side, task.mode_index): solved[task] for task in tasks
        }

    def figures(
        self, melodies: Sequence[Melody], families: Sequence[int] | None = None, seed: int = 0
    ) -> dict[str, float]:
        """Means over the tasks that ``melodies`` were composed for: ``regret`` and ``optimal``, the share of lines
        without any; ``hard_rules``, the share that breaks none; ``different``, the share of lines that are unlike each
        other, and ``edit_distance`` between those for one cantus firmus (``diversity.mean_edit_distance``).
        """
        lines: dict[_Key, list[Melody]] = {}
        for melody in melodies:
            lines.setdefault((melody.given.tobytes(), melody.side, melody.mode), []).append(melody)
        of_tasks = [_figures(self.known[key], some) for key, some in lines.items()]
        return {name: _mean([found[name] for found in of_tasks]) for name in of_tasks[0]}


def _mean(values: Sequence[float]) -> float:
    """Of those that are defined: a single line has none to differ from."""
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")


def _figures(known: KnownTask, lines: Sequence[Melody]) -> dict[str, float]:
    judged = judge(known.suite, lines)
    hard = [term.rule.hard for term in known.suite]
    return {
        "regret": float(np.mean([regret(score, known) for score in judged.returns])),
        "optimal": float((judged.returns == known.optimum).mean()),
        "hard_rules": float((judged.values[:, hard] == 0.0).all(axis=1).mean()),
        "different": distinct(lines) / len(lines),
        "edit_distance": mean_edit_distance(lines),
    }
