"""Simulated annealing of whole pieces: the patient search that finds what a reward forgot to forbid.

Many chains go side by side.  A move changes a note or two, or copies, swaps or transposes a bar; it is kept by the rule
of Metropolis et al. (1953) at a temperature that falls geometrically (Kirkpatrick, Gelatt and Vecchi 1983).  Where the
reward reads a prior, most moves are refused before it has to listen: the terms that need it are at best their curves'
highest points, and if not even those would save the move, it is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import DURATIONS, HIGHEST, LOWEST, REST, duration_is_legal
from musicenv.appraisal import lines_of
from musicenv.generation import load_kernel
from musicenv.jit import compiled
from musicenv.kernel import BAR, BARS, END, LENGTH, START, TIME, Lines, append, begin, copied, new_lines
from musicenv.melody import Melody
from musicenv.refused import refused
from rewards.priors import Prior, hear
from rewards.rules import Suite

FIRST_TEMPERATURE: Final = 0.15
LAST_TEMPERATURE: Final = 0.02
"""Temperatures in units of the reward."""

_DURATIONS: Final = np.array(DURATIONS, dtype=np.int64)
_RANDOMS: Final = 6
"""Random numbers that a move may use."""
Rows = npt.NDArray[np.int64]


class Annealed(NamedTuple):
    """n pieces that were searched for."""

    melodies: list[Melody]
    scores: npt.NDArray[np.float64]
    """(n,) the suite's score of each."""
    passed: npt.NDArray[np.bool_]
    """(n,) whether it passes all rules."""


@compiled
def _span(lines: Lines, i: int, bar: int) -> tuple[int, int]:
    """First note of a bar and the one after its last; (0, 0) where a note crosses its lines."""
    frame = lines.frame[i]
    begins, ends = bar * frame[BAR], min((bar + 1) * frame[BAR], frame[END])
    first, last = -1, -1
    for k in range(frame[LENGTH]):
        onset = lines.notes[i, 1, k]
        if onset == begins:
            first = k
        if onset + lines.notes[i, 2, k] == ends:
            last = k + 1
    return (first, last) if 0 <= first < last else (0, 0)


@compiled
def _is_duration(ticks: int) -> bool:
    found = False
    for duration in _DURATIONS:
        found |= duration == ticks
    return found


@compiled
def _near(pitch: int, u: float) -> int:
    """A pitch up to a fifth away; of a rest, any."""
    if pitch == REST:
        return LOWEST + int(u * (HIGHEST - LOWEST + 1))
    shift = int(u * 14) - 7
    return min(max(pitch + shift + (shift >= 0), LOWEST), HIGHEST)


@compiled
def _echo(lines: Lines, i: int, k: int, notes: npt.NDArray[np.int64]) -> None:
    """Give the notes that begin four bars before and after note ``k`` its new pitch: an answer follows its question."""
    onsets, there = lines.notes[i, 1], 4 * lines.frame[i, BAR]
    for j in range(lines.frame[i, LENGTH]):
        if abs(onsets[j] - onsets[k]) == there:
            notes[0, j] = notes[0, k]


@compiled
def _moved(lines: Lines, i: int, u: npt.NDArray[np.float64], notes: npt.NDArray[np.int64]) -> int:
    """Write the notes (2, capacity) of a neighbour of melody ``i`` and return their number; 0 where there is none."""
    frame = lines.frame[i]
    n = frame[LENGTH]
    for k in range(n):
        notes[0, k] = lines.notes[i, 0, k]
        notes[1, k] = lines.notes[i, 2, k]
    k = int(u[1] * n)
    kind = u[0]
    if kind < 0.35:  # another pitch, now and then a rest; half of the time in the answer as well
        notes[0, k] = REST if u[2] < 0.03 else _near(notes[0, k], u[3])
        if u[4] < 0.5:
            _echo(lines, i, k, notes)
    elif kind < 0.45 and k + 1 < n:  # two notes change places
        notes[0, k], notes[0, k + 1] = notes[0, k + 1], notes[0, k]
    elif kind < 0.55:  # one note becomes two
        first = _DURATIONS[int(u[2] * _DURATIONS.size)]
        second = notes[1, k] - first
        if not _is_duration(second) or n + 1 > notes.shape[1]:
            return 0
        for j in range(n, k + 1, -1):
            notes[0, j], notes[1, j] = notes[0, j - 1], notes[1, j - 1]
        notes[0, k + 1], notes[1, k + 1], notes[1, k] = _near(notes[0, k], u[3]), second, first
        n += 1
    elif kind < 0.65 and k + 1 < n:  # two notes become one
        notes[1, k] += notes[1, k + 1]
        for j in range(k + 1, n - 1):
            notes[0, j], notes[1, j] = notes[0, j + 1], notes[1, j + 1]
        n -= 1
    elif kind < 0.72 and k + 1 < n:  # the border between two notes moves
        first = _DURATIONS[int(u[2] * _DURATIONS.size)]
        notes[1, k], notes[1, k + 1] = first, notes[1, k] + notes[1, k + 1] - first
    else:
        n = _moved_bar(lines, i, u, notes)
    return int(n)


