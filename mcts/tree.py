"""Search trees as flat arrays: B trees side by side, each with room for C nodes of at most K children.

A node is a row, ``tree * C + place``; the statistics of its children stand in its own row, so that choosing one reads
one stretch of memory.  All values are returns of *whole* pieces, from the first note to the last: rewards on the way to
a node are in ``so_far``, so that values at all depths compare, and backing up needs no sums.

Where positions that have the same future share a node (``mcts.graph``), a node has several parents; so a simulation
(``mcts.simulation``) keeps its path.
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
    solved = tree.solved[node]
    tree.child[node] = NONE
    tree.visits[node] = 0
    for k in range(solved.size):
        solved[k] = k >= width
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
def gain(tree: Tree, node: int, slot: int, child: int) -> float:
    """How much more a piece returns that comes to ``child`` by this edge than ``child`` counts; 0 in a tree."""
    return float(tree.so_far[node] + tree.paid[node, slot] - tree.so_far[child]) if tree.key.size else 0.0


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
