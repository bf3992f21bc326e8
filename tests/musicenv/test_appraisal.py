"""Judging many finished melodies compiled gives what judging them one by one in Python gives."""

import numpy as np
import pytest

from experiments.fakes import fakes
from musicenv.appraisal import appraise
from musicenv.corpus import load
from musicenv.refused import SlowRuleWarning
from rewards.judging import judge
from rewards.named import suite_of
from rewards.priors import hear, load_prior
from rewards.rules import rule, statistic


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


def test_rules_that_speak_at_each_note_and_those_that_numba_refuses_are_judged_in_python(pieces):
    @rule
    def small_step(melody):
        return 1.0 if len(melody.pitch) > 1 and abs(melody.pitch[-1] - melody.pitch[-2]) <= 2 else 0.0

    @statistic(at_end=True)
    def kinds(melody):
        return float(len(dict.fromkeys(map(str, melody.duration))))

    suite = small_step * 0.5 + suite_of("theory.cadence", has_prior=False) + kinds * 2.0
    with pytest.warns(SlowRuleWarning, match="kinds"):
        fast = appraise(suite, pieces[:6])
    slow = judge(suite, pieces[:6])
    np.testing.assert_allclose(fast.scores, slow.scores, rtol=1e-6)
    assert fast.passed.tolist() == slow.passed.tolist()
