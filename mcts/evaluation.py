"""What a leaf is worth: the return of a whole piece through it, by going on to the end, by a critic, or by rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from agents.compose import draw
from mcts.game import Floats, Game, Incumbents, Ints, close_ranks

Returns = npt.NDArray[np.float64]


class Evaluate(Protocol):
    """The return (m,) of whole pieces through the first m places, which have ``so_far`` (m,) and belong to ``pieces``.

    These have been heard.  They may be played on from, to be offered to ``incumbents``.
    """

    def __call__(
        self,
        game: Game,
        so_far: Returns,
        pieces: Ints,
        incumbents: Incumbents,
        rng: np.random.Generator,
    ) -> Returns: ...


def likeliest(game: Game, so_far: Returns, pieces: Ints, incumbents: Incumbents, rng: np.random.Generator) -> Returns:
    """Play on to the end with the first of the likeliest moves."""
    return _play_on(game, so_far, pieces, incumbents, lambda log_probs: np.asarray(log_probs.argmax(axis=1)))


def sampled(temperature: float) -> Evaluate:
    """Play on to the end with moves that are drawn."""

    def evaluate(
        game: Game, so_far: Returns, pieces: Ints, incumbents: Incumbents, rng: np.random.Generator
    ) -> Returns:
        gained = game.play_on(so_far.size, temperature, rng)
        if gained is None:
            return _play_on(game, so_far, pieces, incumbents, lambda log_probs: draw(log_probs, rng, temperature))
        incumbents.offer(np.arange(so_far.size), pieces, so_far + gained)
        return so_far + gained

    return evaluate


def _play_on(
    game: Game, so_far: Returns, pieces: Ints, incumbents: Incumbents, choose: Callable[[Floats], Ints]
) -> Returns:
    """Make moves that ``choose`` finds by what the game says of the places (m, A)."""
    wholes = so_far.copy()
    who = np.arange(so_far.size)  # whose piece each place holds
    m = who.size
    while m:
        rewards, finished = game.step(choose(game.look(m)))
        wholes[who[:m]] += rewards
        if finished.any():
            ended = np.flatnonzero(finished)
            incumbents.offer(ended, pieces[who[ended]], wholes[who[ended]])
            m = close_ranks(game, finished, who)
        if m:
            game.listen(m)
    return wholes


def critic(game: Game, so_far: Returns, pieces: Ints, incumbents: Incumbents, rng: np.random.Generator) -> Returns:
    """What has been paid, and what the game's critic expects to come."""
    return so_far + game.values(so_far.size)


@dataclass(frozen=True)
class Evaluation:
    """How leaves are evaluated."""

    evaluate: Evaluate | None
    """None takes what has been paid so far.  Nothing has to be heard for that: the prior listens to a position only
    when it is met again."""
    by_first: bool = False
    """Whether it goes on with each node's first child, whose value is the node's therefore."""
    temperature: float | None = None
    """Where it goes on with moves that are drawn: at which."""


EVALUATIONS: Final = {
    "likeliest": Evaluation(likeliest, by_first=True),
    "sampled": Evaluation(sampled(0.7), temperature=0.7),
    "critic": Evaluation(critic),
    "rules": Evaluation(None),
}
"""By name."""
