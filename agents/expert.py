"""Expert iteration (Anthony et al. 2017; AlphaZero for one player): a tree search, guided by a policy and its critic,
composes pieces; the policy learns what the search made of it, the critic the returns; and the search is guided better.

The policy is PPO's own: it begins as the prior, and is held near it in the same way.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple

import gymnasium as gym
import numpy as np
import torch

from agents.checkpoint import arrays, plain, read, restore_policy, write
from agents.compose import Pieces
from agents.improvement import Decisions, completed, improved, policy_loss, value_loss, with_outcome
from agents.policy import PriorPolicy, policy_agent, policy_critic, prior_logits
from agents.ppo import KLController
from agents.training import Learning, check, settings_of
from mcts.algorithms import GUMBEL
from mcts.evaluation import EVALUATIONS
from mcts.game import Incumbents, Ints
from mcts.melodies import Melodies
from mcts.search import Search, Watch
from musicenv.alphabet import N_ACTIONS
from musicenv.env import observation_space

FIRST_COEFFICIENT: Final = 0.03
"""KL coefficient to begin with, in units of the cross-entropy."""
INTEGRAL_GAIN: Final = 0.3
"""Of the KL controller: twice PPO's, since there are fewer and larger iterations."""
VALUE_WEIGHT: Final = 0.5
"""Of the critic's loss."""
LARGEST_GRADIENT: Final = 0.5
"""Norm to which gradients are clipped, as in PPO."""


@dataclass(frozen=True)
class ExpertSettings(Learning):
    """What expert iteration is told."""

    command: ClassVar[str] = "train_expert"

    envs: int = 64
    """Pieces composed side by side, each by a search of its own; an iteration is so many pieces."""
    simulations: int = 2
    """Of the search for each note: notes that it tries, each judged by the critic."""
    children: int = 16
    """How many of the likeliest notes the search may try at each place."""
    outcome: float = 0.5
    """How many simulations the return of the finished piece counts as much as."""
    step: float = 8.0
    """How far a note moves that is better than expected by one deviation of returns, in nats."""
    window: int = 8
    """Iterations whose pieces are learned from."""
    updates: int = 32
    """Steps of Adam after each iteration."""
    minibatch: int = 512
    """Notes in each."""


class Lessons(NamedTuple):
    """m notes to learn from, as (m, ...) tensors."""

    read: torch.Tensor
    """(m, inputs) as ``PriorPolicy.read`` gives it."""
    prior: torch.Tensor
    """(m, A) as ``agents.policy.prior_logits`` gives it."""
    target: torch.Tensor
    """(m, A) the improved policy."""
    to_come: torch.Tensor
    """(m,) sum of rewards that came after this place."""

    @staticmethod
    def joined(parts: list[Lessons]) -> Lessons:
        """All of them, one after the other."""
        return Lessons(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))


class _Seen(NamedTuple):
    """What was decided at one moment in m pieces."""

    pieces: Ints
    observations: torch.Tensor
    decisions: Decisions
    so_far: np.ndarray[Any, np.dtype[np.float64]]


