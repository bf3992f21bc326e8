"""A policy that begins as the prior: its logits are the prior's plus a correction that is zero before training."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, cast

import numpy as np
import torch
from gymnasium import spaces
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.type_aliases import Schedule
from torch import nn

from agents.compose import masked
from agents.distributions import choose, restrict, tanh
from musicenv.alphabet import N_ACTIONS
from musicenv.threads import Workers, parts_of

Layout = dict[str, slice]
PART: Final = 128
"""Notes judged at once in a rollout, by one thread; never fewer than two, since a product with one row is another."""


def prior_logits(observations: torch.Tensor, layout: Layout, cutoff: float = 0.0) -> torch.Tensor:
    """(B, A) the prior's log-probabilities (nats) restricted to legal notes and normalised; uniform without a prior.

    Notes that it then gives less than the ``cutoff`` count as illegal, too, but for the likeliest (epsilon sampling;
    Hewitt et al. 2022, "Truncation Sampling as Language Model Desmoothing").
    """
    out = np.empty((len(observations), N_ACTIONS), dtype=np.float32)
    at = layout["log_probs"].start if "log_probs" in layout else -1
    restrict(observations.contiguous().numpy(), layout["legal"].start, at, cutoff, out)
    return torch.from_numpy(out)


class _Bounded(torch.autograd.Function):
    """tanh in a quarter of the time of torch's."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        y = torch.empty_like(x)
        tanh(x.numpy(), y.numpy())
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, slope: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = torch.ops.aten.tanh_backward(slope, *ctx.saved_tensors)
        return out


