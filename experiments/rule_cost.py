"""What each rule costs inside the compiled step."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numba
import numpy as np

from musicenv.appraisal import lines_of
from musicenv.kernel import BAR, LENGTH, TIME, view
from musicenv.melody import Melody
from musicenv.reference import refer
from rewards.rules import Rule
from rewards.tallies import Tally


@numba.njit
def _ask(work: Any, lines: Any, at_end: bool, kept: Any) -> None:
    """Call ``work`` whenever the step would ask a rule, while each melody grows: with the melody, how many of its notes
    were there the time before, and ``kept``, which is zeros when it begins."""
    for i in range(lines.frame.shape[0]):
        frame = lines.frame[i]
        notes, bar, read = frame[LENGTH], frame[BAR], 0
        kept[:] = 0.0
        for k in range(notes):
            onset = lines.notes[i, 1, k]
            after = onset + lines.notes[i, 2, k]
            if k == notes - 1 or (not at_end and onset // bar != after // bar):
                frame[LENGTH], frame[TIME] = k + 1, after
                work(refer(view(lines, i)), read, kept)
                read = k + 1


@numba.njit
def _nothing(melody: Any, read: int, kept: Any) -> None:
    kept[0] = melody.time


def _counting(tally: Tally | None) -> Any:
    """The tally for ``_ask``."""
    if tally is None:
        return _nothing
    counted = tally.compiled
    if tally.of_notes:

        @numba.njit
        def count(melody: Any, read: int, kept: Any) -> None:
            for k in range(read, melody.pitch.size):
                counted(melody, k, kept[:-1])
    else:

        @numba.njit
        def count(melody: Any, read: int, kept: Any) -> None:
            counted(melody, kept[:-1])

    return count


def _asking(rule: Rule) -> Any:
    """The rule for ``_ask``, with its tally."""
    asked, count = rule.compiled, _counting(rule.tally)
    if rule.tally is None:

        @numba.njit
        def ask(melody: Any, read: int, kept: Any) -> None:
            kept[0] = asked(melody)
    else:

        @numba.njit
        def ask(melody: Any, read: int, kept: Any) -> None:
            count(melody, read, kept)
            kept[-1] = asked(melody, kept[:-1])

    return ask


def nanoseconds(rules: Sequence[Rule], melodies: Sequence[Melody], repeats: int = 5) -> list[float]:
    """Nanoseconds a note of each rule on melodies that grow note by note; the melody's view itself is not counted.

    What a tally takes is divided among those of ``rules`` that read it.
    """
    lines = lines_of(melodies, 1)
    notes = int(lines.frame[:, LENGTH].sum())

    def best(work: Any, at_end: bool, size: int) -> float:
        kept = np.zeros(size + 1)
        _ask(work, lines, at_end, kept)
        found = np.inf
        for _ in range(repeats):
            began = time.perf_counter()
            _ask(work, lines, at_end, kept)
            found = min(found, time.perf_counter() - began)
        return 1e9 * found / notes

    readers = Counter(rule.tally for rule in rules)
    empty = {at_end: best(_nothing, at_end, 1) for at_end in (True, False)}
    found = []
    for rule in rules:
        size = rule.tally.size if rule.tally else 1
        both, counting = best(_asking(rule), rule.at_end, size), best(_counting(rule.tally), rule.at_end, size)
        found.append(max(both - counting, 0.0) + max(counting - empty[rule.at_end], 0.0) / readers[rule.tally])
    return found
