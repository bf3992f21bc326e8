"""Expert iteration: what a search teaches in numbers, a known optimum reached, seeds and checkpoints that repeat."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from agents.compose import compose, prior
from agents.expert import Expert, ExpertSettings
from agents.improvement import Decisions, completed, improved, policy_loss, value_loss, with_outcome
from agents.policy import policy_agent
from mcts.search import OutOfTimeError
from musicenv.counterpoint.sets import known_tasks, regret

SMALL = ExpertSettings(bars=2, metre="2/4", reward="sequence_tutor.key=1", bonus=0.0, envs=8, updates=4, minibatch=64)


def decisions(visits=((3, 1, 0),), means=((2.0, 6.0, 0.0),), p=(0.5, 0.3, 0.2, 0.0), values=(4.0,), chosen=(0,)):
    """One decision among four notes, the last of which is illegal; the search looked at the first three."""
    with np.errstate(divide="ignore"):
        log_probs = np.log([p]).astype(np.float32)
    actions = np.array([[0, 1, 2]])
    return Decisions(log_probs, actions, np.array(visits), np.array(means), np.array(values), np.array(chosen))


def test_what_was_not_visited_is_worth_critic_and_visited_notes_together():
    seen = (0.5 * 2.0 + 0.3 * 6.0) / 0.8  # by their probabilities
    assert completed(decisions()) == pytest.approx([(4.0 + 4 * seen) / (1 + 4)])
    assert completed(decisions(visits=((0, 0, 0),))) == pytest.approx([4.0]), "without a search, the critic alone"


def test_the_improved_policy_in_numbers():
    """Each note's probability times exp(step x what it is worth), normalised; an illegal note stays impossible."""
    weight = np.array([0.5 * np.exp(0.25 * (2 - 3.0)), 0.3 * np.exp(0.25 * (6 - 3.0)), 0.2, 0.0])
    found = improved(decisions(), np.array([3.0]), 0.25)
    np.testing.assert_allclose(found, [weight / weight.sum()], rtol=1e-5)
    assert found[0, 3] == 0.0
    np.testing.assert_allclose(improved(decisions(), np.array([3.0]), 0.0), [[0.5, 0.3, 0.2, 0.0]], rtol=1e-5)


def test_the_outcome_counts_as_further_simulations_of_the_note_that_was_chosen():
    heard = with_outcome(decisions(), np.array([10.0]), 1.0)
    np.testing.assert_allclose(heard.means, [[(3 * 2 + 10) / 4, 6, 0]])
    np.testing.assert_allclose(with_outcome(decisions(), np.array([10.0]), 0.0).means, decisions().means)


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 20.0))
def test_the_improved_policy_is_never_worse_by_what_the_search_found(seed, step):
    rng = np.random.default_rng(seed)
    p = np.append(rng.dirichlet(np.ones(3)) + 1e-6, 0.0)
    searched = decisions(rng.integers(0, 4, (1, 3)), rng.normal(size=(1, 3)), p / p.sum(), rng.normal(size=1))
    unvisited = completed(searched)
    worth = np.where(searched.visits > 0, searched.means, unvisited[:, None])[0]
    before, after = p[:3] / p.sum(), improved(searched, unvisited, step)[0, :3]
    assert after @ worth >= before @ worth - 1e-4


def test_losses_in_numbers():
    log_probs = torch.log(torch.tensor([[0.5, 0.5], [1.0, 0.0]])).clamp(min=-1e8)
    target = torch.tensor([[0.25, 0.75], [1.0, 0.0]])
    assert policy_loss(log_probs, target).item() == pytest.approx(np.log(2) / 2), "the illegal note costs nothing"
    assert value_loss(torch.tensor([1.0, 3.0]), torch.tensor([1.0, 7.0]), 2.0).item() == pytest.approx(2.0)


def test_before_it_learns_the_policy_is_the_prior():
    expert = Expert(SMALL)
    ours, theirs = (compose(expert.batch, agent, 16, seed=1) for agent in (policy_agent(expert.policy), prior()))
    assert [m.pitch.tolist() for m in ours.melodies] == [m.pitch.tolist() for m in theirs.melodies]


def test_a_solved_task_of_counterpoint_is_learned_to_its_optimum():
    """Whoever looks no further than the next note against Fux's first cantus is a third of the way from the optimum to
    evenly drawn notes; after 160 lines of its own the policy is much nearer, and has met the best line there is."""
    known = known_tasks("plain")["fux_d-1-above"]
    task = "counterpoint:fux_d-1-above-plain"
    expert = Expert(ExpertSettings(task=task, simulations=8, envs=16, updates=16, target_kl=50.0))

    def mean_regret():
        return regret(compose(expert.batch, policy_agent(expert.policy), 64, seed=0).returns.mean(), known)

    before = mean_regret()
    for k in range(10):
        expert.iterate(1 - k / 10)
    assert mean_regret() < 0.75 * before
    assert expert.best == known.optimum


def state(expert):
    return [tensor.clone() for tensor in expert.policy.state_dict().values()]


def test_the_same_seed_learns_the_same_and_a_resumed_run_is_the_unbroken_one(tmp_path):
    first, second, other = Expert(SMALL), Expert(SMALL), Expert(ExpertSettings(**{**vars(SMALL), "seed": 9}))
    told = [first.iterate(left)[0] for left in (1.0, 0.6, 0.3)]
    assert [second.iterate(left)[0] for left in (1.0, 0.6)] == told[:2]
    second.save(tmp_path / "checkpoint.pt")
    other.restore(tmp_path / "checkpoint.pt")
    assert other.iterate(0.3)[0] == told[2]
    assert all(torch.equal(a, b) for a, b in zip(state(first), state(other), strict=True))


def test_every_decision_is_learned_from_with_what_was_seen_there():
    expert = Expert(SMALL)
    expert.iterate()
    seen = expert.window[0].read
    assert len(torch.unique(seen, dim=0)) > 2 * SMALL.envs, "planners write over what they were shown"


def test_an_interrupted_iteration_teaches_nothing():
    expert = Expert(SMALL)
    before = state(expert)

    def watch():
        if expert.notes > 40:
            raise OutOfTimeError

    with pytest.raises(OutOfTimeError):
        expert.iterate(1.0, watch)
    assert 40 < expert.notes < 40 + 2 * SMALL.envs
    assert all(torch.equal(a, b) for a, b in zip(before, state(expert), strict=True))


def test_the_hold_keeps_the_policy_nearer_to_the_prior():
    def drift(nats):
        expert = Expert(ExpertSettings(**{**vars(SMALL), "target_kl": nats, "updates": 8}))
        for _ in range(8):
            figures = expert.iterate()[0]
        return figures["kl_per_piece"]

    assert drift(0.2) < drift(50.0)


@pytest.mark.parametrize("wrong", [{"simulations": 0}, {"outcome": -1.0}, {"minibatch": 0}, {"step": float("nan")}])
def test_settings_that_make_no_sense_are_named(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}=.* is not possible"):
        Expert(ExpertSettings(**wrong))
