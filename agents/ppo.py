"""PPO held near the prior: the exact KL divergence enters loss and return, at a set amount per piece."""

from __future__ import annotations

from collections import deque
from typing import Any, Final, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.utils import explained_variance
from stable_baselines3.common.vec_env import VecEnv

from agents.distributions import surrogate
from agents.policy import PriorPolicy
from musicenv.alphabet import N_ACTIONS
from musicenv.observation import composed_at
from musicenv.threads import Workers, parts_of

Floats = npt.NDArray[np.float64]

PART: Final = 512
"""Notes whose gradient one thread takes at once: few enough for the cache, enough for the products."""


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


class Notes(NamedTuple):
    """N notes to learn from, as (N, ...) tensors."""

    read: torch.Tensor
    """(N, inputs) as ``PriorPolicy.read`` gives it."""
    prior: torch.Tensor
    """(N, A) as ``agents.policy.prior_logits`` gives it."""
    actions: torch.Tensor
    old_log_prob: torch.Tensor
    advantages: torch.Tensor
    returns: torch.Tensor


class KLRolloutBuffer(RolloutBuffer):
    """Keeps the KL of each state, and subtracts its cost from the rewards before returns are computed; keeps the
    notes of the rollouts before this one that are still learned from.

    A nat costs the ``coefficient``, times exp(``incline``) at the first note, falling to exp(-``incline``) at the last.
    """

    kl: np.ndarray[Any, np.dtype[np.float32]]
    prior: np.ndarray[Any, np.dtype[np.float32]]
    coefficient = 0.0
    incline = 0.0
    composed_at: int
    """Where observations have the share of the piece that is composed."""
    policy: PriorPolicy
    window: deque[Notes]
    """The newest rollouts, this one last; ``maxlen`` of them are learned from."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.window = deque(maxlen=1)
        self._rollouts: list[dict[str, np.ndarray[Any, Any]]] = []
        super().__init__(*args, **kwargs)

    def reset(self) -> None:
        """As SB3's, but into the arrays of a rollout that is no longer learned from, where there is one: those of new
        arrays the system hands out page by page, which takes longer than to fill them."""
        learned_from = {notes.prior.data_ptr() for notes in self.window}
        for arrays in self._rollouts:
            if arrays["prior"].ctypes.data not in learned_from:
                vars(self).update(arrays, pos=0, full=False, generator_ready=False)
                return
        self.kl = np.zeros((self.buffer_size, self.n_envs), dtype=np.float32)
        self.prior = np.zeros((self.buffer_size, self.n_envs, N_ACTIONS), dtype=np.float32)
        super().reset()
        self._rollouts.append({name: value for name, value in vars(self).items() if isinstance(value, np.ndarray)})

    def add(self, obs: Any, action: Any, reward: Any, episode_start: Any, value: Any, log_prob: Any) -> None:
        """As SB3's, which copies each array twice."""
        told = {"observations": obs, "actions": action, "rewards": reward, "episode_starts": episode_start}
        told |= {"values": value.flatten(), "log_probs": log_prob}
        told |= {"prior": self.policy.last_prior, "kl": self.policy.last_kl}
        for name, given in told.items():
            getattr(self, name)[self.pos] = given
        self.pos += 1
        self.full = self.pos == self.buffer_size

    def compute_returns_and_advantage(self, last_values: torch.Tensor, dones: np.ndarray[Any, Any]) -> None:
        self.rewards -= self.coefficient * self.prices(self.observations) * self.kl
        super().compute_returns_and_advantage(last_values, dones)

    def prices(self, seen: np.ndarray[Any, np.dtype[np.float32]]) -> np.ndarray[Any, np.dtype[np.float32]]:
        """What a nat costs, in coefficients, where ``seen`` (..., D) are the observations or what is read of them."""
        return np.asarray(np.exp(self.incline * (1.0 - 2.0 * seen[..., self.composed_at]), dtype=np.float32))

    def keep(self) -> None:
        """Put this rollout, which is complete, into the window."""
        arrays = (self.observations, self.prior, self.actions, self.log_probs, self.advantages, self.returns)
        notes = self.buffer_size * self.n_envs
        flat = [torch.from_numpy(array.reshape(notes, *array.shape[2:])) for array in arrays]
        # They are written to again when the window has no room for them any more, so that nothing needs copying.
        self.window.append(Notes(self.policy.read(flat[0]), flat[1], flat[2].flatten(), *flat[3:]))

    def notes(self) -> Notes:
        """All notes of the window; SB3's ``get`` sorts a rollout by environment and copies each note twice."""
        return self.window[0] if len(self.window) == 1 else Notes(*map(torch.cat, zip(*self.window, strict=True)))


