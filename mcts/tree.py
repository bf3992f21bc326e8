"""Search trees as flat arrays: B trees side by side, each with room for C nodes of at most K children.

A node is a row, ``tree * C + place``; the statistics of its children stand in its own row, so that choosing one reads
one stretch of memory.  All values are returns of *whole* pieces, from the first note to the last: rewards on the way to
a node are in ``so_far``, so that values at all depths compare, and backing up needs no sums.

``descend`` and ``back_up`` call ``select_root``, ``select`` and ``record``, which ``mcts.assembly`` puts in
their place: they make an algorithm (``mcts.algorithms``).  Where positions that have the same future share a node
(``mcts.graph``), a node has several parents; so a simulation keeps its path.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from musicenv.counterpoint.space import slot_of
from musicenv.jit import compiled, inlined

Ints = npt.NDArray[np.int64]
NONE: Final = -1
LANES: Final = 16
TOLERANCE: Final = 1e-9
"""Sums of the same rewards in another order differ by less."""
FREE, IN_FLIGHT, CLOSED, OPEN, ENDED = range(5)
"""What a node can be: unused; chosen but not stepped yet; stepped, its children not known yet; with children; the end
of a piece."""


class Tree(NamedTuple):
    """B trees; N = B * C nodes; K is padded to whole vector registers."""

    action: npt.NDArray[np.int32]
    """(N, K) the move to each child, the likeliest first."""
    prior: npt.NDArray[np.float32]
    """(N, K) its probability; over the K children it sums to 1."""
    child: npt.NDArray[np.int32]
    """(N, K) the child's node, or NONE."""
    visits: npt.NDArray[np.int32]
    """(N, K) simulations that went there; those under way are counted too."""
    mean: npt.NDArray[np.float32]
    """(N, K) mean return of these; what selection takes for an edge under way for the first time is the tree's low."""
    best: npt.NDArray[np.float32]
    """(N, K) highest of them."""
    solved: npt.NDArray[np.bool_]
    """(N, K) whether everything below has been seen, so that ``best`` is exact; padding is."""
    total: npt.NDArray[np.int32]
    """(N,) sum of ``visits``."""
    width: npt.NDArray[np.int32]
    """(N,) children, 0 unless OPEN."""
    reach: npt.NDArray[np.int32]
    """(N,) children up to the last that was ever gone to."""
    unsolved: npt.NDArray[np.int32]
    """(N,) children that are not solved."""
    state: npt.NDArray[np.int8]
    """(N,) FREE, ..., ENDED."""
    so_far: npt.NDArray[np.float64]
    """(N,) sum of rewards up to the node."""
    value: npt.NDArray[np.float32]
    """(N,) mean return through the node, what evaluation said of itself first."""
    root: npt.NDArray[np.int32]
    """(B,)"""
    spare: npt.NDArray[np.int32]
    """(B, C) free nodes, the first ``spares`` of each row."""
    spares: npt.NDArray[np.int32]
    """(B,)"""
    low: npt.NDArray[np.float64]
    """(B,) lowest return seen, to scale returns to 0..1 (min-max)."""
    high: npt.NDArray[np.float64]
    """(B,) highest return seen."""
    noise: npt.NDArray[np.float32]
    """(B, K) Gumbel noise at the root, 0 for algorithms without."""
    carried: npt.NDArray[np.int32]
    """(B, K) visits that the root's children brought along when it became the root."""
    scores: npt.NDArray[np.float32]
    """(K,) room for what selection computes."""
    path: npt.NDArray[np.int32]
    """(F, C) of each simulation under way: the nodes that it came through, the root first."""
    taken: npt.NDArray[np.int32]
    """(F, C) which child it took there."""
    depth: npt.NDArray[np.int32]
    """(F,) how many these are."""
    paid: npt.NDArray[np.float64]
    """(N, K) the reward on the way to each child; (0, K) where no nodes are shared, as are the next two."""
    key: Ints
    """(N,) what positions with the same future have in common."""
    table: npt.NDArray[np.int32]
    """(B, H) hash table of the keys of each tree's nodes (``musicenv.counterpoint.space.slot_of``)."""


