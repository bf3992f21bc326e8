"""The suite as a whole: defined everywhere, the same compiled, calibrated, and in favour of music."""

import math

import numpy as np
import pytest

from experiments.fakes import FAKES, fakes, task_of
from experiments.fitting import FLOOR
from musicenv.alphabet import REST
from musicenv.appraisal import appraise
from musicenv.melody import melody_from_notes
from musicenv.task import METRES, Task
from rewards import theory
from rewards.theory.idiom import count_tables

STATISTICS = [entry.statistic for entry in theory.SUITE]


TALLIES = list(dict.fromkeys(rule.tally for rule in STATISTICS if rule.tally))


@pytest.fixture(scope="module")
def pieces(corpus):
    """Real parts of all metres and fakes made of them."""
    real = [part for metre in METRES for part in corpus.melodies("test", bars=8, metre=metre)[:8]]
    real += corpus.melodies("test", bars=4)[:3] + corpus.melodies("test", bars=16)[:3]
    return real + [piece for kind in FAKES for piece in fakes(kind, real[:40], 6, seed=1)]


def asked(rule, melody):
    """What the compiled rule says, of numbers that its compiled tally gives."""
    return rule.compiled(melody) if rule.tally is None else rule.compiled(melody, counted(rule.tally, melody))


def counted(tally, melody, numbers=None, read=0):
    """The numbers of a compiled tally, which go on from those after ``read`` notes."""
    numbers = np.zeros(tally.size) if numbers is None or not (tally.of_notes or tally.kept) else numbers
    if tally.of_notes:
        for k in range(read, melody.pitch.size):
            tally.compiled(melody, k, numbers)
    else:
        tally.compiled(melody, numbers)
    return numbers


@pytest.mark.parametrize("tally", TALLIES, ids=lambda t: t.function.__name__)
def test_a_tally_goes_on_from_the_reading_before_as_if_it_read_the_whole_line(tally, pieces, prefix):
    for piece in pieces:
        numbers, read = None, 0
        for bar in range(1, piece.bars + 1):
            notes = int((piece.onset < bar * piece.bar).sum())
            melody = prefix(piece, notes) if bar < piece.bars else piece
            numbers = counted(tally, melody, numbers, read)
            read = notes
            np.testing.assert_array_equal(numbers, tally(melody))


@pytest.mark.parametrize("rule", STATISTICS, ids=lambda rule: rule.name)
def test_compiled_and_plain_python_agree_while_a_piece_grows(rule, pieces, prefix):
    for piece in pieces:
        for notes in {1, 2, piece.pitch.size // 2, 3 * piece.pitch.size // 4, piece.pitch.size}:
            melody = prefix(piece, max(notes, 1))
            assert asked(rule, melody) == pytest.approx(rule(melody), nan_ok=True, abs=1e-12)


@pytest.mark.parametrize("metre", METRES)
@pytest.mark.parametrize("bars", [1, 2, 3, 5, 8, 12, 32])
def test_every_statistic_is_finite_or_undefined_for_any_length(metre, bars):
    task = Task(metre=metre, bars=bars, pickup=6)
    silence = _silence(task)
    for piece in [silence, *fakes("uniform", [silence], 3, seed=bars)]:
        for rule in STATISTICS:
            assert not math.isinf(asked(rule, piece)), rule.name


def _silence(task):
    count = (task.end + task.pickup) // 6
    return melody_from_notes(np.full(count, REST), np.full(count, 6), task)


def test_every_rule_has_a_curve_and_a_floor():
    suite = theory.suite()
    assert suite.names == tuple(rule.name for rule in STATISTICS)
    assert all(term.curve is not None and term.weight >= FLOOR for term in suite)
    assert not suite.needs_prior


def test_real_parts_outscore_every_kind_of_fake(corpus):
    suite = theory.suite()
    real = corpus.melodies("test", bars=8)
    score = appraise(suite, real).scores.sum(axis=1)
    for kind in FAKES:
        made = appraise(suite, fakes(kind, real, 300, seed=2)).scores.sum(axis=1)
        wins = (score[:, None] > made).mean()
        nearer_to_music = {"bar_shuffled": 0.85, "cut": 0.7, "same_tails": 0.85, "alternating": 0.9, "thinned": 0.8}
        assert wins >= nearer_to_music.get(kind, 0.97), kind


def test_hardly_a_fake_passes_all_rules_and_most_real_parts_do(corpus):
    suite = theory.suite()
    real = corpus.melodies("test", bars=8)[::4]
    assert np.mean([_passes(suite, piece) for piece in real]) >= 0.5
    for kind in ("uniform", "shuffled", "loop", "two_bar_loop", "scale", "single"):
        assert np.mean([_passes(suite, piece) for piece in fakes(kind, real, 50, seed=3)]) <= 0.02, kind


def test_each_rule_alone_passes_nearly_all_real_parts_but_for_the_cadence_and_the_opening(corpus):
    real = corpus.melodies("test", bars=8)[::3]
    for term in theory.suite():
        share = np.mean([_term_passes(term, piece) for piece in real])
        assert share >= (0.75 if term.rule.name in ("cadence", "opening_on_the_triad") else 0.96), term.rule.name


def test_the_shipped_idiom_tables_are_log_probabilities(corpus):
    for shipped in theory.idiom.load_tables():
        np.testing.assert_allclose(np.exp(shipped).sum(axis=-1), 1.0, atol=0.02)
    interval, beat = count_tables(corpus.melodies("train", bars=8)[:500])
    assert interval.shape == (4, 12, 25)
    assert beat.shape == (5, 128)
    assert interval[0, 11].argmax() == 13  # the leading tone goes up a semitone


def test_the_frame_of_a_melody_is_a_task(corpus):
    part = corpus.melodies("test", bars=8)[0]
    task = task_of(part)
    assert (task.bars, task.bar, task.pickup, task.mode_index) == (part.bars, part.bar, -part.start, part.mode)


def _term_passes(term, melody):
    value = asked(term.rule, melody)
    return math.isnan(value) or term.curve(value, melody.metre) >= term.curve.threshold[melody.metre] - 1e-9


def _passes(suite, melody):
    return all(_term_passes(term, melody) for term in suite)
