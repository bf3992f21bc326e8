"""What the prior is told before a note."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicenv.alphabet import DURATIONS, HIGHEST, LOWEST, REST
from musicenv.melody import Melody, melody_from_notes
from musicenv.task import METRES, STYLES, TUNE_MODES, Task
from rewards.priors.features import (
    AGREEMENT,
    CARDINALITY,
    FEATURES,
    HELD,
    N_FEATURES,
    N_LENGTHS,
    N_SEARCHES,
    NOTHING,
    SPANS,
    piece_features,
    prior_features,
)

QUARTER = DURATIONS.index(12)
EIGHTH = DURATIONS.index(6)


def index_of(pitch: int) -> int:
    return pitch - LOWEST + 1


def features(melody: Melody, n: int) -> dict[str, int]:
    """The features before note ``n`` by name."""
    out = np.empty(N_FEATURES, dtype=np.int16)
    m, near = melody, np.zeros(N_SEARCHES, dtype=np.int64)
    prior_features(m.pitch, m.onset, m.duration, n, m.start, m.end, m.bar, m.metre, m.mode, m.style, near, out)
    return dict(zip(FEATURES, out.tolist(), strict=True))


@pytest.fixture
def march() -> Melody:
    """Bars 1 and 3 are C D E F, bar 2 is a held G and a rest, bar 4 begins; an upbeat of one quarter."""
    pitch = [67, 60, 62, 64, 65, 67, REST, 60, 62, 64, 65, 72]
    duration = [12, 12, 12, 12, 12, 36, 12, 12, 12, 12, 12, 12]
    return melody_from_notes(pitch, duration, Task(metre="4/4", key="D", bars=8, style="march", pickup=12))


def test_before_the_first_note_only_the_frame_is_known(march: Melody) -> None:
    seen = features(march, 0)
    assert seen["last pitch"] == NOTHING
    assert seen["last length"] == N_LENGTHS - 1
    assert seen["bar"] == 0, "the upbeat is bar 0"
    assert seen["style"] == STYLES.index("march")
    assert all(seen[f"{span} pitch"] == NOTHING for span in SPANS)


def test_the_last_note_is_told(march: Melody) -> None:
    seen = features(march, 6)
    assert seen["last pitch"] == index_of(67)
    assert DURATIONS[seen["last length"]] == 36


def test_what_began_a_bar_ago_is_told_with_its_duration(march: Melody) -> None:
    seen = features(march, 5)  # first downbeat of bar 2: a bar ago C began
    assert (seen["1 pitch"], seen["1 length"]) == (index_of(60), QUARTER)
    assert seen["1 agreement"] == 0, "the upbeat G is not the F before this downbeat"


def test_what_was_held_over_is_told_by_what_remains_of_it(march: Melody) -> None:
    seen = features(march, 8)  # second beat of bar 3: a bar ago the long G had two quarters left
    assert seen["1 pitch"] == index_of(67)
    assert seen["1 length"] == HELD + DURATIONS.index(24)
    assert seen["1 agreement"] == 0


def test_a_rest_is_remembered_as_a_rest(march: Melody) -> None:
    assert features(march, 10)["1 pitch"] == 0


def test_agreement_counts_the_notes_that_were_copied(march: Melody) -> None:
    assert [features(march, n)["2 agreement"] for n in (8, 9, 10)] == [1, 2, 3]


def test_half_a_bar_ago(march: Melody) -> None:
    assert features(march, 4)["half pitch"] == index_of(62)


def test_nothing_sounded_before_the_beginning(march: Melody) -> None:
    assert features(march, 11)["3 pitch"] == index_of(60)
    assert features(march, 11)["4 pitch"] == NOTHING


def test_near_the_end_the_last_note_of_the_phrase_before_is_known() -> None:
    """Eight bars: from bar 5 on it is told that bar 4 ended on D; what a copy of bars 1-4 would end on."""
    halves = melody_from_notes([60, 62] * 8, [24, 24] * 8, Task(bars=8))
    assert [features(halves, n)["end 4"] for n in (0, 7, 8, 15)] == [NOTHING, NOTHING, index_of(62), index_of(62)]
    assert all(features(halves, n)["end 8"] == NOTHING for n in range(16)), "there is no earlier phrase of eight bars"


def test_the_end_is_seen_coming(march: Melody) -> None:
    assert features(march, 0)["bars left"] == 8
    assert features(march, 11)["bars left"] == 4
    long = melody_from_notes([60] * 6, [48, 48, 48, 48, 24, 12], Task(bars=5))
    assert [features(long, n)["ticks left"] for n in (4, 5, 6)] == [48, 24, 12]


def test_bars_of_a_long_piece_keep_their_place_in_the_period() -> None:
    long = melody_from_notes([60] * 60, [48] * 60, Task(bars=64))
    assert features(long, 40)["bar"] == features(long, 56)["bar"]
    assert features(long, 40)["bar"] != features(long, 41)["bar"]


def test_strange_notes_are_heard_in_the_nearest_octave() -> None:
    m = melody_from_notes([60, 62], [12, 12], Task())
    low = m._replace(pitch=np.array([36, 62], dtype=np.int16), duration=np.array([7, 12], dtype=np.int16))
    seen = features(low, 1)
    assert seen["last pitch"] == index_of(60)
    assert seen["last length"] == len(DURATIONS), "a duration outside the alphabet"


@given(st.data())
def test_every_feature_stays_within_its_values(data: st.DataObject) -> None:
    task = Task(
        metre=data.draw(st.sampled_from(METRES)),
        key=f"C {data.draw(st.sampled_from(TUNE_MODES))}",
        style=data.draw(st.sampled_from(STYLES)),
        bars=data.draw(st.integers(1, 70)),
        pickup=data.draw(st.sampled_from([0, 3, 6, 12])),
    )
    notes = data.draw(
        st.lists(
            st.tuples(st.sampled_from([REST, *range(LOWEST - 20, HIGHEST + 20)]), st.sampled_from([*DURATIONS, 5, 90])),
            min_size=1,
            max_size=60,
        )
    )
    m = melody_from_notes([p for p, _ in notes], [d for _, d in notes], task)
    table = piece_features(m.pitch, m.onset, m.duration, m.start, m.end, m.bar, m.metre, m.mode, m.style)
    assert (table >= 0).all()
    assert (table < np.array(list(CARDINALITY.values()))).all()
    assert CARDINALITY["1 agreement"] == AGREEMENT + 1


def test_training_and_playing_see_the_same(march: Melody) -> None:
    m = march
    table = piece_features(m.pitch, m.onset, m.duration, m.start, m.end, m.bar, m.metre, m.mode, m.style)
    for n in range(m.pitch.size):
        assert dict(zip(FEATURES, table[n].tolist(), strict=True)) == features(m, n)


def test_what_comes_later_is_not_read(march: Melody) -> None:
    spoiled = march._replace(pitch=np.where(np.arange(march.pitch.size) < 7, march.pitch, 84).astype(np.int16))
    assert features(march, 7) == features(spoiled, 7)
