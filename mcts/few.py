"""Rounds of a tree search with few leaves, in three compiled calls: what ``Search`` does with many in Python.

Of one tree with the prior, Python would take a third of the time: each hearing leaves nothing else in the caches.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from agents.compose import masked_row
from mcts.assembly import assemble
from mcts.completing import most_turns, move
from mcts.game import Floats, Ints
from mcts.melodies import Melodies, copy_rows
from mcts.simulation import back_up_all, descend_all
from mcts.tree import CLOSED, ENDED, new_tree, open_nodes
from musicenv.hearing import listen_to
from musicenv.jit import inlined
from musicenv.kernel import durations_that_fit, read_state
from musicenv.reference import block_of, fetch, reader
from musicenv.step import OK
from rewards.priors.stepping import UNTOLD

if TYPE_CHECKING:
    from mcts.search import Search
    from rewards.priors import Prior

Values = npt.NDArray[np.float64]
U = np.uint64


class Work(NamedTuple):
    """What a round works with; n places, B pieces, k arrays of state.  Leaf j is in place j of the batch."""

    owners: Ints
    """(n,) tree, node, child of the node, and its node, of each leaf (``mcts.simulation.descend_all``)."""
    nodes: Ints
    slots: Ints
    children: Ints
    going: Ints
    """(n,) the places whose pieces have not ended."""
    wholes: Values
    """(n,) what has been paid up to a leaf, and then to the end of a piece through it."""
    gained: Values
    """(n,) what has been paid after it."""
    actions: Ints
    """(n,) the newest moves, their rewards, and whether they end the piece."""
    rewards: Values
    finished: npt.NDArray[np.bool_]
    best: Values
    """(B,) returns of the incumbents."""
    sizes: Ints
    """(k,) bytes of a row of each array, and where the arrays begin: of the places and of what is stored."""
    at: Ints
    stored_at: Ints
    block: Ints
    """Of the batch."""


def _work(n: int, **others: Any) -> Work:
    whole, real = ("owners", "nodes", "slots", "children", "going", "actions"), ("wholes", "gained", "rewards")
    made: dict[str, Any] = {name: np.zeros(n, np.int64) for name in whole} | {name: np.zeros(n) for name in real}
    return Work(finished=np.zeros(n, np.bool_), **made, **others)


_NONE = np.zeros(1, dtype=np.int64)
_EXAMPLE = _work(1, best=np.zeros(1), sizes=_NONE, at=_NONE, stored_at=_NONE, block=_NONE)
tree_in, work_in = reader(new_tree(1, 1, 1)), reader(_EXAMPLE)


@inlined
def offer(work: Work, k: int) -> None:
    """``mcts.game.Incumbents.offer`` of the piece in place k."""
    piece = work.owners[k]
    if work.wholes[k] > work.best[piece]:
        work.best[piece] = work.wholes[k]
        copy_rows(work.sizes, work.at, np.array([k]), work.stored_at, np.array([piece]))


# ``descend_all``, ``back_up_all`` and ``move`` are replaced by those of an algorithm and of a suite of rules.
def expand(
    tree_block: Ints,
    work_block: Ints,
    constants: Any,
    trees: Ints,
    last: Ints,
    leaves: int,
    first_row: int,
    most: int,
    nobody: Floats,
) -> tuple[int, int, int, int, int, int]:
    """Up to ``leaves`` new leaves in each of ``trees`` (t,), until their roots have ``last`` (t,) visits: stepped,
    heard, given their ``most`` likeliest children, and stored, node i in row ``first_row`` + i.

    What failed, as ``musicenv.step.play`` tells it; how many leaves there are, how many of these go on, and for how
    many moves at most.
    """
    tree, work = fetch(tree_in(tree_block)), fetch(work_in(work_block))
    owners, nodes, slots, children = work.owners, work.nodes, work.slots, work.children
    allowed = np.empty(trees.size, dtype=np.int64)
    for t in range(trees.size):
        allowed[t] = min(last[t] - tree.total[tree.root[trees[t]]], leaves)
    count = descend_all(tree, trees, allowed, constants, owners, nodes, slots, children)
    copy_rows(work.sizes, work.stored_at, first_row + nodes[:count], work.at, np.arange(count))
    state = read_state(work.block)
    going, turns = 0, 0
    for k in range(count):
        node, child = nodes[k], children[k]
        work.actions[k] = tree.action[node, slots[k]]
        code, melody, term = move(state, k, k + 1, work.actions, work.rewards, work.finished)
        if code != OK:
            return code, melody, term, count, going, turns
        work.wholes[k] = tree.so_far[child] = tree.so_far[node] + work.rewards[k]
        tree.state[child] = ENDED if work.finished[k] else CLOSED
        if work.finished[k]:
            offer(work, k)
        else:
            turns = max(turns, most_turns(state.lines.frame[k]))
            work.going[going] = k
            going += 1
    places = work.going[:going]
    if going > 0:
        listen_to(work.block, places, nobody)
    log_probs = np.empty((1, state.log_probs.shape[1]), np.float32)
    weight, power = np.empty(log_probs.shape[1], np.float32), np.empty(log_probs.shape[1], np.int32)
    for k in places:
        legal = state.masks[U(durations_that_fit(state.lines.frame[k]))]
        masked_row(state.log_probs[k], legal, log_probs[0], weight, power)
        open_nodes(tree, children[k : k + 1], log_probs, most)
    copy_rows(work.sizes, work.at, places, work.stored_at, first_row + children[places])
    return OK, 0, 0, count, going, turns


def finish(tree_block: Ints, work_block: Ints, count: int, going: int, trees: Ints, last: Ints) -> tuple[int, ...]:
    """Back up ``count`` leaves, of which those that were ``going`` on have been played on to their ends.

    What failed (nothing), then how many of ``trees`` (t,), now the first of them, had a leaf and have not ``last``
    (t,) visits yet.
    """
    tree, work = fetch(tree_in(tree_block)), fetch(work_in(work_block))
    for k in work.going[:going]:
        work.wholes[k] += work.gained[k]
        offer(work, k)
    for k in range(count):
        tree.value[work.children[k]] = work.wholes[k]
    back_up_all(tree, np.arange(count), work.owners[:count], work.children[:count], work.wholes[:count])
    left, k = 0, 0
    for t in range(trees.size):
        found = k < count and work.owners[k] == trees[t]
        while k < count and work.owners[k] == trees[t]:
            k += 1
        if found and tree.total[tree.root[trees[t]]] < last[t]:
            trees[left], last[left] = trees[t], last[t]
            left += 1
    return OK, 0, 0, left


class Few:
    """Rounds of one search by completions, with the prior's own moves."""

    def __init__(self, search: Search, game: Melodies, prior: Prior, temperature: float) -> None:
        self.search, self.game, self.inverse = search, game, game.inverse(temperature)
        sizes, at, stored_at = game.layout
        given = {"best": search.incumbents.returns, "block": game.batch.block}
        self.work = _work(search.tree.depth.size, sizes=sizes, at=at, stored_at=stored_at, **given)
        self._blocks = block_of(search.tree), block_of(self.work)
        holes = {name: getattr(search.compiled, name) for name in ("descend_all", "back_up_all")}
        self._compiled = assemble(expand, finish, move=game.compiled.move, **holes)

    def run(self, trees: Ints, last: Ints, watch: Callable[[], None]) -> None:
        """Search in ``trees`` (t,) until their roots have ``last`` (t,) visits; both are overwritten."""
        search, game, work = self.search, self.game, self.work
        limits = search.leaves, search.first_row, search.children, UNTOLD
        left = trees.size
        while left:
            trees, last = trees[:left], last[:left]
            given = *self._blocks, search.constants, trees, last, *limits
            count, going, turns = game.ask(self._compiled.expand, work.actions, *given)
            work.gained[:count] = 0.0
            drawn = work.going[:going].copy(), self.inverse, search.rng.random((turns, going))
            game.finish(*drawn, work.actions, work.rewards, work.finished, work.gained)
            (left,) = game.ask(self._compiled.finish, work.actions, *self._blocks, count, going, trees, last)
            game.notes += count
            game.heard += going
            watch()
