"""Beam search in step with the clock: what is compared has come equally far, however many notes it took."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from mcts.game import Floats, Game, Incumbents, Ints, close_ranks
from mcts.search import Watch

PRIOR_WEIGHT: Final = 0.1
"""Reward for a nat of log-likelihood, in the order of the beam: rewards come at bar lines, and it guides in between."""


class _Bucket(NamedTuple):
    """Positions of one piece that have come equally far, the best first."""

    rank: npt.NDArray[np.float64]
    log_p: npt.NDArray[np.float64]
    so_far: npt.NDArray[np.float64]
    key: Ints
    row: Ints


def _picked(bucket: _Bucket, which: Any) -> _Bucket:
    return _Bucket(*(cast(Any, part)[which] for part in bucket))


def _joined(buckets: Sequence[_Bucket]) -> _Bucket:
    return _Bucket(*(cast(Any, np.concatenate(parts)) for parts in zip(*buckets, strict=True)))


class _Rows:
    """Rows of the game that are free, more where needed."""

    def __init__(self, game: Game, first: int) -> None:
        self.game, self.end = game, first
        self.spare: list[int] = []

    def take(self, count: int) -> Ints:
        if len(self.spare) < count:
            end = self.end + max(count, self.end)
            self.game.reserve(end)
            self.spare = [*range(end - 1, self.end - 1, -1), *self.spare]
            self.end = end
        taken = self.spare[len(self.spare) - count :]
        del self.spare[len(self.spare) - count :]
        return np.array(taken, dtype=np.int64)


class Beam:
    """Keeps the ``width`` best positions of each moment, by rewards so far and the prior's likelihood; 1 is greedy.

    From each it tries the ``children`` likeliest moves.  With ``critic`` they are compared by what the game's critic
    expects to come instead of by likelihood.  ``shared``: of positions to which the game gives the same key only the
    best is kept.
    """

    def __init__(
        self,
        game: Game,
        incumbents: Incumbents,
        width: int,
        children: int,
        critic: bool = False,
        shared: bool = False,
    ) -> None:
        if game.n < incumbents.pieces:
            raise ValueError(f"{incumbents.pieces} pieces need as many places; the game has {game.n}")
        self.game, self.incumbents = game, incumbents
        self.width, self.children, self.critic, self.shared = width, children, critic, shared
        self._rows = _Rows(game, 2 * incumbents.pieces)
        self._buckets: list[dict[int, _Bucket]] = [{} for _ in range(incumbents.pieces)]

    def run(self, watch: Watch = lambda: None) -> None:
        """Compose all pieces to their ends; ``OutOfTimeError`` from ``watch`` goes through."""
        game, pieces = self.game, np.arange(self.incumbents.pieces)
        game.fetch(self.incumbents.beginnings)
        zeros = np.zeros(pieces.size)
        self._keep(pieces, zeros, zeros, zeros)
        heard = True
        while any(self._buckets):
            owners, buckets = [], []
            for piece, of_piece in enumerate(self._buckets):
                if of_piece:
                    buckets.append(of_piece.pop(min(of_piece)))
                    owners.append(np.full(buckets[-1].row.size, piece))
            everything = _joined(buckets)
            owner = np.concatenate(owners)
            for begin in range(0, owner.size, game.n):
                some = slice(begin, begin + game.n)
                self._expand(owner[some], _picked(everything, some), heard)
                watch()
            heard = self.critic
            self._rows.spare.extend(everything.row.tolist())

    def _expand(self, owner: Ints, positions: _Bucket, heard: bool) -> None:
        """Hear ``positions``, step their likeliest moves and put what comes of them into its buckets."""
        game, m = self.game, owner.size
        game.fetch(positions.row)
        if not heard:
            game.listen(m)
        log_probs = game.look(m)
        game.store(np.arange(m), positions.row)
        who, moves = likeliest_moves(log_probs, self.children)
        for begin in range(0, who.size, game.n):
            some = slice(begin, begin + game.n)
            parent, move = who[some], moves[some]
            game.fetch(positions.row[parent])
            rewards, finished = game.step(move)
            so_far = positions.so_far[parent] + rewards
            log_p = positions.log_p[parent] + log_probs[parent, move]
            ended = np.flatnonzero(finished)
            self.incumbents.offer(ended, owner[parent[ended]], so_far[ended])
            left = close_ranks(game, finished, parent, so_far, log_p)
            parent, so_far, log_p = parent[:left], so_far[:left], log_p[:left]
            if left:
                self._keep(owner[parent], so_far, log_p, self._expected(log_p))

    def _expected(self, log_p: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """(m,) what the first places count for beside their rewards so far."""
        if not self.critic:
            return PRIOR_WEIGHT * log_p
        self.game.listen(log_p.size)
        return self.game.values(log_p.size)

    def _keep(
        self,
        owner: Ints,
        so_far: npt.NDArray[np.float64],
        log_p: npt.NDArray[np.float64],
        expected: npt.NDArray[np.float64],
    ) -> None:
        """Store the positions in the first places that are among the best of their moment."""
        game, m = self.game, owner.size
        clock, rank = game.clock(m), so_far + expected
        keys = game.keys(m) if self.shared else None
        places = np.arange(m)
        for piece, moment in sorted(set(zip(owner.tolist(), clock.tolist(), strict=True))):
            mine = np.flatnonzero((owner == piece) & (clock == moment))
            new = _Bucket(
                rank[mine], log_p[mine], so_far[mine], places[mine] if keys is None else keys[mine], -1 - places[mine]
            )
            old = self._buckets[piece].get(moment)
            both = new if old is None else _joined([old, new])
            order = np.argsort(-both.rank, kind="stable")
            if keys is not None:
                order = order[_is_best(both.key[order], both.so_far[order])]
            kept = _picked(both, order[: self.width])
            dropped = np.setdiff1d(both.row, kept.row)
            self._rows.spare.extend(dropped[dropped >= 0].tolist())
            fresh = kept.row < 0
            rows = self._rows.take(int(fresh.sum()))
            game.store(-1 - kept.row[fresh], rows)
            kept.row[fresh] = rows
            self._buckets[piece][moment] = kept


def _is_best(key: Ints, so_far: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """(m,) which positions have come to theirs with the highest reward, the first of several."""
    order = np.lexsort((-so_far, key))
    best = np.ones(key.size, dtype=np.bool_)
    best[order[1:]] = key[order[1:]] != key[order[:-1]]
    return best


def likeliest_moves(log_probs: Floats, most: int) -> tuple[Ints, Ints]:
    """The ``most`` likeliest legal moves of each row of (m, A): which row, and which move."""
    most = min(most, log_probs.shape[1])
    moves = np.argpartition(-log_probs, most - 1, axis=1)[:, :most]
    who = np.repeat(np.arange(len(log_probs)), most)
    legal = log_probs[who, moves.ravel()] > -np.inf
    return who[legal], moves.ravel()[legal]
