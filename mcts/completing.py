"""Few melodies played on to their ends in one compiled call: drawn, stepped and heard, with no Python between notes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from agents.distributions import draw_one
from mcts.game import Floats, Ints
from musicenv.alphabet import DURATIONS
from musicenv.hearing import listen_to
from musicenv.jit import compiled, inlined
from musicenv.kernel import END, TIME, durations_that_fit, read_state
from musicenv.step import OK

U = np.uint64


@inlined
def play(
    lines: Any,
    suite: Any,
    first: int,
    last: int,
    actions: Ints,
    log_probs: Floats,
    entropy: Floats,
    listening: bool,
    rewards: npt.NDArray[np.float64],
    finished: npt.NDArray[np.bool_],
    at_bar: npt.NDArray[np.bool_],
) -> tuple[int, int, int]:
    """Replaced by that of a suite of rules (``musicenv.step.play``)."""
    return OK, 0, 0


@compiled
def most_turns(frame: Ints) -> int:
    """How many notes a melody with this ``frame`` can still have, at most."""
    return int((frame[END] - frame[TIME]) // DURATIONS[0])


@compiled
def draw_next(block: Ints, rows: Ints, inverse: np.float32, uniform: npt.NDArray[np.float64], actions: Ints) -> None:
    """Draw from the prior a legal note after each of the melodies ``rows`` (m,) into ``actions[rows]``, by ``uniform``
    (m,) in [0, 1); its log-probabilities are multiplied with ``inverse``."""
    state = read_state(block)
    log_probs, masks, frame = state.log_probs, state.masks, state.lines.frame
    weight, power = np.empty(log_probs.shape[1], dtype=np.float32), np.empty(log_probs.shape[1], dtype=np.int32)
    for k in range(rows.size):
        i = rows[k]
        legal = masks[U(durations_that_fit(frame[i]))]
        actions[i] = draw_one(log_probs[i], legal, inverse, uniform[k], weight, power)


def play_on(
    block: Ints,
    weights: Ints,
    rows: Ints,
    inverse: np.float32,
    uniform: npt.NDArray[np.float64],
    actions: Ints,
    rewards: npt.NDArray[np.float64],
    finished: npt.NDArray[np.bool_],
    returns: npt.NDArray[np.float64],
    nobody: Floats,
) -> tuple[int, int, int, int]:
    """Play the melodies ``rows`` (m,), which are overwritten, on to their ends: what failed, as ``advance`` tells it,
    and how many notes the prior heard.

    Notes are drawn as by ``draw_next``, by ``uniform`` (turns, m); ``returns`` (n,) are their rewards together.
    ``weights`` is the prior's block; actions, rewards and finished (n,) are scratch; ``nobody`` is told.
    """
    state = read_state(block)
    left, heard, turn = rows.size, 0, 0
    while left > 0:
        draw_next(block, rows[:left], inverse, uniform[turn], actions)
        going = 0
        for k in range(left):
            i = rows[k]
            code, melody, term = play(
                state.lines,
                state.suite,
                i,
                i + 1,
                actions,
                state.log_probs,
                state.entropy,
                True,
                rewards,
                finished,
                state.at_bar,
            )
            if code != OK:
                return code, melody, term, heard
            returns[i] += rewards[i]
            if not finished[i]:
                rows[going] = i
                going += 1
        left = going
        if left > 0:
            listen_to(block, weights, rows[:left], nobody)
        heard += left
        turn += 1
    return OK, 0, 0, heard
