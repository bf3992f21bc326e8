"""Tree search in lockstep: one tree a piece, stepped and heard side by side, a note committed at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from mcts.algorithms import Algorithm, considered_visits
from mcts.evaluation import Evaluation
from mcts.few import Few
from mcts.game import Floats, Game, Incumbents, Ints, close_ranks
from mcts.graph import arrive, share
from mcts.melodies import Melodies
from mcts.tree import CLOSED, ENDED, NONE, OPEN, TOLERANCE, advance, new_tree, open_nodes, plant
from rewards.priors.stepping import SMALL_BATCH

Watch = Callable[[], None]
"""Called after each round; raises ``OutOfTimeError`` when the time is over."""
Decide = Callable[[Ints, Ints], None]
"""Told trees (t,) that have searched a note, and the child of its root (t,) that each is about to commit to."""


class OutOfTimeError(Exception):
    """Time is over: the incumbents are the result."""


class Search:
    """Plans B pieces from their beginnings, which ``incumbents`` holds; so it does what is found."""

    def __init__(
        self,
        game: Game,
        incumbents: Incumbents,
        algorithm: Algorithm,
        evaluation: Evaluation,
        simulations: int,
        children: int,
        leaves: int,
        rng: np.random.Generator,
        shared: bool = False,
    ) -> None:
        """``simulations`` a note, each node with up to ``children``, ``leaves`` of a tree evaluated side by side.

        ``shared``: positions to which the game gives the same key are one node (``mcts.graph``).
        """
        self.game, self.incumbents, self.evaluation, self.shared = game, incumbents, evaluation, shared
        self.algorithm = replace(algorithm, record=share) if shared else algorithm
        self.simulations, self.rng = simulations, rng
        self.children, self.leaves = children, leaves
        trees = incumbents.pieces
        if trees * leaves > game.n:
            raise ValueError(f"{trees} trees of {leaves} leaves need {trees * leaves} places; the game has {game.n}")
        room = 2 * simulations + 2  # what a subtree brings along may fill half of it
        self.tree = new_tree(trees, room, children, trees * leaves, shared)
        self.compiled = self.algorithm.assembled()
        considered = considered_visits(min(algorithm.halving, children), simulations)
        self.constants = algorithm.constants._replace(considered=considered)
        self.first_row = 2 * trees
        game.reserve(self.first_row + trees * room)
        self._places = np.arange(game.n)
        self._scratch = [np.zeros(trees * leaves, dtype=np.int64) for _ in range(4)]
        self.few = None
        temperature = evaluation.temperature
        if isinstance(game, Melodies) and game.prior and temperature and not shared and trees * leaves <= SMALL_BATCH:
            self.few = Few(self, game, game.prior, temperature)

    def run(self, watch: Watch = lambda: None, decide: Decide = lambda trees, slots: None) -> None:
        """Plan all pieces to their ends; ``OutOfTimeError`` from ``watch`` goes through."""
        tree, game = self.tree, self.game
        trees = np.arange(self.incumbents.pieces)
        roots = np.array([plant(tree, int(b)) for b in trees])
        game.fetch(self.incumbents.beginnings)
        self._open(roots)
        if self.evaluation.evaluate is not None:
            tree.value[roots] = self._evaluated(roots, trees, np.zeros(trees.size, dtype=np.bool_))
        while trees.size:
            self._search(trees, watch)
            known = tree.unsolved[tree.root[trees]] == 0
            if self.shared:
                self._play_known(trees[known])
            trees = trees[~known]  # of the others the incumbent is the best there is
            if not trees.size:
                break
            slots = np.array([self.algorithm.commit(tree, int(b), self.constants) for b in trees], dtype=np.int64)
            decide(trees, slots)
            if self.shared:
                self._step_again(trees, slots)
            roots = np.array([advance(tree, int(b), int(k)) for b, k in zip(trees, slots, strict=True)], dtype=np.int64)
            trees = trees[tree.state[roots] != ENDED]

    def look(self, trees: Ints) -> Floats:
        """Put the roots of ``trees`` (t,) into the first places of the game: what it says of them, (t, A)."""
        self.game.fetch(self.first_row + self.tree.root[trees].astype(np.int64))
        return self.game.look(trees.size)

    def played(self) -> npt.NDArray[np.float64]:
        """(B,) after ``run``: the return of the piece that each tree has committed to, its solved end played best."""
        tree, roots = self.tree, self.tree.root
        below = np.where(np.arange(tree.best.shape[1]) < tree.width[roots, None], tree.best[roots], -np.inf).max(axis=1)
        return np.where(tree.state[roots] == ENDED, tree.so_far[roots], below)

    def _search(self, trees: Ints, watch: Watch) -> None:
        """The simulations of one note in each of ``trees``."""
        tree = self.tree
        if self.algorithm.halving:
            tree.noise[trees] = self.rng.gumbel(size=(trees.size, tree.noise.shape[1]))
        roots = tree.root[trees]
        last = tree.total[roots].astype(np.int64) + self.simulations
        if self.few is not None:
            self.few.run(trees.copy(), last, watch)
            return
        while trees.size:
            going = self._round(trees, np.minimum(last - tree.total[roots], self.leaves))
            watch()
            going &= tree.total[roots] < last
            if not going.all():
                trees, roots, last = trees[going], roots[going], last[going]

    def _round(self, trees: Ints, leaves: Ints) -> npt.NDArray[np.bool_]:
        """Up to ``leaves`` (t,) simulations in each of ``trees`` (t,); whether there were any (t,)."""
        tree, game = self.tree, self.game
        count = self.compiled.descend_all(tree, trees, leaves, self.constants, *self._scratch)
        owners, nodes, slots, children = (array[:count].copy() for array in self._scratch)
        flights = np.arange(count)
        if (closed := slots == NONE).any():
            game.fetch(self.first_row + nodes[closed])
            game.listen(int(closed.sum()))
            self._open(nodes[closed])
            self.compiled.choose_opened(tree, owners, self.constants, nodes, slots, children)
            roomy = children != NONE
            flights, owners, nodes, slots, children = (
                array[roomy] for array in (flights, owners, nodes, slots, children)
            )
        if children.size:
            wholes = self._expand(owners, nodes, slots, children)
            self.compiled.back_up_all(tree, flights, owners, children, wholes)
        return np.isin(trees, owners)

    def _expand(self, owners: Ints, nodes: Ints, slots: Ints, children: Ints) -> npt.NDArray[np.float64]:
        """Step from ``nodes`` (r,) to ``children`` (r,) and evaluate these: returns (r,) of pieces through them.

        Where nodes are shared, children are replaced by nodes that were there, and their values are theirs.
        """
        tree, game = self.tree, self.game
        wholes, finished, fresh = self._step(owners, nodes, slots, children)
        who = np.arange(children.size)
        m = close_ranks(game, finished | ~fresh, who)
        going = who[:m]
        if self.evaluation.evaluate is None:
            game.store(self._places[:m], self.first_row + children[going])
        elif m:
            game.listen(m)
            self._open(children[going])
            by_first = self.evaluation.by_first & (slots[going] == 0)
            wholes[going[by_first]] = tree.value[nodes[going[by_first]]]
            wholes[going[~by_first]] = self._evaluated(children[going], owners[going], by_first)
        tree.value[children[fresh]] = wholes[fresh]
        wholes[~fresh] = tree.value[children[~fresh]]
        return wholes

    def _step(
        self, owners: Ints, nodes: Ints, slots: Ints, children: Ints
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Step from ``nodes`` (r,) to ``children`` (r,), which then are in the first places: what has been paid so far,
        whether they are the end, and whether they are new nodes (r,) each."""
        tree, game = self.tree, self.game
        game.fetch(self.first_row + nodes)
        rewards, finished = game.step(tree.action[nodes, slots].astype(np.int64))
        wholes = tree.so_far[nodes] + rewards
        ended = np.flatnonzero(finished)
        self.incumbents.offer(ended, owners[ended], wholes[ended])
        fresh = np.ones(children.size, dtype=np.bool_)
        keys = game.keys(children.size) if self.shared else None
        if keys is not None:
            better = np.empty_like(fresh)
            arrive(tree, owners, nodes, slots, children, rewards, finished, keys, fresh, better)
            places = np.flatnonzero(better)
            game.listen(places[tree.state[children[places]] == OPEN])
            game.store(places, self.first_row + children[places])
        else:
            tree.so_far[children] = wholes
            tree.state[children] = np.where(finished, ENDED, CLOSED)
        return wholes, finished, fresh

    def _step_again(self, trees: Ints, slots: Ints) -> None:
        """Where ``trees`` (t,) commit to ``slots`` (t,), which come to their nodes by a better way than these know, let
        the nodes know it."""
        tree = self.tree
        roots = tree.root[trees].astype(np.int64)
        children = tree.child[roots, slots].astype(np.int64)
        better = tree.so_far[roots] + tree.paid[roots, slots] > tree.so_far[children] + TOLERANCE
        if better.any():
            self._step(trees[better], roots[better], slots[better], children[better])

    def _play_known(self, trees: Ints) -> None:
        """Play the best end of ``trees`` (t,), below whose roots all is known: parts of it were seen on other ways."""
        tree, game = self.tree, self.game
        nodes, owners = tree.root[trees].astype(np.int64), trees
        wholes = tree.so_far[nodes]
        game.fetch(self.first_row + nodes)
        while nodes.size:
            below = np.where(np.arange(tree.best.shape[1]) < tree.width[nodes, None], tree.best[nodes], -np.inf)
            slots = below.argmax(axis=1)
            rewards, finished = game.step(tree.action[nodes, slots].astype(np.int64))
            wholes, nodes = wholes + rewards, tree.child[nodes, slots].astype(np.int64)
            ended = np.flatnonzero(finished)
            self.incumbents.offer(ended, owners[ended], wholes[ended])
            m = close_ranks(game, finished, nodes, owners, wholes)
            nodes, owners, wholes = nodes[:m], owners[:m], wholes[:m]
            game.listen(m)

    def _open(self, nodes: Ints) -> None:
        """Give ``nodes`` (m,), which are heard and in the first places, their children; store them."""
        open_nodes(self.tree, nodes, self.game.look(nodes.size), self.children)
        self.game.store(self._places[: nodes.size], self.first_row + nodes)

    def _evaluated(self, nodes: Ints, owners: Ints, but: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        """Returns of pieces through ``nodes`` (m,), which are in the first places, ``but`` for some (m,)."""
        who = np.arange(nodes.size)
        who = who[: close_ranks(self.game, but, who)]
        wholes = np.zeros(nodes.size)
        if self.evaluation.evaluate is not None and who.size:
            wholes[who] = self.evaluation.evaluate(
                self.game, self.tree.so_far[nodes[who]], owners[who], self.incumbents, self.rng
            )
        return wholes[~but]
