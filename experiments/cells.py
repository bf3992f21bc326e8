"""Cells of the benchmark: one contender on one task with one seed.  A cell's figures depend on its arguments alone."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from agents.budget import Budget
from agents.training import environment
from experiments.challenges import TASKS, Judges
from experiments.contenders import contender
from experiments.report import Reporter, real_items
from musicenv.batch import Batch
from musicenv.files import write_atomic

REAL: Final = "real"
"""The name under which real parts stand among the contenders."""
AT_ONCE: Final = 64
"""Pieces composed side by side, at most."""
COMPOSING: Final = 10_000
"""Added to the seed for composing, far from those of learning."""


@dataclass(frozen=True)
class Cell:
    """What is measured."""

    task: str
    contender: str
    budget: Budget | None
    """None for those who do not learn."""
    seed: int
    pieces: int

    def path(self, folder: Path) -> Path:
        """Where its figures are kept: everything that they depend on is in the name."""
        budget = self.budget.name if self.budget else "no_learning"
        name = f"{self.contender.replace(':', '.')}-{budget}-{self.pieces}_pieces-seed_{self.seed}.json"
        return folder / self.task / name


def cells_of(
    tasks: Sequence[str], contenders: Sequence[str], budgets: Sequence[Budget], seeds: int, pieces: int
) -> Iterator[Cell]:
    """Each contender with each seed, learners once for each budget that they are compared at; seed after seed."""
    for seed in range(seeds):
        for task in tasks:
            for name in contenders:
                for budget in contender(name).budgets(budgets):
                    yield Cell(task, name, budget, seed, pieces)


@cache
def _judges(task: str) -> tuple[Batch, Reporter, Judges]:
    """Where pieces of a task are composed, and what judges them; made once a process."""
    challenge = TASKS[task]
    batch = environment(replace(challenge.composed, envs=AT_ONCE)).batch
    return batch, Reporter(batch.tasks, batch.suite, batch.prior), challenge.judges(batch.tasks)


def measure(cell: Cell) -> dict[str, Any]:
    """``figures`` and the share of pieces that pass each of the ``rules``, by name."""
    batch, reporter, judges = _judges(cell.task)
    settings = replace(TASKS[cell.task].learned, seed=cell.seed)
    budget = cell.budget or Budget(steps=0)
    playing = contender(cell.contender)
    composer, used = playing.make(settings, budget)
    began = time.process_time()
    pieces = composer(batch, cell.pieces, COMPOSING + cell.seed)
    seconds = time.process_time() - began
    column = reporter.column(cell.contender, pieces)
    figures = {
        "return": float(pieces.returns.mean()),
        **column.figures,
        **judges.figures(pieces.melodies, seed=cell.seed),
        "learning_notes": used.steps,
        "learning_seconds": used.seconds,
        "seconds_per_piece": seconds / cell.pieces,
        "tries": playing.tries,
    }
    return {"cell": asdict(cell), "figures": figures, "rules": column.passes}


def measure_real(task: str) -> dict[str, Any]:
    """The same of real parts.  Rules and likelihood are those of the test side; the judges that compare with that side
    are given parts of the validation side.
    """
    batch, reporter, judges = _judges(task)
    column = reporter.real()
    items = real_items(batch.tasks, "validation")[: len(judges.real)]
    compared = judges.figures([melody for melody, _ in items], [source.tune.family for _, source in items])
    bonus = batch.suite.bonus * column.figures["passes_all"]
    figures = {"return": column.figures["suite_score"] + bonus, **column.figures, **compared}
    return {"cell": {"task": task, "contender": REAL}, "figures": figures, "rules": column.passes}


def run(cell: Cell, folder: Path) -> Path:
    """Measure a cell and keep its figures, unless they are kept already."""
    path = cell.path(folder)
    if not path.exists():
        _keep(path, measure(cell))
        gc.collect()  # SB3's models refer to themselves: replay buffers of half a GiB would wait for a full collection
    return path


def real_path(task: str, folder: Path) -> Path:
    """Where the figures of real parts are kept."""
    return folder / task / f"{REAL}.json"


def run_real(task: str, folder: Path) -> Path:
    """The same for real parts."""
    path = real_path(task, folder)
    return path if path.exists() else _keep(path, measure_real(task))


def _keep(path: Path, found: dict[str, Any]) -> Path:
    """Written as JSON, in which what is not defined, or infinite, is null."""
    for part in ("figures", "rules"):
        found[part] = {name: value if np.isfinite(value) else None for name, value in found[part].items()}
    return write_atomic(path, json.dumps(found, indent=1) + "\n")
