"""Agents by name: whoever is in the table can be asked to compose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from agents import expert, training
from agents.assignment import MELODY, assignment
from agents.compose import Agent, Critic, prior, uniform
from agents.policy import PriorPolicy, policy_agent, policy_critic
from agents.training import Learning, settings_of
from musicenv.batch import Batch
from rewards.named import Reward


@dataclass(frozen=True)
class Named:
    """An agent, and what it composes unless told otherwise."""

    agent: Agent
    trained: Learning | None = None
    """What it was trained for, whose rules it sees at each step; None where it composes anything."""
    critic: Critic | None = None

    def batch(
        self, n: int, reward: Reward = None, options: Mapping[str, Any] | None = None, task: str | None = None
    ) -> Batch:
        """``n`` pieces side by side for the agent to compose; ``options``, ``reward`` and ``task`` overrule its own.

        ValueError where it was trained with other rules: what it sees would be something else.
        """
        if self.trained is None:
            return assignment(task or MELODY, options, reward).batch(n)
        own = self.trained
        if reward is not None:
            raise ValueError("the agent composes with the reward it was trained with; leave the reward out")
        asked = {**own.options, **(options or {})}
        found = assignment(task or own.task, asked, own.reward, own.prior or None, own.bonus)
        if task is not None and found.suite.names != own.assignment.suite.names:
            raise ValueError(f"task {task!r} has other rules than {own.task!r}, for which the agent was trained")
        return found.batch(n)


def _trained(kind: str, policy_of: Callable[[Path], PriorPolicy]) -> Callable[[str], Named]:
    def make(folder: str) -> Named:
        if not folder:
            raise ValueError(f"agent {kind!r} needs a run folder of train_{kind}: write {kind}:RUN")
        policy = policy_of(Path(folder))
        return Named(policy_agent(policy), settings_of(Path(folder), Learning), policy_critic(policy))

    return make


def _plain(agent: Agent) -> Callable[[str], Named]:
    def make(argument: str) -> Named:
        if argument:
            raise ValueError(f"agent: {argument!r} means nothing to this one; leave it out")
        return Named(agent)

    return make


NAMED: Final[dict[str, Callable[[str], Named]]] = {
    "prior": _plain(prior()),
    "uniform": _plain(uniform),
    "ppo": _trained("ppo", lambda folder: training.load(folder).model.policy),
    "expert": _trained("expert", lambda folder: expert.load(folder).policy),
}
"""What makes each agent from what follows the colon of its name."""


def named(name: str) -> Named:
    """The agent ``name``: a key of NAMED, or ``KEY:ARGUMENT``."""
    kind, _, argument = name.partition(":")
    if kind not in NAMED:
        raise ValueError(f"agent {name!r} is not known; choose one of {', '.join(NAMED)}")
    return NAMED[kind](argument)


def agent_of(
    name: str,
    n: int,
    reward: Reward = None,
    options: Mapping[str, Any] | None = None,
    task: str | None = None,
) -> tuple[Agent, Batch]:
    """The agent ``name`` and ``n`` pieces side by side for it to compose, as ``Named.batch`` makes them."""
    found = named(name)
    return found.agent, found.batch(n, reward, options, task)
