"""What planners are measured beside: the same prior, called in another way."""

import numpy as np

from agents.named import named
from experiments.speed_search import NoteByNote
from mcts.melodies import Melodies


def test_an_lstm_asked_note_by_note_says_what_the_prior_says():
    found = named("prior")
    games = [Melodies(found.batch(3), found.agent), NoteByNote(found.batch(3))]
    for game in games:
        game.begin(np.random.default_rng(0))
    for _ in range(12):
        moves = games[0].look(3).argmax(axis=1)
        for game in games:
            game.step(moves)
            game.listen(3)
        ours, theirs = (game.batch.get_state() for game in games)
        for name in ("memory", "log_probs", "entropy"):
            np.testing.assert_allclose(theirs[name], ours[name], atol=1e-4)
    assert games[0].heard == games[1].heard == 36
