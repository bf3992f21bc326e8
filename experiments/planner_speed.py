"""How fast planners search: ours, node objects that copy the environment, and what others have published.

``figures()`` is listed by ``python -m experiments.speed``; rivals are measured where the extra ``bench`` is installed.
All run the same small game (``TURNS`` moves of ``MOVES`` kinds, the reward of each hangs on the one before),
interleaved in one process, by the process's own time, the best of some repeats.  The game's prior is a table.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import util
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from agents.compose import draw as draw_notes
from agents.named import named
from mcts.algorithms import GUMBEL, PUCT, UCT, Algorithm
from mcts.compiled import CompiledGame, CompiledSearch, draw
from mcts.evaluation import EVALUATIONS
from mcts.game import Incumbents, Ints
from mcts.melodies import Melodies
from mcts.search import OutOfTimeError, Search
from musicenv.jit import inlined

TURNS: Final = 32
MOVES: Final = 38
_REWARDS: Final = np.random.default_rng(0).random((MOVES, MOVES)) / TURNS
_PRIOR: Final = (np.exp(_REWARDS * TURNS) / np.exp(_REWARDS * TURNS).sum(axis=1, keepdims=True)).astype(np.float32)
_ORDER: Final = np.argsort(-_PRIOR, axis=1, kind="stable").astype(np.int32)
_SORTED: Final = np.take_along_axis(_PRIOR, _ORDER, axis=1)
"""Moves after each move, the likeliest first, and their probabilities."""
_MOVES: Final = _ORDER.tolist()


@inlined
def _begin(state: Ints) -> None:
    state[0], state[1] = 0, 0


@inlined
def _play(state: Ints, move: int) -> float:
    reward = _REWARDS[state[1], move]
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
        value = (_REWARDS + value).max(axis=1)
    return float(value[0])


class SmallEnv:
    """The small game as an object, for planners that copy it."""

    def __init__(self) -> None:
        self.turn, self.last = 0, 0

    def step(self, move: int) -> tuple[float, bool]:
        """Reward, and whether the game is over."""
        reward = float(_REWARDS[self.last, move])
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
            child = Node(env, node.so_far + reward, over, float(_PRIOR[node.env.last, move]), node)
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
            return (node.value - low) * unit - constants.first + factor * float(_PRIOR[node.env.last, move])
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


def rates(runs: Mapping[str, Callable[[], int]], repeats: int = 5) -> dict[str, float]:
    """How much each of ``runs`` does in a second of processor time; each returns how much it did."""
    for run in runs.values():
        run()  # compiles
    out = dict.fromkeys(runs, 0.0)
    for _ in range(repeats):
        for name, run in runs.items():
            began = time.process_time()
            done = run()
            out[name] = max(out[name], done / (time.process_time() - began))
    return out


def ours(algorithm: Algorithm, roll_out: bool, trees: int, simulations: int) -> Callable[[], int]:
    """Searches one move in each of ``trees`` trees, anew at each call: simulations made."""
    searched = CompiledSearch(SMALL, algorithm, trees, simulations, roll_out, seed=0)

    def run() -> int:
        searched.begin()
        searched.search(np.arange(trees))
        return trees * simulations

    return run


def node_objects(algorithm: Algorithm, roll_out: bool, simulations: int) -> Callable[[], int]:
    """The same with objects and copies."""

    def run() -> int:
        NodeSearch(algorithm, roll_out, seed=0).search(simulations)
        return simulations

    return run


def gumbel_mcts(games: int, simulations: int) -> Callable[[], int]:
    """PUCT of the package gumbel-mcts (0.2), its model a table."""
    from gumbel_mcts import PUCT as THEIRS
    from numba import njit

    @njit
    def step_board(board: Any, action: int, player: int) -> Any:
        after = board.copy()
        after[0] += 1
        after[1] = action
        return _REWARDS[board[1], action], 0, after[0] == TURNS, after

    @njit
    def all_moves(board: Any, player: int) -> Any:
        return np.ones(MOVES, dtype=np.float32)

    class Logic:
        NUM_ACTIONS, BOARD_SHAPE, MAX_MOVES, MAX_LEGAL_MOVES, PLAYER_1, PLAYER_2 = MOVES, (2,), TURNS, MOVES, 1, 2
        BOARD_DTYPE = np.int64
        fast_step = staticmethod(step_board)
        get_valid_mask = staticmethod(all_moves)

    policy, value = torch.from_numpy(_PRIOR), torch.from_numpy(_REWARDS.mean(axis=1).astype(np.float32))

    class Model:
        logic = Logic

        def forward_for_mcts(self, batch: Any) -> Any:
            last = batch["boards"][:, 1].long()
            return {"policy": policy[last], "value": value[last]}

    search = THEIRS(games, games * (simulations + 2) + 1, Logic, device="cpu")
    active, boards, players = list(range(games)), np.zeros((games, 2), dtype=np.int64), np.ones(games, dtype=np.int8)

    def run() -> int:
        search.reset()
        search.initialize_roots(active, boards, players)
        search.run_simulation_batch(Model(), active, simulations)
        return games * simulations

    return run


def mctx_policy(name: str, trees: int, simulations: int) -> Callable[[], int]:
    """``muzero_policy`` or ``gumbel_muzero_policy`` of mctx, compiled by JAX for the CPU."""
    import jax
    import jax.numpy as jnp
    import mctx

    rewards, logits = jnp.asarray(_REWARDS, jnp.float32), jnp.log(jnp.asarray(_PRIOR))

    def step(params: Any, key: Any, action: Any, embedding: Any) -> Any:
        turn, last = embedding
        over = turn >= TURNS
        output = mctx.RecurrentFnOutput(
            reward=jnp.where(over, 0.0, rewards[last, action]),
            discount=jnp.where(turn + 1 >= TURNS, 0.0, 1.0),
            prior_logits=logits[action],
            value=jnp.zeros(trees),
        )
        return output, (turn + 1, action)

    def search(key: Any) -> Any:
        nothing = jnp.zeros(trees, jnp.int32)
        root = mctx.RootFnOutput(prior_logits=logits[nothing], value=jnp.zeros(trees), embedding=(nothing, nothing))
        policy = getattr(mctx, name)
        return policy(params=(), rng_key=key, root=root, recurrent_fn=step, num_simulations=simulations).action

    searching = jax.jit(search)

    def run() -> int:
        searching(jax.random.PRNGKey(0)).block_until_ready()
        return trees * simulations

    return run


def without_network(simulations: int = 1000) -> dict[str, float]:
    """Simulations a second: ours, node objects, and the rivals that are installed."""
    runs = {
        "UCT and rollouts": ours(UCT, True, 8, simulations),
        "UCT and rollouts, node objects": node_objects(UCT, True, 300),
        "PUCT": ours(PUCT, False, 64, 64),
        "PUCT, node objects": node_objects(PUCT, False, 300),
    }
    if util.find_spec("gumbel_mcts"):
        runs |= {f"PUCT, gumbel-mcts at {games}": gumbel_mcts(games, 64) for games in (64, 256, 1024)}
    if util.find_spec("mctx"):
        for name in ("muzero_policy", "gumbel_muzero_policy"):
            runs[f"mctx {name}, 64 x 64"] = mctx_policy(name, 64, 64)
    return rates(runs)


def with_prior(trees: int, notes: int = 4000) -> dict[str, float]:
    """Notes that the prior hears in a second: alone, and in searches of ``trees`` melodies under the default rules."""
    found = named("prior")
    game = Melodies(found.batch(trees), found.agent)
    batch = found.batch(trees)
    generators = [np.random.default_rng(0)] * trees
    batch.reset(generators)
    for _ in range(16):  # into the piece, where its inputs are no zeros
        batch.advance(draw_notes(found.agent(batch), generators[0]), generators)
    rows = np.arange(trees)

    def bare() -> int:
        for _ in range(notes // trees):
            batch.listen(rows)
        return notes // trees * trees

    def search() -> int:
        before = game.heard

        def watch() -> None:
            if game.heard - before >= notes:
                raise OutOfTimeError

        incumbents, rng = Incumbents(game, trees), np.random.default_rng(0)
        game.begin(rng)
        game.reserve(2 * trees)
        game.store(rows, incumbents.beginnings)
        with suppress(OutOfTimeError):
            Search(game, incumbents, GUMBEL, EVALUATIONS["sampled"], 32, 16, 1, rng).run(watch)
        return game.heard - before

    return rates({"bare": bare, "search": search})


def figures() -> list[tuple[str, float, str]]:
    """What is measured, how much, and its unit."""
    torch.set_num_threads(1)
    found = without_network()
    out = [(f"tree search, no network: {name}", rate, "simulations/s") for name, rate in found.items()]
    for name in ("UCT and rollouts", "PUCT"):
        out.append((f"{name} to node objects", found[name] / found[f"{name}, node objects"], "x"))
    for rival in ("gumbel-mcts", "mctx"):
        if theirs := [rate for name, rate in found.items() if rival in name]:
            out.append((f"PUCT to {rival} at its best", found["PUCT"] / max(theirs), "x"))
    for trees in (1, 4, 16, 64):
        rate = with_prior(trees)
        out.append((f"search with the prior, {trees} trees", rate["search"], "notes heard/s"))
        out.append((f"search with the prior, {trees} trees, to the prior alone", rate["search"] / rate["bare"], "x"))
    return out


if __name__ == "__main__":
    for name, figure, unit in figures():
        print(f"{name:60} {figure:14,.2f} {unit}")
