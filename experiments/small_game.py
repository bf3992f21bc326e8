"""A small game to measure planners by: ``TURNS`` moves of ``MOVES`` kinds, the reward of each hangs on the one before.

As compiled functions, and as an object with a search over node objects, which is what one would write first.
"""

from __future__ import annotations

import copy
import math
from typing import Final

import numpy as np
import numpy.typing as npt

from mcts.algorithms import UCT, Algorithm
from mcts.compiled import CompiledGame, draw
from mcts.game import Ints
from musicenv.jit import inlined

TURNS: Final = 32
MOVES: Final = 38
REWARDS: Final = np.random.default_rng(0).random((MOVES, MOVES)) / TURNS
PRIOR: Final = (np.exp(REWARDS * TURNS) / np.exp(REWARDS * TURNS).sum(axis=1, keepdims=True)).astype(np.float32)
_ORDER: Final = np.argsort(-PRIOR, axis=1, kind="stable").astype(np.int32)
_SORTED: Final = np.take_along_axis(PRIOR, _ORDER, axis=1)
"""Moves after each move, the likeliest first, and their probabilities."""
_MOVES: Final = _ORDER.tolist()


@inlined
def _begin(state: Ints) -> None:
    state[0], state[1] = 0, 0


@inlined
def _play(state: Ints, move: int) -> float:
    reward = REWARDS[state[1], move]
    state[0] += 1
    state[1] = move
    return float(reward)


@inlined
def _ended(state: Ints) -> bool:
    return bool(state[0] == TURNS)


@inlined
def _options(state: Ints, moves: npt.NDArray[np.int32], probabilities: npt.NDArray[np.float32]) -> int:
    order, likely = _ORDER[state[1]], _SORTED[state[1]]
    for a in range(MOVES):
        moves[a] = order[a]
        probabilities[a] = likely[a]
    return MOVES


@inlined
def _any_move(state: Ints, random: npt.NDArray[np.uint64]) -> int:
    return draw(random, MOVES)


SMALL: Final = CompiledGame(2, MOVES, _begin, _play, _ended, _options, _any_move)


def optimum() -> float:
    """The highest return of the small game, by dynamic programming."""
    value = np.zeros(MOVES)
    for _ in range(TURNS):
        value = (REWARDS + value).max(axis=1)
    return float(value[0])


class SmallEnv:
    """The small game as an object, for planners that copy it."""

    def __init__(self) -> None:
        self.turn, self.last = 0, 0

    def step(self, move: int) -> tuple[float, bool]:
        """Reward, and whether the game is over."""
        reward = float(REWARDS[self.last, move])
        self.turn, self.last = self.turn + 1, move
        return reward, self.turn == TURNS


class Node:
    """A node as an object with an environment of its own, as one would write it first."""

    def __init__(self, env: SmallEnv, so_far: float, over: bool, prior: float, parent: Node | None) -> None:
        self.env, self.so_far, self.over, self.prior, self.parent = env, so_far, over, prior, parent
        self.children: dict[int, Node] = {}
        self.visits, self.mean = 0, 0.0
        """Simulations through the edge to here, and their mean return."""
        self.total, self.value = 0, so_far
        """Simulations on from here, and the mean return of these and its own."""


class NodeSearch:
    """PUCT or UCT over ``Node``: the slow reference of ``mcts.compiled``, move for move where nothing is random."""

    def __init__(self, algorithm: Algorithm, roll_out: bool, seed: int) -> None:
        self.algorithm, self.roll_out, self.rng = algorithm, roll_out, np.random.default_rng(seed)
        self.root = Node(SmallEnv(), 0.0, False, 1.0, None)
        self.low, self.high = math.inf, -math.inf

    def search(self, simulations: int) -> None:
        """Simulations from the root."""
        for _ in range(simulations):
            node = self.root
            while True:
                move = max(_MOVES[node.env.last], key=lambda a: self._score(node, a))
                if move not in node.children:
                    break
                node = node.children[move]
            env = copy.deepcopy(node.env)
            reward, over = env.step(move)
            child = Node(env, node.so_far + reward, over, float(PRIOR[node.env.last, move]), node)
            node.children[move] = child
            whole = child.so_far
            if self.roll_out and not over:
                env = copy.deepcopy(env)
                while not over:
                    reward, over = env.step(int(self.rng.integers(MOVES)))
                    whole += reward
            child.value = whole
            self._back_up(child, whole)

    def _score(self, node: Node, move: int) -> float:
        constants = self.algorithm.constants
        span = self.high - self.low
        unit = 1.0 / span if 0.0 < span < math.inf else 0.0
        low = self.low if unit else 0.0
        child = node.children.get(move)
        if self.algorithm is UCT:
            if child is None:
                return math.inf
            return (child.mean - low) * unit + constants.exploration * math.sqrt(math.log(node.total) / child.visits)
        factor = constants.exploration * math.sqrt(max(node.total, 1))
        if child is None:
            return (node.value - low) * unit - constants.first + factor * float(PRIOR[node.env.last, move])
        return (child.mean - low) * unit + factor * child.prior / (1 + child.visits)

    def _back_up(self, child: Node, whole: float) -> None:
        self.low, self.high = min(self.low, whole), max(self.high, whole)
        at = child
        while at.parent is not None:
            at.visits += 1
            at.mean += (whole - at.mean) / at.visits
            at = at.parent
            at.total += 1
            at.value += (whole - at.value) / (at.total + 1)
