"""Fakes that are what they say, and figures that say what they should."""

import numpy as np
import pytest

from experiments.fakes import FAKES, fakes
from experiments.fitting import wins
from musicenv.alphabet import HIGHEST, LOWEST, REST
from musicenv.corpus import load


@pytest.fixture(scope="module")
def parts():
    return load(progress=False).melodies("test", bars=8)[::20]


@pytest.mark.parametrize("kind", FAKES)
def test_a_fake_fills_the_frame_of_its_part_and_repeats_with_its_seed(kind, parts):
    made = fakes(kind, parts, 40, seed=5)
    frames = {(part.start, part.end, part.metre) for part in parts}
    for piece, again in zip(made, fakes(kind, parts, 40, seed=5), strict=True):
        assert piece.time == piece.end
        assert (piece.start, piece.end, piece.metre) in frames
        assert piece.duration.min() > 0
        assert np.array_equal(piece.pitch, again.pitch)
        assert all(pitch == REST or LOWEST <= pitch <= HIGHEST for pitch in piece.pitch)


def test_a_cut_has_the_notes_of_its_part_in_another_order(parts):
    for part in parts[:10]:
        (cut,) = fakes("cut", [part], 1, seed=0)
        assert sorted(cut.pitch) == sorted(part.pitch)
        assert not np.array_equal(cut.pitch, part.pitch)


def test_a_single_note_is_one(parts):
    assert all(np.unique(piece.pitch).size == 1 for piece in fakes("single", parts, 20, seed=0))


def test_wins_is_the_share_of_pairs_with_ties_as_halves():
    assert wins(np.array([1.0, 2.0]), np.array([0.0, 1.0])) == pytest.approx((1 + 0.5 + 1 + 1) / 4)
