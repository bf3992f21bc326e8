"""What a suite says of finished melodies, outside any environment: real tunes, imports, other people's pieces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import SIXTEENTH
from musicenv.melody import UNSET, Melody
from rewards.rules import Suite
from rewards.summaries import updated


class Judgement(NamedTuple):
    """n melodies under S terms."""

    values: npt.NDArray[np.float64]
    """(n, S) each statistic's value (NaN where it is not defined); for a rule the sum of its scores."""
    scores: npt.NDArray[np.float64]
    """(n, S) weighted scores."""
    passed: npt.NDArray[np.bool_]
    """(n, S)"""
    returns: npt.NDArray[np.float64]
    """(n,) what an environment would have paid in all."""


def judge(suite: Suite, melodies: Sequence[Melody]) -> Judgement:
    """Judge finished melodies; equal to what the environment's step pays for the same notes."""
    shape = (len(melodies), len(suite))
    values, scores, passed = np.full(shape, np.nan), np.zeros(shape), np.ones(shape, dtype=np.bool_)
    grown = [list(prefixes(melody, suite)) for melody in melodies] if _grows(suite) else [[m] for m in melodies]
    for k, term in enumerate(suite):
        for i, melody in enumerate(melodies):
            if term.rule.kind == "note":
                values[i, k] = sum(term.rule(heard) for heard in grown[i])
                scores[i, k] = term.weight * values[i, k]
                continue
            values[i, k] = value = term.rule(grown[i][-1])
            score = 0.0 if np.isnan(value) else value
            if term.curve is not None:
                score = term.curve(value, melody.metre)
                passed[i, k] = np.isnan(value) or term.curve.passes(score, melody.metre)
            scores[i, k] = term.weight * score
    bonus = np.where(passed.all(axis=1), suite.bonus, 0.0)
    return Judgement(values, scores, passed, scores.sum(axis=1) + bonus)


def _grows(suite: Suite) -> bool:
    """Whether the suite has to be asked note by note."""
    return bool(suite.summaries) or any(term.rule.kind == "note" for term in suite)


def prefixes(melody: Melody, suite: Suite) -> Iterator[Melody]:
    """The melody as it grew note by note, with the running summaries that the suite reads."""
    summary = suite.unsummarised()
    for n in range(1, len(melody.pitch) + 1):
        heard = prefix(melody, n)._replace(summary=summary)
        yield heard
        summary = updated(heard, suite.summaries)


def prefix(melody: Melody, n: int) -> Melody:
    """The first ``n`` notes of a melody, as a rule saw them when they were the newest."""
    time = int(melody.onset[n - 1] + melody.duration[n - 1])
    grid = melody.grid.copy()
    grid[max(-(-time // SIXTEENTH), 0) :] = UNSET
    arrays = {name: getattr(melody, name)[:n] for name in ("pitch", "onset", "duration", "surprisal", "entropy")}
    return melody._replace(**arrays, grid=grid, time=time)
