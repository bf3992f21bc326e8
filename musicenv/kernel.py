"""The state of a batch of melodies and what the compiled step does with it: append a note, turn values into scores.

State is a struct of arrays over ``n`` melodies (see ``Lines``); the step itself is in ``musicenv.step``.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import (
    DURATIONS,
    MASKS,
    N_ACTIONS,
    N_DURATIONS,
    REST,
    duration_is_legal,
    duration_of_species,
    legal_durations,
)
from musicenv.jit import compiled, inlined
from musicenv.melody import ARRAYS, UNSET, Melody
from musicenv.reference import ask_for, reader
from rewards.priors.features import N_SEARCHES
from rewards.priors.kernel import forget_one
from rewards.rules import Suite, SuiteArrays

# Columns of Lines.frame.
LENGTH, TIME, START, END, BAR, BEAT, BARS, METRE, MODE, STYLE, KEY, LOW, HIGH, SIDE, SPECIES = range(15)
N_FRAME: Final = 15
NO_PITCH: Final = -1
"""Value of LOW and HIGH before anything has sounded."""

READINGS: Final = 8
"""Statistics are read at the bar lines that divide a piece into at most so many stretches: each reading goes through
the whole line so far, so that a note of a long piece costs no more than one of a short one."""

_DURATIONS: Final = np.array(DURATIONS, dtype=np.int64)


class Lines(NamedTuple):
    """State of n melodies, each with room for ``capacity`` notes; times in ticks."""

    notes: npt.NDArray[np.int16]
    """(n, 3, capacity) relative pitch, onset and duration."""
    heard: npt.NDArray[np.float32]
    """(n, 2, capacity) surprisal and entropy in nats, NaN without a prior."""
    grid: npt.NDArray[np.int16]
    """(n, sixteenths) sounding pitch, REST or UNSET."""
    given: npt.NDArray[np.int16]
    """(n, sixteenths) sounding pitch of the given line or REST; (n, 0) where no task has one."""
    summary: npt.NDArray[np.int64]
    """(n, F) running summaries of the notes before the newest; (n, 0) where no rule of the suite reads one."""
    tallies: npt.NDArray[np.float64]
    """(n, K) the numbers that the suite's tallies keep from reading to reading (``rewards.tallies``)."""
    frame: npt.NDArray[np.int64]
    """(n, N_FRAME) length in notes, time, and the frame of the task; columns above."""
    values: npt.NDArray[np.float64]
    """(n, S) latest value of each term, before curve and weight."""
    scores: npt.NDArray[np.float64]
    """(n, S) weighted score of each term so far."""
    passed: npt.NDArray[np.bool_]
    """(n, S) whether the term's score reaches its threshold."""


def new_lines(
    n: int, capacity: int, sixteenths: int, terms: int, given: int = 0, summaries: int = 0, tallies: int = 0
) -> Lines:
    """Lines for ``n`` melodies, with ``given`` sixteenths of a given line and room for so many ``summaries`` and
    numbers of ``tallies``; ``frame`` is filled by ``reset``."""
    return Lines(
        notes=np.zeros((n, 3, capacity), dtype=np.int16),
        heard=np.full((n, 2, capacity), np.nan, dtype=np.float32),
        grid=np.full((n, sixteenths), UNSET, dtype=np.int16),
        given=np.zeros((n, given), dtype=np.int16),
        summary=np.zeros((n, summaries), dtype=np.int64),
        tallies=np.zeros((n, tallies)),
        frame=np.zeros((n, N_FRAME), dtype=np.int64),
        values=np.full((n, terms), np.nan),
        scores=np.zeros((n, terms)),
        passed=np.zeros((n, terms), dtype=np.bool_),
    )


class Beginnings(NamedTuple):
    """What the pieces of a batch may begin with."""

    frames: npt.NDArray[np.int64]
    """(tasks, N_FRAME)"""
    given: npt.NDArray[np.int16]
    """(tasks, sixteenths) the given lines."""
    summary: npt.NDArray[np.int64]
    """(F,) the summaries before the first note."""


