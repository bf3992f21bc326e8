"""Beam search in step with the clock: what is compared has come equally far, however many notes it took."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from mcts.game import Floats, Game, Incumbents, Ints
from mcts.search import Watch

PRIOR_WEIGHT: Final = 0.1
"""Reward for a nat of log-likelihood, in the order of the beam: rewards come at bar lines, and it guides in between."""


class _Bucket(NamedTuple):
    """Positions of one piece that have come equally far, the best first."""

    rank: npt.NDArray[np.float64]
    log_p: npt.NDArray[np.float64]
    so_far: npt.NDArray[np.float64]
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

    From each it tries the ``children`` likeliest moves.
    """

    def __init__(
        self, game: Game, incumbents: Incumbents, width: int, children: int, prior_weight: float = PRIOR_WEIGHT
    ) -> None:
        if game.n < incumbents.pieces:
            raise ValueError(f"{incumbents.pieces} pieces need as many places; the game has {game.n}")
        self.game, self.incumbents = game, incumbents
        self.width, self.children, self.prior_weight = width, children, prior_weight
        self._rows = _Rows(game, 2 * incumbents.pieces)
        self._buckets: list[dict[int, _Bucket]] = [{} for _ in range(incumbents.pieces)]

    def run(self, watch: Watch = lambda: None) -> None:
        """Compose all pieces to their ends; ``OutOfTimeError`` from ``watch`` goes through."""
        game, pieces = self.game, np.arange(self.incumbents.pieces)
        game.fetch(self.incumbents.beginnings)
        zeros = np.zeros(pieces.size)
        self._keep(pieces, pieces, zeros, zeros)
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
            heard = False
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
            going = np.flatnonzero(~finished)
            self._keep(going, owner[parent[going]], so_far[going], log_p[going])

    def _keep(self, places: Ints, owner: Ints, so_far: npt.NDArray[np.float64], log_p: npt.NDArray[np.float64]) -> None:
        """Store the positions in ``places`` (m,) that are among the best of their moment."""
        clock = self.game.clock(int(places.max()) + 1)[places] if places.size else places
        rank = so_far + self.prior_weight * log_p
        for piece, moment in sorted(set(zip(owner.tolist(), clock.tolist(), strict=True))):
            mine = np.flatnonzero((owner == piece) & (clock == moment))
            new = _Bucket(rank[mine], log_p[mine], so_far[mine], -1 - places[mine])
            old = self._buckets[piece].get(moment)
            both = new if old is None else _joined([old, new])
            order = np.argsort(-both.rank, kind="stable")
            kept = _picked(both, order[: self.width])
            dropped = both.row[order[self.width :]]
            self._rows.spare.extend(dropped[dropped >= 0].tolist())
            fresh = kept.row < 0
            rows = self._rows.take(int(fresh.sum()))
            self.game.store(-1 - kept.row[fresh], rows)
            kept.row[fresh] = rows
            self._buckets[piece][moment] = kept


def likeliest_moves(log_probs: Floats, most: int) -> tuple[Ints, Ints]:
    """The ``most`` likeliest legal moves of each row of (m, A): which row, and which move."""
    most = min(most, log_probs.shape[1])
    moves = np.argpartition(-log_probs, most - 1, axis=1)[:, :most]
    who = np.repeat(np.arange(len(log_probs)), most)
    legal = log_probs[who, moves.ravel()] > -np.inf
    return who[legal], moves.ravel()[legal]
