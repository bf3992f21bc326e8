"""Pieces are opened and composed anew: what is kept is kept, what is stored leads back to the same piece."""

import numpy as np
import pytest

from agents.compose import prior
from mcts.game import Incumbents
from mcts.melodies import Melodies
from mcts.planners import PLANNERS, Budget, plan, run
from mcts.regeneration import NONE, Regeneration
from musicenv.batch import Batch
from musicenv.task import Task
from rewards.judging import judge
from rewards.named import suite_of
from rewards.priors import load_prior

PIECES, PLACES = 2, 8


@pytest.fixture(scope="module")
def batch():
    return Batch(PLACES, [Task(bars=4)], suite_of("default", has_prior=True).with_bonus(20.0), load_prior())


@pytest.fixture
def search(batch):
    game = Melodies(batch, prior())
    incumbents, rng = Incumbents(game, PIECES), np.random.default_rng(0)
    run(PLANNERS["greedy"], game, incumbents, Budget(), rng)
    return Regeneration(game, incumbents, rng)


def actions(melody, search, piece):
    """The leader's moves in order."""
    made = search.made[search.game.n + piece]
    assert np.array_equal(np.flatnonzero(made != NONE), melody.onset - melody.start)
    return made[made != NONE]


def test_leaders_are_the_best_pieces_found_and_their_rewards_add_up(search):
    search.run(16)
    found = search.game.pieces(np.arange(PIECES), search.incumbents.returns)
    better = search.best >= search.incumbents.returns - 1e-6  # than the greedy piece
    assert better.all()
    np.testing.assert_allclose(found.returns, judge(search.game.batch.suite, found.melodies).returns, atol=1e-4)
    for piece, melody in enumerate(found.melodies):
        assert actions(melody, search, piece).size == melody.pitch.size


def test_a_variant_repeats_what_was_not_opened(search):
    search.run(4)
    places = np.arange(PLACES)
    search._open(places)
    for place in places:
        leader = search.made[search.game.n + search.owner[place]]
        opened = (leader != NONE) & (search.script[place] == NONE)
        assert opened.any()
        first, last = np.flatnonzero(opened)[[0, -1]]
        clock = int(search.game.clock(PLACES)[place])
        assert clock <= first
        assert last - first <= search.end
        assert (search.script[place][leader == NONE] == NONE).all()
        assert search.rows[place, search.cell_of[clock]] != NONE, "what it starts from is stored"


def test_positions_of_leaders_are_never_written_over(search):
    search.run(24)
    leaders = search.rows[PLACES:]
    game = search.game
    for piece in range(PIECES):
        cells = np.flatnonzero(leaders[piece] != NONE)
        game.fetch(leaders[piece][cells][:PLACES])
        pitches = [game.batch.melody(i).pitch for i in range(min(cells.size, PLACES))]
        whole = game.pieces(np.array([piece]), search.incumbents.returns[[piece]]).melodies[0].pitch
        if search.best[piece] == search.incumbents.returns[piece]:
            assert all(np.array_equal(pitch, whole[: pitch.size]) for pitch in pitches)


def test_it_finds_better_pieces_than_samples_of_as_many(batch):
    best = {
        name: plan(batch, prior(), PLANNERS[name], Budget(100), PLACES, 1).returns.mean()
        for name in ("best-of-n", "regenerate")
    }
    assert best["regenerate"] > best["best-of-n"]


def test_more_pieces_than_places_are_refused(batch):
    game = Melodies(batch, prior())
    with pytest.raises(ValueError, match="9 pieces need as many places; the game has 8"):
        Regeneration(game, Incumbents(game, 9), np.random.default_rng(0))