class State(NamedTuple):
    """What the step of a batch reads and writes, apart from what it returns."""

    lines: Lines
    suite: SuiteArrays
    memory: npt.NDArray[np.float32]
    log_probs: npt.NDArray[np.float32]
    entropy: npt.NDArray[np.float32]
    """Of the prior before the note, as in its ``PriorState``."""
    weights: npt.NDArray[np.int64]
    """The prior's block."""
    features: npt.NDArray[np.int16]
    """(n, N_FEATURES) its inputs for the next note of each melody, as far as the step writes them."""
    told_at: int
    """Where in an observation begins what a prior tells: its hidden state, and log-probabilities, which come last; 0
    without a prior."""
    at_bar: npt.NDArray[np.bool_]
    """(n,) whether statistics were read at the newest note."""
    masks: npt.NDArray[np.int8]
    """``alphabet.MASKS``."""
    looked_back: npt.NDArray[np.int64]
    """(n, N_SEARCHES) the notes that observations and the prior's inputs looked up last: where they begin to search."""
    beginnings: Beginnings
    packed: npt.NDArray[np.int64]
    """(1,) how many pieces that ended the step has packed, whichever thread met them."""
    post: npt.NDArray[np.int64]
    """Where threads that share the step meet (``musicenv.sharing``); empty where there is one alone."""


_Floats = npt.NDArray[np.float32]
Said = tuple[_Floats, _Floats, _Floats]
"""The arrays of a ``PriorState``: memory, log-probabilities (n, A) and their entropy (n,)."""
_NOTHING: Final[Said] = (*(np.zeros((1,) * axes, dtype=np.float32) for axes in (4, 2, 1)),)  # type: ignore[assignment]

_NOWHERE: Final = np.zeros(0, dtype=np.int64)
_UNHEARD: Final = np.zeros((0, 0), dtype=np.int16)


def state_of(
    lines: Lines,
    suite: SuiteArrays,
    said: Said | None = None,
    weights: npt.NDArray[np.int64] = _NOWHERE,
    features: npt.NDArray[np.int16] = _UNHEARD,
    told_at: int = 0,
    beginnings: Beginnings | None = None,
    post: npt.NDArray[np.int64] = _NOWHERE,
) -> State:
    """The state of a batch; ``said``, ``weights`` and ``told_at`` where there is a prior, ``beginnings`` where
    pieces are begun in it."""
    memory, log_probs, entropy = said or _NOTHING
    n = len(lines.frame)
    nowhere = Beginnings(lines.frame[:0], lines.given[:0], np.zeros(0, dtype=np.int64))
    return State(
        lines,
        suite,
        memory=memory,
        log_probs=log_probs,
        entropy=entropy,
        weights=weights,
        features=features,
        told_at=told_at,
        at_bar=np.zeros(n, dtype=np.bool_),
        masks=MASKS,
        looked_back=np.zeros((n, N_SEARCHES), dtype=np.int64),
        beginnings=nowhere if beginnings is None else beginnings,
        packed=np.zeros(1, dtype=np.int64),
        post=post,
    )


read_state = reader(state_of(new_lines(1, 1, 1, 1), Suite(()).arrays()))


@inlined
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
        lines.given[i, : frame[3] // 3],
        lines.summary[i],
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
        frame[13],
    )


