"""Agents by name: whoever is in the table can be asked to compose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from agents.compose import Agent, Critic, prior, uniform
from agents.policy import policy_agent, policy_critic
from agents.training import Settings, load, settings_of
from musicenv.batch import Batch
from musicenv.options import Options, resolve
from rewards.named import Reward
from rewards.priors import Prior
from rewards.rules import Suite


@dataclass(frozen=True)
class Named:
    """An agent, and what it composes unless told otherwise."""

    agent: Agent
    options: Options = field(default_factory=Options)
    prior: Prior | str | None = "lstm"
    suite: Suite | None = None
    """The reward that the agent was trained with and sees at each step; None where any reward will do."""
    critic: Critic | None = None

    def batch(self, n: int, reward: Reward = None, options: Mapping[str, Any] | None = None) -> Batch:
        """``n`` pieces side by side for the agent to compose; ``options`` and ``reward`` overrule its own."""
        suite, listener = resolve(reward if self.suite is None else self.suite, self.prior)
        if self.suite is None:
            suite = suite.with_bonus(Settings.bonus)
        return Batch(n, self.options.updated(options).tasks(), suite, listener)


def _ppo(folder: str) -> Named:
    if not folder:
        raise ValueError("agent 'ppo' needs a run folder of train_ppo: write ppo:RUN")
    trained = load(Path(folder))
    batch = trained.batch
    policy, options = trained.model.policy, settings_of(Path(folder)).options
    return Named(policy_agent(policy), options, batch.prior, batch.suite, policy_critic(policy))


def _plain(agent: Agent) -> Callable[[str], Named]:
    def make(argument: str) -> Named:
        if argument:
            raise ValueError(f"agent: {argument!r} means nothing to this one; leave it out")
        return Named(agent)

    return make


NAMED: Final[dict[str, Callable[[str], Named]]] = {"prior": _plain(prior()), "uniform": _plain(uniform), "ppo": _ppo}
"""What makes each agent from what follows the colon of its name."""


def named(name: str, reward: Reward = None) -> Named:
    """The agent ``name``: a key of NAMED, or ``KEY:ARGUMENT``.

    ValueError where ``reward`` is given to an agent that was trained with another one: what it sees would be something
    else.
    """
    kind, _, argument = name.partition(":")
    if kind not in NAMED:
        raise ValueError(f"agent {name!r} is not known; choose one of {', '.join(NAMED)}")
    found = NAMED[kind](argument)
    if found.suite is not None and reward is not None:
        raise ValueError(f"agent {name!r} composes with the reward it was trained with; leave the reward out")
    return found


def agent_of(name: str, n: int, reward: Reward = None, options: Mapping[str, Any] | None = None) -> tuple[Agent, Batch]:
    """The agent ``name`` and ``n`` pieces side by side for it to compose, as ``Named.batch`` makes them."""
    found = named(name, reward)
    return found.agent, found.batch(n, reward, options)
