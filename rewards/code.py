"""What a function's code reads and refers to, so that a suite knows what it needs and when it has changed."""

from __future__ import annotations

import dis
import types
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, TypeVar, cast

import numba
import numpy as np

from musicenv.jit import OWN_PACKAGES, compiled

F = TypeVar("F", bound=Callable[..., Any])


def is_shipped(function: Any) -> bool:
    """Whether the function is one of ours rather than a user's."""
    return (function.__module__ or "").split(".")[0] in OWN_PACKAGES  # None: typed into nothing


def compiled_or_checked(function: F, **options: Any) -> F:
    """Under numba.  A user's function may read beyond the line's beginning: checked, so that it raises instead of
    reading noise."""
    if is_shipped(function):
        return compiled(function, **options)
    return cast(F, numba.njit(boundscheck=True, **options)(function))


def _code_objects(code: types.CodeType) -> Iterator[types.CodeType]:
    """A function's code and that of the comprehensions and functions inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _code_objects(constant)


def _referenced(function: types.FunctionType) -> Iterator[Any]:
    """Values of the globals, module attributes and closure variables that a function reads."""
    names = {name for code in _code_objects(function.__code__) for name in code.co_names}
    for name in sorted(names & function.__globals__.keys()):
        value = function.__globals__[name]
        if isinstance(value, types.ModuleType):
            yield from (getattr(value, attribute) for attribute in sorted(names) if hasattr(value, attribute))
        else:
            yield value
    for cell in function.__closure__ or ():
        yield cell.cell_contents


def fields_read(function: Any, seen: set[int]) -> set[str]:
    """Names of the attributes that a function, and the functions that it calls, read."""
    function = getattr(function, "py_func", function)
    if not isinstance(function, types.FunctionType) or id(function) in seen:
        return set()
    seen.add(id(function))
    names = frozenset[str]().union(*(_attributes(code) for code in _code_objects(function.__code__)))
    return set(names).union(*(fields_read(value, seen) for value in _referenced(function)))


@cache
def _attributes(code: types.CodeType) -> frozenset[str]:
    """Those that it reads; suites share rules, and rules share what they call."""
    return frozenset(str(i.argval) for i in dis.get_instructions(code) if i.opname in ("LOAD_ATTR", "LOAD_METHOD"))


def digest_code(value: Any, digest: Any, seen: set[int]) -> None:
    """Feed a function's code and, recursively, everything it refers to into ``digest``."""
    value = getattr(value, "py_func", value)
    if isinstance(value, np.ndarray):
        digest.update(f"{value.dtype} {value.shape}".encode() + value.tobytes())
    elif isinstance(value, types.FunctionType):
        if id(value) in seen:
            return
        seen.add(id(value))
        for code in _code_objects(value.__code__):
            constants = [constant for constant in code.co_consts if not isinstance(constant, types.CodeType)]
            digest.update(code.co_code + repr((code.co_names, code.co_varnames, constants)).encode())
        for referred in _referenced(value):
            digest_code(referred, digest, seen)
    elif hasattr(value, "__qualname__"):  # classes, and functions that aren't written in Python
        digest.update(f"{value.__module__}.{value.__qualname__}".encode())
    elif not isinstance(value, types.ModuleType):
        # An object whose repr holds its address is taken for new in each process: compiled again rather than stale.
        digest.update(repr(value).encode())
