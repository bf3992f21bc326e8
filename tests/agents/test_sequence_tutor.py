"""The Sequence Tutor's learners: their targets on a problem solved by hand, and what they do in the environment."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from agents.compose import compose, masked, prior
from agents.sequence_tutor import PRESETS, RULES, Preset, SequenceTutor, tutor_agent
from agents.vec_env import MelodyVecEnv
from musicenv.batch import Batch
from musicenv.options import resolve
from musicenv.task import Task

# Three states with two notes each.  From the first, one note leads to the second, the other to the third; there, both
# notes end the piece.  Rows: p(note | state) and the reward of each note, with c = 1.
P = torch.tensor([[3 / 4, 1 / 4], [1 / 2, 1 / 2], [1 / 4, 3 / 4]])
REWARD = torch.tensor([[0.0, 0.0], [math.log(4), 0.0], [math.log(8), 0.0]])
NEXT = torch.tensor([1, 2, 0, 0, 0, 0])
DONE = torch.tensor([0.0, 0.0, 1.0, 1.0, 1.0, 1.0])

V1, V2 = 5 / 2, 11 / 4
"""exp of the soft value of the second state (1/2 * 4 + 1/2 * 1) and of the third (1/4 * 8 + 3/4 * 1)."""
GAMMA = 0.5
BY_HAND = {
    "q": [
        [math.log(3 / 4) + GAMMA * math.log(2), math.log(1 / 4) + GAMMA * math.log(2)],
        [math.log(2), math.log(1 / 2)],
        [math.log(2), math.log(3 / 4)],
    ],
    "psi": [
        [math.log(3 / 4) + GAMMA * math.log(V1), math.log(1 / 4) + GAMMA * math.log(V2)],
        [math.log(2), math.log(1 / 2)],
        [math.log(2), math.log(3 / 4)],
    ],
    "g": [[GAMMA * math.log(V1), GAMMA * math.log(V2)], [math.log(4), 0.0], [math.log(8), 0.0]],
}


def solved(name: str, gamma: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Values (3, 2) and preferences (3, 2) where the targets no longer move."""
    rule, log_p = RULES[name], P.log()
    values = torch.zeros(3, 2)
    for _ in range(5):
        preferences = values if rule.pays_prior else log_p + values
        values = rule.target(REWARD.flatten(), log_p.flatten(), DONE, preferences[NEXT], gamma).view(3, 2)
    preferences = values if rule.pays_prior else log_p + values
    torch.testing.assert_close(rule.values(preferences, log_p), values)
    return values, preferences


@pytest.mark.parametrize("name", RULES)
def test_the_targets_settle_where_they_do_by_hand(name):
    values, _ = solved(name, GAMMA)
    torch.testing.assert_close(values, torch.tensor(BY_HAND[name]), rtol=1e-6, atol=1e-6)


def test_psi_and_g_play_the_same_and_q_plays_one_note():
    """Rawlik et al. 2012 and Fox et al. 2016: Psi = log p + G, and both are the prior tilted by what it may earn."""
    (_, psi), (_, g) = solved("psi", 1.0), solved("g", 1.0)
    torch.testing.assert_close(psi, g)
    first = RULES["psi"].policy(psi)[0].exp()
    # 3/4 * 5/2 against 1/4 * 11/4
    torch.testing.assert_close(first, torch.tensor([1.875, 0.6875]) / 2.5625)
    _, q = solved("q", 1.0)
    assert RULES["q"].policy(q).exp().tolist() == [[1, 0], [1, 0], [1, 0]]


@pytest.fixture(scope="module")
def env() -> MelodyVecEnv:
    suite, listener = resolve("sequence_tutor.key=1", "lstm")
    env = MelodyVecEnv(Batch(16, [Task(bars=2)], suite, listener))
    env.seed(0)
    return env


@pytest.mark.parametrize("rule", ["psi", "g"])
def test_before_training_it_is_the_prior(env, rule):
    model = SequenceTutor(env, rule, Preset(), seed=0)
    env.reset()
    batch = env.batch
    np.testing.assert_allclose(
        np.exp(tutor_agent(model)(batch)), np.exp(masked(batch.log_probs, batch.masks)), atol=1e-6
    )


def test_q_plays_the_likeliest_note_but_draws_the_first_one(env):
    agent, batch = tutor_agent(SequenceTutor(env, "q", Preset(), seed=0)), env.batch
    env.reset()
    assert np.isfinite(agent(batch)).sum(axis=1).min() > 100
    env.step(agent(batch).argmax(axis=1))
    after = agent(batch)
    assert (np.isfinite(after).sum(axis=1) == 1).all()
    assert (after.argmax(axis=1) == masked(batch.log_probs, batch.masks).argmax(axis=1)).all()


@pytest.mark.parametrize("rule", RULES)
def test_a_short_training_brings_more_of_what_is_paid(rule):
    suite, listener = resolve("experiments.example_rules:swing", "lstm")
    env = MelodyVecEnv(Batch(32, [Task(bars=2)], suite, listener))
    env.seed(0)
    model = SequenceTutor(env, rule, replace(PRESETS["tuned"], scale=0.25, steps_per_update=8, batch_size=64), seed=0)
    before = compose(env.batch, prior(), 128, seed=1).returns.mean()
    model.learn(4_000, log_interval=None)
    assert compose(env.batch, tutor_agent(model), 128, seed=1).returns.mean() > before + 1


def test_what_is_not_possible_is_said(env):
    with pytest.raises(ValueError, match="'sarsa' is not one of q, psi, g"):
        SequenceTutor(env, "sarsa", Preset())
    suite, _ = resolve("theory", None)
    with pytest.raises(ValueError, match="has none; name one"):
        SequenceTutor(MelodyVecEnv(Batch(2, [Task()], suite, None)), "q", Preset())
