"""Which rules of a suite have to run as Python because numba refuses them, and what that costs."""

from __future__ import annotations

import time
import warnings
from functools import cache

import numba
import numpy as np
import numpy.typing as npt

from musicenv.ahead import compile_rule, example
from musicenv.melody import ARRAYS
from rewards.code import is_shipped
from rewards.rules import Rule, RuleError, Suite


class SlowRuleWarning(UserWarning):
    """A rule runs as Python; the message names the line and the measured cost."""


def refused(suite: Suite) -> npt.NDArray[np.bool_]:
    """(S,) which terms run as Python; warns about each.  Shipped rules are known to compile and are not tried."""
    out = np.zeros(len(suite), dtype=np.bool_)
    for k, term in enumerate(suite):
        if not is_shipped(term.rule.function):
            out[k] = not _compiles(term.rule)
    return out


@cache
def _compiles(rule: Rule) -> bool:
    try:
        told = compile_rule(rule)
    except numba.core.errors.NumbaError as error:
        reason = _reason(error)
    except Exception as error:  # numba also lets errors of its own analysis through
        reason = f"{type(error).__name__}: {error}"
    else:
        if not isinstance(told, numba.types.Number | numba.types.Boolean):
            raise RuleError(f"rule {rule.name!r} returns {told}, not a number; end it with 'return NUMBER'")
        return True
    melody = example()
    repeats = 200
    began = time.perf_counter()
    try:
        for _ in range(repeats):
            rule(melody._replace(**{name: getattr(melody, name).copy() for name in ARRAYS}))
        cost = f"about {(time.perf_counter() - began) / repeats * 1e6:.1f} us a call instead of well under 1"
    except Exception:
        cost = "far more than compiled"
    code = rule.function.__code__
    warnings.warn(
        f"rule {rule.name!r} ({code.co_filename}:{code.co_firstlineno}) runs as Python, {cost}; numba says: {reason}",
        SlowRuleWarning,
        stacklevel=5,
    )
    return False


def _reason(error: Exception) -> str:
    """The informative lines of numba's message: what it refused, and where."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    where = [line for line in lines if line.startswith('File "')]
    first = next((line for line in lines if not line.startswith("Failed in")), type(error).__name__)
    return f"{first} {where[-1] if where else ''}".strip()