class _Tanh(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = _Bounded.apply(x)  # type: ignore[no-untyped-call]
        return out


class _TwoTowers(nn.Module):
    """Actor and critic apart, both over everything but the prior's log-probabilities."""

    def __init__(self, layout: Layout, actor: int, critic: int, cutoff: float) -> None:
        super().__init__()
        self.layout, self.cutoff = layout, cutoff
        # The log-probabilities come last, so that the rest needs no copying.
        self.inputs = layout["log_probs"].start if "log_probs" in layout else max(p.stop for p in layout.values())
        self.actor = nn.Sequential(nn.Linear(self.inputs, actor), _Tanh())
        self.critic = nn.Sequential(nn.Linear(self.inputs, critic), _Tanh(), nn.Linear(critic, critic), _Tanh())
        self.latent_dim_pi = actor
        self.latent_dim_vf = critic

    def read(self, observations: torch.Tensor) -> torch.Tensor:
        return observations[:, : self.inputs]

    def prior(self, observations: torch.Tensor) -> torch.Tensor:
        return prior_logits(observations, self.layout, self.cutoff)

    def forward(self, observations: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.forward_actor(observations), self.forward_critic(observations)

    def forward_actor(self, observations: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.actor(self.read(observations)), self.prior(observations)], dim=1)

    def forward_critic(self, observations: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.critic(self.read(observations))
        return out


class Correction(nn.Module):
    """Prior logits plus a linear correction that starts at zero."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.linear = nn.Linear(latent, N_ACTIONS)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, latent_and_prior: torch.Tensor) -> torch.Tensor:
        latent, prior = latent_and_prior[:, :-N_ACTIONS], latent_and_prior[:, -N_ACTIONS:]
        out: torch.Tensor = prior + self.linear(latent)
        return out


class Scaled(nn.Module):
    """A linear layer whose output is multiplied by ``scale``, so that it need not grow to values of that size."""

    def __init__(self, linear: nn.Linear, scale: float) -> None:
        super().__init__()
        self.linear, self.scale = linear, scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.scale * self.linear(x)
        return out


class PriorPolicy(MaskableActorCriticPolicy):
    """Actor-critic policy for SB3's PPO, sb3-contrib's MaskablePPO and ``agents.ppo.PriorPPO``.

    It needs the observation's ``layout`` (``policy_kwargs={"layout": env.batch.layout}``).  Illegal notes have
    probability 0 whether or not a mask is handed in, because the observation says which durations are legal.
    ``value_scale`` is the size that returns are expected to have.  Notes that the prior gives less than ``cutoff`` are
    never played, and the prior that divergence is measured from is what remains; ``policy_agent`` leaves out those too
    that the policy gives less.
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        lr_schedule: Schedule,
        layout: Layout,
        actor: int = 128,
        critic: int = 128,
        value_scale: float = 1.0,
        cutoff: float = 0.0,
        use_sde: bool = False,
        **kwargs: Any,
    ) -> None:
        if use_sde:
            raise ValueError("use_sde is for continuous actions; a note is a discrete one")
        if not 0.0 <= cutoff < 1.0:
            raise ValueError(f"cutoff={cutoff} is not possible; give at least 0 and less than 1")
        self.layout, self._sizes = layout, (actor, critic)
        self.value_scale, self.cutoff = value_scale, cutoff
        self.workers = Workers()
        """Who share the notes of a rollout."""
        super().__init__(observation_space, action_space, lr_schedule, **kwargs)

    def _build_mlp_extractor(self) -> None:
        self.mlp_extractor = _TwoTowers(self.layout, *self._sizes, self.cutoff)  # type: ignore[assignment]

    def _build(self, lr_schedule: Schedule) -> None:
        super()._build(lr_schedule)
        # SB3's orthogonal initialisation and its own output layer are replaced; the optimiser has to know.
        self.action_net = Correction(self._sizes[0])
        self.value_net = Scaled(self.value_net, self.value_scale)  # type: ignore[assignment]
        self.optimizer = self.optimizer_class(
            self.parameters(),
            lr=lr_schedule(1),  # type: ignore[call-arg]
            **{"fused": True, **self.optimizer_kwargs},  # one pass: a quarter of the time
        )

    def expect(self, value: float) -> None:
        """Let the critic begin at ``value``."""
        scaled = cast(Scaled, self.value_net)
        scaled.linear.bias.data.fill_(value / scaled.scale)

    def forward(
        self, obs: torch.Tensor, deterministic: bool = False, action_masks: Any = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """``(actions, values, log-probabilities)``; keeps ``last_kl`` (B,) and ``last_prior`` (B, A) of each state
        for the rollout."""
        if action_masks is not None:
            return super().forward(obs, deterministic, action_masks)
        n = len(obs)
        self.last_prior, self.last_kl = torch.empty(n, N_ACTIONS), torch.empty(n)
        actions, values, log_prob = torch.empty(n, dtype=torch.int64), torch.empty(n, 1), torch.empty(n)
        level = torch.rand(n)

        def play(part: slice) -> None:
            with torch.no_grad():  # of a thread, not of all
                self.last_prior[part] = prior = self._towers.prior(obs[part])
                correction, values[part, 0] = self.corrected(self.read(obs[part]))
            given = correction.numpy(), prior.numpy(), level[part].numpy()
            choose(*given, deterministic, actions[part].numpy(), log_prob[part].numpy(), self.last_kl[part].numpy())

        self.workers.map(play, parts_of(n, PART))
        return actions, values, log_prob

    def read(self, observations: torch.Tensor) -> torch.Tensor:
        """(B, inputs) what actor and critic see: everything but the prior's log-probabilities, not copied."""
        return self._towers.read(observations)

    def judge(self, observations: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """``(log-probabilities (B, A), values (B,), KL to the prior (B,) in nats)``, exact over all notes."""
        return self.judge_read(self.read(observations), self._towers.prior(observations))

    def judge_read(self, read: torch.Tensor, prior: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """``judge`` of what ``read`` and the prior gave, which do not change while the policy learns."""
        correction, values = self.corrected(read)
        log_probs = torch.log_softmax(prior + correction, dim=1)
        kl = (log_probs.exp() * (log_probs - prior)).sum(dim=1)
        return log_probs, values, kl

    def corrected(self, read: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What is added to the prior's logits (B, A), and values (B,), of what ``read`` gave."""
        correction = cast(Correction, self.action_net).linear(self._towers.actor(read))
        return correction, self.value_net(self._towers.critic(read)).flatten()

    @property
    def _towers(self) -> _TwoTowers:
        return cast(_TwoTowers, self.mlp_extractor)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        actor, critic = self._sizes
        own = {"actor": actor, "critic": critic, "value_scale": self.value_scale, "cutoff": self.cutoff}
        return {**super()._get_constructor_parameters(), "layout": self.layout, **own}


def policy_agent(policy: PriorPolicy) -> Callable[[Any], Any]:
    """The policy as an ``agents.compose.Agent``: without the notes that it gives less than its ``cutoff``, but for the
    likeliest."""

    def agent(batch: Any) -> Any:
        with torch.no_grad():
            log_probs, _, _ = policy.judge(torch.from_numpy(batch.observations))
        if policy.cutoff > 0.0:
            least = log_probs.amax(dim=1, keepdim=True).clamp(max=math.log(policy.cutoff))
            log_probs = log_probs.masked_fill(log_probs < least, -math.inf)
        return masked(log_probs.numpy(), batch.masks)  # what is illegal is exactly impossible

    return agent


def policy_critic(policy: PriorPolicy) -> Callable[[Any], Any]:
    """The policy's critic as an ``agents.compose.Critic``: of returns less the cost of divergence."""

    def critic(batch: Any) -> Any:
        with torch.no_grad():
            return policy.predict_values(torch.from_numpy(batch.observations)).flatten().double().numpy()

    return critic
