"""Fakes that are what they say, and figures that say what they should."""

import numpy as np
import pytest

from experiments.attack import attractive, read_attacked, write_attacked
from experiments.calibrate import main
from experiments.fakes import FAKES, fakes, task_of
from experiments.fitting import ENTRIES, FLOOR, fit_weights, wins
from experiments.pieces import Piece, write_pieces
from experiments.runs import result_of
from musicenv.alphabet import HIGHEST, LOWEST, REST
from musicenv.appraisal import appraise
from musicenv.corpus import load
from rewards import calibration
from rewards.named import suite_of


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


@pytest.mark.parametrize(
    ("rule", "kind"),
    [
        ("same_tail", "same_tails"),
        ("similarity_two_bars_apart", "alternating"),
        ("recitation", "recited"),
        ("density", "thinned"),
    ],
)
def test_what_agents_were_seen_to_do_has_a_rule_against_it(rule, kind, parts):
    """The same half-bar tail throughout, A A' A A', reciting one note, thin rhythm."""
    suite = suite_of(f"theory.{rule}", has_prior=False)
    real, made = (appraise(suite, pieces).scores[:, 0] for pieces in (parts, fakes(kind, parts, 60, seed=0)))
    assert wins(real, made) > 0.85


def test_weights_go_to_what_tells_real_from_made_and_none_below_the_floor():
    rng = np.random.default_rng(0)
    real, made = rng.normal(0, 1, (400, len(ENTRIES))), rng.normal(0, 1, (400, len(ENTRIES)))
    made[:, 3] -= 4.0
    weights = fit_weights(real, made, np.ones(400))
    towards = np.array([entry.weight for entry in ENTRIES])
    assert weights.min() >= FLOOR
    assert (weights - towards).argmax() == 3


def test_attacked_pieces_read_back_as_written(tmp_path, parts):
    pieces = [part for part in parts if task_of(part).end == part.end]
    read = read_attacked(write_attacked(pieces, tmp_path / "attacked.json"))
    for piece, again in zip(pieces, read, strict=True):
        for name in ("pitch", "onset", "duration", "grid"):
            assert np.array_equal(getattr(piece, name), getattr(again, name))
        assert (piece.metre, piece.mode, piece.key, piece.style) == (again.metre, again.mode, again.key, again.style)


def test_what_a_planner_composed_is_read_from_its_folder(tmp_path, parts):
    write_pieces(tmp_path / "pieces", {"mcts": [Piece(part) for part in parts[:3]]}, ())
    assert [m.pitch.tolist() for m in attractive(tmp_path, 8, 0)] == [p.pitch.tolist() for p in parts[:3]]
    with pytest.raises(ValueError, match=r"neither checkpoint\.pt nor pieces; name a run folder"):
        attractive(tmp_path / "nowhere", 8, 0)


def test_the_command_fits_attacks_and_reports_without_touching_what_ships(tmp_path, capsys):
    shipped = calibration.SHIPPED.read_bytes()
    main(["--fakes", "30", "--attacked", "4", "--moves", "10", "--no-write", "--out", str(tmp_path / "run")])
    assert calibration.SHIPPED.read_bytes() == shipped
    result = result_of(tmp_path / "run")
    wanted = "win_uniform win_shuffled win_bar_shuffled win_loop win_scale win_single win_prior"
    wanted += " pass_real pass_prior pass_attacked rules_ns judge_in_band_attacked"
    assert set(wanted.split()) <= set(result["figures"])
    assert all((tmp_path / "run" / file).exists() for file in result["files"])
    assert set(calibration.load(tmp_path / "run" / "calibration.json")) == set(calibration.load())
    assert "attack 2" in capsys.readouterr().out
