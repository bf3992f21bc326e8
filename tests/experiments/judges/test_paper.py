"""The paper's nine metrics on small tunes, counted by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.judges.paper import (
    FIRST_PITCH,
    METRICS,
    NO_EVENT,
    NOTE_OFF,
    autocorrelation,
    events,
    excessive,
    leaps,
    metrics,
    motifs,
    won_by_random,
)
from musicenv.melody import melody_from_notes
from musicenv.task import Task

C = FIRST_PITCH + 12
"""Middle C."""
HOLD = NO_EVENT


def line(*given: int) -> np.ndarray:
    return np.array(given)


def test_a_melody_becomes_one_event_a_sixteenth(abc):
    tune = abc("C D/ z/ E2 | z4", bars=2, metre="2/4")
    assert events(tune).tolist() == [C, 0, C + 2, NOTE_OFF, C + 4, 0, 0, 0, NOTE_OFF, 0, 0, 0, 0, 0, 0, 0]


def test_a_pick_up_comes_first_and_the_last_note_of_a_sixteenth_counts():
    triplet = melody_from_notes([67, 60, 62, 64], [6, 4, 4, 4], Task(metre="2/4", bars=1, pickup=6))
    assert events(triplet).tolist() == [C + 7, 0, C, C + 2, C + 4, 0]


def test_the_sixth_of_the_same_note_is_one_too_many_and_with_holds_the_eighth():
    assert excessive(line(*[C] * 5)) == 0
    assert excessive(line(*[C] * 7)) == 2
    assert excessive(line(*[C, HOLD] * 7)) == 0
    assert excessive(line(*[C, HOLD] * 8)) == 1
    assert excessive(line(*[C, NOTE_OFF] * 9)) == 2
    assert excessive(line(*[C, C, C, C + 2] * 4)) == 0


def test_autocorrelation_is_that_of_the_definition():
    numbers = np.random.default_rng(0).integers(0, 38, 50)
    for lag in (1, 2, 3):
        x = numbers - numbers.mean()
        by_hand = sum(x[t] * x[t + lag] for t in range(50 - lag)) / 50 / numbers.var()
        assert autocorrelation(numbers, lag) == pytest.approx(by_hand)
    assert np.isnan(autocorrelation(np.full(8, C), 1))


def test_a_leap_is_resolved_by_coming_back_and_doubled_by_another_the_same_way():
    assert leaps(line(C, C + 7, C + 5, C + 2, C)) == (1, 0)
    assert leaps(line(C, C + 7, C + 14)) == (0, 1)
    assert leaps(line(C, C + 7, C + 5, C + 4)) == (0, 0)
    assert leaps(line(C + 7, C, C + 4, C + 7)) == (1, 0)


def test_a_leap_back_answers_a_leap_only_after_six_sixteenths():
    assert leaps(line(C, C + 7, C)) == (0, 0)
    assert leaps(line(C, C + 7, *[HOLD] * 6, C)) == (0, 0)
    assert leaps(line(C, C + 7, *[HOLD] * 7, C)) == (1, 0)


def test_a_motif_has_three_pitches_in_eight_sixteenths_and_may_come_again():
    motif = [C, HOLD, C + 2, HOLD, C + 4, HOLD, C + 2, HOLD]
    assert motifs(line(*motif[:7])) == (0, 0)
    assert motifs(line(*motif)) == (1, 0)
    # From the end of the second time on, each window has been heard a bar earlier.
    assert motifs(line(*motif, *motif)) == (9, 1)
    assert motifs(line(*motif, *motif, *motif[:3])) == (12, 4)
    assert motifs(line(*[C, C + 2] * 4)) == (0, 0)


def test_the_metrics_of_a_tune_in_another_key_are_those_of_its_scale(abc):
    tune = abc("C2 D2 _E2 F2 | G2 ^F2 G2 c2", bars=2, key="C minor")
    found = metrics([tune])
    assert found["not_in_key"] == pytest.approx(100 / 32)
    assert found["starts_on_tonic"] == found["unique_highest"] == found["unique_lowest"] == 100
    assert np.isnan(found["leaps_resolved"])


def test_a_piece_of_rests_has_no_highest_note(abc):
    found = metrics([abc("z8", bars=1)])
    assert found["unique_highest"] == found["in_motif"] == found["not_in_key"] == 0


def test_uniform_play_wins_four_rows_of_the_papers_table():
    assert won_by_random() == ["autocorrelation_1", "unique_highest", "unique_lowest", "in_motif"]


def slow_motifs(composed: list[int]) -> tuple[int, int]:
    """The metric step by step, as a player would count."""
    is_motif = again = 0
    for t in range(8, len(composed) + 1):
        last = composed[t - 8 : t]
        if len({event for event in last if event > 1}) >= 3:
            is_motif += 1
            again += any(composed[k : k + 8] == last for k in range(t - 15))
    return is_motif, again


@given(st.lists(st.sampled_from([0, 1, C, C + 2, C + 4]), min_size=1, max_size=60), st.integers(1, 4))
def test_motifs_are_found_wherever_they_are(played, times):
    composed = played * times
    assert motifs(np.array(composed)) == slow_motifs(composed)


def test_every_metric_has_a_value(corpus):
    found = metrics(corpus.melodies("test", bars=8, metre="4/4")[:40])
    assert found.keys() == METRICS.keys()
    assert all(np.isfinite(value) for value in found.values())
