"""Planners reach known optima, never fall below what they began with, and repeat with their seed."""

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcts.algorithms import ALGORITHMS, considered_visits
from mcts.beam import Beam
from mcts.evaluation import EVALUATIONS
from mcts.game import Incumbents
from mcts.gym_game import GymGame, plan_env
from mcts.planners import PLANNERS, Budget, run
from mcts.search import OutOfTimeError, Search
from mcts.tree import CLOSED, OPEN

TREES = sorted(ALGORITHMS)
DEPTH, WIDTH = 5, 3


class Path(gym.Env):
    """``DEPTH`` moves of ``WIDTH`` kinds; the reward of each depends on it and the two before, so greed misleads."""

    action_space = gym.spaces.Discrete(WIDTH)
    observation_space = gym.spaces.Discrete(1)
    table = np.random.default_rng(3).normal(size=(DEPTH, WIDTH, WIDTH, WIDTH))

    def reset(self, *, seed=None, options=None):
        self.made = (0, 0)
        return 0, {}

    def step(self, action):
        self.made = (*self.made, int(action))
        depth = len(self.made) - 3
        return 0, float(self.table[(depth, *self.made[-3:])]), depth == DEPTH - 1, False, {}


def path_game(n=8, key=None):
    """The path, saved and restored by its moves alone."""

    def restore(env, made):
        env.made = made
        return env

    return GymGame(Path(), n, save=lambda env: env.made, restore=restore, key=key)


class Promising(GymGame):
    """Its critic expects a hundred to come, wherever it is asked."""

    def values(self, m):
        return np.full(m, 100.0)


def last_two(env):
    """All that rewards to come depend on."""
    return WIDTH * env.made[-2] + env.made[-1]


def best(made):
    """Highest sum of rewards to come after these moves."""
    depth = len(made) - 2
    if depth == DEPTH:
        return 0.0
    return max(Path.table[(depth, *made[-2:], a)] + best((*made, a)) for a in range(WIDTH))


@pytest.fixture(scope="module")
def optimum():
    return best((0, 0))


def search(name, value, simulations=400, seed=0, game=None, shared=False):
    game = game or path_game(key=last_two)
    incumbents = Incumbents(game, 1)
    rng = np.random.default_rng(seed)
    game.begin(rng)
    game.reserve(2)
    game.store(np.array([0]), incumbents.beginnings)
    planned = Search(game, incumbents, ALGORITHMS[name], EVALUATIONS[value], simulations, WIDTH, 4, rng, shared)
    planned.run()
    return planned, incumbents


@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize("value", ["sampled", "likeliest", "rules"])
def test_a_search_with_room_for_the_whole_tree_finds_its_optimum_and_stops(name, value, optimum):
    planned, incumbents = search(name, value)
    assert incumbents.returns[0] == pytest.approx(optimum)
    tree = planned.tree
    assert tree.unsolved[tree.root[0]] == 0, "all of it was seen, and nothing of it twice"
    assert tree.total[tree.root[0]] < 400


@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize("value", ["sampled", "likeliest", "rules"])
def test_shared_nodes_hold_no_position_twice_and_find_the_optimum(name, value, optimum):
    """What is to come depends on the last two moves, so that of 364 positions 40 differ."""
    planned, incumbents = search(name, value, shared=True)
    tree, root = planned.tree, planned.tree.root[0]
    assert incumbents.returns[0] == pytest.approx(optimum)
    assert tree.unsolved[root] == 0
    alive = np.flatnonzero((tree.state == OPEN) | (tree.state == CLOSED))
    assert len(set(tree.key[alive[alive != root]])) == alive.size - 1 <= 3 + 3 * 9
    assert tree.total[root] < search(name, value)[0].tree.total[0]


