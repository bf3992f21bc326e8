"""Rules: plain Python functions of the melody, compiled for the environment's step, added and weighted into suites."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, overload

import numpy as np

from musicenv.jit import compiled
from musicenv.melody import Melody

Kind = Literal["note", "piece"]


@dataclass(frozen=True, eq=False)
class Rule:
    """A named function of the melody.  Call it in Python; ``compiled`` is the same function under numba."""

    function: Callable[[Any], float]
    kind: Kind
    """"note": a score for the newest note.  "piece": a statistic of the whole line so far; NaN where undefined."""
    name: str
    options: dict[str, Any] = field(default_factory=dict)

    def __call__(self, melody: Melody) -> float:
        return float(self.function(melody))

    @cached_property
    def compiled(self) -> Callable[[Melody], float]:
        return compiled(self.function)


def rule(function: Callable[[Any], float]) -> Rule:
    """A rule that speaks at each note: the function scores the newest note of the melody."""
    return Rule(function, "note", function.__name__)


def statistic(function: Callable[[Any], float]) -> Rule:
    """A figure that describes the piece; a calibrated curve turns it into reward."""
    return Rule(function, "piece", function.__name__)
