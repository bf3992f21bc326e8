"""Regeneration: the best piece so far is opened somewhere, composed anew there, and the better of the two kept.

Large neighbourhood search (Shaw 1998; "ruin and recreate", Schrimpf et al. 2000) in which the prior mends what was
opened.  Each place repeats its piece's leader up to the opened stretch, draws moves within, and repeats the leader
again where the clocks meet and the move is legal.  Half of the time what is drawn is made half a piece later too: an
answer follows its question.  Where a piece ends the next one starts at once, so that the prior always listens to all
places.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from agents.compose import draw
from mcts.game import Game, Incumbents, Ints
from mcts.search import Watch

TEMPERATURE: Final = 0.8
"""Of what is drawn."""
STRETCHES: Final = (32, 16, 8, 4)
"""What part of the piece is opened: the 32nd is a beat of eight bars, the fourth two bars."""
TO_THE_END: Final = 0.15
"""How often all that follows is opened."""
ECHO: Final = 0.5
"""How often the same stretch half a piece later is opened too, and repeats what is drawn."""
CELLS: Final = 16
"""Stretches of the clock, at the beginning of each of which a position is stored to start from."""
PLACES: Final = 32
"""In which a piece is composed, at most: what one finds is news to the others only at their next start."""
NONE: Final = -1


class Regeneration:
    """Searches around the best pieces it has composed itself; as long as ``incumbents`` of others say."""

    def __init__(self, game: Game, incumbents: Incumbents, rng: np.random.Generator) -> None:
        """There are incumbents: the clock at their ends says how long pieces are."""
        pieces = incumbents.pieces
        n = self.n = min(game.n, PLACES * pieces)
        if n < pieces:
            raise ValueError(f"{pieces} pieces need as many places; the game has {n}")
        self.game, self.incumbents, self.rng = game, incumbents, rng
        game.fetch(np.arange(pieces))
        end = self.end = int(game.clock(pieces).max())  # what comes later is never repeated
        self.cell_of = np.arange(end + 1) * CELLS // (end + 1)
        self.owner = np.arange(n) % pieces
        """(n,) which piece each place composes."""
        self.totals = np.zeros(n)
        """(n,) rewards so far."""
        self.script = np.full((n, end + 1), NONE)
        """(n, clock) the leader's moves that are repeated."""
        self.echoed = np.zeros((n, 2), dtype=np.int64)
        """(n, 2) first moment of a stretch that is echoed, and the first after it."""
        self.made = np.full((n + pieces, end + 1), NONE)
        """(n + B, clock) moves made in each place, then by each leader."""
        self.rows = np.full((n + pieces, CELLS), NONE)
        """(n + B, CELLS) where the first position of each cell is stored; NONE where there was none."""
        self.paid = np.zeros((n + pieces, CELLS))
        """(n + B, CELLS) rewards up to there."""
        self.best = np.full(pieces, -np.inf)
        """(B,) returns of the leaders."""
        self._first_row = 2 * pieces
        self._spare = np.zeros(0, dtype=np.int64)
        game.reserve(self._first_row + 2 * self.rows.size)
        self._open(np.arange(n))

    def run(self, pieces: int, watch: Watch = lambda: None) -> None:
        """Compose ``pieces`` variants of each piece; ``OutOfTimeError`` from ``watch`` goes through."""
        game, n = self.game, self.n
        left = pieces * self.incumbents.pieces
        while left > 0:
            clock = np.minimum(game.clock(n), self.end)
            self._store(clock)
            rewards, finished = game.step(self._moves(clock))
            self.totals += rewards
            if not finished.any():
                game.listen(n)
                continue
            ended = np.flatnonzero(finished)
            self._judge(ended)
            left -= ended.size
            game.listen(np.flatnonzero(~finished))
            self._open(ended)
            watch()

    def _store(self, clock: Ints) -> None:
        """Store the positions that are the first of their cell."""
        cell = self.cell_of[clock]
        places = np.flatnonzero(self.rows[np.arange(clock.size), cell] == NONE)
        if places.size > self._spare.size:
            everything = np.arange(self._first_row, self._first_row + 2 * self.rows.size)
            self._spare = np.setdiff1d(everything, self.rows)
        rows, self._spare = self._spare[: places.size], self._spare[places.size :]
        self.game.store(places, rows)
        self.rows[places, cell[places]] = rows
        self.paid[places, cell[places]] = self.totals[places]

    def _moves(self, clock: Ints) -> Ints:
        """The script's move in each place, else one that is drawn."""
        n = np.arange(clock.size)
        log_probs = self.game.look(clock.size)
        moves = draw(log_probs, self.rng, TEMPERATURE)
        scripted = self.script[n, clock]
        repeated = (scripted != NONE) & (log_probs[n, scripted] > -np.inf)
        moves[repeated] = scripted[repeated]
        self.made[n, clock] = moves
        echoed = np.flatnonzero((clock >= self.echoed[:, 0]) & (clock < self.echoed[:, 1]))
        self.script[echoed, clock[echoed] + (self.end + 1) // 2] = moves[echoed]
        return moves

    def _judge(self, ended: Ints) -> None:
        """The pieces in places ``ended`` (r,) become leaders where they are better."""
        self.incumbents.offer(ended, self.owner[ended], self.totals[ended])
        for place in ended:
            piece = self.owner[place]
            if self.totals[place] > self.best[piece]:
                self.best[piece] = self.totals[place]
                for kept in (self.made, self.rows, self.paid):
                    kept[self.n + piece] = kept[place]

    def _open(self, places: Ints) -> None:
        """Begin a variant of the leader in each of ``places`` (r,); a new piece where there is none yet."""
        starts = [self._opened(int(place), self.n + int(self.owner[place])) for place in places]
        self.game.fetch(np.array(starts), places)

    def _opened(self, place: int, leader: int) -> int:
        """The row to start from."""
        script = self.made[leader]
        self.script[place] = script
        self.made[place], self.rows[place], self.echoed[place] = NONE, NONE, 0
        self.totals[place] = 0.0
        moments = np.flatnonzero(script != NONE)
        if moments.size == 0:
            return int(self.incumbents.beginnings[leader - self.n])
        first, last, half = int(moments[self.rng.integers(moments.size)]), self.end + 1, (self.end + 1) // 2
        if self.rng.random() >= TO_THE_END:
            last = first + (self.end + 1) // STRETCHES[self.rng.integers(len(STRETCHES))]
            if self.rng.random() < ECHO and last + half <= self.end:
                self.echoed[place] = first, last
                self.script[place, first + half : last + half] = NONE
        self.script[place, first:last] = NONE
        cells = self.rows[leader, : self.cell_of[first] + 1]
        known = int(np.flatnonzero(cells != NONE)[-1]) + 1
        self.made[place, :first] = script[:first]
        self.rows[place, :known], self.paid[place, :known] = cells[:known], self.paid[leader, :known]
        self.totals[place] = self.paid[leader, known - 1]
        return int(cells[known - 1])
