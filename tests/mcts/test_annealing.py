"""Annealing finds what a reward likes, keeps each piece legal in its frame, and repeats with its seed."""

import numpy as np
import pytest

from agents.compose import compose
from agents.compose import prior as prior_agent
from experiments.fakes import fakes, task_of
from mcts import annealing
from mcts.annealing import Annealer
from musicenv.alphabet import duration_is_legal
from musicenv.appraisal import appraise
from musicenv.batch import Batch
from musicenv.corpus import load
from musicenv.task import Task
from rewards.likelihood import mean_surprisal
from rewards.named import suite_of
from rewards.priors import load_prior
from rewards.rules import Suite, rule, statistic
from rewards.theory import steps


@pytest.fixture(scope="module")
def starts():
    parts = load(progress=False).melodies("test", bars=8)[::60]
    return fakes("uniform", [part for part in parts if task_of(part).end == part.end], 6, seed=0)


@pytest.fixture(scope="module")
def prior():
    return load_prior("lstm")


def _samples(prior):
    return compose(Batch(8, [Task()], Suite(()), prior), prior_agent(), 8, seed=0).melodies


def test_a_reward_of_steps_alone_ends_in_nothing_but_steps(starts):
    found = Annealer(steps * 20.0, None, starts).run(3000, seed=0)
    assert np.mean([steps(melody) for melody in found.melodies]) > 0.95
    assert np.mean([steps(melody) for melody in starts]) < 0.3


def test_pieces_stay_legal_in_the_frames_they_began_in(starts):
    found = Annealer(suite_of("theory", has_prior=False), None, starts).run(300, seed=1)
    for melody, start in zip(found.melodies, starts, strict=True):
        assert (melody.start, melody.end, melody.metre, melody.key) == (start.start, start.end, start.metre, start.key)
        assert melody.time == melody.end
        for onset, duration in zip(melody.onset, melody.duration, strict=True):
            assert duration_is_legal(int(onset), int(duration), melody.bar, melody.end)


def test_the_scores_are_those_of_the_pieces_and_repeat_with_the_seed(starts):
    suite = suite_of("theory", has_prior=False)
    first, again = (Annealer(suite, None, starts).run(200, seed=2) for _ in range(2))
    judged = appraise(suite, first.melodies)
    np.testing.assert_allclose(first.scores, judged.scores.sum(axis=1))
    assert (first.passed == judged.passed.all(axis=1)).all()
    assert all(np.array_equal(a.pitch, b.pitch) for a, b in zip(first.melodies, again.melodies, strict=True))


def test_moves_that_nothing_could_save_are_refused_without_asking_the_prior(prior):
    """What theory alone refuses, whatever the prior might say, it needn't hear; the search goes the same way."""
    suite, starts = suite_of("default", has_prior=True), _samples(prior)
    lazy = Annealer(suite, prior, starts)
    quick = lazy.run(40, seed=3)
    eager = Annealer(suite, prior, starts)
    eager._hope = np.inf
    slow = eager.run(40, seed=3)
    assert lazy.heard < eager.heard, "in a cold search most moves are refused early"
    np.testing.assert_allclose(quick.scores, slow.scores, rtol=1e-4)


def test_what_cannot_be_annealed_is_said():
    @rule
    def always(melody):
        return 1.0

    with pytest.raises(ValueError, match="reads whole pieces"):
        Annealer(always * 1.0, None, [])
    with pytest.raises(ValueError, match="there is no prior; name one"):
        Annealer(mean_surprisal * 1.0, None, [])


def test_temperatures_fall():
    assert annealing.FIRST_TEMPERATURE > annealing.LAST_TEMPERATURE > 0


def test_a_statistic_of_ones_own_is_annealed_too(starts):
    @statistic(at_end=True)
    def low(melody):
        return -float(melody.pitch.mean()) / 10

    found = Annealer(Suite((low * 10.0).terms), None, starts).run(400, seed=4)
    assert np.mean([m.pitch.mean() for m in found.melodies]) < np.mean([m.pitch.mean() for m in starts]) - 3