@compiled
def _moved_bar(lines: Lines, i: int, u: npt.NDArray[np.float64], notes: npt.NDArray[np.int64]) -> int:
    """As ``_moved``, of whole bars: one is transposed, copied over another, or two change places."""
    frame = lines.frame[i]
    n, bars = frame[LENGTH], frame[BARS]
    one, other = int(u[1] * bars), int(u[2] * bars)
    a, b = min(one, other), max(one, other)
    a_first, a_last = _span(lines, i, a)
    if a_last == 0:
        return 0
    if u[0] < 0.82:
        for k in range(a_first, a_last):
            if notes[0, k] != REST:
                notes[0, k] = min(max(notes[0, k] + int(u[3] * 11) - 5, LOWEST), HIGHEST)
        return int(n)
    b_first, b_last = _span(lines, i, b)
    if a == b or b_last == 0:
        return 0
    # The piece is: what comes before a, a, what is between, b, what follows.
    bar_a, bar_b = (a_first, a_last), (b_first, b_last)
    at_a, at_b = bar_b, bar_a
    if u[0] < 0.94:  # one replaces the other
        at_a = at_b = bar_a if u[4] < 0.5 else bar_b
    count = 0
    for first, last in ((0, a_first), at_a, (a_last, b_first), at_b, (b_last, n)):
        if count + last - first > notes.shape[1]:
            return 0
        for k in range(first, last):
            notes[0, count], notes[1, count] = lines.notes[i, 0, k], lines.notes[i, 2, k]
            count += 1
    return int(count)


@compiled
def _propose(
    lines: Lines,
    to: Lines,
    u: npt.NDArray[np.float64],
    notes: npt.NDArray[np.int64],
    proposed: npt.NDArray[np.bool_],
) -> None:
    """Write a neighbour of each melody into ``to``; ``proposed`` (n,) is false where the move leads to no piece.

    u (n, _RANDOMS) uniform in 0..1; notes (2, capacity) room to work in.
    """
    for i in range(lines.frame.shape[0]):
        count = _moved(lines, i, u[i], notes)
        frame = lines.frame[i]
        time = frame[START]
        for k in range(count):
            if not _is_duration(notes[1, k]) or not duration_is_legal(time, notes[1, k], frame[BAR], frame[END]):
                count = 0
                break
            time += notes[1, k]
        proposed[i] = count > 0 and time == frame[END]
        if proposed[i]:
            _write(to, i, frame, notes[:, :count])


@compiled
def _write(to: Lines, i: int, frame: npt.NDArray[np.int64], notes: npt.NDArray[np.int64]) -> None:
    begin(to, i, frame)
    to.frame[i, LENGTH], to.frame[i, TIME] = 0, frame[START]
    for k in range(notes.shape[1]):
        append(to, i, notes[0, k], notes[1, k])


@compiled
def _copy(source: Lines, to: Lines, rows: Rows) -> None:
    for i in rows:
        to.notes[i], to.heard[i], to.grid[i], to.frame[i] = (
            source.notes[i],
            source.heard[i],
            source.grid[i],
            source.frame[i],
        )
        to.values[i], to.scores[i], to.passed[i] = source.values[i], source.scores[i], source.passed[i]


