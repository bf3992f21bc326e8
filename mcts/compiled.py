"""A whole tree search in one compiled call, for games that are a few compiled functions: no network, no Python.

The trees are those of ``mcts.tree`` and the algorithms those of ``mcts.algorithms``; a node's children are stepped and
opened when they are met again ("rules" of ``mcts.evaluation``), or played to the end with random moves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mcts.algorithms import Algorithm, considered_visits
from mcts.assembly import assemble
from mcts.tree import (
    CLOSED,
    ENDED,
    NONE,
    OPEN,
    Ints,
    Tree,
    advance,
    back_up,
    new_tree,
    plant,
    select,
    select_root,
    take,
    unfold,
)
from musicenv.jit import inlined


@dataclass(frozen=True)
class CompiledGame:
    """Compiled functions over a state (W,) of int64."""

    width: int
    """W"""
    moves: int
    """Most moves from a state."""
    begin: Callable[[Ints], None]
    """Write the beginning."""
    play: Callable[[Ints, int], float]
    """Make a move; its reward."""
    ended: Callable[[Ints], bool]
    options: Callable[[Ints, npt.NDArray[np.int32], npt.NDArray[np.float32]], int]
    """Write the legal moves and their probabilities; their number."""
    any_move: Callable[[Ints, npt.NDArray[np.uint64]], int]
    """A random legal move, by ``draw``, to play on with."""


@inlined
def draw(random: npt.NDArray[np.uint64], below: int) -> int:
    """A number in 0..below-1 (xorshift64*, Vigna 2016; bias below / 2**32); ``random`` (1,) is not 0."""
    x = random[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    random[0] = x
    return int(((x * np.uint64(2685821657736338717)) >> np.uint64(32)) * np.uint64(below) >> np.uint64(32))


@inlined
def play(state: Ints, move: int) -> float:
    """Replaced by the game's."""
    return 0.0


@inlined
def ended(state: Ints) -> bool:
    """Replaced by the game's."""
    return True


@inlined
def options(state: Ints, moves: npt.NDArray[np.int32], probabilities: npt.NDArray[np.float32]) -> int:
    """Replaced by the game's."""
    return 0


@inlined
def any_move(state: Ints, random: npt.NDArray[np.uint64]) -> int:
    """Replaced by the game's."""
    return 0


def explore(
    tree: Tree,
    b: int,
    states: Ints,
    simulations: int,
    roll_out: bool,
    constants: Any,
    random: npt.NDArray[np.uint64],
    best: Ints,
) -> float:
    """``simulations`` in tree ``b``: the highest return met; its state is written into ``best`` (W,).

    states (N + 1, W): one of each node, and room to play in.  Only whole pieces count as met.
    """
    highest = -np.inf
    room = states[states.shape[0] - 1]
    for _ in range(simulations):
        node = tree.root[b]
        if tree.spares[b] == 0 or (tree.state[node] == OPEN and tree.unsolved[node] == 0):
            break
        slot, child = NONE, node
        while child != NONE:
            node = child
            if tree.state[node] == CLOSED:
                width = options(states[node], tree.action[node], tree.prior[node])
                unfold(tree, node, width)
            slot = select_root(tree, b, node, constants) if node == tree.root[b] else select(tree, b, node, constants)
            child = tree.child[node, slot]
        child = take(tree, b, node, slot)
        state = states[child]
        for i in range(state.size):
            state[i] = states[node, i]
        whole = tree.so_far[node] + play(state, tree.action[node, slot])
        tree.so_far[child] = whole
        tree.state[child] = CLOSED
        if ended(state):
            tree.state[child] = ENDED
            if whole > highest:
                highest = whole
                best[:] = state
        elif roll_out:
            room[:] = state
            while not ended(room):
                whole += play(room, any_move(room, random))
            if whole > highest:
                highest = whole
                best[:] = room
        tree.value[child] = whole
        back_up(tree, b, child, whole)
    return highest


class CompiledSearch:
    """Plans ``trees`` beginnings of a compiled game, one after the other."""

    def __init__(
        self, game: CompiledGame, algorithm: Algorithm, trees: int, simulations: int, roll_out: bool, seed: int
    ) -> None:
        self.game, self.algorithm, self.simulations, self.roll_out = game, algorithm, simulations, roll_out
        self.tree = new_tree(trees, 2 * simulations + 2, game.moves)
        nodes = self.tree.total.size
        self.states = np.zeros((nodes + 1, game.width), dtype=np.int64)
        self.rng = np.random.default_rng(seed)
        self._random = self.rng.integers(1, 2**63, size=1, dtype=np.uint64)
        self.best = np.zeros((trees, game.width), dtype=np.int64)
        """(B, W) the end of the best whole piece met."""
        self.returns = np.full(trees, -np.inf)
        """(B,) its return."""
        considered = considered_visits(min(algorithm.halving, game.moves), simulations)
        self._constants = algorithm.constants._replace(considered=considered)
        self._explore = assemble(
            explore,
            back_up,
            select_root=algorithm.select_root,
            select=algorithm.select,
            record=algorithm.record,
            play=game.play,
            ended=game.ended,
            options=game.options,
            any_move=game.any_move,
        ).explore
        for b in range(trees):
            game.begin(self.states[plant(self.tree, b)])

    def search(self, b: int) -> None:
        """The simulations of one move in tree ``b``."""
        tree = self.tree
        if self.algorithm.halving:
            tree.noise[b] = self.rng.gumbel(size=tree.noise.shape[1])
        end = np.zeros(self.game.width, dtype=np.int64)
        highest = self._explore(
            tree, b, self.states, self.simulations, self.roll_out, self._constants, self._random, end
        )
        if highest > self.returns[b]:
            self.returns[b], self.best[b] = highest, end

    def run(self) -> None:
        """Plan every tree to its end, a move at a time."""
        for b in range(self.returns.size):
            while True:
                self.search(b)
                if self.tree.unsolved[self.tree.root[b]] == 0:
                    break
                root = advance(self.tree, b, self.algorithm.commit(self.tree, b, self._constants))
                if self.tree.state[root] == ENDED:
                    break
