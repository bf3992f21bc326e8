"""The policy that begins as the prior, PPO near the prior, and their way into SB3."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sb3_contrib import MaskablePPO
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback

from agents import checkpoint
from agents.compose import compose, divergence, draw, masked, prior, uniform
from agents.distributions import ILLEGAL, surrogate
from agents.policy import PriorPolicy, policy_agent, prior_logits
from agents.ppo import KLController, PriorPPO
from agents.training import Settings, Trained, build
from agents.vec_env import MelodyVecEnv
from mcts.best_of import best_of
from musicenv.alphabet import N_ACTIONS, action_of, note_of
from musicenv.batch import Batch
from musicenv.options import Options
from musicenv.vector import MelodyVectorEnv
from rewards.priors import load_prior
from rewards.rules import rule


@rule
def tonic(melody: Any) -> float:
    """One for each tonic: the optimum of a bar of 2/4 is eight sixteenths on it."""
    return 1.0 if melody.pitch[-1] > 0 and melody.pitch[-1] % 12 == 0 else 0.0


def small_batch(n: int = 16, with_prior: bool = True, bars: int = 2) -> Batch:
    return Batch(n, Options(bars=bars).tasks(), tonic * 1.0, load_prior("lstm") if with_prior else None)


def trained(target_kl: float = 5.0, **more: Any) -> Trained:
    toy: dict[str, Any] = {"bars": 2, "reward": f"{__name__}:tonic", "bonus": 0.0, "envs": 16, "rollout": 8}
    return build(Settings(**{**toy, **more}, target_kl=target_kl))


@pytest.fixture(autouse=True)
def _this_module_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or _module())


def _module() -> Any:
    import types

    module = types.ModuleType(__name__)
    module.__dict__["tonic"] = tonic
    return module


def test_before_training_the_policy_is_the_prior() -> None:
    model, env, batch = (part := trained()).model, part.env, part.batch
    env.reset()
    log_probs = policy_agent(model.policy)(batch)
    np.testing.assert_allclose(log_probs, masked(batch.log_probs, batch.masks), atol=1e-5)
    ours = compose(batch, policy_agent(model.policy), 32, seed=1)
    theirs = compose(batch, prior(), 32, seed=1)
    assert all(
        (a.pitch == b.pitch).all() and (a.duration == b.duration).all()
        for a, b in zip(ours.melodies, theirs.melodies, strict=True)
    )
    assert ours.kl == pytest.approx(0.0, abs=1e-3)


def test_illegal_notes_are_impossible_with_and_without_a_mask() -> None:
    part = trained()
    part.env.reset()
    part.env.step(np.full(16, action_of(60, 48)))
    part.env.step(np.full(16, action_of(60, 36)))
    observations = torch.from_numpy(part.batch.observations.copy())
    legal = torch.from_numpy(part.batch.masks.astype(np.bool_))
    log_probs, _, _ = part.model.policy.judge(observations)
    assert log_probs.exp()[~legal].max() < 1e-12
    assert torch.allclose(prior_logits(observations, part.batch.layout).exp().sum(dim=1), torch.ones(16))


@pytest.mark.parametrize("cutoff", [0.003, 0.9])
def test_notes_that_the_prior_finds_too_unlikely_are_never_played(cutoff: float) -> None:
    """Before training the policy is the prior without them; something remains, and keeps its proportions."""
    part = trained(cutoff=cutoff)
    part.env.reset()
    whole = np.exp(masked(part.batch.log_probs, part.batch.masks))
    played = np.exp(policy_agent(part.model.policy)(part.batch))
    kept = whole >= np.minimum(cutoff, whole.max(axis=1, keepdims=True))
    left = whole * kept
    assert left.sum(axis=1).min() > 0.0 and whole[~kept].max() > 0.0 == played[~kept].max()
    np.testing.assert_allclose(played, left / left.sum(axis=1, keepdims=True), atol=1e-5)
    _, _, kl = part.model.policy.judge(torch.from_numpy(part.batch.observations))
    assert kl.detach().numpy() == pytest.approx(0.0, abs=1e-5)
    with torch.no_grad():  # nor are those that a trained policy finds so, but while it learns
        part.model.policy.action_net.linear.bias.normal_(generator=torch.Generator().manual_seed(0))
        learned = part.model.policy.judge(torch.from_numpy(part.batch.observations))[0].exp().numpy()
    kept = learned >= np.minimum(cutoff, learned.max(axis=1, keepdims=True))
    np.testing.assert_array_equal(policy_agent(part.model.policy)(part.batch) > -np.inf, kept)
    with pytest.raises(ValueError, match=r"cutoff=1\.0 is not possible; give at least 0 and less than 1"):
        trained(cutoff=1.0)


def test_the_kl_in_the_loss_is_the_divergence_of_the_two_distributions() -> None:
    part = trained()
    with torch.no_grad():
        part.model.policy.action_net.linear.bias.normal_(generator=torch.Generator().manual_seed(0))
    observations = part.env.reset()
    log_probs, _, kl = part.model.policy.judge(torch.from_numpy(observations))
    assert kl.detach().numpy() == pytest.approx(
        divergence(log_probs.detach().numpy(), masked(part.batch.log_probs, part.batch.masks)), rel=1e-3
    )
    assert kl.min() > 0.01


@pytest.mark.parametrize("bonus", [0.0, 0.4])
def test_the_compiled_loss_has_the_gradient_that_autograd_finds(bonus: float) -> None:
    torch.manual_seed(0)
    rows, clip, penalty = 64, 0.2, 0.6 * torch.rand(64)
    logits = 3.0 * torch.randn(2 * rows, N_ACTIONS)
    logits[:, ::7] = ILLEGAL
    prior_log_probs = torch.log_softmax(logits, dim=1)
    notes, actions = torch.randperm(2 * rows)[:rows], 7 * torch.randint(44, (2 * rows,)) + 1
    old = prior_log_probs.gather(1, actions.view(-1, 1)).flatten() + 0.3 * torch.randn(2 * rows)
    advantages, correction = torch.randn(rows), torch.randn(rows, N_ACTIONS, requires_grad=True)

    log_probs = torch.log_softmax(prior_log_probs[notes] + correction, dim=1)
    kl = (log_probs.exp() * (log_probs - prior_log_probs[notes])).sum(dim=1)
    ratio = torch.exp(log_probs.gather(1, actions[notes].view(-1, 1)).flatten() - old[notes])
    gain = torch.min(advantages * ratio, advantages * ratio.clamp(1 - clip, 1 + clip))
    negative_entropy = (log_probs.exp() * log_probs).sum(dim=1)
    (penalty * kl + bonus * negative_entropy - gain).mean().backward()  # type: ignore[no-untyped-call]

    slope = correction.detach().numpy().copy()
    given = prior_log_probs.numpy(), notes.numpy(), actions.numpy(), old.numpy(), advantages.numpy()
    told = surrogate(slope, *given, clip, penalty.numpy(), bonus, rows)
    assert correction.grad is not None
    np.testing.assert_allclose(slope, correction.grad.numpy(), atol=1e-7)
    assert told == pytest.approx(
        (gain.sum().item(), kl.sum().item(), ((ratio - 1).abs() > clip).sum().item()), rel=1e-4
    )


def test_what_is_learned_does_not_depend_on_the_number_of_threads() -> None:
    """Rollouts and minibatches are large enough here to be shared."""
    parts = []
    for threads in (1, 3):
        parts.append(trained(threads=threads, envs=512, rollout=4, minibatch=2048))  # seeds torch
        parts[-1].model.learn(4096)
    one, three = parts
    assert torch.equal(one.model.policy.action_net.linear.weight, three.model.policy.action_net.linear.weight)
    np.testing.assert_array_equal(one.batch.observations, three.batch.observations)


@pytest.mark.parametrize("window", [1, 3])
def test_no_rollout_is_written_over_one_that_is_learned_from(window: int) -> None:
    """Whether it came to its end or was broken off; and no more arrays are made than are needed."""
    model = (part := trained(window=window)).model
    _, callback = model._setup_learn(10**6, None)
    buffer, as_they_were = model.rollout_buffer, dict[int, list[torch.Tensor]]()
    for turn in range(8):
        model.collect_rollouts(part.env, callback, buffer, n_rollout_steps=model.n_steps)
        for notes in buffer.window:
            assert all(map(torch.equal, notes, as_they_were[id(notes)]))
        if turn not in (3, 4):
            buffer.keep()
            as_they_were[id(buffer.window[-1])] = [tensor.clone() for tensor in buffer.window[-1]]
    assert len(buffer.window) == window
    assert len(buffer._rollouts) == window + 1


def test_the_controller_settles_at_its_target() -> None:
    """On a plant whose KL falls with the coefficient and rises slowly with training, as in practice."""
    controller = KLController(target=6.0, coefficient=1.0)
    kl, seen = 0.0, []
    for _ in range(120):
        kl += 0.3 * (1.2 / controller.coefficient - kl)
        controller.update(kl)
        seen.append(kl)
    assert max(seen) < 1.5 * 6.0, "no large overshoot"
    assert seen[-20:] == pytest.approx([6.0] * 20, rel=0.1)


def test_ppo_finds_the_known_optimum_of_a_toy_problem() -> None:
    """One bar of 2/4 has room for eight sixteenths: eight tonics are the best that can be done."""
    torch.manual_seed(0)
    batch = Batch(64, Options(bars=1, metre="2/4").tasks(), tonic * 1.0, None)
    env = MelodyVecEnv(batch)
    env.seed(0)
    policy_kwargs = {"layout": batch.layout}
    model = PPO(
        PriorPolicy,
        env,
        n_steps=16,
        batch_size=256,
        n_epochs=6,
        learning_rate=1e-2,
        gamma=1.0,
        seed=0,
        policy_kwargs=policy_kwargs,
    )
    before = compose(batch, uniform, 64, seed=0).returns.mean()
    model.learn(64 * 16 * 20)
    after = compose(batch, policy_agent(model.policy), 64, seed=0).returns.mean()
    assert before < 1.0
    assert after > 7.0


@pytest.mark.parametrize("told", [{"n_epochs": 4}, {"n_epochs": 1, "window": 4}, {"n_epochs": 4, "incline": 1.0}])
def test_what_is_learned_is_the_prior_times_exp_of_reward_by_coefficient(told: dict[str, Any]) -> None:
    """Where one note is left to choose, the best trade of reward for divergence from the prior p is known: it is
    p exp(r / c), normalised.  Learning from the last four rollouts ends there too.  With an incline c is that of
    the place, where seven eighths of the piece are composed.
    """
    torch.manual_seed(0)
    tasks = Options(bars=1, metre="2/4", opening="c d e f/").tasks()
    batch = Batch(64, tasks, tonic * 1.0, load_prior("lstm"))
    env = MelodyVecEnv(batch)
    env.seed(0)
    price = 0.5
    coefficient = price / float(np.exp(told.get("incline", 0.0) * (1 - 2 * 7 / 8)))
    model = PriorPPO(
        PriorPolicy,
        env,
        controller=KLController(1.0, coefficient, gain=0.0, integral_gain=0.0),
        n_steps=8,
        batch_size=128,
        learning_rate=5e-3,
        gamma=1.0,
        seed=0,
        ent_coef=0.0,
        policy_kwargs={"layout": batch.layout},
        **told,
    )
    model.learn(64 * 8 * 40)
    env.reset()
    log_p = masked(batch.log_probs, batch.masks)[:1]
    pays = np.array([note_of(action)[0] > 0 and note_of(action)[0] % 12 == 0 for action in range(N_ACTIONS)])
    best = masked(log_p + pays.astype(np.float32) / price, batch.masks[:1])
    learned = policy_agent(model.policy)(batch)[:1]
    assert np.exp(learned[0, pays]).sum() == pytest.approx(np.exp(best[0, pays]).sum(), abs=0.05)
    assert divergence(learned, best)[0] < 0.02 < 0.05 < divergence(log_p, best)[0]


def test_training_raises_the_reward_at_about_the_kl_asked_for() -> None:
    part = trained(target_kl=3.0)
    before = compose(part.batch, prior(), 64, seed=0)
    part.model.learn(16 * 8 * 60)
    after = compose(part.batch, policy_agent(part.model.policy), 64, seed=0)
    assert after.returns.mean() > before.returns.mean() + 1.0
    assert 1.0 < after.kl.mean() < 6.0


def test_the_kl_of_a_piece_is_known_where_it_is_longer_than_a_rollout() -> None:
    """Pieces of about 60 notes, rollouts of 8: what the controller is told is near what whole pieces measure."""
    settings = Settings(bars=8, reward="experiments.example_rules:swing", bonus=0.0, target_kl=4.0, envs=16, rollout=8)
    part = build(settings)
    part.model.learn(16 * 8 * 60)
    told = part.model.logger.name_to_value["train/kl_per_piece"]
    measured = compose(part.batch, policy_agent(part.model.policy), 32, seed=0).kl.mean()
    assert told == pytest.approx(measured, rel=0.6)


@pytest.mark.parametrize("algorithm", [PPO, MaskablePPO])
def test_sb3_trains_the_policy(algorithm: Any) -> None:
    env = MelodyVecEnv(small_batch(4))
    env.seed(0)
    model = algorithm(PriorPolicy, env, n_steps=8, batch_size=32, seed=0, policy_kwargs={"layout": env.batch.layout})
    model.learn(64)
    assert model.num_timesteps == 64


def test_the_sb3_bridge_is_the_vector_environment() -> None:
    ours = MelodyVecEnv(small_batch(3, with_prior=False))
    theirs = MelodyVectorEnv(3, bars=2, prior=None, reward=tonic)
    ours.seed(5)
    observations, expected = ours.reset(), theirs.reset(seed=5)[0]
    rng = np.random.default_rng(0)
    episodes = 0
    for _ in range(40):
        np.testing.assert_array_equal(observations, expected)
        actions = draw(masked(np.zeros((3, N_ACTIONS), np.float32), ours.batch.masks), rng)
        observations, rewards, dones, infos = ours.step(actions)
        expected, their_rewards, terminated, _, their_infos = theirs.step(actions)
        np.testing.assert_allclose(rewards, their_rewards)
        np.testing.assert_array_equal(dones, terminated)
        for i in np.flatnonzero(dones):
            episodes += 1
            np.testing.assert_array_equal(infos[i]["terminal_observation"], their_infos["final_obs"][i])
            assert infos[i]["episode"]["l"] == len(infos[i]["melody"].pitch)
            assert infos[i]["episode"]["r"] == pytest.approx(infos[i]["terms"].sum())
    assert episodes > 3


class SaveAt(BaseCallback):
    """Save once, before the rollout that begins at ``timesteps``."""

    def __init__(self, part: Trained, path: Path, timesteps: int) -> None:
        super().__init__()
        self.part, self.path, self.timesteps = part, path, timesteps

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        if self.num_timesteps == self.timesteps:
            checkpoint.save(self.part.model, self.part.env, self.path)


@pytest.mark.parametrize("window", [1, 3])
def test_a_resumed_run_is_the_run_that_was_never_stopped(window: int, tmp_path: Path) -> None:
    rollout, path = 16 * 8, tmp_path / "checkpoint.pt"
    whole = trained(window=window)
    whole.model.learn(4 * rollout, callback=SaveAt(whole, path, 2 * rollout))
    second = trained(seed=99, window=window)
    checkpoint.restore(second.model, second.env, path)
    assert second.model.num_timesteps == 2 * rollout
    second.model.learn(2 * rollout, reset_num_timesteps=False)
    for (name, a), b in zip(
        whole.model.policy.state_dict().items(), second.model.policy.state_dict().values(), strict=True
    ):
        assert torch.equal(a, b), name
    assert second.model.controller.coefficient == whole.model.controller.coefficient


@pytest.mark.parametrize("content", [b"", b"not a checkpoint"])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "checkpoint.pt"
    with pytest.raises(ValueError, match="does not exist: the run has not reached"):
        checkpoint.read(path)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"checkpoint\.pt is damaged"):
        checkpoint.read(path)


def test_a_checkpoint_of_another_version_is_named(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    torch.save({"version": checkpoint.VERSION - 1}, path)
    with pytest.raises(ValueError, match=r"checkpoint\.pt is of another version of this program; start the run anew"):
        checkpoint.read(path)


def test_composing_repeats_with_its_seed_and_keeps_the_first_piece_of_each_row() -> None:
    batch = small_batch(8)
    first, second = (compose(batch, prior(), 20, seed=7) for _ in range(2))
    assert [m.pitch.tolist() for m in first.melodies] == [m.pitch.tolist() for m in second.melodies]
    assert len(first.melodies) == 20
    assert all(melody.time == melody.end for melody in first.melodies)
    assert first.returns == pytest.approx(first.scores.sum(axis=1))


def test_best_of_k_is_the_best_of_the_same_pieces() -> None:
    batch = small_batch(8)
    drawn = compose(batch, prior(), 24, seed=3)
    best = best_of(batch, prior(), 4, 6, seed=3)
    assert best.returns == pytest.approx(drawn.returns.reshape(6, 4).max(axis=1))
    with pytest.raises(ValueError, match="best-of 0: choose at least 1"):
        best_of(batch, prior(), 0, 6, seed=3)


def test_drawn_notes_follow_their_probabilities() -> None:
    probabilities = np.array([0.5, 0.0, 0.3, 0.2])
    with np.errstate(divide="ignore"):
        rows = np.tile(np.log(probabilities).astype(np.float32), (20_000, 1))
    counts = np.bincount(draw(rows, np.random.default_rng(0)), minlength=4) / 20_000
    assert counts == pytest.approx(probabilities, abs=0.02)
    assert counts[1] == 0


def test_a_cooler_prior_is_surer_of_itself() -> None:
    batch = small_batch(4)
    batch.reset([np.random.default_rng(0)] * 4)
    warm, cool = prior(1.0)(batch), prior(0.5)(batch)
    assert (cool.max(axis=1) > warm.max(axis=1)).all()
    assert np.exp(cool).sum(axis=1) == pytest.approx(np.ones(4), rel=1e-4)