class Annealer:
    """Chains of pieces under one suite; ``run`` moves them."""

    def __init__(self, suite: Suite, prior: Prior | None, starts: Sequence[Melody]) -> None:
        """``starts`` are finished pieces, one for each chain, which keeps its frame."""
        if any(term.rule.kind == "note" for term in suite) or refused(suite).any():
            raise ValueError("annealing reads whole pieces: give a suite of statistics that numba compiles")
        self.prior, self.n = prior, len(starts)
        self.heard = 0
        """Pieces the prior has listened to so far."""
        # Terms that need no prior, and those that do.
        cheap = Suite(tuple(t for t in suite if not Suite((t,)).needs_prior))
        dear = Suite(tuple(t for t in suite if Suite((t,)).needs_prior))
        if dear.terms and prior is None:
            raise ValueError("the reward reads the prior's likelihood, but there is no prior; name one")
        self._hope = sum(t.weight * (float(t.curve.table.max()) if t.curve else np.inf) for t in dear)
        self._cheap, self._dear = _asker(cheap), _asker(dear) if dear.terms else None
        terms = max(len(cheap), len(dear))
        self.lines, self._proposed = _roomy(starts, terms), _roomy(starts, terms)
        self.scores, self.passed = self._appraised(self.lines, np.arange(self.n), np.full(self.n, -np.inf))

    def run(self, moves: int, seed: int, said: Callable[[int], object] = lambda moves: None) -> Annealed:
        """Make ``moves`` moves in every chain; ``said(k)`` is called after each k of them."""
        rng = np.random.default_rng(seed)
        room = np.zeros((2, self.lines.notes.shape[2]), dtype=np.int64)
        proposed = np.zeros(self.n, dtype=np.bool_)
        for move in range(moves):
            temperature = FIRST_TEMPERATURE * (LAST_TEMPERATURE / FIRST_TEMPERATURE) ** (move / max(moves - 1, 1))
            _propose(self.lines, self._proposed, rng.random((self.n, _RANDOMS)), room, proposed)
            wanted = self.scores + temperature * np.log(rng.random(self.n))
            rows = np.flatnonzero(proposed)
            scores, passed = self._appraised(self._proposed, rows, wanted[rows])
            kept = scores >= wanted[rows]
            _copy(self._proposed, self.lines, rows[kept])
            self.scores[rows[kept]], self.passed[rows[kept]] = scores[kept], passed[kept]
            said(1)
        return Annealed([copied(self.lines, i) for i in range(self.n)], self.scores.copy(), self.passed.copy())

    def _appraised(
        self, lines: Lines, rows: Rows, wanted: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """Score (r,) of ``rows`` and whether each passes all; -inf where it can't reach ``wanted`` (r,)."""
        scores, passed = self._cheap(lines, rows)
        if self._dear is None or self.prior is None:
            return scores, passed
        hopeful = scores + self._hope >= wanted
        scores[~hopeful] = -np.inf
        chosen = rows[hopeful]
        if chosen.size:
            for i, melody in zip(chosen, hear(self.prior, [copied(lines, i) for i in chosen]), strict=True):
                lines.heard[i, 0, : melody.pitch.size] = melody.surprisal
                lines.heard[i, 1, : melody.pitch.size] = melody.entropy
            self.heard += chosen.size
            more, passes = self._dear(lines, chosen)
            scores[hopeful] += more
            passed[hopeful] &= passes
        return scores, passed


def _roomy(melodies: Sequence[Melody], terms: int) -> Lines:
    """The melodies with room for as many notes as their frames can hold."""
    given = lines_of(melodies, terms)
    capacity = max(melody.end - melody.start for melody in melodies) // DURATIONS[0]
    lines = new_lines(len(melodies), capacity, given.grid.shape[1], terms)
    longest = given.notes.shape[2]
    lines.notes[:, :, :longest], lines.heard[:, :, :longest] = given.notes, given.heard
    lines.grid[...], lines.frame[...] = given.grid, given.frame
    return lines


def _asker(suite: Suite) -> Callable[[Lines, Rows], tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]]:
    """What scores rows of finished melodies by ``suite`` and tells whether they pass; its kernel is looked up once."""
    kernel, arrays = load_kernel(suite, np.zeros(len(suite), dtype=np.bool_)), suite.arrays()

    def ask(lines: Lines, rows: Rows) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        scores, passed = np.zeros(rows.size), np.ones(rows.size, dtype=np.bool_)
        kernel.appraise(lines, arrays, rows, scores, passed)
        return scores, passed

    return ask
