"""What is compiled for speed, whole completions and whole rounds of a search, finds what Python finds note by note."""

from contextlib import suppress

import numpy as np
import pytest

from agents.compose import draw, masked, prior
from agents.named import named
from mcts.algorithms import GUMBEL, PUCT
from mcts.evaluation import EVALUATIONS
from mcts.game import Incumbents
from mcts.melodies import Melodies
from mcts.search import OutOfTimeError, Search
from musicenv.alphabet import action_of
from rewards.rules import RuleError, rule

TASK = {"bars": 2}


def game_of(n, agent=None, **options):
    return Melodies(named("prior").batch(n, options={**TASK, **options}), agent or prior())


def begun(n, agent=None, seed=0):
    game = game_of(n, agent)
    game.begin(np.random.default_rng(seed))
    return game


@pytest.mark.parametrize("m", [1, 5, 16, 40])
def test_what_a_completion_returns_is_what_its_finished_pieces_are_worth(m):
    game = begun(m)
    for _ in range(3):
        game.step(draw(game.look(m), np.random.default_rng(1)))
        game.listen(m)
    before = game.batch.lines.scores.sum(axis=1)
    notes = game.batch.lines.frame[:, 0].sum()
    gained = game.play_on(m, 0.7, np.random.default_rng(2))
    lines, suite = game.batch.lines, game.batch.suite
    assert (lines.frame[:, 1] == lines.frame[:, 3]).all(), "all are at their final bar lines"
    whole = lines.scores.sum(axis=1) + suite.bonus * lines.passed.all(axis=1)
    np.testing.assert_allclose(before + gained, whole)
    assert game.notes - 3 * m == lines.frame[:, 0].sum() - notes
    assert game.heard == game.notes - m, "the last note of a piece is not heard"


def test_it_draws_from_the_prior_among_legal_notes_at_its_temperature():
    """Of 40 pieces side by side that stand at the same place each note is as frequent as it is likely."""
    rng, n = np.random.default_rng(3), 40
    game = begun(n)
    expected = np.exp(masked(game.batch.log_probs[:1] / np.float32(0.7), game.look(1) > -np.inf)[0])
    counts = np.zeros(expected.size)
    for _ in range(100):
        game.begin(rng)
        game.play_on(n, 0.7, rng)
        first = game.batch.lines.notes[:, :, 0]
        for pitch, duration in zip(first[:, 0], first[:, 2], strict=True):
            counts[action_of(int(pitch), int(duration))] += 1
    assert counts[expected == 0].sum() == 0
    likely = expected > 0.02
    np.testing.assert_allclose(counts[likely] / 4000, expected[likely], atol=0.025)


@pytest.mark.parametrize(("trees", "leaves", "rounds"), [(1, 1, 1000), (3, 2, 20)])
@pytest.mark.parametrize("algorithm", [GUMBEL, PUCT])
def test_rounds_in_compiled_calls_grow_the_trees_that_rounds_in_python_grow(trees, leaves, rounds, algorithm):
    """To the end; of several, as long as no leaf is the end of a piece, after which they stand in other places."""
    found = []
    for compiled in (True, False):
        game = begun(trees * leaves)
        incumbents, rng = Incumbents(game, trees), np.random.default_rng(5)
        game.reserve(2 * trees)
        game.store(np.arange(trees), incumbents.beginnings)
        search = Search(game, incumbents, algorithm, EVALUATIONS["sampled"], 12, 8, leaves, rng)
        assert search.few is not None
        if not compiled:
            search.few = None
        notes, left = [], [None] * rounds

        def watch(left=left):
            if not left:
                raise OutOfTimeError
            left.pop()

        with suppress(OutOfTimeError):
            search.run(watch, lambda _, slots, notes=notes: notes.append(slots.tolist()))
        found.append((search.tree, incumbents.returns, notes, game.notes, game.heard))
    ours, theirs = found
    assert ours[2:] == theirs[2:]
    np.testing.assert_allclose(ours[1], theirs[1])
    for name, value in ours[0]._asdict().items():
        np.testing.assert_allclose(value, getattr(theirs[0], name), rtol=1e-5, err_msg=name)


@rule
def breaks_off(melody):
    """Asks for a note that is not there, from the eighth on."""
    return 0.0 if len(melody.pitch) < 8 else np.log(-1.0 * len(melody.pitch))


@pytest.mark.parametrize("trees", [1, 20])
def test_a_rule_that_fails_in_a_completion_is_named(trees):
    """Few pieces are played on in one call, many a move at a time; then rounds of a search."""
    game = Melodies(named("prior").batch(trees, reward=breaks_off, options=TASK), prior())
    game.begin(np.random.default_rng(0))
    with pytest.raises(RuleError, match="rule 'breaks_off' failed: it returned nan, at note 8"):
        game.play_on(trees, 0.7, np.random.default_rng(0))
