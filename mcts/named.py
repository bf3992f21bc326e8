"""Planners by name, and who guides them."""

from __future__ import annotations

from agents.assignment import COUNTERPOINT
from agents.named import Named, named
from mcts.planners import PLANNERS, Planner


def planner_named(name: str, leaf: str = "sampled", task: str = COUNTERPOINT) -> tuple[Planner, Named]:
    """The planner ``name``, ``PLANNER`` or ``PLANNER:AGENT``, and the agent that guides it, by default the prior.

    ValueError where there is no such planner or agent, where ``leaf`` asks for a critic that the agent has not, or
    where the planner can't plan a ``task`` of this name.
    """
    kind, _, base = name.partition(":")
    if kind not in PLANNERS:
        raise ValueError(f"planner {name!r} is not known; choose one of {', '.join(PLANNERS)}")
    if kind == "value-beam" and not task.startswith(COUNTERPOINT):
        raise ValueError(f"planner 'value-beam' plans {COUNTERPOINT} alone; name a --task of it, or take beam")
    guide = named(base or "prior")
    if leaf == "critic" and guide.critic is None:
        raise ValueError(f"leaf 'critic': agent {base or 'prior'!r} has none; plan with {kind}:ppo:RUN")
    return PLANNERS[kind], guide
