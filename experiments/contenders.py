"""Who takes part in the benchmark: a table by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import Final, NamedTuple

import numpy as np

from agents.budget import Budget, Used
from agents.compose import Agent, Floats, Pieces, Seen, compose, masked, prior, top_p, uniform
from agents.learners import LEARNERS, Learner, prior_ppo, tutor
from agents.sequence_tutor import PRESETS, RULES
from agents.training import Settings
from mcts import planners
from mcts.best_of import best_of
from musicenv.batch import Batch
from rewards.named import attribute_of

Composer = Callable[[Batch, int, int], Pieces]
"""Composes (batch, number of pieces, seed)."""


class Contender(NamedTuple):
    """Someone who composes, maybe after learning."""

    make: Callable[[Settings, Budget], tuple[Composer, Used]]
    """Learns the task in the settings, with their seed, within the budget."""
    learns: bool
    """If not, the budget means nothing, and ``make`` uses none of it."""
    tries: int = 1
    """Whole pieces that are composed for each one handed out; of a planner, simulations a note."""
    slow: bool = False
    """Whether a budget of notes takes it so long that it is compared at equal time alone."""

    def budgets(self, given: Sequence[Budget]) -> Sequence[Budget | None]:
        """Those of the ``given`` that it is compared at; None where they mean nothing to it."""
        return [budget for budget in given if not self.slow or budget.steps is None] if self.learns else [None]


def playing(agent: Agent, tries: int = 1) -> Contender:
    """An agent as it is; of ``tries`` pieces the one with the highest return is handed out."""
    return Contender(lambda settings, budget: (_composer(agent, tries), Used(0, 0.0)), False, tries)


def learning(learner: Learner, tries: int = 1, slow: bool = False) -> Contender:
    """A learner, and then the same."""

    def make(settings: Settings, budget: Budget) -> tuple[Composer, Used]:
        agent, used = learner(settings, budget)
        return _composer(agent, tries), used

    return Contender(make, True, tries, slow)


def planning(planner: str, simulations: int) -> Contender:
    """One of ``mcts.planners.PLANNERS``, which looks ahead with the prior."""

    def composer(batch: Batch, pieces: int, seed: int) -> Pieces:
        thought = planners.Budget(simulations=simulations)
        return planners.plan(batch, prior(), planners.PLANNERS[planner], thought, pieces, seed)

    return Contender(lambda settings, budget: (composer, Used(0, 0.0)), False, simulations)


_learned_once = lru_cache(maxsize=2)(prior_ppo)
"""What is played at many temperatures is learned once a process for each of a seed's two budgets."""


def _cooled(temperature: float, share: float, settings: Settings, budget: Budget) -> tuple[Agent, Used]:
    """PPO that plays at a ``temperature``, and of what it has learned a ``share`` above 0, as if the reward had been so
    much smaller."""
    agent, used = _learned_once(settings, budget)

    def play(batch: Seen) -> Floats:
        mixed: Floats = np.float32(share) * agent(batch) + np.float32(1 - share) * batch.log_probs
        mixed /= np.float32(temperature)
        return masked(mixed, batch.masks)

    return play, used


def _composer(agent: Agent, tries: int) -> Composer:
    if tries == 1:
        return lambda batch, pieces, seed: compose(batch, agent, pieces, seed)
    return lambda batch, pieces, seed: best_of(batch, agent, tries, pieces, seed)


CONTENDERS: Final[dict[str, Contender]] = {
    "uniform": playing(uniform),
    "prior": playing(prior()),
    "prior_0.8": playing(prior(0.8)),
    "prior_0.6": playing(prior(0.6)),
    "prior_top_p_0.9": playing(top_p(0.9)),
    "greedy": playing(top_p(0.0)),
    "prior_best_of_4": playing(prior(), 4),
    "prior_best_of_16": playing(prior(), 16),
    "prior_beam": planning("beam", 256),
    "prior_mcts": planning("mcts", 16),
    "prior_regenerate": planning("regenerate", 64),
    **{name: learning(learner) for name, learner in LEARNERS.items()},
    "qr_dqn": learning(LEARNERS["qr_dqn"], slow=True),
    "recurrent_ppo": learning(LEARNERS["recurrent_ppo"], slow=True),
    "prior_ppo_best_of_4": learning(LEARNERS["prior_ppo"], 4),
}
"""Without learning: uniform legal play, the prior at temperature 1, .8 and .6, its likeliest notes with 90 % of the
probability, its likeliest note, the best by the reward of 4 and of 16 of its pieces, a beam of 32 and a tree search
of 16 simulations a note that look ahead with it, and one of its pieces of which stretches are composed anew 64 times.
Then all LEARNERS; two of them take more than twenty minutes for 300,000 notes."""


SWEEP: Final[dict[str, Contender]] = {
    **{f"prior_ppo_{kl:g}_nats": learning(partial(prior_ppo, target_kl=kl)) for kl in (1.0, 2.0, 4.0, 16.0)},
    **{f"prior_ppo_cooled_{t:g}": learning(partial(_cooled, t, 1.0)) for t in (0.8, 0.6, 0.4, 0.2)},
    "prior_ppo_half_cooled_0.1": learning(partial(_cooled, 0.1, 0.5)),
    **{
        f"tutor_{rule}_c_{scale:g}": learning(partial(tutor, rule, replace(PRESETS["tuned"], scale=scale)))
        for rule in RULES
        for scale in (0.1, 0.3, 3.0)
    },
}
"""The same learners at other distances from the prior: PPO by its divergence, by the temperature at which it plays
what it has learned, and by playing half of that; the tutors by the scale of the reward, which is 1 in their tuned
settings."""


def contender(name: str) -> Contender:
    """One of CONTENDERS or SWEEP, or ``MODULE:ATTRIBUTE`` for a Contender or an ``agents.compose.Agent`` of one's own.

    ValueError, with what there is to choose from, where there is no such one.
    """
    if known := CONTENDERS.get(name) or SWEEP.get(name):
        return known
    if ":" not in name:
        raise ValueError(f"contender {name!r} is not known; choose {', '.join(CONTENDERS)} or MODULE:ATTRIBUTE")
    found = attribute_of(name, "contender")
    if isinstance(found, Contender):
        return found
    if not callable(found):
        raise ValueError(f"contender {name!r} is a {type(found).__name__}; give a Contender or an agent's function")
    return playing(found)
