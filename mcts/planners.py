"""Planners by name: what runs, one after the other, on the same incumbents."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from agents.compose import Agent, Critic, Pieces
from mcts.algorithms import ALGORITHMS, GUMBEL, Algorithm
from mcts.beam import Beam
from mcts.evaluation import EVALUATIONS, sampled
from mcts.game import Game, Incumbents
from mcts.melodies import Melodies
from mcts.merged_beam import beam_search
from mcts.nrpa import nrpa
from mcts.regeneration import Regeneration
from mcts.search import OutOfTimeError, Search, Watch
from mcts.values import weights_for
from musicenv.batch import Batch


@dataclass(frozen=True)
class Budget:
    """How much a planner may think."""

    simulations: int = 256
    """Simulations a note of a tree search; pieces composed by best-of-n, nrpa and regenerate; eight times the width of
    a beam."""
    seconds: float | None = None
    """Time for all pieces: the search goes on or starts again until then; without it, it runs once."""
    children: int = 16
    """Likeliest legal moves that a tree search or a beam tries from each position."""
    value: str = "sampled"
    """What a leaf of a tree search is worth: "sampled" and "likeliest" go on to the end with the agent's notes,
    "critic" asks the agent's critic, "rules" takes what has been paid."""
    shared: bool = True
    """Whether a tree search has one node for positions with the same future, where the game can tell (counterpoint)."""


LEAVES: Final = 32
"""Of one tree, evaluated side by side, at most: what one finds is news to the others only at their next start."""
Planner = Callable[[Game, Incumbents, Budget, np.random.Generator, Watch], None]
"""Offers what it finds to the incumbents."""


def greedy(game: Game, incumbents: Incumbents, budget: Budget, rng: np.random.Generator, watch: Watch) -> None:
    """A beam of one."""
    _beam(game, incumbents, budget, 1, watch)