def new_tree(trees: int, room: int, children: int, flights: int = 1, shared: bool = False) -> Tree:
    """Empty trees with ``room`` nodes each, for ``flights`` simulations under way; ``plant`` gives them roots.

    ``shared`` says whether positions with the same future are to share a node.
    """
    n = trees * room
    children = -(-children // LANES) * LANES
    sharing, slots = (n, 1 << (2 * room).bit_length()) if shared else (0, 0)
    return Tree(
        action=np.zeros((n, children), np.int32),
        prior=np.zeros((n, children), np.float32),
        child=np.full((n, children), NONE, np.int32),
        visits=np.zeros((n, children), np.int32),
        mean=np.zeros((n, children), np.float32),
        best=np.zeros((n, children), np.float32),
        solved=np.zeros((n, children), np.bool_),
        total=np.zeros(n, np.int32),
        width=np.zeros(n, np.int32),
        reach=np.zeros(n, np.int32),
        unsolved=np.zeros(n, np.int32),
        state=np.zeros(n, np.int8),
        so_far=np.zeros(n, np.float64),
        value=np.zeros(n, np.float32),
        root=np.full(trees, NONE, np.int32),
        spare=np.zeros((trees, room), np.int32),
        spares=np.zeros(trees, np.int32),
        low=np.full(trees, np.inf),
        high=np.full(trees, -np.inf),
        noise=np.zeros((trees, children), np.float32),
        carried=np.zeros((trees, children), np.int32),
        scores=np.zeros(children, np.float32),
        path=np.zeros((flights, room), np.int32),
        taken=np.zeros((flights, room), np.int32),
        depth=np.zeros(flights, np.int32),
        paid=np.zeros((sharing, children)),
        key=np.zeros(sharing, np.int64),
        table=np.full((trees, slots), NONE, np.int32),
    )


def bytes_per_node(tree: Tree) -> int:
    """What a node takes in these arrays; the state of the game at it comes on top."""
    nodes = tree.total.size
    return sum(array.nbytes for array in tree if len(array) == nodes) // nodes + tree.spare.itemsize


@inlined
def take(tree: Tree, b: int, parent: int, slot: int) -> int:
    """A free node of tree ``b`` as child ``slot`` of ``parent`` (NONE for a root); NONE where there is no room."""
    if tree.spares[b] == 0:
        return NONE
    tree.spares[b] -= 1
    node = tree.spare[b, tree.spares[b]]
    tree.state[node] = IN_FLIGHT
    tree.width[node] = 0
    tree.total[node] = 0
    if parent != NONE:
        tree.child[parent, slot] = node
        tree.reach[parent] = max(tree.reach[parent], slot + 1)
    return int(node)


@compiled
def plant(tree: Tree, b: int) -> int:
    """Clear tree ``b`` and give it a root, which is returned."""
    room = tree.spare.shape[1]
    for j in range(room):
        tree.spare[b, j] = (b + 1) * room - 1 - j
        tree.state[b * room + j] = FREE
    tree.spares[b] = room
    tree.low[b], tree.high[b] = np.inf, -np.inf
    tree.carried[b] = 0
    tree.table[b] = NONE
    tree.root[b] = take(tree, b, NONE, 0)
    tree.so_far[tree.root[b]] = 0.0
    tree.state[tree.root[b]] = CLOSED
    return int(tree.root[b])


@inlined
def unfold(tree: Tree, node: int, width: int) -> None:
    """Open ``node``, whose first ``width`` moves and their probabilities are written already."""
    for k in range(tree.child.shape[1]):
        tree.child[node, k] = NONE
        tree.visits[node, k] = 0
        tree.solved[node, k] = k >= width
    tree.width[node], tree.unsolved[node], tree.total[node], tree.reach[node] = width, width, 0, 0
    tree.state[node] = OPEN


@compiled
def open_nodes(tree: Tree, nodes: Ints, log_probs: npt.NDArray[np.float32], most: int) -> None:
    """Give ``nodes`` (r,) children: the ``most`` likeliest moves of ``log_probs`` (r, A), -inf where not legal."""
    for r in range(nodes.size):
        node = nodes[r]
        row, action, value = log_probs[r], tree.action[node], tree.prior[node]
        width = 0
        for a in range(row.size):
            p = row[a]
            if p == -np.inf or (width == most and p <= value[most - 1]):
                continue
            at = min(width, most - 1)
            while at > 0 and value[at - 1] < p:
                value[at], action[at] = value[at - 1], action[at - 1]
                at -= 1
            value[at], action[at] = p, a
            width = min(width + 1, most)
        total = 0.0
        for k in range(width):
            value[k] = np.exp(value[k])
            total += value[k]
        for k in range(width):
            value[k] /= total
        unfold(tree, node, width)


@inlined
def least(tree: Tree, b: int) -> float:
    """What is subtracted from a return of tree ``b`` to scale it: the lowest seen."""
    return tree.low[b] if tree.low[b] < np.inf else 0.0


@inlined
def unit(tree: Tree, b: int) -> float:
    """What (return - ``least``) is multiplied with to lie in 0..1; 0 while all returns are equal."""
    span = tree.high[b] - tree.low[b]
    return 1.0 / span if 0.0 < span < np.inf else 0.0


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
def is_known(tree: Tree, node: int) -> bool:
    """Whether everything below a node has been seen."""
    return bool(tree.state[node] == ENDED or (tree.state[node] == OPEN and tree.unsolved[node] == 0))


@inlined
def exact(tree: Tree, node: int) -> float:
    """The best return of a node that ``is_known``."""
    if tree.state[node] == ENDED:
        return float(tree.value[node])
    top = tree.best[node, 0]
    for k in range(1, tree.width[node]):
        top = max(top, tree.best[node, k])
    return float(top)


@inlined
def settle(tree: Tree, node: int, slot: int, value: float) -> bool:
    """Child ``slot`` of ``node`` is worth ``value`` at best, which is exact; whether ``node`` is known with that."""
    if not tree.solved[node, slot]:
        tree.solved[node, slot] = True
        tree.unsolved[node] -= 1
        tree.best[node, slot] = value  # where a critic had promised more
    return bool(tree.unsolved[node] == 0)


@inlined
def gain(tree: Tree, node: int, slot: int, child: int) -> float:
    """How much more a piece returns that comes to ``child`` by this edge than ``child`` counts; 0 in a tree."""
    return float(tree.so_far[node] + tree.paid[node, slot] - tree.so_far[child]) if tree.key.size else 0.0


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


@compiled
def advance(tree: Tree, b: int, slot: int) -> int:
    """Make child ``slot`` of the root the root; what is below it stays, every other node is free again.  The new
    root."""
    room = tree.spare.shape[1]
    root = tree.child[tree.root[b], slot]
    tree.root[b] = root
    # The spare list is the stack of nodes that are kept, then what it was.
    stack = tree.spare[b]
    stack[0] = root
    length = 1
    kept = np.zeros(room, dtype=np.bool_)
    kept[root - b * room] = True
    while length > 0:
        length -= 1
        node = stack[length]
        for k in range(tree.width[node]):
            child = tree.child[node, k]
            if child != NONE and not kept[child - b * room]:
                kept[child - b * room] = True
                stack[length] = child
                length += 1
    spares = 0
    tree.table[b] = NONE
    for j in range(room - 1, -1, -1):
        node = b * room + j
        if not kept[j]:
            stack[spares] = node
            tree.state[node] = FREE
            spares += 1
        elif tree.key.size and tree.state[node] != ENDED:
            tree.table[b, slot_of(tree.key[node], tree.key, tree.table[b])] = node
    tree.spares[b] = spares
    for k in range(tree.width[root]):
        tree.carried[b, k] = tree.visits[root, k]
    return int(root)
