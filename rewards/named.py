"""Rewards by name: a suite from a string, a dict of weights, a rule or a suite."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from rewards.rules import Rule, Suite

Reward = str | Mapping[str, float] | Rule | Suite | None


def _theory() -> Suite:
    from rewards import theory

    return theory.suite()


def _likelihood() -> Suite:
    from rewards import likelihood

    return likelihood.suite()


def _log_likelihood() -> Suite:
    from rewards import likelihood

    return likelihood.log_likelihood * 1.0


def _sequence_tutor() -> Suite:
    from rewards import sequence_tutor

    return sequence_tutor.suite()


SUITES: Final[dict[str, Callable[[], Suite]]] = {
    "theory": _theory,
    "likelihood": _likelihood,
    "log_likelihood": _log_likelihood,
    "sequence_tutor": _sequence_tutor,
}
"""The shipped suites; "default" is theory, plus likelihood where there is a prior."""


def suite_of(reward: Reward, *, has_prior: bool) -> Suite:
    """The suite that ``reward`` names.

    A string is a sum of names, each with an optional weight: ``"theory"``, ``"default+my_rules:swing=0.5"``,
    ``"theory.cadence=2"``; so is a mapping of names to weights.  ``None`` is ``"default"``.  A name is a shipped suite,
    ``suite.term`` for one of its terms, or ``module:function`` for a rule or suite of your own, sought from the current
    folder as well.
    """
    if isinstance(reward, Suite):
        return reward
    if isinstance(reward, Rule):
        return reward * 1.0
    if reward is None:
        reward = "default"
    if callable(reward):
        raise ValueError(f"reward {reward!r} is a plain function, not a rule; put @rule or @statistic before it")
    weights = _parse(reward) if isinstance(reward, str) else dict(reward)
    if not weights:
        raise ValueError("the reward is empty; name at least one suite or rule, such as 'theory'")
    for name, weight in weights.items():
        if not isinstance(weight, int | float) or not math.isfinite(weight):
            raise ValueError(f"reward {name!r}: {weight!r} is not a weight; give a finite number")
    suites = [_named(name, has_prior) * weight for name, weight in weights.items()]
    return sum(suites[1:], start=suites[0])


def _parse(text: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for part in text.split("+"):
        name, _, weight = part.strip().partition("=")
        try:
            weights[name.strip()] = float(weight) if weight else 1.0
        except ValueError:
            raise ValueError(f"reward {text!r}: {weight!r} is not a weight; write NAME=NUMBER") from None
    return weights


def _named(name: str, has_prior: bool) -> Suite:
    if name == "default":
        return _theory() + _likelihood() if has_prior else _theory()
    if name in SUITES:
        return SUITES[name]()
    if ":" in name:
        return _imported(name)
    suite, _, term = name.partition(".")
    if suite in SUITES:
        found = [t for t in SUITES[suite]() if t.rule.name == term]
        if found:
            return Suite((found[0],))
        raise ValueError(f"reward {name!r}: {suite} has no term {term!r}; it has {', '.join(SUITES[suite]().names)}")
    raise ValueError(f"reward {name!r} is not known; choose default, {', '.join(SUITES)} or MODULE:FUNCTION")


def _imported(name: str) -> Suite:
    found = attribute_of(name, "reward")
    if isinstance(found, Suite):
        return found
    if isinstance(found, Rule):
        return found * 1.0
    raise ValueError(f"reward {name!r} is a {type(found).__name__}, not a rule; put @rule or @statistic before it")


def attribute_of(name: str, what: str) -> object:
    """What ``MODULE:ATTRIBUTE`` names, sought from the current folder as well; ``what`` it is to be, for the
    message."""
    module_name, _, attribute = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name != module_name.split(".")[0] and error.name != module_name:
            raise
        raise ValueError(f"{what} {name!r}: there is no module {module_name!r} here or on the Python path") from None
    found: object = getattr(module, attribute, None)
    if found is None:
        raise ValueError(f"{what} {name!r}: {module_name} has no {attribute!r}")
    return found