def beam(game: Game, incumbents: Incumbents, budget: Budget, rng: np.random.Generator, watch: Watch) -> None:
    """A beam of an eighth of ``budget.simulations``; where time is limited, then beams of twice the width until it is
    over."""
    width = max(budget.simulations // 8, 1)
    _beam(game, incumbents, budget, width, watch)
    while budget.seconds is not None:
        width *= 2
        _beam(game, incumbents, budget, width, watch)


def _beam(game: Game, incumbents: Incumbents, budget: Budget, width: int, watch: Watch) -> None:
    shared = budget.shared and game.keys(0) is not None
    Beam(game, incumbents, width, budget.children, budget.value == "critic", shared).run(watch)


def value_beam(game: Game, incumbents: Incumbents, budget: Budget, rng: np.random.Generator, watch: Watch) -> None:
    """For counterpoint: a beam over states of an eighth of ``budget.simulations``, by what was gained and by learned
    values; where time is limited, then beams of twice the width until it is over."""
    width = max(budget.simulations // 8, 1)
    while True:
        for piece in range(incumbents.pieces):
            _value_beam(game, incumbents, piece, width)
            watch()
        if budget.seconds is None:
            return
        width *= 2


def _value_beam(game: Game, incumbents: Incumbents, piece: int, width: int) -> None:
    game.fetch(incumbents.beginnings[piece : piece + 1])
    asked = game.task(0)
    if asked is None:
        raise ValueError("value-beam plans counterpoint alone, whose lines have finite states; choose beam or mcts")
    task, suite = asked
    _, line = beam_search(task, suite, width, weights=weights_for(suite, task.species))
    gained = 0.0
    for k, move in enumerate(line):
        if k > 0:
            game.listen(1)
        rewards, _ = game.step(np.array([move]))
        gained += rewards[0]
    incumbents.offer(np.array([0]), np.array([piece]), np.array([gained]))


def best_of_n(game: Game, incumbents: Incumbents, budget: Budget, rng: np.random.Generator, watch: Watch) -> None:
    """Samples of the agent."""
    play_on = sampled(1.0)
    owners = np.repeat(np.arange(incumbents.pieces), budget.simulations)
    for begin in range(0, owners.size, game.n):
        some = owners[begin : begin + game.n]
        game.fetch(incumbents.beginnings[some])
        play_on(game, np.zeros(some.size), some, incumbents, rng)
        watch()


def seeded(planner: Planner, *seeds: Planner) -> Planner:
    """First ``seeds``, so that the incumbents of ``planner`` are never below theirs."""

    def plan(game: Game, incumbents: Incumbents, budget: Budget, rng: np.random.Generator, watch: Watch) -> None:
        begun = incumbents.returns.min() > -np.inf
        for seed in () if begun else seeds:
            seed(game, incumbents, replace(budget, seconds=None), rng, watch)
        planner(game, incumbents, budget, rng, watch)

    return plan


def nested(game: Game, incumbents: Incumbents, budget: Budget, rng: np.random.Generator, watch: Watch) -> None:
    """Nested rollout policy adaptation with ``budget.simulations`` playouts a piece."""
    nrpa(game, incumbents, budget.simulations, rng, watch)


def regenerate(game: Game, incumbents: Incumbents, budget: Budget, rng: np.random.Generator, watch: Watch) -> None:
    """``budget.simulations`` variants of each piece; as many as there is time for, where it is limited."""
    Regeneration(game, incumbents, rng).run(budget.simulations if budget.seconds is None else sys.maxsize, watch)


def tree_search(algorithm: Algorithm) -> Planner:
    """A tree search whose leaves are what ``budget.value`` says."""

    def plan(game: Game, incumbents: Incumbents, budget: Budget, rng: np.random.Generator, watch: Watch) -> None:
        leaves = max(min(game.n // incumbents.pieces, LEAVES, budget.simulations // 4), 1)
        evaluation = EVALUATIONS[budget.value]
        shared = budget.shared and game.keys(0) is not None
        limits = budget.simulations, budget.children, leaves
        Search(game, incumbents, algorithm, evaluation, *limits, rng, shared).run(watch)

    return plan


PLANNERS: Final[dict[str, Planner]] = {
    "greedy": greedy,
    "beam": beam,
    "value-beam": value_beam,
    "best-of-n": best_of_n,
    "regenerate": seeded(regenerate, greedy),
    "nrpa": seeded(nested, greedy, beam),
    "mcts": seeded(tree_search(GUMBEL), greedy, beam),
    **{name: seeded(tree_search(algorithm), greedy, beam) for name, algorithm in ALGORITHMS.items()},
}
"""By name; "mcts" is the tree search to take."""

TREES: Final = 32
"""Pieces planned side by side, at most."""
PLACES: Final = 128
"""Positions side by side, for all of these together: enough for the prior's matrix products to be worth their while."""


def places_for(pieces: int) -> int:
    """Rows of a batch that plans ``pieces`` pieces: as many for each."""
    trees = min(pieces, TREES)
    return trees * (PLACES // trees)


def plan(
    batch: Batch,
    agent: Agent,
    planner: Planner,
    budget: Budget,
    pieces: int,
    seed: int,
    critic: Critic | None = None,
    said: Callable[[float, int], object] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Pieces:
    """``pieces`` pieces; ``batch.n`` (see ``places_for``) is how many positions are in play at once.

    ``said(mean return of the incumbents, pieces done)`` is called after each round.  An interrupt (Ctrl-C), like the
    end of the time by ``clock``, hands over the best so far.  The same seed plans the same pieces where no time is
    given.
    """
    game = Melodies(batch, agent, critic)
    rng = np.random.default_rng(seed)
    done: list[Pieces] = []
    groups = -(-pieces // TREES)
    began = clock()
    for group in range(groups):
        size = min(TREES, pieces - group * TREES)
        until = None if budget.seconds is None else began + budget.seconds * (group + 1) / groups
        incumbents = Incumbents(game, size)
        before = group * TREES
        watched = None if said is None else lambda best, before=before: said(best, before)
        run(planner, game, incumbents, budget, rng, until, watched, clock)
        if said is not None:
            said(float(incumbents.returns.mean()), before + size)
        done.append(game.pieces(np.arange(size), incumbents.returns))
    return Pieces.joined(done)


def run(
    planner: Planner,
    game: Game,
    incumbents: Incumbents,
    budget: Budget,
    rng: np.random.Generator,
    until: float | None = None,
    said: Callable[[float], object] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Plan the incumbents' pieces from new beginnings, until the planner ends or, where given, until ``until`` by
    ``clock``."""
    size = incumbents.pieces

    def watch() -> None:
        found = incumbents.returns.min() > -np.inf
        if said is not None and found:
            said(float(incumbents.returns.mean()))
        if until is not None and clock() > until and found:
            raise OutOfTimeError

    game.begin(rng)
    game.reserve(2 * size)
    game.store(np.arange(size), incumbents.beginnings)
    try:
        planner(game, incumbents, budget, rng, watch)
        while until is not None:
            planner(game, incumbents, budget, rng, watch)
    except OutOfTimeError:
        pass
    except KeyboardInterrupt:
        if incumbents.returns.min() == -np.inf:
            raise
