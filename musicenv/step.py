"""The compiled step of a batch: append the note, ask the rules, tell whether the piece is finished.

``advance`` and ``appraise`` are compiled once for each set of rules: their source is copied into a generated
module in which ``note_rules`` and ``piece_rules`` call the rules of that set, so that numba inlines them and its cache
finds the result again (``load_kernel``).
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
from musicenv.alphabet import LOWEST, N_ACTIONS, N_DURATIONS, REST
from musicenv.hearing import hear_rows, write_features
from musicenv.jit import kernel_folder
from musicenv.kernel import (
    _DURATIONS,
    END,
    LENGTH,
    TIME,
    Lines,
    append,
    begin_task,
    hear,
    is_read,
    legal_duration,
    new_lines,
    passes_all,
    read_state,
    settle,
    state_of,
    view,
)
from musicenv.melody import Melody
from musicenv.observation import observe_one, silence
from musicenv.packing import pack_one
from musicenv.pages import read_page
from musicenv.reference import block_of, borrow, fetch, refer
from rewards.code import is_shipped
from rewards.rules import Rule, Suite
from rewards.summaries import SUMMARIES
from rewards.tallies import Tallies, Tally

OK, FAILED, FINISHED, NO_ACTION = range(4)
"""First value that ``advance`` returns: all went well; a note rule returned NaN or a statistic an infinity; a piece was
finished already; an action is not in the alphabet."""


AT_ONCE = 128
"""Melodies for which one part of the step is done after the other: their state fits into the second cache level."""

KEPT = 0
"""Replaced in the generated module: how many numbers the suite's tallies keep of a melody."""


def note_rules(melody: Melody, values: npt.NDArray[np.float64]) -> None:
    """Replaced in the generated module: the value of each note rule of the suite."""


def bar_rules(melody: Melody, values: npt.NDArray[np.float64], kept: npt.NDArray[np.float64]) -> None:
    """Replaced in the generated module: the value of each statistic that is read at bar lines; ``kept`` (K,) is what
    the tallies left at the reading before, and leave now."""


def end_rules(melody: Melody, values: npt.NDArray[np.float64], kept: npt.NDArray[np.float64]) -> None:
    """Replaced in the generated module: the value of each statistic that is read at the end alone, after
    ``bar_rules``."""


def summarise(melody: Melody, summary: npt.NDArray[np.int64]) -> None:
    """Replaced in the generated module: write into ``summary`` (F,) what the suite's summaries are after the newest
    note of ``melody``, whose own tell of the notes before."""


def play(
    lines: Lines,
    suite: Any,
    first: int,
    last: int,
    actions: npt.NDArray[np.int64],
    log_probs: npt.NDArray[np.float32],
    entropy: npt.NDArray[np.float32],
    listening: bool,
    rewards: npt.NDArray[np.float64],
    finished: npt.NDArray[np.bool_],
    at_bar: npt.NDArray[np.bool_],
) -> tuple[int, int, int]:
    """Append ``actions[i]`` to each melody i from ``first`` to ``last`` - 1, with its reward; what failed, as (code,
    melody, term), or ``(OK, ended, 0)`` with the number of pieces that ended.

    ``lines`` and ``suite`` are references; log_probs (n, A) of the prior before the note and their entropy (n,), read
    where ``listening``; rewards (n,); finished (n,); at_bar (n,) whether statistics were read: the note met or crossed
    one of the bar lines where they are.  What is alike is done for one melody after the other, so that its code stays
    in the cache.
    """
    lines = fetch(lines)
    ended, readings = 0, 0
    for i in range(first, last):
        frame, action = lines.frame[i], actions[i]
        if frame[TIME] >= frame[END]:
            return FINISHED, i, 0
        if action < 0 or action >= N_ACTIONS:
            return NO_ACTION, i, 0
        pitch, duration = action // N_DURATIONS, legal_duration(frame, action % N_DURATIONS)
        if listening:
            hear(lines, i, pitch * N_DURATIONS + duration, log_probs[i], entropy[i])
        if frame[LENGTH] > 0 and lines.summary.shape[1] > 0:
            summarise(refer(view(lines, i)), lines.summary[i])
        append(lines, i, pitch + LOWEST - 1 if pitch > 0 else REST, _DURATIONS[duration])
        rewards[i] = 0.0
        finished[i] = frame[TIME] == frame[END]
        at_bar[i] = finished[i] or is_read(frame, _DURATIONS[duration])
        ended += finished[i]
        readings += at_bar[i]
    for i in range(first, last if suite.note_terms.size > 0 else first):
        note_rules(refer(view(lines, i)), lines.values[i])
        rewards[i], failed = settle(lines, suite, i, suite.note_terms, rewards[i])
        if failed >= 0:
            return FAILED, i, failed
    for i in range(first, last if readings > 0 else first):
        if at_bar[i]:
            bar_rules(refer(view(lines, i)), lines.values[i], lines.tallies[i])
    for i in range(first, last if ended > 0 else first):
        if finished[i]:
            end_rules(refer(view(lines, i)), lines.values[i], lines.tallies[i])
    for i in range(first, last if readings > 0 else first):
        if at_bar[i]:
            due = suite.end_terms if finished[i] else suite.bar_terms
            rewards[i], failed = settle(lines, suite, i, due, rewards[i])
            if failed >= 0:
                return FAILED, i, failed
            if finished[i] and suite.bonus != 0.0 and passes_all(lines, suite, i):
                rewards[i] += suite.bonus
    return OK, ended, 0


