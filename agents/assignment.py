"""What is composed and what it is paid for: from a task's name to a batch, one way for all who compose or learn."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from musicenv.batch import Batch
from musicenv.counterpoint.batch import CounterpointBatch, Mask
from musicenv.counterpoint.options import CounterpointOptions, rules
from musicenv.options import Options, resolve
from musicenv.task import Task
from rewards.named import Reward
from rewards.priors import Prior
from rewards.rules import Suite

MELODY: Final = "melody"
COUNTERPOINT: Final = "counterpoint"
NOTES_A_BAR: Final = {1: 1, 2: 2, 3: 4, 4: 1.2}
"""Of each species; of the fourth, whose notes are tied where they can be, about."""


@dataclass(frozen=True)
class Assignment:
    """Tasks, one of which is drawn for each piece, and the rules that all of them have."""

    tasks: tuple[Task, ...]
    suite: Suite
    prior: Prior | None = None
    """Who says what is likely; None for counterpoint, whose batch says it itself."""
    mask: Mask | None = None
    """What counterpoint's mask knows; None for melodies."""
    nats: float = 8.0
    """Divergence from the prior, a piece, that a learner settles at unless told otherwise."""

    def batch(self, n: int, threads: int = 1) -> Batch:
        """``n`` pieces side by side, shared by ``threads``."""
        if self.mask is None:
            return Batch(n, self.tasks, self.suite, self.prior, threads)
        return CounterpointBatch(n, self.tasks, self.suite, self.mask, threads)


def assignment(
    task: str = MELODY,
    options: Mapping[str, Any] | None = None,
    reward: Reward = None,
    prior: Prior | str | None = "lstm",
    bonus: float | None = None,
) -> Assignment:
    """What ``task`` names: "melody", or "counterpoint:CANTUS-SPECIES-SIDE".

    CANTUS is the name of a textbook cantus firmus, several with commas, "all" of them, or "made" for some of our own;
    SIDE is above, below or both.  The line has the rules of form too, unless "-plain" follows; names are those of
    ``musicenv.counterpoint.sets``.  ``options`` are those of the environment.  A melody's ``bonus`` is 35 by default;
    counterpoint has no prior, and no bonus unless one is given.
    """
    kind, _, name = task.partition(":")
    if kind not in _KINDS:
        raise ValueError(f"task {task!r} is not known; choose {MELODY} or {COUNTERPOINT}:CANTUS-SPECIES-SIDE")
    return _KINDS[kind](name, options or {}, reward, prior, bonus)


def _melody(
    name: str, options: Mapping[str, Any], reward: Reward, prior: Prior | str | None, bonus: float | None
) -> Assignment:
    if name:
        raise ValueError(
            f"task: {name!r} means nothing after {MELODY}; leave it out, and choose by key, metre and bars"
        )
    suite, listener = resolve(reward, prior)
    tasks = Options().updated(options).tasks()
    return Assignment(tuple(tasks), suite.with_bonus(35.0 if bonus is None else bonus), listener)


def _counterpoint(
    name: str, options: Mapping[str, Any], reward: Reward, prior: Prior | str | None, bonus: float | None
) -> Assignment:
    match = re.fullmatch(r"(.+)-(\d)-(above|below|both)(-plain)?", name)
    if match is None:
        raise ValueError(
            f"task {COUNTERPOINT}:{name} is not understood; write CANTUS-SPECIES-SIDE, such as fux_d-2-above or "
            "all-1-both"
        )
    cantus, species, side = match[1], int(match[2]), match[3]
    asked = {
        "cantus": cantus.split(",") if "," in cantus else cantus,
        "above": side if side == "both" else side == "above",
    }
    suite = rules(reward, species, form=match[4] is None)
    tasks = CounterpointOptions(species=species).updated({**asked, **options}).tasks()
    notes = NOTES_A_BAR[species] * sum(each.bars for each in tasks) / len(tasks)
    return Assignment(tuple(tasks), suite.with_bonus(bonus or 0.0), mask="viable", nats=0.4 * notes)


_KINDS: Final[dict[str, Callable[..., Assignment]]] = {MELODY: _melody, COUNTERPOINT: _counterpoint}
