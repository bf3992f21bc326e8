"""The Sequence Tutor's three learners, as one subclass of SB3's DQN.

Source: Jaques et al. 2017, Sequence Tutor: Conservative Fine-Tuning of Sequence Generation Models with KL-control, ICML
(its first form: Tuning Recurrent Neural Networks with Reinforcement Learning, 2017).  With r the reward, c its scale, p
the prior and F the network that is learned, the targets are

    Q:    r / c + log p(a|s) + gamma max_a' Q(s', a')                          policy: argmax Q
    Psi:  r / c + log p(a|s) + gamma log sum_a' exp Psi(s', a')                policy: softmax Psi
    G:    r / c              + gamma log sum_a' exp(log p(a'|s') + G(s', a'))  policy: softmax(log p + G)

and r alone where the piece ends.  As in the paper all three begin as the prior: Q and Psi as log p, G as
zero.  Unlike the paper, the recurrent network itself stays as it is, and a correction of its log-probabilities is
learned from its hidden state and the environment's features, exactly as ``agents.policy`` does for PPO, so that the
two differ in the learning rule alone; p is over legal notes; the end of a piece is an end, which the published
program does not know; an explored note is the note that is rewarded and stored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, cast

import numpy as np
import torch
from stable_baselines3 import DQN
from stable_baselines3.dqn.policies import DQNPolicy, QNetwork
from torch import nn

from agents.distributions import ILLEGAL
from agents.policy import Correction, Layout, prior_logits
from agents.vec_env import MelodyVecEnv

Tensor = torch.Tensor


class Rule(NamedTuple):
    """What makes one learner of the three."""

    pays_prior: bool
    """Whether log p(a|s) is part of the reward; if not, log p(a'|s') is part of what is looked forward to."""
    soft: bool
    """Whether the next values are summed by log sum exp and played by softmax, or by max and argmax."""

    def ahead(self, preferences: Tensor) -> Tensor:
        """(B,) what the next state is worth; ``preferences`` (B, A) are Q, Psi, or log p + G."""
        return preferences.logsumexp(dim=1) if self.soft else preferences.max(dim=1).values

    def target(self, reward: Tensor, log_prior: Tensor, done: Tensor, preferences: Tensor, gamma: float) -> Tensor:
        """(B,) what the value of a note should be, from r / c (B,), log p(a|s) (B,) in nats, whether the piece has
        ended (B,), and the next ``preferences`` (B, A).
        """
        paid = reward + log_prior if self.pays_prior else reward
        return paid + gamma * (1 - done) * self.ahead(preferences)

    def values(self, preferences: Tensor, log_prior: Tensor) -> Tensor:
        """What is regressed on the target: Q, Psi or G, from preferences and log p of the same shape."""
        return preferences if self.pays_prior else preferences - log_prior

    def policy(self, preferences: Tensor) -> Tensor:
        """(B, A) log-probabilities of the policy."""
        if self.soft:
            return torch.log_softmax(preferences, dim=1)
        best = torch.nn.functional.one_hot(preferences.argmax(dim=1), preferences.shape[1])
        return torch.where(best > 0, 0.0, -torch.inf)


RULES: Final = {
    "q": Rule(pays_prior=True, soft=False),
    "psi": Rule(pays_prior=True, soft=True),
    "g": Rule(pays_prior=False, soft=True),
}


@dataclass(frozen=True)
class Preset:
    """Hyperparameters; the defaults are the paper's, and where that is silent its program's."""

    gamma: float = 0.5
    """Discount a note."""
    scale: float = 0.5
    """c, by which the reward is divided."""
    explore: Literal["uniform", "prior"] = "uniform"
    """Where explored notes are drawn from, among legal ones."""
    first_epsilon: float = 1.0
    last_epsilon: float = 0.1
    """Share of explored notes, falling linearly over the first half of the training."""
    learning_rate: float = 1e-3
    batch_size: int = 32
    buffer_size: int = 100_000
    steps_per_update: int = 5
    """Notes that are composed between two updates."""
    tau: float = 0.01
    """By how much the target network moves at each update."""
    max_gradient: float = 5.0
    """Norm to which gradients are cut."""


PRESETS: Final = {
    "paper": Preset(),
    "tuned": Preset(
        gamma=0.98,
        scale=1.0,
        explore="prior",
        first_epsilon=0.2,
        last_epsilon=0.02,
        learning_rate=1e-3,
        batch_size=128,
        steps_per_update=16,
    ),
}
WIDTH: Final = 128
"""Of the correction's hidden layer, as in ``agents.policy``."""
UPDATES: Final = 8
"""Done in a row, after as many pieces side by side have composed the notes for them."""


