"""Overlap area and divergence: what MGEval would say, and cases with known answers."""

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.stats import entropy, gaussian_kde

from experiments.fakes import fakes
from experiments.judges.distances import POINTS, compare, density, distance, distances, figures
from experiments.judges.histograms import HISTOGRAMS, features


def test_away_from_zero_the_density_is_that_of_scipy():
    sample = np.random.default_rng(0).gamma(9.0, 1.0, 2000)
    middles = (np.arange(POINTS) + 0.5) * 30.0 / POINTS
    reference = gaussian_kde(sample, "scott")(middles)
    ours = density(sample, 30.0)
    np.testing.assert_allclose(ours, reference / reference.sum(), atol=2e-2 * ours.max())


def test_overlap_and_divergence_are_those_that_mgeval_computes():
    rng = np.random.default_rng(1)
    intra, inter = rng.normal(5.0, 1.0, 3000), rng.normal(6.5, 1.2, 3000)
    grid = np.linspace(0, 12, 4000)
    p, q = gaussian_kde(intra)(grid), gaussian_kde(inter)(grid)
    found = compare(intra, inter)
    assert found.overlap == pytest.approx(trapezoid(np.minimum(p, q), grid), abs=0.01)
    assert found.divergence == pytest.approx(entropy(p, q), abs=0.02)


def test_a_sample_that_never_varies_has_a_density_all_the_same():
    assert density(np.full(50, 0.5), 1.0).argmax() in (POINTS // 2 - 1, POINTS // 2)


def test_sets_of_one_kind_overlap_and_those_of_two_kinds_do_not():
    rng = np.random.default_rng(2)
    one, same, far = (rng.dirichlet(np.full(12, c), 200) for c in (1.0, 1.0, 50.0))
    assert distance(one, same).overlap > 0.97
    assert distance(one, same).divergence < 0.01
    assert distance(one, far).overlap < 0.8 < distance(one, one).overlap


def test_uniform_play_shuffled_notes_and_real_parts_lie_in_this_order(corpus):
    test, other = (corpus.melodies(split, bars=8, metre="4/4")[:150] for split in ("test", "validation"))
    shuffled, uniform = (fakes(kind, test, 150, seed=0) for kind in ("shuffled", "uniform"))
    found = [figures(distances(test, made)) for made in (other, shuffled, uniform)]
    assert found[0]["overlap"] > 0.93 > found[1]["overlap"] > found[2]["overlap"]
    assert found[0]["divergence"] < found[1]["divergence"] < found[2]["divergence"]
    # Shuffling keeps which notes there are, and loses in which order.
    assert found[1]["overlap_pitch_class"] > 0.9 > found[1]["overlap_interval"]


def test_the_histograms_of_a_tune_are_what_one_counts(abc):
    tune = abc("C2 E2 G2 E2 | C2 E2 G2 E2 | c8 | z8", bars=4)
    of = {name: histogram(tune) for name, histogram in HISTOGRAMS.items()}
    assert of["pitch_class"][[0, 4, 7]].tolist() == [3 / 9, 4 / 9, 2 / 9]
    assert of["interval"][12 + np.array([4, 3, -3, -4, 8])].tolist() == [2 / 8, 2 / 8, 2 / 8, 1 / 8, 1 / 8]
    assert of["duration"][[5, 9]].tolist() == [8 / 10, 2 / 10]
    assert of["note_density"][[0, 1, 4]].tolist() == [1 / 4, 1 / 4, 2 / 4]
    # up up, up down, down down, down up, up up, up down, down up
    assert of["contour"][[8, 6, 0, 2]].tolist() == [2 / 7, 2 / 7, 1 / 7, 2 / 7]
    # The second bar is the first; the long notes are like nothing before.
    assert of["bar_repetition"].tolist() == [2 / 3, 0, 0, 0, 1 / 3]


def test_histograms_are_shares_and_rests_alone_have_none(corpus, abc):
    for tune in corpus.melodies("test", bars=8)[:50]:
        for histogram in HISTOGRAMS.values():
            assert histogram(tune).sum() == pytest.approx(1.0)
    silence = abc("z8 | z8", bars=2)
    assert HISTOGRAMS["interval"](silence).sum() == 0
    assert np.isfinite(features([silence])).all()


def test_two_real_pieces_are_too_few():
    with pytest.raises(ValueError, match="give at least 3"):
        distance(np.eye(2), np.eye(2))
