"""Planned melodies: whole, legal, judged by the environment's own rules, and never below greedy or beam."""

import numpy as np
import pytest

from agents.compose import prior, uniform
from mcts.planners import PLANNERS, Budget, places_for, plan
from musicenv.alphabet import duration_is_legal
from musicenv.batch import Batch
from musicenv.refused import SlowRuleWarning
from musicenv.task import Task
from rewards.judging import judge
from rewards.named import suite_of
from rewards.priors import load_prior
from rewards.rules import rule


@pytest.fixture(scope="module")
def batch():
    suite = suite_of("default", has_prior=True).with_bonus(20.0)
    return Batch(places_for(2), [Task(bars=2)], suite, load_prior())


def planned(batch, name, simulations=4, pieces=2, seed=0, agent=None, **more):
    return plan(batch, agent or prior(), PLANNERS[name], Budget(simulations, **more), pieces, seed)


@pytest.mark.parametrize("name", sorted(PLANNERS.keys() - {"value-beam"}))
def test_plans_are_whole_legal_and_scored_as_the_environment_scores_them(batch, name):
    found = planned(batch, name)
    for melody in found.melodies:
        assert melody.time == melody.end
        for onset, duration in zip(melody.onset, melody.duration, strict=True):
            assert duration_is_legal(int(onset), int(duration), melody.bar, melody.end)
    judged = judge(batch.suite, found.melodies)
    np.testing.assert_allclose(found.returns, judged.returns, atol=1e-4)
    np.testing.assert_allclose(found.scores, judged.scores, atol=1e-4)
    assert (found.passed == judged.passed).all()


@pytest.mark.parametrize("name", ["mcts", "nrpa"])
def test_a_plan_is_at_least_what_greedy_and_beam_find(batch, name):
    for simulations in (1, 16):
        least = np.maximum(*(planned(batch, other, simulations).returns for other in ("greedy", "beam")))
        assert (planned(batch, name, simulations).returns >= least).all()


def test_looking_ahead_pays(batch):
    sampled = planned(batch, "best-of-n", simulations=1, pieces=16).returns
    assert planned(batch, "mcts", simulations=8).returns.min() > np.mean(sampled)


def test_the_same_seed_plans_the_same_pieces(batch):
    first, again, other = (planned(batch, "mcts", seed=seed) for seed in (1, 1, 2))
    for a, b in zip(first.melodies, again.melodies, strict=True):
        assert np.array_equal(a.pitch, b.pitch)
        assert np.array_equal(a.duration, b.duration)
    assert any(not np.array_equal(a.pitch, b.pitch) for a, b in zip(first.melodies, other.melodies, strict=True))


def test_a_rule_that_only_python_can_run_is_planned_for_and_its_cost_is_told():
    @rule
    def few_names(melody):
        return -float(len({str(pitch) for pitch in melody.pitch.tolist()})) / 10

    with pytest.warns(SlowRuleWarning, match="runs as Python, about .* us a call instead of well under 1"):
        batch = Batch(places_for(1), [Task(bars=1)], few_names * 1.0, None)
    found = planned(batch, "uct", simulations=24, pieces=1, agent=uniform)
    assert found.returns[0] == pytest.approx(-0.1), "one note that lasts to the end"


def test_a_critic_is_asked_where_there_is_one(batch):
    with pytest.raises(ValueError, match="needs an agent with a critic, such as ppo:RUN"):
        planned(batch, "mcts", value="critic")
    asked = []

    def critic(seen):
        asked.append(seen.n)
        return seen.observations[:, 0].astype(np.float64)

    found = plan(batch, prior(), PLANNERS["puct"], Budget(4, value="critic"), 2, 0, critic)
    assert asked
    assert np.isfinite(found.returns).all()


def test_progress_names_the_incumbents_and_grows(batch):
    said = []
    plan(batch, prior(), PLANNERS["mcts"], Budget(4), 2, 0, said=lambda best, done: said.append((best, done)))
    best = [value for value, _ in said]
    assert best == sorted(best)
    assert said[0][1] == 0
    assert said[-1][1] == 2
