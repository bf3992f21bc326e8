"""Statistics of few runs: interquartile mean, stratified bootstrap, probability of improvement, performance profiles.

Source: Agarwal, Schwarzer, Castro, Courville and Bellemare 2021, Deep Reinforcement Learning at the Edge of the
Statistical Precipice, NeurIPS; its code is ``rliable``.  Scores are arrays (runs, tasks): one score for each seed on
each task.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata, trim_mean

Floats = npt.NDArray[np.float64]

RESAMPLES: Final = 2000
LEVEL: Final = 0.95


class Estimate(NamedTuple):
    """A statistic and its 95 % interval."""

    value: float
    low: float
    high: float


def iqm(scores: Floats) -> Floats:
    """(...,) interquartile means of (..., runs, tasks): of all runs on all tasks, the quarter with the lowest and that
    with the highest scores left out.
    """
    return np.asarray(trim_mean(scores.reshape(*scores.shape[:-2], -1), 0.25, axis=-1))


def mean(scores: Floats) -> Floats:
    """(...,) means of (..., runs, tasks)."""
    return np.asarray(scores.mean(axis=(-2, -1)))


def resampled(scores: Floats, rng: np.random.Generator, times: int = RESAMPLES) -> Floats:
    """(times, runs, tasks) scores drawn with replacement from ``scores`` (runs, tasks), each task's from its own
    runs."""
    runs, tasks = scores.shape
    return np.asarray(scores[rng.integers(runs, size=(times, runs, tasks)), np.arange(tasks)])


def estimate(scores: Floats, statistic: Callable[[Floats], Floats] = iqm, seed: int = 0) -> Estimate:
    """``statistic`` of ``scores`` (runs, tasks), with the percentile interval of the stratified bootstrap."""
    drawn = statistic(resampled(scores, np.random.default_rng(seed)))
    return Estimate(float(statistic(scores)), *_interval(drawn))


def probability_of_improvement(ours: Floats, theirs: Floats, seed: int = 0) -> Estimate:
    """How likely a run of ours is better than one of theirs on a task drawn at random, ties counting half: the mean of
    Mann-Whitney's U by the number of pairs; (runs, tasks) each, with their own numbers of runs.
    """
    rng = np.random.default_rng(seed)
    drawn = _improvement(resampled(ours, rng), resampled(theirs, rng))
    return Estimate(float(_improvement(ours[None], theirs[None])[0]), *_interval(drawn))


def _improvement(ours: Floats, theirs: Floats) -> Floats:
    """(times,) from (times, n, tasks) and (times, m, tasks)."""
    n, m = ours.shape[1], theirs.shape[1]
    ranks = rankdata(np.concatenate([ours, theirs], axis=1), axis=1)
    u = ranks[:, :n].sum(axis=1) - n * (n + 1) / 2
    return np.asarray((u / (n * m)).mean(axis=1))


class Profile(NamedTuple):
    """Share of the runs that score more than each threshold."""

    share: Floats
    """(thresholds,)"""
    low: Floats
    high: Floats


def performance_profile(scores: Floats, thresholds: Floats, seed: int = 0) -> Profile:
    """Run-score distribution: for each of ``thresholds`` the share of all runs on all tasks above it, and the pointwise
    95 % band.
    """
    above = (resampled(scores, np.random.default_rng(seed))[..., None] > thresholds).mean(axis=(1, 2))
    low, high = np.quantile(above, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return Profile((scores[..., None] > thresholds).mean(axis=(0, 1)), low, high)


def _interval(drawn: Floats) -> tuple[float, float]:
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
