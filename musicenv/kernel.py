"""The state of a batch of melodies and what the compiled step does with it: append a note, turn values into scores.

State is a struct of arrays over ``n`` melodies (see ``Lines``); the step itself is in ``musicenv.step``.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import DURATIONS, N_DURATIONS, REST, duration_is_legal, duration_of_species
from musicenv.jit import compiled
from musicenv.melody import ARRAYS, UNSET, Melody

# Columns of Lines.frame.
LENGTH, TIME, START, END, BAR, BEAT, BARS, METRE, MODE, STYLE, KEY, LOW, HIGH, SIDE, SPECIES = range(15)
N_FRAME: Final = 15
NO_PITCH: Final = -1
"""Value of LOW and HIGH before anything has sounded."""

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
    frame: npt.NDArray[np.int64]
    """(n, N_FRAME) length in notes, time, and the frame of the task; columns above."""
    values: npt.NDArray[np.float64]
    """(n, S) latest value of each term, before curve and weight."""
    scores: npt.NDArray[np.float64]
    """(n, S) weighted score of each term so far."""
    passed: npt.NDArray[np.bool_]
    """(n, S) whether the term's score reaches its threshold."""


def new_lines(n: int, capacity: int, sixteenths: int, terms: int, given: int = 0, summaries: int = 0) -> Lines:
    """Lines for ``n`` melodies, with ``given`` sixteenths of a given line; ``frame`` is filled by ``reset``."""
    return Lines(
        notes=np.zeros((n, 3, capacity), dtype=np.int16),
        heard=np.full((n, 2, capacity), np.nan, dtype=np.float32),
        grid=np.full((n, sixteenths), UNSET, dtype=np.int16),
        given=np.zeros((n, given), dtype=np.int16),
        summary=np.zeros((n, summaries), dtype=np.int64),
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


def copied(lines: Lines, i: int) -> Melody:
    """A copy of melody ``i``, which may have no note yet."""
    seen = view(lines, i)
    copies: dict[str, Any] = {name: getattr(seen, name).copy() for name in ARRAYS}
    return seen._replace(**copies)


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
def duration_fits(frame: npt.NDArray[np.int64], duration: int) -> bool:
    """May the next note of a melody with this frame last ``duration`` ticks?"""
    if frame[SPECIES] > 0:
        return duration_of_species(frame[SPECIES], frame[TIME], duration, frame[BAR], frame[END])
    return duration_is_legal(frame[TIME], duration, frame[BAR], frame[END])


@compiled
def legal_duration(frame: npt.NDArray[np.int64], wanted: int) -> int:
    """Index ``wanted`` of a duration that is legal now, else of the longest legal shorter one, else of the shortest."""
    shortest = 0
    for k in range(N_DURATIONS - 1, -1, -1):
        if duration_fits(frame, _DURATIONS[k]):
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
    if not lines.passed[i, k]:
        score -= suite.fall[k]
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
