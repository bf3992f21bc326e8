"""The two sets of tasks whose optima are known: 48 with rules of form, which tell agents apart, and 192 plain ones.

Their data ship; ``python -m experiments.solve`` makes them.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import inspect
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from musicenv.counterpoint.tasks import cantus_firmi, counterpoint
from musicenv.task import Task
from rewards.counterpoint import SPECIES, suite
from rewards.rules import Suite

SETS: Final = ("form", "plain")
OF_FORM: Final = ("fux_d", "fux_e", "fux_f", "fux_g", "fux_a", "fux_c")
"""The cantus firmi of the tasks with rules of form."""
_SOURCES: Final = (
    "rewards.counterpoint",
    "rewards.counterpoint.line",
    "rewards.counterpoint.rhythm",
    "rewards.counterpoint.together",
    "rewards.summaries",
    "rewards.voices",
)


@dataclass(frozen=True)
class KnownTask:
    """A task and what is known of it."""

    name: str
    """Such as "fux_d-2-above"."""
    cantus: str
    species: int
    above: bool
    form: bool
    optimum: float
    """Score of the best line."""
    optima: int
    """How many lines have it."""
    uniform: float
    """Expected score where each note is drawn evenly among those from which a legal end can be reached."""
    line: tuple[int, ...]
    """The actions of one best line."""
    states: int
    """How many states the task has."""
    rules: str
    """Hash of the rules under which it was solved."""

    @property
    def task(self) -> Task:
        return task_of(self.cantus, self.species, self.above)

    @property
    def suite(self) -> Suite:
        return suite(self.species, self.form)


def task_of(cantus: str, species: int, above: bool) -> Task:
    """The task of a species above or below a textbook cantus firmus."""
    given = cantus_firmi()[cantus]
    return counterpoint(given.pitches, given.key, species, above)


def regret(score: float, known: KnownTask) -> float:
    """How far a score is from the optimum, as a share of the way to it from evenly drawn legal notes: 0 is optimal, 1
    no better than chance."""
    return (known.optimum - score) / (known.optimum - known.uniform)


def members(name: str) -> list[tuple[str, int, bool]]:
    """(cantus, species, above) of each task of a set, the quickest species to solve first."""
    return [
        (cantus, species, above)
        for species in sorted(SPECIES, key=(1, 2, 4, 3).index)
        for cantus in (OF_FORM if name == "form" else cantus_firmi())
        for above in (True, False)
    ]


def name_of(cantus: str, species: int, above: bool) -> str:
    return f"{cantus}-{species}-{'above' if above else 'below'}"


def data_file(name: str) -> Path:
    """Where a set's data lie."""
    if name not in SETS:
        raise ValueError(f"set {name!r} is not one of {', '.join(SETS)}")
    return Path(__file__).with_name(f"{name}_tasks.json")


@cache
def known_tasks(name: str) -> dict[str, KnownTask]:
    """The tasks of a set, "form" or "plain", by name."""
    found = json.loads(data_file(name).read_text(encoding="utf-8"))
    return {each["name"]: KnownTask(**{**each, "line": tuple(each["line"])}) for each in found}


def as_text(tasks: Sequence[dict[str, Any]]) -> str:
    """The text of a set's file, a task a line."""
    return "[\n" + ",\n".join(json.dumps(task) for task in tasks) + "\n]\n"


@cache
def rules_hash() -> str:
    """Hash of the rules' code, without comments and docstrings: equal on every version of Python."""
    digest = hashlib.sha256()
    for module in _SOURCES:
        tree = ast.parse(inspect.getsource(importlib.import_module(module)))
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if isinstance(body, list):
                texts = [part for part in body if isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant)]
                node.body = [part for part in body if part not in texts] or [ast.Pass()]  # type: ignore[attr-defined]
        digest.update(ast.unparse(tree).encode())
    return digest.hexdigest()[:16]
