"""The alphabet: numbers and notes, and what may come next."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicenv.alphabet import (
    DURATIONS,
    HIGHEST,
    LOWEST,
    N_ACTIONS,
    REST,
    action_of,
    duration_is_legal,
    legal_durations,
    note_of,
)
from musicenv.task import METRES, MODES, TONICS, TRANSPOSITION, Task, parse_key


def durations_of(bits: int) -> list[int]:
    return [ticks for number, ticks in enumerate(DURATIONS) if bits >> number & 1]


@given(st.integers(0, N_ACTIONS - 1))
def test_every_action_is_one_note_and_every_note_one_action(action: int) -> None:
    assert action_of(*note_of(action)) == action


def test_the_first_actions_are_rests_and_the_last_the_highest_pitch() -> None:
    assert note_of(0) == (REST, DURATIONS[0])
    assert note_of(len(DURATIONS)) == (LOWEST, DURATIONS[0])
    assert note_of(N_ACTIONS - 1) == (HIGHEST, DURATIONS[-1])


@pytest.mark.parametrize(("pitch", "duration"), [(54, 12), (85, 12), (60, 5), (60, 0)])
def test_notes_outside_the_alphabet_are_named(pitch: int, duration: int) -> None:
    with pytest.raises(ValueError, match=r"not in the alphabet; choose"):
        action_of(pitch, duration)


@pytest.mark.parametrize("metre", METRES)
@pytest.mark.parametrize("pickup", [0, 3, 6, 12])
@pytest.mark.parametrize("bars", [1, 2, 3])
def test_whatever_is_composed_ends_exactly_at_the_final_barline(metre: str, pickup: int, bars: int) -> None:
    """Every tick that legal notes can lead to is the end, or has a legal note that stays inside the piece."""
    task = Task(metre, bars=bars, pickup=pickup)
    reached, waiting = {-pickup}, [-pickup]
    while waiting:
        time = waiting.pop()
        if time == task.end:
            continue
        legal = legal_durations(time, task.bar, task.end)
        assert durations_of(legal) == [d for d in DURATIONS if duration_is_legal(time, d, task.bar, task.end)]
        assert legal
        for after in time + np.array(durations_of(legal)):
            assert after <= task.end
            if after not in reached:
                reached.add(int(after))
                waiting.append(int(after))
    assert task.end in reached


def test_a_triplet_begins_on_an_eighth_and_is_completed_in_its_bar() -> None:
    def legal(time: int) -> set[int]:
        return set(durations_of(legal_durations(time, 48, 96)))

    assert {4, 8} <= legal(0)
    assert {4, 8} <= legal(6)
    assert not {4, 8} & legal(3), "not on a sixteenth"
    assert not {4, 8} & legal(42), "it would run over the bar line"
    assert legal(4) == {4, 8}, "inside a triplet only its own values"
    assert legal(44) == {4}, "the last note of a triplet before the bar line"


@pytest.mark.parametrize(
    ("name", "tonic", "mode"),
    [
        ("C", 0, "major"),
        ("F# minor", 6, "minor"),
        ("Bbmix", 10, "mixolydian"),
        ("Am", 9, "minor"),
        ("e dorian", 4, "dorian"),
    ],
)
def test_keys_are_read_as_musicians_write_them(name: str, tonic: int, mode: str) -> None:
    assert parse_key(name) == (tonic, MODES.index(mode))


@pytest.mark.parametrize("name", ["H", "", "C locrian", "C#b", "major"])
def test_a_key_that_is_none_is_named_with_the_remedy(name: str) -> None:
    with pytest.raises(ValueError, match=r"is not understood; write a tonic and a mode"):
        Task(key=name)


def test_the_tonic_sounds_within_a_tritone_of_middle_c() -> None:
    assert [(60 + shift) % 12 for shift in TRANSPOSITION] == list(range(len(TONICS)))
    assert all(-6 < shift <= 6 for shift in TRANSPOSITION)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"metre": "5/4"}, "metre '5/4' is not one of"),
        ({"style": "disco"}, "style 'disco' is not one of"),
        ({"bars": 0}, "bars=0 is not in"),
        ({"pickup": 4}, "pickup=4 is not a multiple of 3"),
        ({"pickup": 48}, "pickup=48 is not"),
    ],
)
def test_a_task_that_is_impossible_names_the_field(change: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Task(**change)  # type: ignore[arg-type]
