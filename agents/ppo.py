"""PPO held near the prior: the exact KL divergence enters loss and return, at a set amount per piece."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.utils import explained_variance
from stable_baselines3.common.vec_env import VecEnv

from agents.policy import PriorPolicy
from musicenv.alphabet import N_ACTIONS


class KLController:
    """Coefficient of the KL penalty, moved so that the KL per piece settles at a target.

    A PI controller on the logarithm of the coefficient (cf. Ziegler et al. 2019, "Fine-Tuning Language Models from
    Human Preferences", whose integral-only controller overshoots here).
    """

    def __init__(self, target: float, coefficient: float, gain: float = 1.0, integral_gain: float = 0.15) -> None:
        self.target = target
        """Nats per piece."""
        self.coefficient = coefficient
        """Reward per nat."""
        self.gain, self.integral_gain = gain, integral_gain
        self.last_error = 0.0

    def update(self, kl_per_piece: float) -> None:
        """Move the coefficient after a rollout in which pieces had ``kl_per_piece`` nats on average."""
        # Training starts at KL 0: far below the target the coefficient falls no faster than a little below it, or it
        # would be much too small when the target is met.
        error = float(np.clip(np.log(max(kl_per_piece, 1e-6) / self.target), -0.2, 1.0))
        # Velocity form of the PI law: no separate integral that could wind up while training starts at KL 0.
        change = self.gain * (error - self.last_error) + self.integral_gain * error
        self.coefficient = float(np.clip(self.coefficient * np.exp(change), 1e-3, 10.0))
        self.last_error = error


class Samples(NamedTuple):
    """B notes of a rollout, as (B, ...) tensors."""

    read: torch.Tensor
    """(B, inputs) as ``PriorPolicy.read`` gives it."""
    prior: torch.Tensor
    """(B, A) as ``agents.policy.prior_logits`` gives it."""
    actions: torch.Tensor
    old_log_prob: torch.Tensor
    advantages: torch.Tensor
    returns: torch.Tensor


class KLRolloutBuffer(RolloutBuffer):
    """Keeps the KL of each state, and subtracts its cost from the rewards before returns are computed; keeps the
    notes of the rollouts before this one that are still learned from."""

    kl: np.ndarray[Any, np.dtype[np.float32]]
    prior: np.ndarray[Any, np.dtype[np.float32]]
    coefficient = 0.0
    policy: PriorPolicy
    window: deque[Samples]
    """The newest rollouts, this one last; ``maxlen`` of them are learned from."""

    def reset(self) -> None:
        self.kl = np.zeros((self.buffer_size, self.n_envs), dtype=np.float32)
        self.prior = np.zeros((self.buffer_size, self.n_envs, N_ACTIONS), dtype=np.float32)
        super().reset()

    def add(self, *args: Any, **kwargs: Any) -> None:
        self.kl[self.pos] = self.policy.last_kl.numpy()
        self.prior[self.pos] = self.policy.last_prior.numpy()
        super().add(*args, **kwargs)

    def compute_returns_and_advantage(self, last_values: torch.Tensor, dones: np.ndarray[Any, Any]) -> None:
        self.rewards -= self.coefficient * self.kl
        super().compute_returns_and_advantage(last_values, dones)

    def keep(self) -> None:
        """Put this rollout, which is complete, into the window."""
        arrays = (self.observations, self.prior, self.actions, self.log_probs, self.advantages, self.returns)
        notes = self.buffer_size * self.n_envs
        flat = [torch.from_numpy(array.reshape(notes, *array.shape[2:])) for array in arrays]
        flat[0] = self.policy.read(flat[0])
        # SB3 makes new arrays for each rollout, so that nothing needs copying.
        self.window.append(Samples(*flat))

    def samples(self, size: int) -> Iterator[Samples]:
        """The notes of the window in random order, ``size`` at a time.

        In place of SB3's ``get``, which sorts the whole rollout by environment and copies each sample twice.
        """
        every = self.window[0] if len(self.window) == 1 else Samples(*map(torch.cat, zip(*self.window, strict=True)))
        order = torch.randperm(len(every.actions))
        for first in range(0, len(order), size):
            chosen = order[first : first + size]
            yield Samples(*(tensor.index_select(0, chosen) for tensor in every))  # a quarter of an index's time


class PriorPPO(PPO):
    """SB3's PPO with a ``PriorPolicy`` and a KL penalty of ``controller.coefficient`` per nat.

    It maximises E[sum of rewards - coefficient * sum over notes of KL(policy || prior)].  The KL at a state does not
    depend on the note drawn there, so its gradient is taken exactly, in the loss; the KL of later states belongs to
    the return.

    ``window`` rollouts, the newest ones, are learned from at each update (Queeney et al. 2021, "Generalized Proximal
    Policy Optimization with Sample Reuse"): a policy that is held changes so slowly that the notes of the last few are
    nearly as good as new ones.  Ratios are to the policy that played the note.
    """

    policy: PriorPolicy  # type: ignore[assignment]  # SB3's own MaskablePPO overrides it in the same way
    rollout_buffer: KLRolloutBuffer

    def __init__(
        self, policy: type[PriorPolicy], env: VecEnv, *, controller: KLController, window: int = 1, **kwargs: Any
    ) -> None:
        self.controller, self.window = controller, window
        super().__init__(cast(Any, policy), env, rollout_buffer_class=KLRolloutBuffer, **kwargs)

    def _setup_model(self) -> None:
        super()._setup_model()
        self.rollout_buffer.policy = self.policy
        self.rollout_buffer.window = deque(maxlen=self.window)

    def collect_rollouts(self, env: Any, callback: Any, rollout_buffer: Any, n_rollout_steps: int) -> bool:
        rollout_buffer.coefficient = self.controller.coefficient
        return super().collect_rollouts(env, callback, rollout_buffer, n_rollout_steps)

    def train(self) -> None:
        """One update from the rollout buffer's window: clipped PPO, value regression and the KL to the prior."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        clip = self.clip_range(self._current_progress_remaining)  # type: ignore[operator]
        figures: list[tuple[float, ...]] = []
        self.rollout_buffer.keep()
        for _ in range(self.n_epochs):
            for batch in self.rollout_buffer.samples(self.batch_size):
                log_probs, values, kl = self.policy.judge_read(batch.read, batch.prior)
                log_prob = log_probs.gather(1, batch.actions.long().view(-1, 1)).flatten()
                advantages = batch.advantages
                advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
                ratio = torch.exp(log_prob - batch.old_log_prob)
                gain = torch.min(advantages * ratio, advantages * ratio.clamp(1 - clip, 1 + clip)).mean()
                value_loss = torch.nn.functional.mse_loss(batch.returns, values) / self.policy.value_scale**2
                # Advantages are in units of their deviation; the penalties' gradients have to be in the same units.
                cost = self.controller.coefficient * kl.mean()
                if self.ent_coef:
                    cost = cost + self.ent_coef * (log_probs.exp() * log_probs).sum(dim=1).mean()
                loss = -gain + self.vf_coef * value_loss + cost / (batch.advantages.std() + 1e-8)
                self.policy.optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
                self.policy.optimizer.step()
                clipped = ((ratio - 1).abs() > clip).float().mean()
                figures.append((-gain.item(), value_loss.item(), kl.mean().item(), clipped.item()))
            self._n_updates += 1
        for name, value in zip(
            ("policy_loss", "value_loss", "kl_per_note", "clip_fraction"), np.mean(figures, axis=0), strict=True
        ):
            self.logger.record(f"train/{name}", float(value))
        buffer = self.rollout_buffer
        self.logger.record(
            "train/explained_variance", explained_variance(buffer.values.flatten(), buffer.returns.flatten())
        )
        self.logger.record("train/kl_coefficient", self.controller.coefficient)
        if self.ep_info_buffer:
            # The KL of now times the notes of the last pieces: pieces may be longer than a rollout.
            kl_per_piece = float(buffer.kl.mean() * np.mean([piece["l"] for piece in self.ep_info_buffer]))
            self.logger.record("train/kl_per_piece", kl_per_piece)
            self.controller.update(kl_per_piece)
