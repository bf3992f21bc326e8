"""How fast trees are searched without a network: ours, node objects that copy the environment, and what others publish.

All run the same small game, whose prior is a table.  Rivals are measured where the extra ``bench`` is installed.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import util
from typing import Any

import numpy as np
import torch

from experiments.small_game import MOVES, PRIOR, REWARDS, SMALL, TURNS, NodeSearch
from experiments.speed_figures import Figure, Preset
from experiments.timing import rates
from mcts.algorithms import PUCT, UCT, Algorithm
from mcts.compiled import CompiledSearch
from mcts.tree import bytes_per_node, new_tree


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
        return REWARDS[board[1], action], 0, after[0] == TURNS, after

    @njit
    def all_moves(board: Any, player: int) -> Any:
        return np.ones(MOVES, dtype=np.float32)

    class Logic:
        NUM_ACTIONS, BOARD_SHAPE, MAX_MOVES, MAX_LEGAL_MOVES, PLAYER_1, PLAYER_2 = MOVES, (2,), TURNS, MOVES, 1, 2
        BOARD_DTYPE = np.int64
        fast_step = staticmethod(step_board)
        get_valid_mask = staticmethod(all_moves)

    policy, value = torch.from_numpy(PRIOR), torch.from_numpy(REWARDS.mean(axis=1).astype(np.float32))

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

    rewards, logits = jnp.asarray(REWARDS, jnp.float32), jnp.log(jnp.asarray(PRIOR))

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


def without_network(repeats: int, simulations: int = 1000) -> dict[str, float]:
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
    return rates(runs, repeats)


def measure(preset: Preset, seed: int) -> list[Figure]:
    """Ratios first, then how many simulations each makes in a second."""
    found = without_network(preset.slices)
    out = [
        Figure(f"{name} / node objects", found[name] / found[f"{name}, node objects"], "", goal)
        for name, goal in (("PUCT", 700.0), ("UCT and rollouts", None))
    ]
    for rival, goal in (("gumbel-mcts", 5.0), ("mctx", 50.0)):
        if theirs := [rate for name, rate in found.items() if rival in name]:
            out.append(Figure(f"PUCT / {rival} at its best", found["PUCT"] / max(theirs), "", goal))
    goals = {"UCT and rollouts": 2e6}
    out += [Figure(name, rate, "simulations/s", goals.get(name)) for name, rate in found.items()]
    return [*out, Figure("a node of 16 children", bytes_per_node(new_tree(1, 100, 16)), "B")]
