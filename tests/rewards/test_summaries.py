"""What a rule declares, running summaries and given lines, in a batch and outside it."""

import gymnasium as gym
import numpy as np
import pytest

from musicenv.alphabet import LOWEST, REST, action_of
from musicenv.batch import Batch
from musicenv.melody import relative_given
from musicenv.task import MODES, Task
from rewards.judging import judge
from rewards.rules import Rule, rule, statistic
from rewards.summaries import HIGHEST_SO_FAR, LOWEST_SO_FAR, UNHEARD, initial_values, places

CANTUS = (62, 65, 64, 62, 67, 65, 69, 67, 65, 64, 62)
"""The dorian cantus firmus of Fux, Gradus ad Parnassum."""


@rule(window=1, reads=("highest", "lowest"))
def span(melody):
    return float(melody.summary[HIGHEST_SO_FAR] - melody.summary[LOWEST_SO_FAR])


@rule(hard=True, window=1)
def crossing(melody):
    given = melody.given[melody.onset[-1] // 3]
    return -1.0 if melody.side * (melody.pitch[-1] - given) < 0 else 0.0


@rule(window=1)
def no_line(melody):
    return float(len(melody.given))


@statistic(at_end=True, window=1, reads=("highest",))
def summit(melody):
    return float(melody.summary[HIGHEST_SO_FAR])


def against(cantus, above=True, key="D dorian"):
    return Task(key=key, bars=len(cantus), given=tuple((pitch, 48) for pitch in cantus), above=above)


def random_pieces(suite, tasks, n=4):
    """n finished pieces of random notes, and what the environment paid for each."""
    rng = np.random.default_rng(0)
    batch = Batch(n, tasks, suite, prior=None)
    generators = [np.random.default_rng(i) for i in range(n)]
    batch.reset(generators)
    paid, pieces = np.zeros(n), []
    while len(pieces) < n:
        final = batch.advance(np.array([rng.choice(np.flatnonzero(mask)) for mask in batch.masks]), generators)
        paid += batch.rewards
        if final is not None:
            pieces += zip(final.melody, paid[final.rows], strict=True)
            paid[final.rows] = 0.0
    return pieces


def test_a_rule_declares_what_it_reads():
    assert isinstance(span, Rule) and (span.window, span.reads, span.hard) == (1, ("highest", "lowest"), False)
    assert crossing.hard and summit.at_end
    assert (span + crossing).summaries == places(["highest", "lowest"]) == (LOWEST_SO_FAR, HIGHEST_SO_FAR)
    with pytest.raises(ValueError, match="no summary 'tallest'"):
        rule(window=1, reads=("tallest",))(crossing.function) * 1.0


def test_the_step_keeps_the_summaries_that_rules_read_of_the_notes_before_the_newest():
    for melody, _ in random_pieces(span + summit, [Task(bars=2)]):
        before = melody.pitch[:-1]
        heights = before[before != REST] - LOWEST + 1
        assert melody.summary[HIGHEST_SO_FAR] == max(heights, default=0)
        assert melody.summary[LOWEST_SO_FAR] == min(heights, default=UNHEARD)


def test_a_suite_that_reads_no_summary_has_none_and_a_tune_has_no_given_line():
    env = gym.make("musicenv:Melody-v0", prior=None, reward=no_line).unwrapped
    env.reset(seed=0)
    melody = env.batch.melody(0)
    assert melody.summary.size == melody.given.size == 0
    assert melody.side == 0


def test_python_judges_what_the_step_paid():
    suite = span + 2.0 * crossing + summit
    for melody, paid in random_pieces(suite, [against(CANTUS), against(CANTUS, above=False)]):
        assert judge(suite, [melody]).returns[0] == pytest.approx(paid)


def test_the_given_line_is_seen_relative_to_the_tonic():
    task = against(CANTUS)
    assert relative_given(task)[::16].tolist() == [p - 2 for p in CANTUS]
    melody = random_pieces(crossing * 1.0, [task])[0][0]
    assert melody.given.tolist() == relative_given(task).tolist()
    assert (melody.side, melody.summary.size) == (1, 0)


def test_pieces_with_and_without_a_given_line_share_a_batch():
    pieces = random_pieces(crossing * 1.0, [against(CANTUS[:2]), Task(bars=2)], n=16)
    assert {(melody.side, bool(melody.given.any())) for melody, _ in pieces} == {(1, True), (0, False)}


def test_a_given_line_fills_the_piece():
    with pytest.raises(ValueError, match="given: its notes have to last"):
        Task(bars=8, given=((60, 48),) * 7)
    with pytest.raises(ValueError, match="species=1 needs a given line"):
        Task(species=1)


def test_an_opening_counts_in_the_summaries():
    task = Task(bars=2, opening=((72, 12), (55, 12)))
    batch = Batch(1, [task], span * 1.0, prior=None)
    batch.reset([np.random.default_rng(0)])
    batch.step(np.array([action_of(60, 12)]))
    assert batch.rewards[0] == 72 - 55


def test_summaries_begin_where_nothing_was_heard():
    assert initial_values()[LOWEST_SO_FAR] == UNHEARD and initial_values()[HIGHEST_SO_FAR] == 0


@pytest.mark.parametrize("mode", MODES)
def test_tunes_may_be_composed_in_every_mode_without_a_prior(mode):
    env = gym.make("musicenv:Melody-v0", prior=None, reward=summit, key=f"E {mode}", bars=1)
    assert env.reset(seed=0)[0] in env.observation_space


def test_the_prior_refuses_modes_that_its_tunes_are_not_in():
    with pytest.raises(ValueError, match="the prior knows major, minor, dorian, mixolydian only"):
        gym.make("musicenv:Melody-v0", reward=summit, key="E phrygian")