@pytest.mark.parametrize("value", ["sampled", "rules", "critic"])
@settings(max_examples=25, deadline=None)
@given(st.integers(1, 60), st.integers(0, 1000))
def test_a_shared_search_never_claims_more_than_its_piece_returns(value, simulations, seed):
    """Returns of incumbents are those of their moves played again, at most the optimum, and what is solved is exact."""
    game = Promising(Path(), 8, save=lambda env: env.made, restore=path_game().restore, key=last_two)
    planned, incumbents = search("puct", value, simulations, seed, game, shared=True)
    made = (0, 0, *game.moves_of(0))
    assert incumbents.returns[0] == pytest.approx(sum(Path.table[(d, *made[d : d + 3])] for d in range(DEPTH)))
    assert incumbents.returns[0] <= best((0, 0)) + 1e-9
    tree = planned.tree
    for node in np.flatnonzero(tree.state == OPEN):
        for slot in np.flatnonzero(tree.solved[node, : tree.width[node]]):
            moves = planned_moves(game, planned, node)
            first = int(tree.action[node, slot])
            exact = Path.table[(len(moves) - 2, *moves[-2:], first)] + best((*moves, first))
            assert tree.best[node, slot] - tree.so_far[node] == pytest.approx(exact, abs=1e-4)


def planned_moves(game, planned, node):
    """The moves to the position that is stored for a node."""
    return (0, 0, *game.moves_of(planned.first_row + int(node)))


@pytest.mark.parametrize("name", TREES)
def test_solved_values_are_the_optima_below_them(name):
    planned, _ = search(name, "sampled")
    tree, root = planned.tree, planned.tree.root[0]
    for slot in range(tree.width[root]):
        first = int(tree.action[root, slot])

        exact = Path.table[0, 0, 0, first] + best((0, 0, first))
        assert tree.best[root, slot] == pytest.approx(exact, abs=1e-5)


class Foreseeing(GymGame):
    """Its critic knows what is to come."""

    def values(self, m):
        return np.array([best((0, 0, *position.moves)) for position in self._places[:m]])


def beamed(game, width, **options):
    incumbents = Incumbents(game, 1)
    game.begin(np.random.default_rng(0))
    game.store(np.array([0]), incumbents.beginnings)
    Beam(game, incumbents, width, WIDTH, **options).run()
    return incumbents.returns[0]


def test_a_beam_that_knows_what_is_to_come_needs_no_width(optimum):
    game = Foreseeing(Path(), 8, save=lambda env: env.made, restore=path_game().restore)
    assert beamed(game, 1, critic=True) == pytest.approx(optimum)
    assert beamed(game, 1) < optimum


def test_a_beam_that_keeps_each_position_once_is_exact_where_it_has_room_for_all(optimum):
    assert beamed(path_game(key=last_two), WIDTH**2, shared=True) == pytest.approx(optimum)


def test_statistics_add_up():
    """In every node the visits of a child are one for its own evaluation and those of its children."""
    for value in ("sampled", "rules"):
        planned, _ = search("puct", value, simulations=60)
        tree = planned.tree
        for node in np.flatnonzero(tree.width):
            if tree.state[node] == 0:
                continue
            width = tree.width[node]
            assert tree.visits[node, :width].sum() == tree.total[node]
            assert tree.prior[node, :width].sum() == pytest.approx(1.0)
            assert (tree.best[node, :width] >= tree.mean[node, :width] - 1e-5)[tree.visits[node, :width] > 0].all()
            for slot in range(width):
                child = tree.child[node, slot]
                if child >= 0:
                    assert tree.visits[node, slot] == 1 + (tree.total[child] if tree.width[child] else 0)


def test_frozen_lake_is_crossed():
    game = GymGame(gym.make("FrozenLake-v1", is_slippery=False), n=8, seed=0)
    found = plan_env(game, "uct", Budget(simulations=30))
    assert found.total == 1.0
    env = gym.make("FrozenLake-v1", is_slippery=False)
    env.reset(seed=0)
    assert sum(env.step(move)[1] for move in found.moves) == 1.0


@pytest.mark.parametrize("name", sorted(PLANNERS.keys() - {"value-beam"}))
def test_a_planner_repeats_with_its_seed(name):
    first, again = (plan_env(path_game(), name, Budget(simulations=16), seed=5) for _ in range(2))
    assert first == again
    assert len(first.moves) == DEPTH


