"""A simulation in a tree: the way down to a new leaf, and its return backed up on the same way.

``descend`` and ``back_up`` call ``select_root``, ``select`` and ``record``, which ``mcts.assembly`` puts in
their place: they make an algorithm (``mcts.algorithms``).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mcts.tree import CLOSED, IN_FLIGHT, NONE, OPEN, TOLERANCE, Ints, Tree, exact, gain, is_known, least, take
from musicenv.jit import inlined


@inlined
def select_root(tree: Tree, b: int, node: int, constants: Ints) -> int:
    """Replaced by an algorithm's: the child of the root to go to, NONE where all are solved."""
    return NONE


@inlined
def select(tree: Tree, b: int, node: int, constants: Ints) -> int:
    """Replaced by an algorithm's: the child to go to."""
    return NONE


@inlined
def record(tree: Tree, node: int, slot: int, child: int, whole: float) -> float:
    """Replaced by an algorithm's: what a return of ``child`` makes of the edge to it and of ``node``; the return as
    ``node`` counts it."""
    return whole


@inlined
def hold(tree: Tree, flight: int, by: int, low: float) -> None:
    """Count (``by`` = 1) or forget (-1) a simulation under way.

    Unobserved samples count in the visits alone (Liu et al. 2020, WU-UCT); an edge with nothing else reads ``low``.
    """
    for d in range(tree.depth[flight]):
        node, slot = tree.path[flight, d], tree.taken[flight, d]
        if tree.visits[node, slot] == 0:
            tree.mean[node, slot] = tree.best[node, slot] = low
        tree.visits[node, slot] += by
        tree.total[node] += by


@inlined
def settle(tree: Tree, node: int, slot: int, value: float) -> bool:
    """Child ``slot`` of ``node`` is worth ``value`` at best, which is exact; whether ``node`` is known with that."""
    if not tree.solved[node, slot]:
        tree.solved[node, slot] = True
        tree.unsolved[node] -= 1
        tree.best[node, slot] = value  # where a critic had promised more
    return bool(tree.unsolved[node] == 0)


@inlined
def settle_all(tree: Tree, flight: int, child: int) -> None:
    """Let the path of a simulation hear that ``child``, which it came to, ``is_known``."""
    for d in range(tree.depth[flight] - 1, -1, -1):
        node, slot = tree.path[flight, d], tree.taken[flight, d]
        if not settle(tree, node, slot, exact(tree, child) + gain(tree, node, slot, child)):
            break
        child = node


def descend(
    tree: Tree, b: int, first: int, leaves: int, constants: Ints, nodes: Ints, slots: Ints, children: Ints
) -> int:
    """Choose up to ``leaves`` new leaves of tree ``b``, by simulations ``first``, ``first`` + 1, ...: their number.

    Written into the first places of nodes, slots and children (leaves,): the node, which child of it, and the child,
    taken but not stepped yet.  A slot of NONE says that the node is CLOSED: it has to be opened and asked again.  Where
    nodes are shared, a child may be no new one, but one that this edge comes to by a better way than it knew.
    """
    found = 0
    room = tree.spares[b]
    low = least(tree, b)
    while found < min(leaves, room):
        flight, node, better = first + found, tree.root[b], False
        slot, child = NONE, node
        tree.depth[flight] = 0
        while child != NONE and tree.state[child] == OPEN and not better:
            node = child
            slot = select_root(tree, b, node, constants) if node == tree.root[b] else select(tree, b, node, constants)
            if slot == NONE:  # the root is solved
                return found
            child = tree.child[node, slot]
            tree.path[flight, tree.depth[flight]], tree.taken[flight, tree.depth[flight]] = node, slot
            tree.depth[flight] += 1
            if tree.key.size and child != NONE and tree.state[child] != IN_FLIGHT:
                better = gain(tree, node, slot, child) > TOLERANCE
                if is_known(tree, child):  # from where another path came
                    settle_all(tree, flight, child)
                    slot, child, better, tree.depth[flight] = NONE, tree.root[b], False, 0
        if child == NONE:
            child = take(tree, b, node, slot)
        elif tree.state[child] == CLOSED and not better:
            tree.state[child] = IN_FLIGHT
            node, slot = child, NONE
        elif not better:  # it leads to a leaf that is under way already
            return found
        hold(tree, flight, 1, low)
        nodes[found], slots[found], children[found] = node, slot, child
        found += 1
    return found


def descend_all(
    tree: Tree,
    trees: Ints,
    leaves: Ints,
    constants: Ints,
    owners: Ints,
    nodes: Ints,
    slots: Ints,
    children: Ints,
) -> int:
    """``descend`` in each of ``trees`` (t,) for up to ``leaves`` (t,), ``owners`` says for whom: how many leaves."""
    count = 0
    for t in range(trees.size):
        b = trees[t]
        found = descend(tree, b, count, leaves[t], constants, nodes[count:], slots[count:], children[count:])
        owners[count : count + found] = b
        count += found
    return count


def choose_opened(tree: Tree, owners: Ints, constants: Ints, nodes: Ints, slots: Ints, children: Ints) -> None:
    """Fill in slots and children (r,) where ``descend`` had found ``nodes`` closed, which are open now.

    A child of NONE says that there was no room; its simulation is forgotten.
    """
    for r in range(nodes.size):
        if slots[r] != NONE:
            continue
        b, node = owners[r], nodes[r]
        if tree.spares[b] == 0:
            children[r] = NONE
            hold(tree, r, -1, 0.0)
            continue
        slot = select_root(tree, b, node, constants) if node == tree.root[b] else select(tree, b, node, constants)
        children[r] = take(tree, b, node, slot)
        slots[r] = slot
        tree.path[r, tree.depth[r]], tree.taken[r, tree.depth[r]] = node, slot
        tree.depth[r] += 1
        tree.mean[node, slot] = tree.best[node, slot] = least(tree, b)
        tree.visits[node, slot] += 1
        tree.total[node] += 1


def back_up(tree: Tree, b: int, flight: int, leaf: int, whole: float) -> None:
    """Record the return ``whole`` of a piece through ``leaf`` on the path of a simulation; what is known of the leaf
    solves what it completes."""
    solved, value, child = is_known(tree, leaf), 0.0, leaf
    for d in range(tree.depth[flight] - 1, -1, -1):
        node, slot = tree.path[flight, d], tree.taken[flight, d]
        whole = record(tree, node, slot, child, whole)
        if solved:
            value = exact(tree, child) + gain(tree, node, slot, child)
            solved = settle(tree, node, slot, value)
        child = node
    tree.low[b] = min(tree.low[b], whole)
    tree.high[b] = max(tree.high[b], whole)


def back_up_all(tree: Tree, flights: Ints, owners: Ints, leaves: Ints, wholes: npt.NDArray[np.float64]) -> None:
    """Forget that the simulations ``flights`` (r,) to ``leaves`` (r,) are under way, and record their returns."""
    for r in range(leaves.size):
        hold(tree, flights[r], -1, 0.0)
    for r in range(leaves.size):
        back_up(tree, owners[r], flights[r], leaves[r], wholes[r])
