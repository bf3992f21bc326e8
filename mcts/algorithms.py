"""What makes a search UCT, PUCT or Gumbel: how it selects, records and commits.  Each is a few compiled functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from mcts.assembly import assemble
from mcts.simulation import back_up, back_up_all, choose_opened, descend, descend_all
from mcts.tree import NONE, Tree, least, unit
from musicenv.jit import inlined
from musicenv.reference import on_stack

_ZERO: Final = np.float32(0.0)
_ONE: Final = np.float32(1.0)
_LOWEST: Final = np.float32(-np.inf)
_HIGHEST: Final = np.float32(3e38)
_FIRST, _EIGHT = np.uint64(0), np.uint64(8)
"""Indices that can't be negative: numba asks of the others whether they count from the end."""


class Constants(NamedTuple):
    """Numbers that the compiled functions read; returns are scaled to 0..1 first."""

    exploration: float = 1.25
    """c of UCT and PUCT."""
    mix: float = 0.0
    """An edge is worth its mean return + mix * (highest - mean): 0 is mean backup, 1 is max backup."""
    first: float = 0.1
    """How much less than its parent's mean an unvisited child is expected to be worth."""
    visits: float = 50.0
    scale: float = 0.1
    """c_visit and c_scale of Gumbel's sigma(q) = (c_visit + most visits) c_scale q."""
    considered: npt.NDArray[np.int64] = np.zeros(1, np.int64)
    """(S,) Gumbel: visits that a child of the root must have to be chosen at each simulation of a note."""


@inlined
def worth(tree: Tree, b: int, node: int, slot: int, constants: Constants) -> float:
    """Of a visited edge, in 0..1."""
    value = tree.mean[node, slot] + constants.mix * (tree.best[node, slot] - tree.mean[node, slot])
    return float((value - least(tree, b)) * unit(tree, b))


@inlined
def in_question(tree: Tree, node: int) -> np.uint64:
    """How many children selection has to look at: those reached, the next one, and up to a multiple of eight.

    Of those never gone to the first is the likeliest, and but for their probabilities they are alike.
    """
    return np.uint64(min((tree.reach[node] + 8) & ~7, tree.visits.shape[1]))


@inlined
def highest(scores: npt.NDArray[np.float32]) -> np.float32:
    """Of eight ``scores``."""
    left = max(max(scores[0], scores[1]), max(scores[2], scores[3]))
    right = max(max(scores[4], scores[5]), max(scores[6], scores[7]))
    return max(left, right)


@inlined
def place_of(score: np.float32, scores: npt.NDArray[np.float32]) -> int:
    """Where among ``scores`` the first such one stands."""
    k = 0
    while scores[k] != score:
        k += 1
    return k


@inlined
def puct(tree: Tree, b: int, node: int, constants: Constants) -> int:
    """argmax Q + c P sqrt(N) / (1 + n) (Silver et al. 2017); an unvisited child is worth its parent less ``first``."""
    low, by, mix = np.float32(least(tree, b)), np.float32(unit(tree, b)), np.float32(constants.mix)
    unvisited = np.float32((tree.value[node] - low) * by - constants.first)
    factor = np.float32(constants.exploration * np.sqrt(max(tree.total[node], 1)))
    visits, mean, best = tree.visits[node], tree.mean[node], tree.best[node]
    prior, solved, scores = tree.prior[node], tree.solved[node], on_stack()
    chosen, top = NONE, _LOWEST
    for block in range(_FIRST, in_question(tree, node), _EIGHT):
        for j in range(_EIGHT):  # without branches: the eight run in one vector register
            k = block + j
            n = np.float32(visits[k])
            q = (mean[k] + mix * (best[k] - mean[k]) - low) * by
            score = (q if n > _ZERO else unvisited) + factor * prior[k] / (n + _ONE)
            scores[j] = _LOWEST if solved[k] else score
        if highest(scores) > top:
            top = highest(scores)
            chosen = int(block) + place_of(top, scores)
    return chosen


@inlined
def uct(tree: Tree, b: int, node: int, constants: Constants) -> int:
    """argmax Q + c sqrt(ln N / n), unvisited children first (Kocsis and Szepesvari 2006)."""
    low, by, mix = np.float32(least(tree, b)), np.float32(unit(tree, b)), np.float32(constants.mix)
    factor = np.float32(constants.exploration * np.sqrt(np.log(max(tree.total[node], 1))))
    visits, mean, best = tree.visits[node], tree.mean[node], tree.best[node]
    solved, scores = tree.solved[node], on_stack()
    chosen, top = NONE, _LOWEST
    for block in range(_FIRST, in_question(tree, node), _EIGHT):
        for j in range(_EIGHT):
            k = block + j
            n = np.float32(visits[k])
            q = (mean[k] + mix * (best[k] - mean[k]) - low) * by
            score = (q if n > _ZERO else _HIGHEST) + factor / np.sqrt(max(n, _ONE))
            scores[j] = _LOWEST if solved[k] else score
        if highest(scores) > top:
            top = highest(scores)
            chosen = int(block) + place_of(top, scores)
    return chosen


@inlined
def _gains(tree: Tree, b: int, node: int, constants: Constants) -> npt.NDArray[np.float64]:
    """(K,) log P + sigma(completed q) of Gumbel MuZero (Danihelka et al. 2022, equations 8 and 10)."""
    width = tree.width[node]
    most, seen, weighted = 0, 0.0, 0.0
    for k in range(width):
        n = tree.visits[node, k]
        if n > 0:
            most = max(most, n)
            seen += tree.prior[node, k]
            weighted += tree.prior[node, k] * worth(tree, b, node, k, constants)
    own = (tree.value[node] - least(tree, b)) * unit(tree, b)
    count = tree.total[node]
    mixed = own if seen == 0.0 else (own + count * weighted / seen) / (1 + count)
    gains = np.empty(width)
    for k in range(width):
        q = worth(tree, b, node, k, constants) if tree.visits[node, k] > 0 else mixed
        gains[k] = np.log(max(tree.prior[node, k], 1e-30)) + (constants.visits + most) * constants.scale * q
    return gains


