"""Rules that hold a theme: what is near it, what is not, and that they compile."""

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musicenv.alphabet import REST, action_of
from musicenv.env import MelodyEnv
from musicenv.melody import melody_from_notes
from musicenv.task import Task
from rewards.variation import grids_of, near_contour, near_notes, near_rhythm

THEME = "c2 e2 g2 e2 | f2 d2 B2 d2 | c d e f g2 e2 | d4 c4"


def likeness(melody, theme):
    return {near(theme).name: near(theme)(melody) for near in (near_rhythm, near_contour, near_notes)}


def test_a_theme_is_its_own_nearest_variation(abc):
    theme = abc(THEME, bars=4)
    assert likeness(theme, theme) == {"near_rhythm": 1.0, "near_contour": 1.0, "near_notes": 1.0}


def test_a_sequence_keeps_rhythm_and_contour_but_not_the_notes(abc):
    theme, higher = abc(THEME, bars=4), abc(THEME, bars=4)
    higher = higher._replace(
        pitch=(higher.pitch + 2).astype(np.int16), grid=np.where(higher.grid > 0, higher.grid + 2, higher.grid)
    )
    assert likeness(higher, theme) == {"near_rhythm": 1.0, "near_contour": 1.0, "near_notes": 0.0}


def test_ornaments_keep_more_of_the_contour_than_of_the_rhythm(abc):
    theme = abc(THEME, bars=4)
    plain = likeness(abc("c4 g4 | f4 B4 | c4 g4 | d4 c4", bars=4), theme)
    ornamented = likeness(abc("c d e d g f e f | f e d c B c d B | c d e f g f e c | d4 c4", bars=4), theme)
    assert plain["near_rhythm"] < 0.8
    assert ornamented["near_contour"] > 0.7 > ornamented["near_rhythm"] - 0.15
    assert ornamented["near_contour"] > plain["near_contour"] - 0.1


def test_another_tune_is_farther_in_every_respect(abc):
    theme = abc(THEME, bars=4)
    other = likeness(abc("G8 | a b c' b a b c' a | z4 G4 | c8", bars=4), theme)
    assert all(value < 0.7 for value in other.values())


def test_a_target_asks_for_a_distance(abc):
    theme = abc(THEME, bars=4)
    assert near_notes(theme, target=0.5)(theme) == 0.0
    half = abc("c2 e2 g2 e2 | f2 d2 B2 d2 | z8 | z8", bars=4)
    assert near_notes(theme, target=0.5)(half) == pytest.approx(1.0)
    with pytest.raises(ValueError, match=r"target=1\.5 is not in 0\.\.1"):
        near_notes(theme, target=1.5)


def test_a_longer_piece_meets_the_theme_again_and_another_metre_pays_nothing(abc):
    theme = abc(THEME, bars=4)
    assert near_notes(theme)(abc(f"{THEME} | {THEME}", bars=8)) == 1.0
    assert np.isnan(near_rhythm(theme)(abc("c2 d2 e2 | f6", bars=2, metre="3/4")))


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from((REST, 60, 62, 64, 67, 72)), st.sampled_from((3, 6, 12, 24))), min_size=8))
def test_likeness_is_a_share(abc, notes):
    theme = abc(THEME, bars=4)
    pitch, duration = zip(*notes, strict=True)
    bars = -(-sum(duration) // 48)
    piece = melody_from_notes(pitch, duration, Task(bars=bars), end=sum(duration) // 48 * 48 or 48)
    for value in likeness(piece, theme).values():
        assert np.isnan(value) or 0.0 <= value <= 1.0


def test_the_grids_leave_the_pick_up_out(abc):
    sounding, struck = grids_of(abc("G2 | c4 e4 | g6", bars=2, pickup=12))
    assert sounding.shape == struck.shape == (2, 16)
    assert sounding[0].tolist() == [72] * 8 + [76] * 8
    assert struck.sum() == 3


def test_two_themes_are_two_rewards_of_one_environment(abc):
    """Compiled into the step, each with its own theme: a piece that plays the theme is paid its weight."""
    for text in (THEME, "e2 e2 c2 c2 | d2 d2 B2 B2 | c2 e2 g2 c2 | B4 c4"):
        theme = abc(text, bars=4)
        env = gym.make("musicenv:Melody-v0", bars=4, prior=None, reward=near_notes(theme) * 3.0)
        assert isinstance(env.unwrapped, MelodyEnv)
        env.reset(seed=0)
        paid = sum(
            env.step(action_of(int(pitch), int(ticks)))[1]
            for pitch, ticks in zip(theme.pitch, theme.duration, strict=True)
        )
        assert paid == pytest.approx(3.0)
