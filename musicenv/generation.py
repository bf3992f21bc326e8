"""The step with the rules of one suite: its source is copied into a generated module, so that numba inlines the rules
and its cache finds the result again.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from musicenv.ahead import compile_all
from musicenv.jit import kernel_folder
from musicenv.kernel import new_lines, state_of
from musicenv.reference import block_of
from musicenv.step import advance, appraise, play, play_and_observe
from rewards.code import is_shipped
from rewards.rules import Rule, Suite
from rewards.summaries import SUMMARIES
from rewards.tallies import Tallies, Tally


class Kernel(NamedTuple):
    """The compiled functions of one set of rules."""

    play: Callable[..., tuple[int, int, int]]
    advance: Callable[..., tuple[int, int, int]]
    appraise: Callable[..., None]
    summarise: Callable[..., None]
    """Called before a note is appended outside the step."""


def load_kernel(suite: Suite, in_python: npt.NDArray[np.bool_]) -> Kernel:
    """The step for the rules of ``suite``, compiled or from the cache; says so where it has to compile.

    Rules marked in ``in_python`` (S,) are not part of it: ``musicenv.batch`` asks them in Python.
    """
    folder = kernel_folder(__name__)
    name = f"step_{folder.name}_{suite.fingerprint()}_{np.packbits(in_python).tobytes().hex()}"
    if name in sys.modules:
        return _kernel_of(sys.modules[name])
    new = not any(kernel_folder(name).rglob(f"{name}*.nbi"))
    began = time.perf_counter()
    if new:
        print(f"compiling {len(suite)} rules and the step (once; cached) ...", end="", file=sys.stderr, flush=True)
        shipped = [term.rule for term in suite if is_shipped(term.rule.function)]
        helper = compile_all(shipped)
    module = generated(folder / f"{name}.py", suite, lambda: _generate(suite, in_python), in_python)
    if new:
        _warm_up(module.advance, suite)
        if helper is not None:
            helper.communicate()  # waits, and closes its pipe
        print(f" {time.perf_counter() - began:.0f} s", file=sys.stderr)
    return _kernel_of(module)


def generated(path: Path, suite: Suite, text: Callable[[], str], in_python: npt.NDArray[np.bool_] | None = None) -> Any:
    """The module at ``path``, written where it is not there yet, with the suite's rules and summaries to call."""
    if not path.exists():
        _write(path, text())
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    rules = [k for k in range(len(suite)) if in_python is None or not in_python[k]]
    module.__dict__.update({f"rule_{k}": suite.terms[k].rule.compiled for k in rules})
    module.__dict__.update({f"tally_{t}": used.compiled for t, used in enumerate(suite.tallies)})
    module.__dict__.update({f"summary_{place}": SUMMARIES[place].update for place in suite.summaries})
    spec.loader.exec_module(module)
    sys.modules[path.stem] = module
    return module


def decorator_of(suite: Suite) -> str:
    """What compiles the functions of a generated module.

    numba's cache finds code again by its module: rules typed into nothing, as by exec, are compiled each time.
    """
    return "@compiled" if all(inspect.getmodule(term.rule.function) for term in suite) else "@numba.njit"


def source_of(function: Any, decorator: str) -> list[str]:
    """The lines of a function as a generated module has them."""
    before, _, after = inspect.getsource(function).split('"""')
    return ["", decorator, before + "pass" + after]


def _kernel_of(module: Any) -> Kernel:
    return Kernel(module.play, module.advance, module.appraise, module.summarise)


