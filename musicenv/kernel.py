"""The compiled step of a batch of melodies: append the note, ask the rules, tell whether the piece is finished.

State is a struct of arrays over ``n`` melodies (see ``Lines``).  ``step`` is compiled once for each set of rules: its
source is copied into a generated module in which ``note_rules`` and ``piece_rules`` call the rules of that set, so that
numba inlines them and its cache finds the result again (``load_step``).
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from musicenv.ahead import compile_all
from musicenv.alphabet import DURATIONS, LOWEST, N_ACTIONS, N_DURATIONS, REST, duration_is_legal
from musicenv.jit import compiled, kernel_folder
from musicenv.melody import UNSET, Melody
from rewards.rules import Suite, is_shipped

# Columns of Lines.frame.
LENGTH, TIME, START, END, BAR, BEAT, BARS, METRE, MODE, STYLE, KEY, LOW, HIGH = range(13)
N_FRAME: Final = 13
NO_PITCH: Final = -1
"""Value of LOW and HIGH before anything has sounded."""

OK, FAILED, FINISHED, NO_ACTION = range(4)
"""First value that ``step`` returns: all went well; a note rule returned NaN or a statistic an infinity; a piece was
finished already; an action is not in the alphabet."""

_DURATIONS: Final = np.array(DURATIONS, dtype=np.int64)


class Lines(NamedTuple):
    """State of n melodies, each with room for ``capacity`` notes; times in ticks."""

    notes: npt.NDArray[np.int16]
    """(n, 3, capacity) relative pitch, onset and duration."""
    heard: npt.NDArray[np.float32]
    """(n, 2, capacity) surprisal and entropy in nats, NaN without a prior."""
    grid: npt.NDArray[np.int16]
    """(n, sixteenths) sounding pitch, REST or UNSET."""
    frame: npt.NDArray[np.int64]
    """(n, N_FRAME) length in notes, time, and the frame of the task; columns above."""
    values: npt.NDArray[np.float64]
    """(n, S) latest value of each term, before curve and weight."""
    scores: npt.NDArray[np.float64]
    """(n, S) weighted score of each term so far."""
    passed: npt.NDArray[np.bool_]
    """(n, S) whether the term's score reaches its threshold."""


def new_lines(n: int, capacity: int, sixteenths: int, terms: int) -> Lines:
    """Lines for ``n`` melodies; ``frame`` is filled by ``reset``."""
    return Lines(
        notes=np.zeros((n, 3, capacity), dtype=np.int16),
        heard=np.full((n, 2, capacity), np.nan, dtype=np.float32),
        grid=np.full((n, sixteenths), UNSET, dtype=np.int16),
        frame=np.zeros((n, N_FRAME), dtype=np.int64),
        values=np.full((n, terms), np.nan),
        scores=np.zeros((n, terms)),
        passed=np.zeros((n, terms), dtype=np.bool_),
    )


