"""Judging many finished melodies compiled gives what judging them one by one in Python gives."""

import numpy as np
import pytest

from experiments.fakes import fakes
from musicenv.appraisal import appraise
from musicenv.corpus import load
from rewards.judging import judge
from rewards.named import suite_of
from rewards.priors import hear, load_prior
from rewards.rules import rule


@pytest.fixture(scope="module")
def pieces():
    parts = load(progress=False).melodies("test", bars=8)[::40]
    return hear(load_prior("lstm"), [*parts, *fakes("uniform", parts, 8, seed=0), *fakes("loop", parts, 8, seed=0)])


def test_it_agrees_with_python(pieces):
    suite = suite_of("default", has_prior=True)
    fast, slow = appraise(suite, pieces), judge(suite, pieces)
    np.testing.assert_allclose(fast.values, slow.values, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(fast.scores, slow.scores, rtol=1e-4, atol=1e-4)
    assert (fast.passed == slow.passed).mean() > 0.999


def test_no_melody_is_no_row():
    suite = suite_of("theory", has_prior=False)
    assert appraise(suite, []).values.shape == (0, len(suite))


def test_rules_that_speak_at_each_note_are_left_to_the_slow_judge(pieces):
    @rule
    def always(melody):
        return 1.0

    with pytest.raises(ValueError, match="statistics that numba compiles"):
        appraise(always * 1.0, pieces)
