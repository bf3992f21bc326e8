"""Typicality of the piece ranks music above what a prior finds likeliest; log p does not."""

import math

import numpy as np
import pytest

from agents.compose import compose
from agents.compose import prior as prior_agent
from experiments.fakes import fakes, task_of
from experiments.fitting import wins
from musicenv.batch import Batch
from musicenv.task import STYLES
from rewards import likelihood
from rewards.priors import hear, likeliest_style, load_prior
from rewards.rules import Suite


@pytest.fixture(scope="module")
def prior():
    return load_prior("lstm")


@pytest.fixture(scope="module")
def real(corpus, prior):
    return hear(prior, corpus.melodies("test", bars=8)[::5])


def _typicality(pieces):
    suite = likelihood.suite()
    return np.array([sum(term.weight * term.score(piece) for term in suite) for piece in pieces])


def _log_p(pieces):
    return np.array([-piece.surprisal.mean() for piece in pieces])


@pytest.mark.parametrize(
    ("kind", "share"), [("loop", 0.85), ("two_bar_loop", 0.8), ("scale", 0.85), ("single", 0.9), ("shuffled", 0.97)]
)
def test_real_parts_are_more_typical_than_fakes(kind, share, real, prior):
    made = hear(prior, fakes(kind, real, 120, seed=1))
    assert wins(_typicality(real), _typicality(made)) >= share


@pytest.mark.parametrize("kind", ["loop", "scale", "single"])
def test_log_p_prefers_what_is_no_music(kind, real, prior):
    made = hear(prior, fakes(kind, real, 120, seed=1))
    assert wins(_log_p(real), _log_p(made)) < 0.4


def test_real_parts_are_more_typical_than_samples_at_half_temperature(real, prior):
    batch = Batch(64, [task_of(part) for part in real], Suite(()), prior)
    cold = compose(batch, prior_agent(0.5), 64, seed=0).melodies
    assert wins(_typicality(real), _typicality(cold)) >= 0.95
    assert wins(_log_p(real), _log_p(cold)) < 0.1


def test_a_prior_is_as_surprised_by_its_own_samples_as_it_expects_to_be(real, prior):
    batch = Batch(64, [task_of(part) for part in real], Suite(()), prior)
    samples = compose(batch, prior_agent(), 64, seed=0).melodies
    excess = np.array([likelihood.mean_excess_surprisal(piece) for piece in samples])
    assert abs(excess.mean()) < 4 * excess.std() / math.sqrt(64) + 0.05  # legal notes alone are drawn: a little below


def test_surprisal_is_summed_up_as_the_names_say(abc):
    surprisal, entropy = np.float32([1.0, 3.0]), np.float32([1.5, 1.5])
    piece = abc("c4 d4", bars=1)._replace(surprisal=surprisal, entropy=entropy)
    assert likelihood.log_likelihood(piece) == -3.0
    assert likelihood.mean_surprisal(piece) == 2.0
    assert likelihood.mean_excess_surprisal(piece) == 0.5
    assert likelihood.surprisal_spread(piece) == 1.0
    for rule in (likelihood.log_likelihood, *(entry.statistic for entry in likelihood.SUITE)):
        assert rule.compiled(piece) == pytest.approx(rule(piece))


def test_without_a_prior_typicality_is_undefined(abc):
    piece = abc("c4 d4 | e4 c4", bars=2)
    assert all(math.isnan(entry.statistic(piece)) for entry in likelihood.SUITE)
    assert likelihood.suite().needs_prior


def test_the_prior_hears_what_dance_a_tune_is(corpus, prior):
    dances = [tune for tune in corpus.melodies("test", "tunes") if STYLES[tune.style] in ("reel", "jig", "hornpipe")]
    known = corpus.melodies("train", "tunes")
    right = [likeliest_style(prior, tune, known) == STYLES[tune.style] for tune in dances[::2]]
    assert np.mean(right) > 0.7
