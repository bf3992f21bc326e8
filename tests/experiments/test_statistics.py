"""Statistics of few runs: against scipy and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, trim_mean

from experiments.statistics import estimate, iqm, mean, performance_profile, probability_of_improvement, resampled

scores = st.integers(0, 2**31).map(lambda seed: np.random.default_rng(seed).normal(size=(10, 4)).round(1))


def test_the_interquartile_mean_leaves_out_the_best_and_the_worst_quarter():
    assert iqm(np.array([[1.0, 100.0], [2.0, 3.0], [4.0, -50.0], [5.0, 6.0]])) == (2 + 3 + 4 + 5) / 4


@given(scores)
def test_it_is_scipys_trimmed_mean_of_all_runs(found):
    assert iqm(found) == pytest.approx(trim_mean(found, 0.25, axis=None))
    assert iqm(np.stack([found, found + 1])) == pytest.approx(trim_mean(found, 0.25, axis=None) + np.arange(2))


def test_runs_are_resampled_within_their_task():
    drawn = resampled(np.array([[0.0, 10.0], [1.0, 11.0], [2.0, 12.0]]), np.random.default_rng(0), 500)
    assert drawn.shape == (500, 3, 2)
    assert set(np.unique(drawn[..., 0])) == {0, 1, 2}
    assert set(np.unique(drawn[..., 1])) == {10, 11, 12}
    # Two columns are not drawn by the same rows.
    assert (drawn[..., 1] - drawn[..., 0] != 10).any()


def test_the_interval_of_a_mean_is_that_of_theory():
    found = np.random.default_rng(1).normal(size=(200, 1))
    interval = estimate(found, mean)
    assert interval.value == pytest.approx(found.mean())
    assert (interval.high - interval.low) / 2 == pytest.approx(1.96 / np.sqrt(200), rel=0.1)


def test_few_of_a_hundred_intervals_miss_what_they_estimate():
    rng = np.random.default_rng(2)
    missed = 0
    for k in range(100):
        interval = estimate(rng.normal(size=(20, 3)), seed=k)
        missed += not interval.low <= 0 <= interval.high
    assert missed <= 15


@given(scores, scores)
def test_the_probability_of_improvement_is_mann_whitneys(ours, theirs):
    by_task = [mannwhitneyu(ours[:, k], theirs[:, k]).statistic / 100 for k in range(4)]
    found = probability_of_improvement(ours, theirs)
    assert found.value == pytest.approx(np.mean(by_task))
    assert found.low <= found.value + 1e-9
    assert found.high >= found.value - 1e-9


def test_nobody_improves_on_themselves_and_the_better_always_do():
    same = np.random.default_rng(3).normal(size=(6, 2))
    assert probability_of_improvement(same, same).value == 0.5
    assert probability_of_improvement(same + 100, same) == (1, 1, 1)


def test_a_profile_falls_from_all_runs_to_none():
    found = np.array([[0.1, 0.2], [0.3, 0.4]])
    profile = performance_profile(found, np.array([0.0, 0.1, 0.25, 0.5]))
    assert profile.share.tolist() == [1, 0.75, 0.5, 0]
    assert (profile.low <= profile.share).all()
    assert (profile.share <= profile.high).all()


def test_one_run_has_no_width():
    assert estimate(np.array([[0.4]])) == (0.4, 0.4, 0.4)
