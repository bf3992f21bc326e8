"""Learners by name: budgets are kept, what illegal notes become is told, clones see what composers see."""

from dataclasses import replace
from itertools import count

import numpy as np
import pytest
import torch

from agents.budget import Budget, learn
from agents.cloning import observations_of
from agents.compose import compose, prior, top_p, uniform
from agents.learners import LEARNERS, settled
from agents.training import Settings, build, environment
from musicenv.alphabet import N_ACTIONS, N_DURATIONS, note_of
from musicenv.batch import Batch
from musicenv.melody import Melody
from musicenv.observation import N_FEATURES
from musicenv.options import resolve

SMALL = Settings(bars=2, metre="2/4", reward="sequence_tutor.key=1", envs=8, rollout=8)


@pytest.fixture(scope="module")
def batch() -> Batch:
    suite, listener = resolve(SMALL.reward, SMALL.prior)
    return Batch(8, SMALL.assignment.tasks, suite, listener)


@pytest.mark.parametrize("name", [name for name in LEARNERS if name != "cloning"])
def test_every_learner_keeps_its_budget_and_then_composes(name, batch):
    agent, used = LEARNERS[name](SMALL, Budget(steps=300))
    assert 300 <= used.steps <= 300 + 256
    pieces = compose(batch, agent, 8, seed=0)
    assert all(melody.time == melody.end for melody in pieces.melodies)
    again = compose(batch, agent, 8, seed=0)
    assert [melody.pitch.tolist() for melody in again.melodies] == [m.pitch.tolist() for m in pieces.melodies]


def test_the_same_seed_learns_the_same(batch):
    pieces = [compose(batch, LEARNERS["a2c"](SMALL, Budget(steps=640))[0], 8, seed=0) for _ in range(2)]
    assert [m.pitch.tolist() for m in pieces[0].melodies] == [m.pitch.tolist() for m in pieces[1].melodies]


def test_a_budget_of_time_ends_in_time_and_schedules_follow_it():
    trained = build(SMALL)
    seen = []
    trained.model.lr_schedule = lambda left: seen.append(left) or 1e-3
    ticks = count()
    used = learn(trained.model, trained.env, Budget(seconds=50), clock=lambda: float(next(ticks)))
    assert 50 <= used.seconds <= 52
    assert used.steps > 64
    assert seen == sorted(seen, reverse=True)
    assert 0 <= seen[-1] < 0.5 < seen[0] < 1  # 0 where the last update begins as the time is up


def test_nothing_is_learned_from_a_budget_of_nothing():
    trained = build(SMALL)
    before = {name: value.clone() for name, value in trained.model.policy.state_dict().items()}
    assert learn(trained.model, trained.env, Budget(steps=0)).steps == 0
    assert all(torch.equal(value, before[name]) for name, value in trained.model.policy.state_dict().items())


@pytest.mark.parametrize("given", [{}, {"steps": -1}, {"seconds": float("nan")}])
def test_a_budget_has_to_end(given):
    with pytest.raises(ValueError, match="give"):
        Budget(**given)


def test_top_p_keeps_the_fewest_notes_that_have_the_share(batch):
    batch.reset([np.random.default_rng(0)] * batch.n)
    p = np.exp(prior()(batch), dtype=np.float64)
    kept = np.isfinite(top_p(0.9)(batch))
    for row, these in zip(p, kept, strict=True):
        assert row[these].sum() >= 0.9
        assert row[these].sum() - row[these].min() < 0.9
        assert row[these].min() >= row[~these].max()
    assert (np.isfinite(top_p(0.0)(batch)).sum(axis=1) == 1).all()
    assert (top_p(0.0)(batch).argmax(axis=1) == p.argmax(axis=1)).all()
    np.testing.assert_allclose(np.exp(top_p(1.0)(batch)), p, atol=1e-6)


def test_what_settles_is_what_the_environment_plays(batch):
    """One note of each kind, legal or not: the probability that it lends another is where the environment takes it."""
    rng = np.random.default_rng(0)
    batch.reset([rng] * batch.n)
    for action in (3, 7, 47, 9, 95, 214, 18, 301):
        before = batch.masks.copy()
        log_probs = np.full((batch.n, N_ACTIONS), -np.inf, dtype=np.float32)
        log_probs[:, action] = 0.0
        told = settled(log_probs, before[:, :N_DURATIONS] > 0)
        assert np.isfinite(told).sum() == batch.n
        batch.step(np.full(batch.n, action))
        lines = [batch.melody(i) for i in range(batch.n)]
        played = [(int(line.pitch[-1]), int(line.duration[-1])) for line in lines]
        assert [note_of(int(k)) for k in told.argmax(axis=1)] == played
        if batch.finished.any():
            batch.reset([rng] * batch.n)
        batch.observe(np.arange(batch.n))


def test_a_clone_learns_from_what_a_composer_would_have_seen(batch):
    seen: list[np.ndarray] = []

    def watching(composing):
        seen.append(composing.observations[:, :N_FEATURES].copy())
        return uniform(composing)

    pieces: list[Melody] = compose(batch, watching, batch.n, seed=3).melodies
    learned_from = observations_of(pieces)
    first = 0
    for i, piece in enumerate(pieces):
        n = piece.pitch.size
        np.testing.assert_array_equal(learned_from[first : first + n], np.array([each[i] for each in seen[:n]]))
        first += n


def test_a_clone_is_likelier_to_play_what_tunes_play():
    """A short reading of the corpus brings it to the scale, from a third of the notes to nearly all."""
    settings = Settings(metre="3/4", reward="sequence_tutor.key=1")
    agent, used = LEARNERS["cloning"](settings, Budget(steps=60_000))
    assert used.steps <= 60_000 + 256
    env = environment(replace(settings, envs=32))
    off_the_scale = [-compose(env.batch, each, 32, seed=0).returns.mean() for each in (uniform, agent)]
    assert off_the_scale[1] < off_the_scale[0] / 3
