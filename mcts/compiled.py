"""A whole tree search in one compiled call, for games that are a few compiled functions: no network, no Python.

The trees are those of ``mcts.tree`` and the algorithms those of ``mcts.algorithms``; a node's children are stepped and
opened when they are met again ("rules" of ``mcts.evaluation``), or played to the end with random moves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mcts.algorithms import Algorithm, considered_visits
from mcts.assembly import assemble
from mcts.simulation import back_up, select, select_root
from mcts.tree import CLOSED, ENDED, NONE, OPEN, Ints, Tree, advance, new_tree, plant, take, unfold
from musicenv.jit import inlined
from musicenv.reference import refer


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
    """Write the legal moves, the likeliest first, and their probabilities; their number."""
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
def begin(state: Ints) -> None:
    """Replaced by the game's."""


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


class Found(NamedTuple):
    """Arrays of a search beside its trees."""

    states: Ints
    """(N + 1, W) the state of each node, and room to play in."""
    random: npt.NDArray[np.uint64]
    """(1,) of ``draw``."""
    best: Ints
    """(B, W) the end of the best whole piece met."""
    returns: npt.NDArray[np.float64]
    """(B,) its return."""


def explore(tree: Tree, b: int, found: Found, simulations: int, roll_out: bool, constants: Any) -> None:
    """``simulations`` in tree ``b``; only whole pieces count as found."""
    states, best = found.states, found.best[b]
    room = states[states.shape[0] - 1]
    for _ in range(simulations):
        node = tree.root[b]
        if tree.spares[b] == 0 or (tree.state[node] == OPEN and tree.unsolved[node] == 0):
            break
        slot, child, depth = NONE, node, 0
        while child != NONE:
            node = child
            if tree.state[node] == CLOSED:
                width = options(states[node], tree.action[node], tree.prior[node])
                unfold(tree, node, width)
            slot = select_root(tree, b, node, constants) if node == tree.root[b] else select(tree, b, node, constants)
            child = tree.child[node, slot]
            tree.path[0, depth], tree.taken[0, depth] = node, slot
            depth += 1
        tree.depth[0] = depth
        child = take(tree, b, node, slot)
        state = states[child]
        for i in range(state.size):
            state[i] = states[node, i]
        whole = tree.so_far[node] + play(state, tree.action[node, slot])
        tree.so_far[child] = whole
        tree.state[child] = CLOSED
        if ended(state):
            tree.state[child] = ENDED
            if whole > found.returns[b]:
                found.returns[b] = whole
                best[:] = state
        elif roll_out:
            room[:] = state
            while not ended(room):
                whole += play(room, any_move(room, found.random))
            if whole > found.returns[b]:
                found.returns[b] = whole
                best[:] = room
        tree.value[child] = whole
        back_up(tree, b, 0, child, whole)


def explore_all(tree: Tree, trees: Ints, found: Found, simulations: int, roll_out: bool, constants: Any) -> None:
    """``explore`` in each of ``trees`` (t,)."""
    # By reference: counting who holds which array would take longer than the search.
    trunk, borrowed = refer(tree), refer(found)
    for b in trees:
        explore(trunk, b, borrowed, simulations, roll_out, constants)


def begin_all(tree: Tree, states: Ints) -> None:
    """A new root in every tree, with the game's beginning."""
    for b in range(tree.root.size):
        begin(states[plant(tree, b)])


class CompiledSearch:
    """Plans ``trees`` beginnings of a compiled game; their simulations are one compiled call."""

    def __init__(
        self, game: CompiledGame, algorithm: Algorithm, trees: int, simulations: int, roll_out: bool, seed: int
    ) -> None:
        self.game, self.algorithm, self.simulations, self.roll_out = game, algorithm, simulations, roll_out
        self.tree = new_tree(trees, 2 * simulations + 2, game.moves)
        nodes = self.tree.total.size
        self.rng = np.random.default_rng(seed)
        self.found = Found(
            states=np.zeros((nodes + 1, game.width), dtype=np.int64),
            random=self.rng.integers(1, 2**63, size=1, dtype=np.uint64),
            best=np.zeros((trees, game.width), dtype=np.int64),
            returns=np.full(trees, -np.inf),
        )
        considered = considered_visits(min(algorithm.halving, game.moves), simulations)
        self._constants = algorithm.constants._replace(considered=considered)
        self._compiled = assemble(
            explore,
            explore_all,
            begin_all,
            back_up,
            begin=game.begin,
            select_root=algorithm.select_root,
            select=algorithm.select,
            record=algorithm.record,
            play=game.play,
            ended=game.ended,
            options=game.options,
            any_move=game.any_move,
        )
        self.begin()

    def begin(self) -> None:
        """Clear all trees, which begin anew; what was found stays."""
        self._compiled.begin_all(self.tree, self.found.states)

    def search(self, trees: Ints) -> None:
        """The simulations of one move in each of ``trees`` (t,)."""
        tree = self.tree
        if self.algorithm.halving:
            tree.noise[trees] = self.rng.gumbel(size=(trees.size, tree.noise.shape[1]))
        self._compiled.explore_all(tree, trees, self.found, self.simulations, self.roll_out, self._constants)

    def run(self) -> None:
        """Plan every tree to its end, a move at a time."""
        trees = np.arange(self.found.returns.size)
        while trees.size:
            self.search(trees)
            trees = trees[[self._commit(int(b)) for b in trees]]

    def _commit(self, b: int) -> bool:
        """Commit to a move in tree ``b``; whether there is more to plan."""
        if self.tree.unsolved[self.tree.root[b]] == 0:
            return False
        root = advance(self.tree, b, self.algorithm.commit(self.tree, b, self._constants))
        return bool(self.tree.state[root] != ENDED)
