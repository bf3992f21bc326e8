"""What each rule costs inside the compiled step."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numba
import numpy as np

from musicenv.appraisal import lines_of
from musicenv.kernel import BAR, LENGTH, TIME, view
from musicenv.melody import Melody
from musicenv.reference import refer
from rewards.rules import Rule, statistic


@statistic(at_end=True)
def _nothing(melody: Melody) -> float:
    return float(melody.time)


@statistic
def _nothing_at_bars(melody: Melody) -> float:
    return float(melody.time)


@numba.njit
def _ask(rule: Any, lines: Any, at_end: bool) -> int:
    """Ask the rule whenever the step would, while each melody grows; how often that was."""
    asked = 0
    for i in range(lines.frame.shape[0]):
        frame = lines.frame[i]
        notes, bar = frame[LENGTH], frame[BAR]
        for k in range(notes):
            onset = lines.notes[i, 1, k]
            after = onset + lines.notes[i, 2, k]
            if k == notes - 1 or (not at_end and onset // bar != after // bar):
                frame[LENGTH], frame[TIME] = k + 1, after
                if rule(refer(view(lines, i))) != -1e300:
                    asked += 1
    return asked


def nanoseconds(rules: Sequence[Rule], melodies: Sequence[Melody], repeats: int = 5) -> list[float]:
    """Nanoseconds a note of each rule on melodies that grow note by note; the melody's view itself is not counted."""
    lines = lines_of(melodies, 1)
    notes = int(lines.frame[:, LENGTH].sum())

    def best(rule: Rule) -> float:
        compiled = rule.compiled
        _ask(compiled, lines, rule.at_end)
        found = np.inf
        for _ in range(repeats):
            began = time.perf_counter()
            _ask(compiled, lines, rule.at_end)
            found = min(found, time.perf_counter() - began)
        return 1e9 * found / notes

    empty = {True: best(_nothing), False: best(_nothing_at_bars)}
    return [max(best(rule) - empty[rule.at_end], 0.0) for rule in rules]