def _generate(suite: Suite, in_python: npt.NDArray[np.bool_]) -> str:
    lines = ['"""Generated: the step of musicenv/step.py with the rules of one suite."""', ""]
    lines += [
        "import numba",
        "",
        "from musicenv.kernel import *",
        "from musicenv.alphabet import *",
        "from musicenv.step import *",
        "from musicenv.kernel import _DURATIONS",
        "",
    ]
    decorator = decorator_of(suite)
    mine = {k: term.rule for k, term in enumerate(suite) if not in_python[k]}
    note_rules = {k: rule for k, rule in mine.items() if rule.kind == "note"}
    at_bars = {k: rule for k, rule in mine.items() if rule.kind == "piece" and not rule.at_end}
    at_end = {k: rule for k, rule in mine.items() if rule.at_end}
    lines += ["", decorator, "def note_rules(melody, values):", *_asking(suite, note_rules), "    return", ""]
    lines += ["", decorator, "def bar_rules(melody, values, kept):", "    line, kept = fetch(melody), borrow(kept)"]
    lines += [*_counting(suite.tallies, suite.tallies.kept, "int(kept[0])"), *_asking(suite, at_bars)]
    if suite.tallies.size:
        lines += ["    kept[0] = melody.pitch.size"]
    lines += ["    return", "", decorator, "def end_rules(melody, values, kept):", "    line = fetch(melody)"]
    lines += [f"    late = np.zeros({suite.tallies.size_at_end})"] if suite.tallies.at_end else []
    lines += [*_counting(suite.tallies, suite.tallies.at_end, "0"), *_asking(suite, at_end)]
    lines += ["    return", "", f"KEPT = {suite.tallies.size}", "", decorator, *summarise_source(suite)]
    for function in (play, play_and_observe, advance, appraise):
        lines += source_of(function, decorator)
    return "\n".join([*lines, ""])


def _counting(tallies: Tallies, some: Iterable[Tally], first: str) -> list[str]:
    """Lines that bring ``some`` tallies up to date, from note ``first`` on."""
    calls = {
        t: (used, f"tally_{t}({'line' if used.of_notes else 'melody'}, {{}}{tallies.numbers(used)})")
        for t, used in enumerate(tallies)
        if used in some
    }
    notes = [f"        {call.format('k, ')}" for used, call in calls.values() if used.of_notes]
    lines = [f"    for k in range({first}, melody.pitch.size):", *notes] if notes else []
    for used, call in calls.values():
        if not used.of_notes:
            lines += [] if used.kept else [f"    {tallies.numbers(used)} = 0.0"]
            lines.append(f"    {call.format('')}")
    return lines


def _asking(suite: Suite, rules: Mapping[int, Rule]) -> list[str]:
    """Lines that ask ``rules``, by their terms."""
    told = {k: f", {suite.tallies.numbers(rule.tally)}" if rule.tally else "" for k, rule in rules.items()}
    return [f"    values[{k}] = rule_{k}(melody{told[k]})" for k in rules]


def summarise_source(suite: Suite) -> list[str]:
    """The lines of the function ``summarise`` for a suite."""
    lines = ["def summarise(melody, summary):"]
    # All are made from the values before the newest note; ``summary`` may be the melody's own.
    lines += [f"    after_{place} = summary_{place}(melody)" for place in suite.summaries]
    lines += [f"    summary[{place}] = after_{place}" for place in suite.summaries]
    return [*lines, "    return", ""]


def _warm_up(compiled_advance: Any, suite: Suite) -> None:
    """Compile for the types that batches use, without running any rule."""
    block = block_of(state_of(new_lines(1, 1, 1, 1), suite.arrays()))
    everything = (block, block, np.zeros(1, np.int64), 0, 0)
    types = tuple(numba.typeof(argument) for argument in everything)  # type: ignore[no-untyped-call]
    with warnings.catch_warnings():
        # A user's rule that refers to something unusual works but is compiled anew each time.
        warnings.filterwarnings("ignore", "Cannot cache compiled function", numba.core.errors.NumbaWarning)
        compiled_advance.compile(types)


def _write(path: Path, text: str) -> None:
    temporary = path.with_suffix(f".{time.time_ns()}.tmp")
    temporary.write_text(text)
    temporary.replace(path)