@pytest.mark.parametrize("name", [*TREES, "mcts", "nrpa", "regenerate"])
def test_a_plan_is_never_below_greedy_or_beam(name):
    seeds = ("greedy",) if name == "regenerate" else ("greedy", "beam")
    for simulations in (1, 4, 24):
        budget = Budget(simulations=simulations)
        least = max(plan_env(path_game(), other, budget).total for other in seeds)
        assert plan_env(path_game(), name, budget).total >= least


def test_stopped_at_any_time_the_best_so_far_is_handed_over():
    budget = Budget(simulations=64)
    whole = plan_env(path_game(), "puct", budget).total
    totals = []
    for rounds in (1, 5, 1000):
        game = path_game()
        incumbents = Incumbents(game, 1)
        seen = []

        def stop_after(_, seen=seen, rounds=rounds):
            seen.append(0)
            if len(seen) == rounds:
                raise KeyboardInterrupt

        run(PLANNERS["puct"], game, incumbents, budget, np.random.default_rng(0), said=stop_after)
        totals.append(incumbents.returns[0])
        assert len(game.moves_of(0)) == DEPTH
    assert totals == sorted(totals)
    assert totals[-1] == whole


def test_time_that_is_over_stops_a_search():
    game = path_game()
    incumbents = Incumbents(game, 1)
    run(PLANNERS["puct"], game, incumbents, Budget(simulations=4, seconds=0.0), np.random.default_rng(0), until=0.0)
    assert incumbents.returns[0] > -np.inf
    assert issubclass(OutOfTimeError, Exception)


def test_sequential_halving_gives_the_best_half_twice_the_visits():
    due = considered_visits(4, 16)
    assert due.tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def test_a_game_without_places_for_all_trees_says_so():
    game = path_game(n=2)
    with pytest.raises(ValueError, match="1 trees of 4 leaves need 4 places; the game has 2"):
        search("puct", "sampled", game=game)
    with pytest.raises(ValueError, match="planning needs discrete actions"):
        GymGame(gym.make("Pendulum-v1"))


@pytest.mark.parametrize("name", ["gumbel", "puct"])
def test_a_search_tells_what_it_decides_and_what_the_decided_piece_returns(name):
    """Of three trees side by side the decided moves, played again, are worth what the search says."""
    game = path_game(6)
    incumbents = Incumbents(game, 3)
    rng = np.random.default_rng(1)
    game.begin(rng)
    game.reserve(6)
    game.store(np.arange(3), incumbents.beginnings)
    planned = Search(game, incumbents, ALGORITHMS[name], EVALUATIONS["sampled"], 6, WIDTH, 2, rng)
    made = [[0, 0] for _ in range(3)]

    def decide(trees, slots):
        assert (planned.look(trees) == np.float32(np.log(1 / WIDTH))).all()
        roots = planned.tree.root[trees]
        assert (planned.tree.visits[roots, slots] > 0).all()
        for b, move in zip(trees, planned.tree.action[roots, slots], strict=True):
            made[b].append(int(move))

    planned.run(decide=decide)

    for moves, whole in zip(made, planned.played(), strict=True):
        so_far = sum(Path.table[(d, *moves[d : d + 3])] for d in range(len(moves) - 2))
        assert whole == pytest.approx(so_far + best(tuple(moves)), abs=1e-5), "solved ends are played best"


def test_what_is_solved_is_exact_whatever_a_critic_promised(optimum):
    game = Promising(Path(), 8, save=lambda env: env.made, restore=path_game().restore)
    planned, incumbents = search("puct", "critic", game=game)
    tree, root = planned.tree, planned.tree.root[0]
    assert tree.unsolved[root] == 0
    assert tree.best[root, :WIDTH].max() == pytest.approx(optimum, abs=1e-5)
    assert planned.played()[0] == pytest.approx(incumbents.returns[0], abs=1e-5)
