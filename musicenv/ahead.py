"""Compile in a second process: ``python -m musicenv.ahead MODULE:RULE ... rules-done hearing`` fills the cache.

numba compiles one function at a time, so the first use of a suite is shorter by a third when two processes share it.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Final, cast

import numba
import numpy as np

from musicenv.jit import kernel_folder
from musicenv.melody import Melody, melody_from_notes
from musicenv.reference import block_of, reference_to
from musicenv.task import Task
from rewards.rules import Rule, Suite

_RULES_DONE: Final = "rules-done"
_HEARING: Final = "hearing"


def example() -> Melody:
    """A finished piece of common length, for the types that rules are compiled for."""
    return melody_from_notes([60, 62, 64, 65, 67, 65, 64, 62] * 8, [6] * 64, Task())


def compile_rule(rule: Rule) -> Any:
    """Compile ``rule`` for the melodies of a batch; numba's type of what it returns."""
    signature: tuple[Any, ...] = (reference_to(example()),)
    if rule.tally is not None:
        place = (numba.int64,) if rule.tally.of_notes else ()
        cast(Any, rule.tally.compiled).compile((*signature, *place, numba.float64[::1]))
        signature += (numba.float64[::1],)
    dispatcher = cast(Any, rule.compiled)
    dispatcher.compile(signature)
    return dispatcher.overloads[signature].signature.return_type


def compile_all(rules: Sequence[Rule]) -> subprocess.Popen[str] | None:
    """Compile shipped rules, some of them in a second process; those that hold a theme cannot be named to it.

    That process goes on, where hearing is new, to what that and observing take, while the step is compiled here: wait
    for it before these are used.  If it fails, all is compiled here, where it is needed.
    """
    new = not any(kernel_folder("musicenv.hearing").rglob("*hear_rows*.nbi"))
    rules = sorted(rules, key=lambda rule: rule.function.__closure__ is not None)
    named = sum(rule.function.__closure__ is None for rule in rules)
    share = min(len(rules) // (4 if new else 2), named)
    names = [f"{rule.function.__module__}:{rule.function.__name__}" for rule in rules[:share]]
    names += [_RULES_DONE, *([_HEARING] if new else [])]
    helper = None
    if share or new:
        command = [sys.executable, "-m", "musicenv.ahead", *names]
        helper = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for rule in rules[share:]:
        compile_rule(rule)
    if helper is not None and helper.stdout is not None:
        helper.stdout.readline()
    return helper


def _compile_hearing() -> None:
    """Compile what a single environment needs beside its rules."""
    from musicenv.hearing import hear_rows, listen_to
    from musicenv.kernel import new_lines, state_of
    from musicenv.observation import observe
    from musicenv.pages import Pages

    rows, features = np.zeros(1, dtype=np.int64), np.zeros((1, 1), dtype=np.int16)
    block = block_of(state_of(new_lines(1, 1, 1, 1), Suite(()).arrays()))
    pages = Pages((1,), (1,), *[(1, 1)] * 4)
    _, (*_, observations, masks, terms, _) = pages.turn()
    pages.turn()  # another page, since these arrays are held: how it is told of is compiled
    for function, arguments in (
        (hear_rows, (block, features, rows, observations)),
        (listen_to, (block, rows, observations)),
        (observe, (block, rows, observations, masks, terms)),
    ):
        types = tuple(numba.typeof(argument) for argument in arguments)  # type: ignore[no-untyped-call]
        cast(Any, function).compile(types)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        if name == _RULES_DONE:
            print(name, flush=True)
        elif name == _HEARING:
            _compile_hearing()
        else:
            module, _, attribute = name.partition(":")
            compile_rule(getattr(importlib.import_module(module), attribute))
