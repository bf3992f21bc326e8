"""Positions that have the same future share a node: the tree becomes a graph without cycles.

A node's statistics are returns of pieces that come to it by the best way known, whose rewards are its ``so_far`` and
whose position is stored; by another way as much less is returned as ``tree.gain`` says.  So what is shared is the value
of what is to come.  An edge has visits of its own, but its mean is the node's, whoever visited it; and a node's value
is the mean of its own evaluation and of its edges, by their visits.  Backing up refreshes both along the simulation's
own path; other parents hear of it when they are visited next.

Sources: Childs, Brodeur and Kocsis 2008, Transpositions and move groups in Monte Carlo tree search (UCT2); Czech, Korus
and Kersting 2021, Improving AlphaZero using Monte-Carlo graph search; lightvector/KataGo, docs/GraphSearch.md.  What
they do not need: rewards on the way, so that a better way to a node is a find.  An edge that comes to its child better
than the child knows is stepped again as soon as a simulation meets it, and the child takes over the better position.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mcts.tree import CLOSED, ENDED, FREE, IN_FLIGHT, NONE, OPEN, TOLERANCE, Ints, Tree, gain
from musicenv.counterpoint.space import slot_of
from musicenv.jit import compiled, inlined

Flags = npt.NDArray[np.bool_]


@inlined
def share(tree: Tree, node: int, slot: int, child: int, whole: float) -> float:
    """In place of ``mcts.algorithms.average``: an edge is worth what its child is by now."""
    more, n = gain(tree, node, slot, child), tree.visits[node, slot]
    before = n * tree.mean[node, slot] if n > 0 else 0.0
    highest = tree.best[node, slot] if n > 0 else -np.inf
    for k in range(tree.reach[child] if tree.state[child] == OPEN else 0):
        if tree.visits[child, k] > 0:
            highest = max(highest, tree.best[child, k] + more)
    tree.visits[node, slot] = n + 1
    tree.total[node] += 1
    tree.mean[node, slot] = tree.value[child] + more
    tree.best[node, slot] = max(highest, whole + more)
    change = (n + 1) * tree.mean[node, slot] - before
    tree.value[node] += np.float32((change - tree.value[node]) / (tree.total[node] + 1))
    return whole + more


@inlined
def lift(tree: Tree, node: int, so_far: float) -> None:
    """Let ``node`` count by a better way to it."""
    by = so_far - tree.so_far[node]
    tree.so_far[node] = so_far
    tree.value[node] += by
    for k in range(tree.width[node]):
        tree.mean[node, k] += by
        tree.best[node, k] += by


@compiled
def arrive(
    tree: Tree,
    owners: Ints,
    nodes: Ints,
    slots: Ints,
    children: Ints,
    rewards: npt.NDArray[np.float64],
    finished: Flags,
    keys: Ints,
    fresh: Flags,
    better: Flags,
) -> None:
    """Let ``children`` (r,) that were stepped to for ``rewards`` (r,) share the nodes of their ``keys`` (r,).

    They are replaced by these; ``fresh`` (r,) is written: whether it is a new node, and ``better`` (r,): whether its
    position is the best by which a node that was there can be reached, which the node counts by from now on.
    """
    wholes = tree.so_far[nodes] + rewards  # before any of these nodes is lifted: of positions as they were stepped
    for r in range(nodes.size):
        b, node, child, whole = owners[r], nodes[r], children[r], wholes[r]
        tree.paid[node, slots[r]] = rewards[r]
        place = 0 if finished[r] else slot_of(keys[r], tree.key, tree.table[b])
        known = child if finished[r] else tree.table[b, place]
        fresh[r] = tree.state[child] == IN_FLIGHT and (finished[r] or known == NONE)
        better[r] = False
        if fresh[r]:
            tree.so_far[child] = whole
            if not finished[r]:
                tree.table[b, place], tree.key[child] = child, keys[r]
            continue
        if known != child:
            if tree.state[child] == IN_FLIGHT:
                tree.state[child] = FREE
                tree.spare[b, tree.spares[b]] = child
                tree.spares[b] += 1
            tree.child[node, slots[r]] = children[r] = known
        if tree.state[known] != IN_FLIGHT and whole > tree.so_far[known] + TOLERANCE:
            lift(tree, known, whole)
            better[r] = True
    for r in range(nodes.size):
        if fresh[r]:
            tree.state[children[r]] = ENDED if finished[r] else CLOSED
        better[r] = better[r] and tree.so_far[children[r]] == wholes[r]  # the best of several