class PriorPPO(PPO):
    """SB3's PPO with a ``PriorPolicy`` and a KL penalty of ``controller.coefficient`` per nat.

    It maximises E[sum of rewards - coefficient * sum over notes of KL(policy || prior)].  The KL at a state does not
    depend on the note drawn there, so its gradient is taken exactly, in the loss; the KL of later states belongs to
    the return.

    ``window`` rollouts, the newest ones, are learned from at each update (Queeney et al. 2021, "Generalized Proximal
    Policy Optimization with Sample Reuse"): a policy that is held changes so slowly that the notes of the last few are
    nearly as good as new ones.  Ratios are to the policy that played the note.

    With an ``incline`` a nat is dearer at the beginning than at the end of a piece, as in ``KLRolloutBuffer``: all
    pieces meet the same first states, so that these are learned first, and pieces would come to begin alike.
    """

    policy: PriorPolicy  # type: ignore[assignment]  # SB3's own MaskablePPO overrides it in the same way
    rollout_buffer: KLRolloutBuffer

    def __init__(
        self,
        policy: type[PriorPolicy],
        env: VecEnv,
        *,
        controller: KLController,
        window: int = 1,
        incline: float = 0.0,
        threads: int = 1,
        **kwargs: Any,
    ) -> None:
        """``threads`` share the notes, and nothing that is learned depends on how many they are as long as torch itself
        is set to one."""
        self.controller, self.window, self.incline = controller, window, incline
        self.workers = Workers(threads)
        super().__init__(cast(Any, policy), env, rollout_buffer_class=KLRolloutBuffer, **kwargs)

    def _setup_model(self) -> None:
        super()._setup_model()
        self.rollout_buffer.policy, self.rollout_buffer.incline = self.policy, self.incline
        self.rollout_buffer.composed_at = composed_at(self.policy.layout)
        self.rollout_buffer.window = deque(maxlen=self.window)
        self.policy.workers = self.workers

    def collect_rollouts(self, env: Any, callback: Any, rollout_buffer: Any, n_rollout_steps: int) -> bool:
        rollout_buffer.coefficient = self.controller.coefficient
        return super().collect_rollouts(env, callback, rollout_buffer, n_rollout_steps)

    def _update_info_buffer(self, infos: list[dict[str, Any]], dones: Any = None) -> None:
        """SB3's, which looks at each environment at each step, for those that have something to tell."""
        ended = np.flatnonzero(dones)
        super()._update_info_buffer([infos[i] for i in ended], dones[ended])

    def train(self) -> None:
        """One update from the rollout buffer's window: clipped PPO, value regression and the KL to the prior."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        clip = self.clip_range(self._current_progress_remaining)  # type: ignore[operator]
        self.rollout_buffer.keep()
        notes = self.rollout_buffer.notes()
        figures: list[Floats] = []
        for _ in range(self.n_epochs):
            order = torch.randperm(len(notes.actions))
            for first in range(0, len(order), self.batch_size):
                figures.append(self._learn(notes, order[first : first + self.batch_size], clip))
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

    def _learn(self, notes: Notes, chosen: torch.Tensor, clip: float) -> Floats:
        """One step of the optimiser on the ``chosen`` (B,) of the notes: its losses, KL and share of clipped ratios."""
        advantages = notes.advantages[chosen]
        deviation = advantages.std() + 1e-8
        advantages = (advantages - advantages.mean()) / deviation
        # Advantages are in units of their deviation; the gradients of penalty and bonus have to be in the same units.
        penalty, bonus = (x / float(deviation) for x in (self.controller.coefficient, self.ent_coef))
        parameters = list(self.policy.parameters())
        to_value = self.vf_coef / self.policy.value_scale**2
        prior, actions, old_log_prob = (x.numpy() for x in (notes.prior, notes.actions, notes.old_log_prob))

        def gradient(part: slice) -> tuple[tuple[torch.Tensor, ...], tuple[float, ...]]:
            mine = chosen[part]
            read = notes.read.index_select(0, mine)
            correction, values = self.policy.corrected(read)
            missed = torch.nn.functional.mse_loss(values, notes.returns[mine], reduction="sum")
            slope = correction.detach()  # the same memory, which the backward pass of a linear layer does not read
            prices = self.rollout_buffer.prices(read.numpy())
            told = prior, mine.numpy(), actions, old_log_prob, advantages[part].numpy()
            found = surrogate(slope.numpy(), *told, clip, penalty * prices, bonus, len(chosen))
            outputs, slopes = [correction, missed * (to_value / len(chosen))], [slope, None]
            return torch.autograd.grad(outputs, parameters, slopes), (*found, missed.item())

        gradients, found = zip(*self.workers.map(gradient, parts_of(len(chosen), PART)), strict=True)
        for parameter, *parts in zip(parameters, *gradients, strict=True):
            parameter.grad = sum(parts[1:], parts[0])
        torch.nn.utils.clip_grad_norm_(parameters, self.max_grad_norm)
        self.policy.optimizer.step()
        gain, kl, clipped, missed = np.sum(found, axis=0) / len(chosen)
        return np.array([-gain, missed / self.policy.value_scale**2, kl, clipped])
