"""What a section of ``experiments.speed`` is, and what it finds."""

from __future__ import annotations

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
        text = f"{self.value:,.0f}" if abs(self.value) >= 100 else f"{self.value:.3g}"
        return f"{text} {self.unit}".strip()

    @property
    def target_shown(self) -> str:
        """The target as text."""
        return "" if self.target is None else f"{'<=' if self.at_most else '>='} {self.target:g}"


class Section(NamedTuple):
    """Something to measure."""

    title: str
    measure: Callable[[Preset, int], Sequence[Figure]]