@compiled
def view(lines: Lines, i: int) -> Melody:
    """Melody ``i`` as rules read it, without copying."""
    frame = lines.frame[i]
    n = frame[0]
    return Melody(
        lines.notes[i, 0, :n],
        lines.notes[i, 1, :n],
        lines.notes[i, 2, :n],
        lines.heard[i, 0, :n],
        lines.heard[i, 1, :n],
        lines.grid[i, : frame[3] // 3],
        frame[1],
        frame[2],
        frame[3],
        frame[4],
        frame[5],
        frame[6],
        frame[7],
        frame[8],
        frame[9],
        frame[10],
    )


@compiled
def append(lines: Lines, i: int, pitch: int, duration: int) -> None:
    """Add a note to melody ``i`` and keep its frame and grid up to date."""
    frame = lines.frame[i]
    n, time = frame[LENGTH], frame[TIME]
    lines.notes[i, 0, n] = pitch
    lines.notes[i, 1, n] = time
    lines.notes[i, 2, n] = duration
    after = time + duration
    for slot in range(max((time + 2) // 3, 0), max((after + 2) // 3, 0)):
        lines.grid[i, slot] = pitch
    frame[LENGTH] = n + 1
    frame[TIME] = after
    if pitch != REST:
        if frame[LOW] == NO_PITCH or pitch < frame[LOW]:
            frame[LOW] = pitch
        if pitch > frame[HIGH]:
            frame[HIGH] = pitch


@compiled
def legal_duration(frame: npt.NDArray[np.int64], wanted: int) -> int:
    """Index ``wanted`` of a duration that is legal now, else of the longest legal shorter one, else of the shortest."""
    shortest = 0
    for k in range(N_DURATIONS - 1, -1, -1):
        if duration_is_legal(frame[TIME], _DURATIONS[k], frame[BAR], frame[END]):
            shortest = k
            if k <= wanted:
                return k
    return shortest


@compiled
def hear(lines: Lines, i: int, action: int, log_probs: npt.NDArray[np.float32]) -> None:
    """Note the surprisal of ``action`` and the entropy of ``log_probs`` (A,), both in nats, for the next note."""
    n = lines.frame[i, LENGTH]
    entropy = np.float32(0.0)
    for a in range(log_probs.size):
        if log_probs[a] > -20.0:
            entropy -= np.exp(log_probs[a]) * log_probs[a]
    lines.heard[i, 0, n] = -log_probs[action]
    lines.heard[i, 1, n] = entropy


@compiled
def interpolate(table: npt.NDArray[np.float64], size: int, lo: float, step: float, value: float) -> float:
    """Clamped linear interpolation of ``value`` in the first ``size`` points of a uniform grid."""
    place = (value - lo) / step
    if place <= 0.0:
        return float(table[0])
    if place >= size - 1:
        return float(table[size - 1])
    k = int(place)
    return float(table[k] + (place - k) * (table[k + 1] - table[k]))


@compiled
def settle(lines: Lines, suite: Any, i: int, k: int) -> float:
    """Turn the value of term ``k`` into its score; the reward that this adds (NaN where the value is not allowed)."""
    value = lines.values[i, k]
    if not suite.of_piece[k]:
        lines.scores[i, k] += suite.weight[k] * value
        return float(suite.weight[k] * value)
    if np.isinf(value):
        return np.nan
    metre = lines.frame[i, METRE]
    score = 0.0
    if not np.isnan(value):
        score = value
        if suite.curved[k]:
            score = interpolate(suite.table[k, metre], suite.size[k], suite.lo[k, metre], suite.step[k, metre], value)
    lines.passed[i, k] = np.isnan(value) or score >= suite.threshold[k, metre] - 1e-9
    gained = suite.weight[k] * score - lines.scores[i, k]
    lines.scores[i, k] = suite.weight[k] * score
    return float(gained)


@compiled
def begin(lines: Lines, i: int, frame: npt.NDArray[np.int64]) -> None:
    """Start melody ``i`` afresh in ``frame`` (N_FRAME,)."""
    lines.frame[i] = frame
    lines.heard[i] = np.nan
    lines.grid[i] = UNSET
    lines.values[i] = np.nan
    lines.scores[i] = 0.0
    lines.passed[i] = True


def note_rules(melody: Melody, values: npt.NDArray[np.float64]) -> None:
    """Replaced in the generated module: the value of each note rule of the suite."""


def piece_rules(melody: Melody, values: npt.NDArray[np.float64]) -> None:
    """Replaced in the generated module: the value of each statistic of the suite."""


def step(
    lines: Lines,
    suite: Any,
    actions: npt.NDArray[np.int64],
    log_probs: npt.NDArray[np.float32],
    listening: bool,
    rewards: npt.NDArray[np.float64],
    finished: npt.NDArray[np.bool_],
    at_bar: npt.NDArray[np.bool_],
) -> tuple[int, int, int]:
    """Append ``actions[i]`` to melody i and write its reward; ``(OK, 0, 0)`` or what failed: (code, melody, term).

    actions (n,); log_probs (n, A) of the prior before the note, read where ``listening``; rewards (n,); finished (n,);
    at_bar (n,) whether the note met or crossed a bar line, which is where statistics are read.
    """
    for i in range(actions.size):
        frame = lines.frame[i]
        action = actions[i]
        if frame[TIME] >= frame[END]:
            return FINISHED, i, 0
        if action < 0 or action >= N_ACTIONS:
            return NO_ACTION, i, 0
        pitch, duration = action // N_DURATIONS, legal_duration(frame, action % N_DURATIONS)
        if listening:
            hear(lines, i, pitch * N_DURATIONS + duration, log_probs[i])
        before = frame[TIME]
        append(lines, i, pitch + LOWEST - 1 if pitch > 0 else REST, _DURATIONS[duration])
        melody = view(lines, i)
        finished[i] = frame[TIME] == frame[END]
        at_bar[i] = before // frame[BAR] != frame[TIME] // frame[BAR] or finished[i]
        note_rules(melody, lines.values[i])
        if at_bar[i]:
            piece_rules(melody, lines.values[i])
        total = 0.0
        passes = True
        for k in range(suite.weight.size):
            if suite.in_python[k]:
                continue
            if not suite.of_piece[k] or finished[i] or (at_bar[i] and not suite.at_end[k]):
                gained = settle(lines, suite, i, k)
                if not np.isfinite(gained):
                    return FAILED, i, k
                total += gained
            passes = passes and lines.passed[i, k]
        if finished[i] and passes:
            total += suite.bonus
        rewards[i] = total
    return OK, 0, 0


Step = Callable[..., tuple[int, int, int]]


def load_step(suite: Suite, in_python: npt.NDArray[np.bool_]) -> Step:
    """The step for the rules of ``suite``, compiled or from the cache; says so where it has to compile.

    Rules marked in ``in_python`` (S,) are not part of it: ``musicenv.batch`` asks them in Python.
    """
    folder = kernel_folder(__name__)
    name = f"step_{folder.name}_{suite.fingerprint()}_{np.packbits(in_python).tobytes().hex()}"
    if name in sys.modules:
        loaded: Step = sys.modules[name].step
        return loaded
    path = folder / f"{name}.py"
    if not path.exists():
        _write(path, _generate(suite, in_python))
    new = not any(kernel_folder(name).rglob(f"{name}*.nbi"))
    began = time.perf_counter()
    if new:
        print(f"compiling {len(suite)} rules and the step (once; cached) ...", end="", file=sys.stderr, flush=True)
        compile_all([term.rule for term in suite if is_shipped(term.rule.function)])
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    module.__dict__.update({f"rule_{k}": term.rule.compiled for k, term in enumerate(suite) if not in_python[k]})
    spec.loader.exec_module(module)
    sys.modules[name] = module
    if new:
        _warm_up(module.step, suite)
        print(f" {time.perf_counter() - began:.0f} s", file=sys.stderr)
    compiled_step: Step = module.step
    return compiled_step


def _generate(suite: Suite, in_python: npt.NDArray[np.bool_]) -> str:
    lines = ['"""Generated: the step of musicenv/kernel.py with the rules of one suite."""', ""]
    lines += [
        "from musicenv.kernel import *",
        "from musicenv.alphabet import *",
        "from musicenv.kernel import _DURATIONS",
        "",
    ]
    # numba's cache finds code again by its module: rules typed into nothing, as by exec, are compiled each time.
    found = all(inspect.getmodule(term.rule.function) for term in suite)
    decorator = "@compiled" if found else "@numba.njit"
    for kind in ("note", "piece"):
        mine = [(k, term.rule) for k, term in enumerate(suite) if term.rule.kind == kind and not in_python[k]]
        early = [f"    values[{k}] = rule_{k}(melody)" for k, rule in mine if not rule.at_end]
        late = [f"        values[{k}] = rule_{k}(melody)" for k, rule in mine if rule.at_end]
        lines += ["", decorator, f"def {kind}_rules(melody, values):"]
        lines += [*early, *(["    if melody.time == melody.end:", *late] if late else []), "    return", ""]
    source = inspect.getsource(step).split('"""')
    return "\n".join([*lines, "", decorator, source[0] + "pass" + source[2], ""])


def _warm_up(compiled_step: Any, suite: Suite) -> None:
    """Compile for the types that batches use, without running any rule."""
    flags = np.zeros(1, dtype=np.bool_)
    arguments = (new_lines(1, 1, 1, 1), suite.arrays(), np.zeros(1, np.int64), np.zeros((1, 1), np.float32), False)
    everything = (*arguments, np.zeros(1), flags, flags)
    types = tuple(numba.typeof(argument) for argument in everything)  # type: ignore[no-untyped-call]
    with warnings.catch_warnings():
        # A user's rule that refers to something unusual works but is compiled anew each time.
        warnings.filterwarnings("ignore", "Cannot cache compiled function", numba.core.errors.NumbaWarning)
        compiled_step.compile(types)


def _write(path: Path, text: str) -> None:
    temporary = path.with_suffix(f".{time.time_ns()}.tmp")
    temporary.write_text(text)
    temporary.replace(path)
