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
Choose = Callable[[Floats, np.random.Generator], Ints]
"""One move for each row of log-probabilities (m, A)."""


class Evaluate(Protocol):
    """The return (m,) of whole pieces through the first m places, which have ``so_far`` (m,) and belong to ``pieces``.

    ``log_probs`` (m, A) is what the game said of these places.  They may be played on from, to be offered to
    ``incumbents``.
    """

    def __call__(
        self,
        game: Game,
        so_far: Returns,
        log_probs: Floats,
        pieces: Ints,
        incumbents: Incumbents,
        rng: np.random.Generator,
    ) -> Returns: ...


def likeliest(log_probs: Floats, rng: np.random.Generator) -> Ints:
    """The first of the likeliest moves."""
    return np.asarray(log_probs.argmax(axis=1))


def sampled(temperature: float) -> Choose:
    """Moves drawn with the probabilities' logarithms divided by ``temperature``."""

    def choose(log_probs: Floats, rng: np.random.Generator) -> Ints:
        return draw(log_probs, rng, temperature)

    return choose


def completion(choose: Choose) -> Evaluate:
    """Play on to the end."""

    def evaluate(
        game: Game,
        so_far: Returns,
        log_probs: Floats,
        pieces: Ints,
        incumbents: Incumbents,
        rng: np.random.Generator,
    ) -> Returns:
        wholes = so_far.copy()
        who = np.arange(so_far.size)  # whose piece each place holds
        m = who.size
        while m:
            rewards, finished = game.step(choose(log_probs[:m], rng))
            wholes[who[:m]] += rewards
            if finished.any():
                ended = np.flatnonzero(finished)
                incumbents.offer(ended, pieces[who[ended]], wholes[who[ended]])
                m = close_ranks(game, finished, who)
            if m:
                game.listen(m)
                log_probs = game.look(m)
        return wholes

    return evaluate


def critic(
    game: Game, so_far: Returns, log_probs: Floats, pieces: Ints, incumbents: Incumbents, rng: np.random.Generator
) -> Returns:
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


EVALUATIONS: Final = {
    "likeliest": Evaluation(completion(likeliest), by_first=True),
    "sampled": Evaluation(completion(sampled(0.7))),
    "critic": Evaluation(critic),
    "rules": Evaluation(None),
}
"""By name."""