class PreferenceNetwork(QNetwork):
    """Preferences over notes: the prior's log-probabilities plus a correction that is zero before training."""

    def __init__(self, layout: Layout, **kwargs: Any) -> None:
        super().__init__(net_arch=[], **kwargs)
        self.layout = layout
        self.kept = [part for name, part in layout.items() if name != "log_probs"]
        inputs = sum(part.stop - part.start for part in self.kept)
        self.hidden = nn.Sequential(nn.Linear(inputs, WIDTH), nn.Tanh())
        self.q_net = nn.Sequential(Correction(WIDTH))

    def forward(self, obs: Any) -> Tensor:
        """(B, A) preferences: Q, Psi, or log p + G; those of illegal notes are below ILLEGAL / 2."""
        return self.judge(obs)[0]

    def judge(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Preferences (B, A), and the prior's log-probabilities (B, A) over legal notes."""
        read = torch.cat([observations[:, part] for part in self.kept], dim=1)
        prior = prior_logits(observations, self.layout)
        return self.q_net(torch.cat([self.hidden(read), prior], dim=1)), prior


class PreferencePolicy(DQNPolicy):
    """SB3's policy over a ``PreferenceNetwork``."""

    def __init__(self, *args: Any, layout: Layout, **kwargs: Any) -> None:
        self._layout = layout
        super().__init__(*args, **kwargs)

    def make_q_net(self) -> QNetwork:
        arguments = self._update_features_extractor(self.net_args, features_extractor=None)
        del arguments["net_arch"]
        return PreferenceNetwork(self._layout, **arguments).to(self.device)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {**super()._get_constructor_parameters(), "layout": self._layout}


class SequenceTutor(DQN):
    """One of the RULES in an environment with a prior."""

    policy: PreferencePolicy

    def __init__(self, env: MelodyVecEnv, rule: str, preset: Preset, seed: int | None = None) -> None:
        if rule not in RULES:
            raise ValueError(f"Sequence Tutor's rule {rule!r} is not one of {', '.join(RULES)}")
        if "log_probs" not in env.batch.layout:
            raise ValueError("the Sequence Tutor begins as a prior, and this environment has none; name one")
        self.rule, self.preset, self.layout = RULES[rule], preset, env.batch.layout
        steps_per_round = max(env.num_envs, 1)
        super().__init__(
            PreferencePolicy,
            env,
            learning_rate=preset.learning_rate,
            buffer_size=preset.buffer_size,
            learning_starts=preset.batch_size,
            batch_size=preset.batch_size,
            tau=preset.tau,
            gamma=preset.gamma,
            train_freq=1,
            gradient_steps=max(1, steps_per_round // preset.steps_per_update),
            # The target network is moved at each update, in train().
            target_update_interval=2**62,
            exploration_initial_eps=preset.first_epsilon,
            exploration_final_eps=preset.last_epsilon,
            exploration_fraction=0.5,
            max_grad_norm=preset.max_gradient,
            optimize_memory_usage=True,
            replay_buffer_kwargs={"handle_timeout_termination": False},
            policy_kwargs={"layout": self.layout},
            seed=seed,
            device="cpu",
        )

    def _sample_action(self, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        """One note for each piece: by the policy, or explored."""
        observations = torch.from_numpy(cast(Any, self._last_obs))
        with torch.no_grad():
            played = self.rule.policy(self.q_net(observations)).exp()
            explored = prior_logits(observations, self.layout)
            if self.preset.explore == "uniform":
                explored = torch.where(explored > ILLEGAL / 2, 0.0, -torch.inf)
            explored = explored.softmax(dim=1)
            drawn = torch.where(torch.rand(len(played), 1) < self.exploration_rate, explored, played)
            actions = torch.multinomial(drawn, 1).flatten().numpy()
        return actions, actions

    def train(self, gradient_steps: int, batch_size: int = 100) -> None:
        """Regress values on targets, by squares as in the published program."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        losses = []
        for _ in range(gradient_steps):
            data = cast(Any, self.replay_buffer).sample(batch_size)
            both = cast(PreferenceNetwork, self.q_net).judge(data.observations)
            chosen, prior = (each.gather(1, data.actions.long()).flatten() for each in both)
            with torch.no_grad():
                target = self.rule.target(
                    data.rewards.flatten() / self.preset.scale,
                    prior,
                    data.dones.flatten(),
                    self.q_net_target(data.next_observations),
                    self.gamma,
                )
            loss = nn.functional.mse_loss(self.rule.values(chosen, prior), target)
            self.policy.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
            self.policy.optimizer.step()
            with torch.no_grad():
                for slow, fast in zip(self.q_net_target.parameters(), self.q_net.parameters(), strict=True):
                    slow.lerp_(fast, self.tau)
            losses.append(loss.item())
        self._n_updates += gradient_steps
        self.logger.record("train/loss", float(np.mean(losses)))


def tutor_agent(model: SequenceTutor) -> Callable[[Any], Any]:
    """The policy as an ``agents.compose.Agent``: the paper's, without exploration.

    Argmax plays one and the same piece for ever, so a piece's first note is drawn from the prior, as the paper primes
    its network with a random note.
    """

    def agent(batch: Any) -> Any:
        observations = torch.from_numpy(batch.observations)
        with torch.no_grad():
            log_probs = model.rule.policy(model.q_net(observations))
        nothing_yet = ~observations[:, model.layout["duration"]].any(dim=1, keepdim=True)
        if not model.rule.soft:
            log_probs = torch.where(nothing_yet, prior_logits(observations, model.layout), log_probs)
        return log_probs.masked_fill(log_probs < ILLEGAL / 2, -torch.inf).numpy()

    return agent
