"""What is compared in the benchmark unless told otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from agents.budget import Budget
from agents.sequence_tutor import RULES
from experiments.cells import Cell, cells_of
from experiments.contenders import CONTENDERS, SWEEP


@dataclass(frozen=True)
class Part:
    """A comparison: everybody on every task, within the same budgets."""

    tasks: tuple[str, ...]
    contenders: tuple[str, ...]
    seeds: int
    steps: int
    seconds: float
    pieces: int

    @property
    def budgets(self) -> list[Budget]:
        """Equal steps, then equal time."""
        steps = [Budget(steps=self.steps)] if self.steps else []
        return steps + ([Budget(seconds=self.seconds)] if self.seconds else [])

    @property
    def cells(self) -> Iterator[Cell]:
        """What is measured; uniform play always, since scores are measured by it."""
        names = dict.fromkeys(("uniform", *self.contenders))
        return cells_of(self.tasks, tuple(names), self.budgets, self.seeds, self.pieces)


QUICK: Final = Part(
    tasks=("melody",),
    contenders=("uniform", "prior", "prior_best_of_4", "prior_ppo", "tutor_psi_tuned", "tutor_g_tuned", "cloning"),
    seeds=3,
    steps=30_000,
    seconds=6.0,
    pieces=64,
)
MAIN: Final = Part(("melody",), tuple(CONTENDERS), seeds=10, steps=300_000, seconds=45.0, pieces=256)
"""Some 70 minutes of one core for each seed."""
FEW: Final = (
    "uniform",
    "prior",
    "prior_best_of_4",
    "prior_regenerate",
    "prior_ppo",
    "expert",
    "tutor_psi_tuned",
    "tutor_g_tuned",
)
"""Who composes on every task of OTHERS and LINES."""
OTHERS: Final = Part(
    tasks=("jig", "waltz", "dorian", "continuation"),
    contenders=FEW,
    seeds=10,
    steps=80_000,
    seconds=12.0,
    pieces=128,
)
"""Other metres, keys and beginnings: some 25 minutes of one core for each task."""
LINES: Final = Part(
    tasks=("counterpoint",),
    contenders=(*FEW, "prior_best_of_16", "maskable_ppo", "a2c"),
    seeds=10,
    steps=40_000,
    seconds=10.0,
    pieces=256,
)
"""Lines are short, and rules dear: some 30 minutes."""
SWEPT: Final = Part(
    tasks=("melody",),
    contenders=(
        "greedy",
        "prior_0.6",
        "prior_0.8",
        "prior",
        "prior_ppo",
        *(f"tutor_{rule}_tuned" for rule in RULES),
        *SWEEP,
    ),
    seeds=5,
    steps=MAIN.steps,
    seconds=MAIN.seconds,
    pieces=MAIN.pieces,
)
"""What the rules pay against likelihood, over the weight of the reward: 13 minutes for each seed beside MAIN."""

PRESETS: Final[dict[str, tuple[Part, ...]]] = {
    "quick": (QUICK,),
    "main": (MAIN,),
    "breadth": (OTHERS, LINES),
    "sweep": (SWEPT,),
    "full": (MAIN, OTHERS, LINES, SWEPT),
}