def viewed(lines: Lines, i: int) -> Melody:
    """``view``, in Python: its arrays belong to ``lines``."""
    n, end = int(lines.frame[i, LENGTH]), int(lines.frame[i, END])
    pitch, onset, duration = lines.notes[i, :, :n]
    surprisal, entropy = lines.heard[i, :, :n]
    grid, given = lines.grid[i, : end // 3], lines.given[i, : end // 3]
    numbers = lines.frame[i].tolist()
    rest = (*numbers[TIME : KEY + 1], numbers[SIDE])
    return Melody(pitch, onset, duration, surprisal, entropy, grid, given, lines.summary[i], *rest)


def copied(lines: Lines, i: int) -> Melody:
    """A copy of melody ``i``, which may have no note yet."""
    seen = viewed(lines, i)
    copies: dict[str, Any] = {name: getattr(seen, name).copy() for name in ARRAYS}
    return seen._replace(**copies)


@inlined
def ask_for_next(lines: Lines, i: int, log_probs: npt.NDArray[np.float32], action: int) -> None:
    """Have what ``append`` and ``hear`` read and write for an ``action`` brought into the cache."""
    n = lines.frame[i, LENGTH]
    if 0 <= action < N_ACTIONS:
        ask_for(log_probs[i, action : action + 1])
    for row in range(3):
        ask_for(lines.notes[i, row, n : n + 1])
    for row in range(2):
        ask_for(lines.heard[i, row, n : n + 1])


@inlined
def ask_for_statistics(lines: Lines, i: int) -> None:
    """Have what statistics read and write brought into the cache."""
    ask_for(lines.values[i])
    ask_for(lines.tallies[i])
    for row in range(3):
        ask_for(lines.notes[i, row, : lines.frame[i, LENGTH]])


@inlined
def append(lines: Lines, i: int, pitch: int, duration: int) -> None:
    """Add a note to melody ``i`` and keep its frame and grid up to date."""
    frame = lines.frame[i]
    n, time, after = np.uint64(frame[LENGTH]), frame[TIME], frame[TIME] + duration
    lines.notes[i, 0, n] = pitch
    lines.notes[i, 1, n] = time
    lines.notes[i, 2, n] = duration
    grid = lines.grid[i]
    for slot in range(np.uint64(max(time + 2, 0)) // np.uint64(3), np.uint64(max(after + 2, 0)) // np.uint64(3)):
        grid[slot] = pitch
    frame[LENGTH] += 1
    frame[TIME] = after
    if pitch != REST:
        if frame[LOW] == NO_PITCH or pitch < frame[LOW]:
            frame[LOW] = pitch
        if pitch > frame[HIGH]:
            frame[HIGH] = pitch


@inlined
def duration_fits(frame: npt.NDArray[np.int64], duration: int) -> bool:
    """May the next note of a melody with this frame last ``duration`` ticks?"""
    if frame[SPECIES] > 0:
        return duration_of_species(frame[SPECIES], frame[TIME], duration, frame[BAR], frame[END])
    return duration_is_legal(frame[TIME], duration, frame[BAR], frame[END])


@inlined
def durations_that_fit(frame: npt.NDArray[np.int64]) -> int:
    """Which durations fit, a bit for each."""
    if frame[SPECIES] == 0:
        return legal_durations(frame[TIME], frame[BAR], frame[END])
    fitting = 0
    for k in range(N_DURATIONS):
        fitting |= int(duration_fits(frame, _DURATIONS[k])) << k
    return fitting


@inlined
def legal_duration(frame: npt.NDArray[np.int64], wanted: int) -> int:
    """Index ``wanted`` of a duration that is legal now, else of the longest legal shorter one, else of the shortest."""
    if duration_fits(frame, _DURATIONS[wanted]):
        return wanted
    fitting = durations_that_fit(frame)
    for shorter in range(1, wanted + 1):
        if fitting >> (wanted - shorter) & 1:
            return wanted - shorter
    for longer in range(wanted + 1, N_DURATIONS):
        if fitting >> longer & 1:
            return longer
    return 0


@inlined
def is_read(frame: npt.NDArray[np.int64], duration: int) -> bool:
    """Whether the newest note, of so many ticks, met or crossed a bar line where statistics are read."""
    every = frame[BAR] * ((frame[BARS] + READINGS - 1) // READINGS)
    return bool(frame[TIME] % every < duration or duration >= every)


@compiled
def hear(lines: Lines, i: int, action: int, log_probs: npt.NDArray[np.float32], entropy: float) -> None:
    """Note the surprisal of ``action`` and the ``entropy`` of ``log_probs`` (A,), both in nats, for the next note."""
    n = lines.frame[i, LENGTH]
    lines.heard[i, 0, n] = -log_probs[action]
    lines.heard[i, 1, n] = entropy


@inlined
def interpolate(table: npt.NDArray[np.float64], size: int, lo: float, step: float, value: float) -> float:
    """Clamped linear interpolation of ``value`` in the first ``size`` points of a uniform grid, of which the last is
    there twice, so that nothing has to branch."""
    place = min(max((value - lo) / step, 0.0), size - 1.0)
    k = np.uint64(place)
    return float(table[k] + (place - k) * (table[k + np.uint64(1)] - table[k]))


@compiled
def settle(lines: Lines, suite: Any, i: int, due: npt.NDArray[np.int64], total: float) -> tuple[float, int]:
    """Turn the values of the terms ``due`` of melody ``i`` into scores; ``total`` with what they gain, and the term
    whose value is not allowed, or -1."""
    values, scores, passed, metre = lines.values[i], lines.scores[i], lines.passed[i], lines.frame[i, METRE]
    los, steps, tables, thresholds = suite.lo[metre], suite.step[metre], suite.table[metre], suite.threshold[metre]
    weights, of_piece, curved, sizes, falls = suite.weight, suite.of_piece, suite.curved, suite.size, suite.fall
    for term in due:
        k = np.uint64(term)
        value, weight = values[k], weights[k]
        if not of_piece[k]:
            gained = weight * value
            scores[k] += gained
        else:
            # Without branches: which statistics are defined and which are passed is hard to foretell.
            defined = not np.isnan(value)
            score = interpolate(tables[k], sizes[k], los[k], steps[k], value if defined else los[k])
            score = score if curved[k] else value
            score = score if defined else 0.0
            good = (not defined) | (score >= thresholds[k] - 1e-9)
            score -= 0.0 if good else falls[k]
            gained = np.nan if np.isinf(value) else weight * score - scores[k]
            passed[k], scores[k] = good, weight * score
        if not np.isfinite(gained):
            return total, int(term)
        total += gained
    return total, -1


@compiled
def passes_all(lines: Lines, suite: Any, i: int) -> bool:
    """Whether a finished melody passes every statistic that the step settles."""
    passed = True
    for k in suite.end_terms:
        passed = passed and lines.passed[i, k]
    return passed


@compiled
def begin(lines: Lines, i: int, frame: npt.NDArray[np.int64]) -> None:
    """Start melody ``i`` afresh in ``frame`` (N_FRAME,)."""
    lines.frame[i] = frame
    lines.heard[i] = np.nan
    lines.grid[i] = UNSET
    lines.values[i] = np.nan
    lines.scores[i] = 0.0
    lines.passed[i] = True
    lines.tallies[i] = 0.0


@compiled
def begin_task(state: Any, i: int, task: int) -> None:
    """Start melody ``i`` afresh in one of the ``beginnings`` of ``state``, a reference."""
    lines, given = state.lines, state.beginnings.given
    begin(lines, i, state.beginnings.frames[task])
    lines.given[i] = REST
    lines.given[i, : given.shape[1]] = given[task]
    lines.summary[i] = state.beginnings.summary
    if state.told_at > 0:
        forget_one(i, state.memory, state.log_probs, state.entropy)


@compiled
def begin_rows(block: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], drawn: npt.NDArray[np.int64]) -> None:
    """Start ``rows`` (r,) afresh in the tasks ``drawn`` (r,)."""
    state = read_state(block)
    for r in range(rows.size):
        begin_task(state, rows[r], drawn[r])
