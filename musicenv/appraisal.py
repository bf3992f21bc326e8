"""What a suite says of many finished melodies at once, by the same compiled rules as the step where they can be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from musicenv.generation import load_kernel
from musicenv.kernel import NO_PITCH, Lines, new_lines
from musicenv.melody import Melody
from musicenv.refused import refused
from rewards.judging import judge
from rewards.rules import Suite


class Appraisal(NamedTuple):
    """n melodies under S terms."""

    values: npt.NDArray[np.float64]
    """(n, S) each statistic's value, NaN where it is not defined; for a rule the sum of its scores."""
    scores: npt.NDArray[np.float64]
    """(n, S) weighted scores."""
    passed: npt.NDArray[np.bool_]
    """(n, S)"""


def appraise(suite: Suite, melodies: Sequence[Melody]) -> Appraisal:
    """Judge finished melodies by ``suite``, some microseconds each.

    Rules that speak at each note, and those that numba refuses, are left to ``rewards.judging.judge``, which does the
    same slowly; a test compares them.
    """
    slow = refused(suite) | np.array([term.rule.kind == "note" for term in suite], dtype=np.bool_)
    shape = (len(melodies), len(suite))
    told = Appraisal(np.zeros(shape), np.zeros(shape), np.zeros(shape, dtype=np.bool_))
    for judged, terms in ((judge, slow), (_compiled, ~slow)):
        if melodies and terms.any():
            part = judged(Suite(tuple(term for term, mine in zip(suite, terms, strict=True) if mine)), melodies)
            told.values[:, terms], told.scores[:, terms], told.passed[:, terms] = part[:3]
    return told


def _compiled(suite: Suite, melodies: Sequence[Melody]) -> Appraisal:
    lines = lines_of(melodies, len(suite))
    rows = np.arange(len(melodies))
    kernel = load_kernel(suite, np.zeros(len(suite), dtype=np.bool_))
    kernel.appraise(lines, suite.arrays(), rows, np.zeros(rows.size), np.zeros(rows.size, dtype=np.bool_))
    return Appraisal(lines.values, lines.scores, lines.passed)


def lines_of(melodies: Sequence[Melody], terms: int) -> Lines:
    """The melodies as the kernel holds them, with room for ``terms`` terms; notes and frames as they are."""
    longest = max(melody.pitch.size for melody in melodies)
    sizes = [max(getattr(melody, name).size for melody in melodies) for name in ("grid", "given", "summary")]
    lines = new_lines(len(melodies), longest, sizes[0], terms, *sizes[1:])
    for i, m in enumerate(melodies):
        n = m.pitch.size
        lines.notes[i, :, :n] = m.pitch, m.onset, m.duration
        lines.heard[i, :, :n] = m.surprisal, m.entropy
        lines.grid[i, : m.grid.size] = m.grid
        lines.given[i, : m.given.size] = m.given
        lines.summary[i, : m.summary.size] = m.summary
        task = [m.start, m.end, m.bar, m.beat, m.bars, m.metre, m.mode, m.style, m.key]
        lines.frame[i] = [n, m.time, *task, NO_PITCH, NO_PITCH, m.side, 0]
    return lines
