"""Melodies played on to their ends with the prior's moves: few of them in one call, without Python between notes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from agents.distributions import draw_one
from mcts.game import Floats, Ints
from musicenv.alphabet import DURATIONS
from musicenv.hearing import listen_to
from musicenv.jit import compiled
from musicenv.kernel import END, TIME, durations_that_fit, read_state
from musicenv.step import OK, play

U = np.uint64


@compiled
def most_turns(frame: Ints) -> int:
    """How many notes a melody with this ``frame`` can still have, at most."""
    return int((frame[END] - frame[TIME]) // DURATIONS[0])


def move(
    state: Any,
    first: int,
    last: int,
    actions: Ints,
    rewards: npt.NDArray[np.float64],
    finished: npt.NDArray[np.bool_],
) -> tuple[int, int, int]:
    """Append ``actions[i]`` to each melody i from ``first`` to ``last`` - 1 of ``state``, a reference, with its
    reward: what failed, as ``play`` tells it.

    ``play`` is replaced by that of a suite of rules.
    """
    before = state.log_probs, state.entropy
    return play(state.lines, state.suite, first, last, actions, *before, True, rewards, finished, state.at_bar)


def turn(
    block: Ints,
    rows: Ints,
    inverse: np.float32,
    uniform: npt.NDArray[np.float64],
    actions: Ints,
    rewards: npt.NDArray[np.float64],
    finished: npt.NDArray[np.bool_],
    returns: npt.NDArray[np.float64],
) -> tuple[int, int, int, int]:
    """Make one move in each of the melodies ``rows`` (m,): what failed, as ``musicenv.step.play`` tells it, and how
    many go on, now the first of ``rows``.

    Moves are drawn from the prior among legal notes by ``uniform`` (m,) in [0, 1), its log-probabilities multiplied
    with ``inverse``.  What they are paid is added to ``returns`` (n,); actions, rewards and finished (n,) are scratch.
    """
    state = read_state(block)
    log_probs, masks, frame = state.log_probs, state.masks, state.lines.frame
    weight, power = np.empty(log_probs.shape[1], dtype=np.float32), np.empty(log_probs.shape[1], dtype=np.int32)
    for k in range(rows.size):
        i = rows[k]
        legal = masks[U(durations_that_fit(frame[i]))]
        actions[i] = draw_one(log_probs[i], legal, inverse, uniform[k], weight, power)
    going, k = 0, 0
    while k < rows.size:
        first = last = rows[k]
        while k < rows.size and rows[k] == last:  # neighbours at once, which takes less time than one by one
            k, last = k + 1, last + 1
        code, melody, term = move(state, first, last, actions, rewards, finished)
        if code != OK:
            return code, melody, term, going
    for k in range(rows.size):
        i = rows[k]
        returns[i] += rewards[i]
        if not finished[i]:
            rows[going] = i
            going += 1
    return OK, 0, 0, going


def play_on(
    block: Ints,
    rows: Ints,
    inverse: np.float32,
    uniform: npt.NDArray[np.float64],
    actions: Ints,
    rewards: npt.NDArray[np.float64],
    finished: npt.NDArray[np.bool_],
    returns: npt.NDArray[np.float64],
    nobody: Floats,
) -> tuple[int, int, int, int]:
    """``turn`` until all of ``rows`` (m,) have ended: what failed, and how many notes the prior heard.

    ``uniform`` is (turns, m); ``nobody`` is told.
    """
    left, heard, k = rows.size, 0, 0
    while left > 0:
        code, melody, term, left = turn(block, rows[:left], inverse, uniform[k], actions, rewards, finished, returns)
        if code != OK:
            return code, melody, term, heard
        if left > 0:
            listen_to(block, rows[:left], nobody)
        heard += left
        k += 1
    return OK, 0, 0, heard
