"""Which note loses what: one note otherwise, and what the rules would say."""

from collections.abc import Callable

import numpy as np

from experiments.counterfactuals import alternatives, tell
from musicenv.alphabet import REST
from musicenv.melody import Melody, melody_from_notes
from musicenv.task import Task
from rewards import theory
from rewards.judging import judge
from rewards.named import suite_of
from rewards.priors import hear, load_prior
from rewards.rules import Suite


def test_a_last_note_off_the_tonic_costs_the_cadence_and_the_tonic_mends_it(twinkle: Callable[..., Melody]) -> None:
    suite = theory.suite()
    cadence = suite.names.index("cadence")
    wrong = {change.rule: change for change in tell(suite, twinkle(last=62)).changes[-1]}
    assert wrong[cadence].pitch == 60
    assert wrong[cadence].gain > 0.2
    assert cadence not in {change.rule for change in tell(suite, twinkle()).changes[-1]}


def test_what_a_change_gains_is_what_the_slow_judge_says(twinkle: Callable[..., Melody]) -> None:
    suite, melody = theory.suite(), twinkle(last=70)
    before = judge(suite, [melody])
    for k, of_note in enumerate(tell(suite, melody).changes):
        for change in of_note:
            pitch = melody.pitch.copy()
            pitch[k] = change.pitch
            after = judge(suite, [melody_from_notes(pitch, melody.duration, Task("4/4", "C", bars=4))])
            gains = after.scores[0] - before.scores[0]
            np.testing.assert_allclose([change.gain, change.total], [gains[change.rule], gains.sum()], atol=1e-9)


def test_notes_are_tried_on_the_scale_and_as_a_rest(twinkle: Callable[..., Melody]) -> None:
    assert alternatives(twinkle(), 0) == [REST, 55, 57, 59, 62, 64, 65]
    silence = melody_from_notes([REST], [48], Task(bars=1))
    assert tell(Suite(theory.suite().terms[:1]), silence).changes == [[]]


def test_terms_of_likelihood_are_told_by_the_prior_that_hears_each_change(twinkle: Callable[..., Melody]) -> None:
    suite, prior = suite_of("likelihood.mean_surprisal", has_prior=True), load_prior("lstm")
    melody = twinkle(last=70)
    told = tell(suite, melody, prior)
    np.testing.assert_allclose(told.scores, judge(suite, hear(prior, [melody])).scores[0], atol=1e-5)
    (best,) = told.changes[-1]
    changed = melody_from_notes([*melody.pitch[:-1], best.pitch], melody.duration, Task("4/4", "C", bars=4))
    after = judge(suite, hear(prior, [changed])).scores[0]
    np.testing.assert_allclose(best.gain, after[0] - told.scores[0], atol=1e-5)
