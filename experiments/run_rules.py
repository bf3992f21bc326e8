"""The rules that the pieces of a run were composed with, found again from its arguments."""

from __future__ import annotations

import inspect
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from agents.assignment import MELODY, assignment
from agents.training import Learning, settings_of
from experiments.compose import VARIATIONS
from experiments.runs import Run
from musicenv.reading import read
from rewards import theory
from rewards.priors import Prior
from rewards.rules import Rule, Suite


class Rules(NamedTuple):
    """What judges the pieces of a run."""

    name: str
    """As ``--reward`` takes it."""
    suite: Suite
    prior: Prior | None
    """Who hears the pieces for the terms of likelihood; None where no term needs it."""
    notice: str = ""
    """What could not be found again, and what stands in for it."""


def what(rule: Rule) -> str:
    """The first sentence of a rule's docstring."""
    text = " ".join((inspect.getdoc(rule.function) or "").split("\n\n")[0].split()).replace("``", "")
    return re.split(r"(?<=[.?!])\s+(?=[A-Z])", text, maxsplit=1)[0]


def rules_of(run: Run) -> Rules:
    """The rules of a run of train_ppo or compose; those of theory, with a notice, where its own cannot be loaded."""
    asked: dict[str, Any] = {"prior": Learning.prior, "bonus": None, **run.arguments}
    name = asked["reward"] = asked.get("reward") or Learning.reward
    try:
        # Whatever a trained agent composes, its rules are those it was trained with.
        if learned := re.search("(ppo|expert):(.+)", str(asked.get("agent"))):
            asked |= asdict(settings_of(Path(learned[2]), Learning))
            name = asked["reward"]
        found = assignment(asked.get("task") or MELODY, {}, name, asked["prior"] or None, asked["bonus"])
        suite, prior = found.suite, found.prior
        if theme := asked.get("vary"):
            suite += (
                VARIATIONS[asked["vary_by"]](read(theme, metre=run.arguments["metre"]).melody) * asked["vary_weight"]
            )
            name += f", and likeness to {Path(theme).name}"
    except Exception as error:  # modules of the user's own may raise anything when they are imported
        reason = " ".join(str(error).split()) or type(error).__name__
        notice = f"The rules it was composed with ({name}) cannot be loaded here: {reason}. The rules of theory judge."
        return Rules("theory", theory.suite(), None, notice)
    return Rules(name, suite, prior if suite.needs_prior else None)
