"""What there is to compose in the benchmark, and who judges it: a table by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, NamedTuple, Protocol

from agents.assignment import COUNTERPOINT
from agents.training import Settings
from experiments.judges.optima import Optima
from experiments.judges.panel import Panel
from musicenv.counterpoint.sets import OF_FORM
from musicenv.melody import Melody
from musicenv.task import Task


class Judges(Protocol):
    """Say in figures what they find in pieces; they read notes alone."""

    @property
    def real(self) -> Sequence[Melody]:
        """Real pieces that they compare with."""

    def figures(
        self, melodies: Sequence[Melody], families: Sequence[int] | None = None, seed: int = 0
    ) -> dict[str, float]:
        """By name; ``families`` are those of ``melodies`` where these are real."""


NATS: Final = 9.0
"""Divergence from the prior, a piece, at which melodies are learned unless a contender says otherwise."""


class Challenge(NamedTuple):
    """One task of the benchmark."""

    learned: Settings
    """What is learned, in one thread: budgets are seconds of one core."""
    composed: Settings
    """What is composed afterwards, under the same rules, and judged."""
    judges: Callable[[Sequence[Task]], Judges]
    """Made for the tasks that are composed.  What other judges find stays empty."""

    @property
    def has_real(self) -> bool:
        """Whether there is real music to compare with."""
        return self.judges is Panel


def _melody(settings: Settings) -> Challenge:
    settings = replace(settings, target_kl=NATS, threads=1)
    return Challenge(settings, settings, Panel)


def _counterpoint(species: int) -> Challenge:
    """Learned on cantus firmi of our own, judged on Fux's."""
    learned, composed = (f"{COUNTERPOINT}:{cantus}-{species}-both" for cantus in ("made", ",".join(OF_FORM)))
    return Challenge(Settings(task=learned, threads=1), Settings(task=composed, threads=1), Optima)


TASKS: Final = {
    "melody": _melody(Settings()),
    "jig": _melody(Settings(metre="6/8", key="G major", style="jig")),
    "waltz": _melody(Settings(metre="3/4", key="D minor")),
    "dorian": _melody(Settings(key="E dorian")),
    "continuation": _melody(Settings(key="D major", opening="f a a2 g e e g f d d f e c A c")),
    "any": _melody(Settings(key="all", metre="all")),
    "counterpoint": _counterpoint(1),
    "counterpoint_2": _counterpoint(2),
}
"""Melodies have eight bars and the default reward.  continuation goes on from two bars of a held-out reel (Castle
Island, O'Neill 1850); any draws key and metre for each piece.  counterpoint is one line of the first species (of the
second in counterpoint_2) against a cantus firmus, above or below it, one of which is drawn for each piece."""