def advance(
    block: npt.NDArray[np.int64],
    page: npt.NDArray[np.int64],
    first: int,
    last: int,
    actions: npt.NDArray[np.int64],
    begins: int,
    listens: int,
) -> tuple[int, int, int]:
    """Append ``actions[i]`` to each melody i from ``first`` to ``last`` - 1 of the ``State`` in ``block``, and observe.

    What ``play`` tells.  actions (n,) are those of the whole batch, as are the arrays of the ``Page`` in ``page``;
    where its observations are empty nothing is observed.  Where it ``begins``, pieces that ended are packed into their
    rows of the state's room, and the next ones begun and observed.  Where it ``listens``, the prior's features are
    written for the pieces that go on; with 2, which is for few, it hears them if all do.
    """
    state, out = read_state(block), read_page(page)
    actions, rewards, finished, room = borrow(actions), out.rewards, out.finished, state.room
    observations, masks, terms = out.observations, out.masks, out.terms
    ended = 0
    for some in range(first, last, AT_ONCE):
        end = min(some + AT_ONCE, last)
        told = play(
            state.lines,
            state.suite,
            some,
            end,
            actions,
            state.log_probs,
            state.entropy,
            state.told_at > 0,
            rewards,
            finished,
            state.at_bar,
        )
        if told[0] != OK:
            return told
        ended += told[1]
        for i in range(some, end if observations.size > 0 else some):
            observe_one(state, i, observations[i], masks[i], terms[i])
            if finished[i] and state.told_at > 0:
                silence(observations[i], state.told_at, state.log_probs.shape[1])
        for i in range(some, end if begins > 0 and told[1] > 0 else some):
            if finished[i]:
                pack_one(state.lines, i, observations[i], room[i])
                begin_task(state, i, 0)
                observe_one(state, i, observations[i], masks[i], terms[i])
        for i in range(some, end if listens > 0 else some):
            if begins > 0 or not finished[i]:
                write_features(state.lines, i, state.features[i])
    if listens == 2 and (begins > 0 or ended == 0):
        hear_rows(block, state.features[first:last], np.arange(first, last), observations)
    return OK, ended, 0


def appraise(
    lines: Lines,
    suite: Any,
    rows: npt.NDArray[np.int64],
    scores: npt.NDArray[np.float64],
    passes: npt.NDArray[np.bool_],
) -> None:
    """Judge finished melodies by the statistics of the suite: into ``scores`` (r,) their sums for ``rows`` (r,), into
    ``passes`` (r,) whether all are passed.  A score is NaN where a statistic is infinite."""
    state, rules = refer(lines), refer(suite)
    for r in range(rows.size):
        i = rows[r]
        melody, kept = refer(view(state, i)), np.zeros(KEPT)
        bar_rules(melody, state.values[i], kept)
        end_rules(melody, state.values[i], kept)
        for k in rules.end_terms:
            state.scores[i, k] = 0.0
        scores[r], failed = settle(state, rules, i, rules.end_terms, 0.0)
        if failed >= 0:
            scores[r] = np.nan
        passes[r] = passes_all(state, rules, i)


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
    for function in (play, advance, appraise):
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
    everything = (block, block, 0, 1, np.zeros(1, np.int64), 0, 0)
    types = tuple(numba.typeof(argument) for argument in everything)  # type: ignore[no-untyped-call]
    with warnings.catch_warnings():
        # A user's rule that refers to something unusual works but is compiled anew each time.
        warnings.filterwarnings("ignore", "Cannot cache compiled function", numba.core.errors.NumbaWarning)
        compiled_advance.compile(types)


def _write(path: Path, text: str) -> None:
    temporary = path.with_suffix(f".{time.time_ns()}.tmp")
    temporary.write_text(text)
    temporary.replace(path)
