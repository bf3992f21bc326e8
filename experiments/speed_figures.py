"""What a section of ``experiments.speed`` is, and what it finds."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Preset(NamedTuple):
    """How long and how far to measure."""

    seconds: float
    """Of each thing that is compared."""
    most_environments: int
    bars: tuple[int, ...]
    repeats: int
    """Of what is measured in processes of its own, and of each rule."""
    processes: int = 1
    """Of sections that are ``placed``; they share the seconds."""

    @property
    def slices(self) -> int:
        """Of each planner, of which the median counts."""
        return 4 * self.repeats - 5


class Figure(NamedTuple):
    """One measured number."""

    name: str
    value: float
    unit: str = ""
    """"" for a ratio."""
    target: float | None = None
    at_most: bool = False
    """Whether the target is a limit rather than a goal."""
    at: float | None = None
    """Where it stands on the axis of a plot."""

    @property
    def shown(self) -> str:
        """Value and unit as text."""
        return f"{_text(self.value)} {self.unit}".strip()

    @property
    def target_shown(self) -> str:
        """The target as text."""
        return "" if self.target is None else f"{'<=' if self.at_most else '>='} {_text(self.target)}"


def _text(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


class Section(NamedTuple):
    """Something to measure."""

    title: str
    measure: Callable[[Preset, int], Sequence[Figure]]
    placed: bool = False
    """Whether its figures hang on where memory happens to lie, and so go up and down from process to process: then each
    is the median of some processes."""


def medians(found: Sequence[Sequence[Figure]]) -> list[Figure]:
    """Of each figure the median of what several processes found."""
    return [same[0]._replace(value=statistics.median(f.value for f in same)) for same in zip(*found, strict=True)]