@inlined
def gumbel(tree: Tree, b: int, node: int, constants: Constants) -> int:
    """argmax of the improved policy less the share of visits (Danihelka et al. 2022, equation 14)."""
    gains = _gains(tree, b, node, constants)
    top, total = gains.max(), 0.0
    for k in range(gains.size):
        gains[k] = np.exp(gains[k] - top)
        total += gains[k]
    chosen, highest_yet = NONE, -np.inf
    for k in range(gains.size):
        score = gains[k] / total - tree.visits[node, k] / (1.0 + tree.total[node])
        if score > highest_yet and not tree.solved[node, k]:
            chosen, highest_yet = k, score
    return chosen


@inlined
def gumbel_root(tree: Tree, b: int, node: int, constants: Constants) -> int:
    """Sequential halving: the best by noise, prior and value of those that have as many visits as are due now."""
    gains = _gains(tree, b, node, constants)
    done = 0
    for k in range(gains.size):
        done += tree.visits[node, k] - tree.carried[b, k]
    due = constants.considered[min(done, constants.considered.size - 1)]
    chosen, top, met = NONE, -np.inf, False
    for k in range(gains.size):
        if tree.solved[node, k]:
            continue
        meets = tree.visits[node, k] - tree.carried[b, k] == due
        score = gains[k] + tree.noise[b, k]
        if (meets and not met) or (meets == met and score > top):
            chosen, top, met = k, score, meets
    return chosen


@inlined
def average(tree: Tree, node: int, slot: int, child: int, whole: float) -> float:
    """Mean and highest return of an edge, and the mean of its node; ``Constants.mix`` says how much each counts."""
    n = tree.visits[node, slot] + 1
    tree.visits[node, slot] = n
    if n == 1:
        tree.mean[node, slot] = tree.best[node, slot] = whole
    else:
        tree.mean[node, slot] += np.float32((whole - tree.mean[node, slot]) / n)
        tree.best[node, slot] = max(tree.best[node, slot], whole)
    tree.total[node] += 1
    tree.value[node] += np.float32((whole - tree.value[node]) / (tree.total[node] + 1))
    return whole


@inlined
def most_visited(tree: Tree, b: int, constants: Constants) -> int:
    """The child of the root with most visits, unless one that is solved holds a better piece than any seen there."""
    return _committed(tree, b, tree.visits[tree.root[b]].astype(np.float64))


@inlined
def most_promising(tree: Tree, b: int, constants: Constants) -> int:
    """Of the root's most visited children (since it is the root) the best by noise, prior and value."""
    root = tree.root[b]
    gains = _gains(tree, b, root, constants)
    rank = np.zeros(tree.visits.shape[1])
    for k in range(gains.size):
        rank[k] = 1e9 * (tree.visits[root, k] - tree.carried[b, k]) + gains[k] + tree.noise[b, k]
    return _committed(tree, b, rank)


@inlined
def _committed(tree: Tree, b: int, rank: npt.NDArray[np.float64]) -> int:
    root = tree.root[b]
    chosen = NONE
    for k in range(tree.width[root]):
        if tree.child[root, k] != NONE and not tree.solved[root, k] and (chosen == NONE or rank[k] > rank[chosen]):
            chosen = k
    for k in range(tree.width[root]):
        if tree.solved[root, k] and (chosen == NONE or tree.best[root, k] > tree.best[root, chosen]):
            chosen = k
    return chosen


def considered_visits(actions: int, simulations: int) -> npt.NDArray[np.int64]:
    """(S,) visits that are due at each simulation of sequential halving over ``actions`` (Karnin et al. 2013)."""
    if actions <= 1:
        return np.arange(simulations, dtype=np.int64)
    out: list[int] = []
    rounds = int(np.ceil(np.log2(actions)))
    visits, left = 0, actions
    while len(out) < simulations:
        extra = max(1, int(simulations / (rounds * left)))
        for _ in range(extra):
            out += [visits] * left
            visits += 1
        left = max(2, left // 2)
    return np.array(out[:simulations], dtype=np.int64)


@dataclass(frozen=True)
class Algorithm:
    """How a tree is searched: compiled functions and their constants."""

    select_root: Callable[..., int]
    select: Callable[..., int]
    record: Callable[..., float] = average
    commit: Callable[..., int] = most_visited
    constants: Constants = field(default_factory=Constants)
    halving: int = 0
    """Children of the root that sequential halving begins with, chosen with Gumbel noise; 0: no noise."""

    def assembled(self) -> Any:
        """Module with this algorithm's ``descend``, ``back_up`` and what calls them."""
        holes = {"select_root": self.select_root, "select": self.select, "record": self.record}
        return assemble(descend, descend_all, choose_opened, back_up, back_up_all, **holes)


UCT: Final = Algorithm(uct, uct, constants=Constants(exploration=0.7))
PUCT: Final = Algorithm(puct, puct)
GUMBEL: Final = Algorithm(gumbel_root, gumbel, commit=most_promising, constants=Constants(scale=0.03), halving=16)
ALGORITHMS: Final = {
    "puct": PUCT,
    "puct-max": Algorithm(puct, puct, constants=Constants(mix=1.0)),
    "puct-mixed": Algorithm(puct, puct, constants=Constants(mix=0.5)),
    "gumbel": GUMBEL,
    "uct": UCT,
}
"""Searches by name."""
