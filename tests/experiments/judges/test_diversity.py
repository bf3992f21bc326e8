"""Diversity and novelty: sets with known answers, slow references."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.judges.diversity import Vendi, distinct_ngrams, edit_distance, mean_edit_distance, vendi_of_kernel
from experiments.judges.novelty import Novelty
from musicenv.alphabet import REST
from musicenv.melody import Melody, melody_from_notes
from musicenv.task import Task


def tune(*pitches: int, ticks: int = 12) -> Melody:
    return melody_from_notes(pitches, np.full(len(pitches), ticks), Task(bars=8), end=len(pitches) * ticks)


def test_the_vendi_score_of_copies_is_one_and_of_strangers_their_number():
    assert vendi_of_kernel(np.ones((7, 7))) == pytest.approx(1.0)
    assert vendi_of_kernel(np.eye(7)) == pytest.approx(7.0)
    two_of_each = np.kron(np.eye(3), np.ones((2, 2)))
    assert vendi_of_kernel(two_of_each) == pytest.approx(3.0)


def test_real_tunes_are_more_diverse_than_few_of_them_over_and_over(corpus):
    real = corpus.melodies("test", bars=8, metre="4/4")[:80]
    vendi = Vendi(real)
    assert vendi.score(real[:1] * 80) == pytest.approx(1.0)
    assert vendi.score(real[:8] * 10) < 8.001
    assert 20 < vendi.score(real) < 80


def test_distinct_ngrams_counts_each_run_once():
    one = tune(60, 62, 64, 65, 67)
    assert distinct_ngrams([one]) == 1
    assert distinct_ngrams([one, one]) == 0.5
    assert distinct_ngrams([one, tune(60, 62, 64, 65, 67, ticks=6)]) == 1
    assert np.isnan(distinct_ngrams([tune(60)]))


def slow_edit_distance(one: list[int], other: list[int]) -> int:
    if not one or not other:
        return len(one) + len(other)
    changed = slow_edit_distance(one[1:], other[1:]) + (one[0] != other[0])
    return min(changed, slow_edit_distance(one[1:], other) + 1, slow_edit_distance(one, other[1:]) + 1)


few = st.lists(st.integers(0, 3), min_size=1, max_size=5)


@given(few, few)
def test_the_edit_distance_is_that_of_its_definition(one, other):
    given_as = [np.array(each, dtype=np.int16) for each in (one, other)]
    assert edit_distance(*given_as) == slow_edit_distance(one, other)


def test_the_mean_edit_distance_is_of_pairs():
    assert mean_edit_distance([tune(60, 62), tune(60, 62)]) == 0
    assert mean_edit_distance([tune(60, 62), tune(60, 64), tune(60, 62, 64, 65)]) == pytest.approx(
        (0.5 + 0.5 + 0.5) / 3
    )


def slow_longest(training: list[list[int]], asked: list[int]) -> int:
    """Notes of the longest run of ``asked`` that some tune has in some key."""
    known = {
        tuple(np.diff(each[i:j]).tolist()) for each in training for i in range(len(each)) for j in range(i + 2, 20)
    }
    lengths = [
        j - i
        for i in range(len(asked))
        for j in range(i + 2, len(asked) + 1)
        if tuple(np.diff(asked[i:j]).tolist()) in known
    ]
    return max(lengths, default=0)


lines = st.lists(st.integers(60, 63), min_size=1, max_size=10)


@given(st.lists(lines, min_size=1, max_size=4), st.lists(lines, min_size=1, max_size=3))
def test_the_longest_shared_run_is_found(training, asked):
    known = Novelty([tune(*each) for each in training], [tune(60, 61)])
    assert known.longest_shared([tune(*each) for each in asked]).tolist() == [slow_longest(training, a) for a in asked]


def test_a_tune_shares_all_its_notes_with_itself_in_any_key_and_rhythm():
    known = Novelty([tune(60, 64, 67, 65, 62), tune(72, 71, 69)], [tune(60, 61)])
    assert known.longest_shared([tune(62, 66, 69, 67, 64, ticks=6)]).tolist() == [5]
    assert known.longest_shared([tune(60, 64, REST, 67, 65, REST, 62)]).tolist() == [5]
    # No run goes from one tune to the next.
    assert known.longest_shared([tune(65, 62, 72, 71)]).tolist() == [2]


def test_held_out_tunes_are_rarely_copies_and_training_tunes_always(corpus):
    training, held_out = (corpus.melodies(split, bars=8, metre="4/4")[:200] for split in ("train", "test"))
    known = Novelty(training, held_out)
    assert known.figures(held_out)["copied"] <= 0.05
    assert known.figures(training)["copied"] == pytest.approx(1.0, abs=0.02)
    assert known.figures(training)["shared_notes"] > 3 * known.figures(held_out)["shared_notes"]
