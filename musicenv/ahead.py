"""Compile rules in a second process: ``python -m musicenv.ahead MODULE:RULE ...`` leaves them in the cache.

numba compiles one function at a time, so the first use of a suite is shorter by a fifth when two processes share it.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, cast

import numba

from musicenv.melody import Melody, melody_from_notes
from musicenv.task import Task
from rewards.rules import Rule


def example() -> Melody:
    """A finished piece of common length, for the types that rules are compiled for."""
    return melody_from_notes([60, 62, 64, 65, 67, 65, 64, 62] * 8, [6] * 64, Task())


def compile_rule(rule: Rule) -> Any:
    """Compile ``rule`` for the melodies of a batch; numba's type of what it returns."""
    signature = (numba.typeof(example()),)  # type: ignore[no-untyped-call]
    dispatcher = cast(Any, rule.compiled)
    dispatcher.compile(signature)
    return dispatcher.overloads[signature].signature.return_type


def compile_all(rules: Sequence[Rule]) -> None:
    """Compile shipped rules, half of them in a second process; those that hold a theme cannot be named to it."""
    rules = sorted(rules, key=lambda rule: rule.function.__closure__ is not None)
    named = sum(rule.function.__closure__ is None for rule in rules)
    half = min(len(rules) // 2, named)
    names = [f"{rule.function.__module__}:{rule.function.__name__}" for rule in rules[:half]]
    helper = subprocess.Popen([sys.executable, "-m", "musicenv.ahead", *names]) if names else None
    for rule in rules[half:]:
        compile_rule(rule)
    if helper is not None:
        helper.wait()  # if it failed, its rules are compiled here, where they are needed


if __name__ == "__main__":
    for name in sys.argv[1:]:
        module, _, attribute = name.partition(":")
        compile_rule(getattr(importlib.import_module(module), attribute))