class Expert:
    """Policy, search and what was learned from, from one iteration to the next."""

    def __init__(self, settings: ExpertSettings) -> None:
        """The policy is the prior itself."""
        check(settings, envs=1, bonus=0.0, simulations=1, children=1, outcome=0.0, step=0.0, window=1, updates=1)
        check(settings, minibatch=1, target_kl=0.01, learning_rate=0.0, threads=1)
        self.settings = settings
        self.batch = settings.assignment.batch(settings.envs, settings.threads)
        torch.manual_seed(settings.seed)
        self.policy = PriorPolicy(
            observation_space(self.batch),
            gym.spaces.Discrete(N_ACTIONS),
            lambda _: settings.learning_rate,
            layout=self.batch.layout,
        )
        self.game = Melodies(self.batch, policy_agent(self.policy), policy_critic(self.policy))
        self.rng = np.random.default_rng(settings.seed)
        self.controller = KLController(settings.nats, FIRST_COEFFICIENT, integral_gain=INTEGRAL_GAIN)
        self.window: deque[Lessons] = deque(maxlen=settings.window)
        self.missed: deque[torch.Tensor] = deque(maxlen=settings.window)
        """(m,) what the critic missed of the return at each decision of the window."""
        self.decided = 0
        """Notes of finished pieces."""
        self.best = -math.inf
        """Highest return of any piece so far."""

    @property
    def notes(self) -> int:
        """Notes stepped so far, those of the simulations too: what a budget of steps counts."""
        return self.game.notes

    def iterate(self, left: float = 1.0, watch: Watch = lambda: None) -> tuple[dict[str, float], Pieces]:
        """Compose by search, then learn: figures, and the best piece found beside each that was composed.

        ``left`` is the share of the training that is left, 1 to 0: the step size is held for the first half, then falls
        linearly to zero.  What ``watch`` raises goes through; then nothing was learned, and the notes are counted.
        """
        seen, search = self._compose(watch)
        played = search.played()
        lessons = self._lessons(seen, played)
        figures = self._learn(lessons, left)
        found = self.game.pieces(np.arange(self.batch.n), search.incumbents.returns)
        self.best = max(self.best, float(found.returns.max()))
        self.decided += len(lessons.to_come)
        return {
            "notes": self.notes,
            "decided": self.decided,
            "score": float(played.mean()),
            "incumbent": float(found.returns.mean()),
            "best": self.best,
            **figures,
        }, found

    def _compose(self, watch: Watch) -> tuple[list[_Seen], Search]:
        """One piece in each row of the batch, and all that was decided on the way."""
        settings, game = self.settings, self.game
        incumbents = Incumbents(game, self.batch.n)
        game.begin(self.rng)
        game.reserve(2 * self.batch.n)
        game.store(np.arange(self.batch.n), incumbents.beginnings)
        search = Search(
            game, incumbents, GUMBEL, EVALUATIONS["critic"], settings.simulations, settings.children, 1, self.rng
        )
        tree, seen = search.tree, list[_Seen]()

        def decide(trees: Ints, slots: Ints) -> None:
            log_probs, roots = search.look(trees), tree.root[trees]
            children = np.arange(tree.visits.shape[1]) < tree.width[roots, None]
            so_far = tree.so_far[roots]
            decisions = Decisions(
                log_probs,
                np.where(children, tree.action[roots], 0).astype(np.int64),
                np.where(children, tree.visits[roots], 0).astype(np.int64),
                tree.mean[roots].astype(np.float64),
                so_far + game.values(trees.size),
                slots,
            )
            observations = torch.from_numpy(self.batch.observations[: trees.size].copy())  # planners write over them
            seen.append(_Seen(trees, observations, decisions, so_far))

        search.run(watch, decide)
        return seen, search

    def _lessons(self, seen: list[_Seen], played: np.ndarray[Any, np.dtype[np.float64]]) -> Lessons:
        """What is to be learned from an iteration in which the pieces had the returns ``played`` (n,)."""
        self.missed.append(torch.from_numpy(np.concatenate([played[s.pieces] - s.decisions.values for s in seen])))
        if len(self.missed) == 1 and not self.window:
            # A critic that begins at the mean has the right scale in an iteration instead of ten.
            self.policy.expect(float(played.mean()))
        step = self.settings.step / self.deviation
        parts = []
        for s in seen:
            heard = with_outcome(s.decisions, played[s.pieces], self.settings.outcome)
            target = improved(heard, completed(s.decisions), step)
            parts.append(
                Lessons(
                    self.policy.read(s.observations),
                    prior_logits(s.observations, self.batch.layout),
                    torch.from_numpy(target),
                    torch.from_numpy((played[s.pieces] - s.so_far).astype(np.float32)),
                )
            )
        return Lessons.joined(parts)

    @property
    def deviation(self) -> float:
        """Standard deviation of returns about what the critic expected, in the window."""
        return max(float(torch.cat(list(self.missed)).std(correction=0)), 1e-3)

    def _learn(self, lessons: Lessons, left: float) -> dict[str, float]:
        """``settings.updates`` steps on minibatches of the window, the newest ``lessons`` in it."""
        settings, policy = self.settings, self.policy
        self.window.append(lessons)
        every = Lessons.joined(list(self.window))
        policy.set_training_mode(True)
        for group in policy.optimizer.param_groups:
            group["lr"] = settings.learning_rate * min(1.0, 2.0 * left)
        deviation, figures = self.deviation, list[tuple[float, ...]]()
        for _ in range(settings.updates):
            chosen = torch.from_numpy(self.rng.integers(len(every.to_come), size=settings.minibatch))
            some = Lessons(*(tensor[chosen] for tensor in every))
            log_probs, values, kl = policy.judge_read(some.read, some.prior)
            of_policy = policy_loss(log_probs, some.target)
            of_value = value_loss(values, some.to_come, deviation)
            loss = of_policy + VALUE_WEIGHT * of_value + self.controller.coefficient * kl.mean()
            policy.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(policy.parameters(), LARGEST_GRADIENT)
            policy.optimizer.step()
            figures.append((of_policy.item(), of_value.item()))
        with torch.no_grad():
            kl_per_piece = float(policy.judge_read(lessons.read, lessons.prior)[2].sum()) / self.batch.n
        self.controller.update(kl_per_piece)
        found = dict(zip(("policy_loss", "value_loss"), map(float, np.mean(figures, axis=0)), strict=True))
        return found | {
            "deviation": deviation,
            "kl_per_piece": kl_per_piece,
            "kl_coefficient": self.controller.coefficient,
        }

    def save(self, path: Path) -> None:
        """Write everything that the next iteration depends on, atomically; each iteration begins with new pieces."""
        state = {
            "policy": self.policy.state_dict(),
            "optimizer": self.policy.optimizer.state_dict(),
            "window": [list(lessons) for lessons in self.window],
            "missed": list(self.missed),
            "controller": [self.controller.coefficient, self.controller.last_error],
            "rng": plain(self.rng.bit_generator.state),
            "counts": [self.notes, self.decided],
            "best": self.best,
        }
        write(state, path)

    def restore(self, path: Path) -> None:
        """Go on from what ``save`` wrote."""
        state = read(path)
        restore_policy(self.policy, state, path)
        self.window.extend(Lessons(*tensors) for tensors in state["window"])
        self.missed.extend(state["missed"])
        self.controller.coefficient, self.controller.last_error = state["controller"]
        self.rng.bit_generator.state = arrays(state["rng"])
        self.game.notes, self.decided = state["counts"]
        self.best = state["best"]


def load(folder: Path) -> Expert:
    """What a run folder of ``experiments.train_expert`` has learned, as of its last checkpoint."""
    expert = Expert(settings_of(folder, ExpertSettings))
    expert.restore(folder / "checkpoint.pt")
    return expert
