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
    N_DURATIONS,
    REST,
    duration_is_legal,
    duration_of_species,
    legal_durations,
)
from musicenv.jit import compiled, inlined
from musicenv.melody import ARRAYS, UNSET, Melody
from musicenv.reference import reader
from rewards.rules import Suite, SuiteArrays

# Columns of Lines.frame.
LENGTH, TIME, START, END, BAR, BEAT, BARS, METRE, MODE, STYLE, KEY, LOW, HIGH, SIDE, SPECIES = range(15)
N_FRAME: Final = 15
NO_PITCH: Final = -1
"""Value of LOW and HIGH before anything has sounded."""

READINGS: Final = 8
"""Statistics are read at the bar lines that divide a piece into at most so many stretches: each reading goes through
the whole line so far, so that a note of a long piece costs no more than one of a short one."""

LOOKBACK: Final = (1, 2, 4, 8)
"""Bars ago at which an observation looks up the same place."""

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
    log_probs: npt.NDArray[np.float32]
    """(n, A) of the prior before the note, in nats."""
    entropy: npt.NDArray[np.float32]
    """(n,) of these, in nats."""
    listening: int
    """1 where there is a prior."""
    at_bar: npt.NDArray[np.bool_]
    """(n,) whether statistics were read at the newest note."""
    masks: npt.NDArray[np.int8]
    """``alphabet.MASKS``."""
    looked_back: npt.NDArray[np.int64]
    """(n, lookbacks) the notes that an observation looked back at last: where the next one begins to search."""
    beginnings: Beginnings


Said = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]
"""Log-probabilities (n, A) of a prior and their entropy (n,), in nats."""
_NOTHING: Final[Said] = np.zeros((1, 1), dtype=np.float32), np.zeros(1, dtype=np.float32)


def state_of(lines: Lines, suite: SuiteArrays, said: Said | None = None, beginnings: Beginnings | None = None) -> State:
    """The state of a batch; ``said`` where there is a prior, ``beginnings`` where pieces are begun in it."""
    log_probs, entropy = said or _NOTHING
    n = len(lines.frame)
    nowhere = Beginnings(lines.frame[:0], lines.given[:0], np.zeros(0, dtype=np.int64))
    return State(
        lines,
        suite,
        log_probs=log_probs,
        entropy=entropy,
        listening=int(said is not None),
        at_bar=np.zeros(n, dtype=np.bool_),
        masks=MASKS,
        looked_back=np.zeros((n, len(LOOKBACK)), dtype=np.int64),
        beginnings=nowhere if beginnings is None else beginnings,
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
    fitting = durations_that_fit(frame)
    for shorter in range(wanted + 1):
        if fitting >> (wanted - shorter) & 1:
            return wanted - shorter
    for longer in range(wanted + 1, N_DURATIONS):
        if fitting >> longer & 1:
            return longer
    return 0


@inlined
def is_read(frame: npt.NDArray[np.int64], before: int) -> bool:
    """Whether the newest note, which began at tick ``before``, met or crossed a bar line where statistics are read."""
    every = frame[BAR] * ((frame[BARS] + READINGS - 1) // READINGS)
    return bool(before // every != frame[TIME] // every)


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


@inlined
def settle(lines: Lines, suite: Any, i: int, k: int) -> float:
    """Turn the value of term ``k`` into its score; the reward that this adds (NaN where the value is not allowed)."""
    value = lines.values[i, k]
    if np.isnan(value) and lines.passed[i, k] and lines.scores[i, k] == 0.0 and suite.of_piece[k]:
        return 0.0  # still not defined, which is common: no more to do
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
            score = interpolate(suite.table[metre, k], suite.size[k], suite.lo[metre, k], suite.step[metre, k], value)
    lines.passed[i, k] = np.isnan(value) or score >= suite.threshold[metre, k] - 1e-9
    if not lines.passed[i, k]:
        score -= suite.fall[k]
    gained = suite.weight[k] * score - lines.scores[i, k]
    lines.scores[i, k] = suite.weight[k] * score
    return float(gained)


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


@compiled
def begin_rows(block: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], drawn: npt.NDArray[np.int64]) -> None:
    """Start ``rows`` (r,) afresh in the tasks ``drawn`` (r,)."""
    state = read_state(block)
    for r in range(rows.size):
        begin_task(state, rows[r], drawn[r])


@compiled
def pack(
    block: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
    observations: npt.NDArray[np.float32],
    out: npt.NDArray[np.uint8],
) -> None:
    """``pack_one`` for each of ``rows`` (r,) and ``observations`` (n, D): into ``out`` (r, bytes of a row)."""
    lines = read_state(block).lines
    for r in range(rows.size):
        pack_one(lines, rows[r], observations[rows[r]], out[r])


@compiled
def pack_one(lines: Lines, i: int, observation: npt.NDArray[np.float32], out: npt.NDArray[np.uint8]) -> None:
    """Copy melody ``i`` and its ``observation`` (D,) into ``out`` (bytes,), one array after the other as ``PACKED``."""
    at = _packed(lines.values[i], out, 0)
    at = _packed(lines.scores[i], out, at)
    at = _packed(lines.frame[i], out, at)
    at = _packed(lines.summary[i], out, at)
    at = _packed(observation, out, at)
    at = _packed(lines.heard[i].reshape(-1), out, at)
    at = _packed(lines.notes[i].reshape(-1), out, at)
    at = _packed(lines.grid[i], out, at)
    at = _packed(lines.given[i], out, at)
    at = _packed(lines.passed[i], out, at)


@compiled
def _packed(array: Any, out: npt.NDArray[np.uint8], at: int) -> int:
    source = array.view(np.uint8)
    target = out[at : at + source.size]  # so that the loop is a block move
    for k in range(source.size):
        target[k] = source[k]
    return int(at + source.size)


PACKED: Final = ("values", "scores", "frame", "summary", "observations", "heard", "notes", "grid", "given", "passed")
"""What is packed, the widest numbers first, so that each array begins at a multiple of its own."""


class Packing:
    """Where ``pack`` writes each array of the melodies of a batch."""

    def __init__(self, lines: Lines, observations: npt.NDArray[np.float32]) -> None:
        arrays = {**lines._asdict(), "observations": observations}
        self._parts: dict[str, tuple[slice, npt.DTypeLike, tuple[int, ...]]] = {}
        self.size = 0
        """Bytes of a row, up to a multiple of eight."""
        for name in PACKED:
            array = arrays[name]
            end = self.size + array[:1].nbytes
            self._parts[name] = slice(self.size, end), array.dtype, array.shape[1:]
            self.size = end
        self.size = -(-self.size // 8) * 8

    def part(self, packed: npt.NDArray[np.uint8], name: str) -> npt.NDArray[Any]:
        """One array of ``Lines`` for what was ``packed`` (r, size), not copied."""
        where, kind, shape = self._parts[name]
        return packed[:, where].view(kind).reshape((len(packed), *shape))

    def lines(self, packed: npt.NDArray[np.uint8]) -> Lines:
        """Those of ``Lines``; nothing is kept of tallies."""
        parts = {name: self.part(packed, name) for name in Lines._fields if name in self._parts}
        return Lines(**parts, tallies=np.zeros((len(packed), 0)))
