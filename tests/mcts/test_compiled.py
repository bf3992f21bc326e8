"""A whole search in one compiled call: move for move what node objects do, and at the optimum of a small game."""

import numpy as np
import pytest

from experiments.small_game import MOVES, SMALL, NodeSearch, optimum
from experiments.speed_planners import ours
from mcts.algorithms import GUMBEL, PUCT, UCT
from mcts.compiled import CompiledGame, CompiledSearch
from mcts.tree import bytes_per_node
from musicenv.jit import inlined

TABLE = np.random.default_rng(1).random((6, 4))


@inlined
def begin(state):
    state[:] = 0


@inlined
def play(state, move):
    state[0] += 1
    reward = TABLE[state[0] - 1, move] if move != state[1] else 0.0
    state[1] = move
    return reward


@inlined
def ended(state):
    return state[0] == 6


@inlined
def options(state, moves, probabilities):
    for move in range(4):
        moves[move], probabilities[move] = move, 0.25
    return 4


@inlined
def any_move(state, random):
    return (state[0] + state[1]) % 4


TINY = CompiledGame(2, 4, begin, play, ended, options, any_move)


def best_of_tiny(turn=0, last=0):
    if turn == 6:
        return 0.0
    return max((TABLE[turn, a] if a != last else 0.0) + best_of_tiny(turn + 1, a) for a in range(4))


@pytest.mark.parametrize("algorithm", [PUCT, UCT], ids=["puct", "uct"])
def test_the_compiled_search_makes_the_visits_of_node_objects(algorithm):
    slow = NodeSearch(algorithm, roll_out=False, seed=0)
    slow.search(400)
    fast = CompiledSearch(SMALL, algorithm, 1, 400, roll_out=False, seed=0)
    fast.search(np.arange(1))
    expected = [slow.root.children[move].visits if move in slow.root.children else 0 for move in range(MOVES)]
    root = fast.tree.root[0]
    made = dict(zip(fast.tree.action[root, :MOVES].tolist(), fast.tree.visits[root, :MOVES].tolist(), strict=True))
    assert [made[move] for move in range(MOVES)] == expected


@pytest.mark.parametrize("algorithm", [PUCT, UCT, GUMBEL], ids=["puct", "uct", "gumbel"])
@pytest.mark.parametrize("roll_out", [False, True])
def test_a_tiny_game_is_solved(algorithm, roll_out):
    search = CompiledSearch(TINY, algorithm, 2, 6000, roll_out, seed=0)
    search.run()
    assert search.found.returns == pytest.approx([best_of_tiny()] * 2, abs=1e-6)


def test_random_playouts_repeat_with_their_seed_and_stay_below_the_optimum():
    first, again, other = (CompiledSearch(SMALL, UCT, 1, 200, roll_out=True, seed=seed) for seed in (0, 0, 1))
    for search in (first, again, other):
        search.run()
    assert first.found.returns == again.found.returns
    assert first.found.returns != other.found.returns
    assert first.found.returns[0] <= optimum()
    assert ours(UCT, True, 1, 10)() == 10


def test_the_memory_of_a_node_is_stated():
    search = CompiledSearch(SMALL, PUCT, 1, 100, roll_out=False, seed=0)
    assert 48 * 25 < bytes_per_node(search.tree) < 48 * 25 + 100
