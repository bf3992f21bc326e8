"""Curves: what they pay for, where a piece passes, and that they survive being written."""

import numpy as np
import pytest

from experiments.fitting import FLOOR
from musicenv.task import METRES
from rewards import calibration
from rewards.calibration import Calibrated, Entry, Sample, calibrated, fit_curve, sample
from rewards.rules import Curve, statistic


def _normal(mean: float, n: int = 4000, metre: int = 2, seed: int = 0) -> Sample:
    return sample(np.random.default_rng(seed).normal(mean, 1.0, n), np.full(n, metre))


def test_a_ratio_is_that_of_the_densities():
    curve = fit_curve(_normal(1.0), _normal(-1.0, seed=1), "ratio")
    for value in (-1.0, 0.0, 0.5):  # log of two normal densities, sd 1, at distance 2
        assert curve(value, 2) == pytest.approx(2 * value, abs=0.3)
    assert curve.table.min() >= -6.0
    assert curve.table.max() <= 1.5


def test_a_density_is_highest_where_real_parts_are_and_zero_at_their_median_score():
    real = _normal(3.0)
    curve = fit_curve(real, _normal(0.0), "density")
    assert curve(3.0, 2) == pytest.approx(0.5 * 0.6745**2, abs=0.1)  # median of log f: at a quartile
    assert np.median([curve(value, 2) for value in real.value]) == pytest.approx(0.0, abs=0.05)
    assert curve(-10.0, 2) < -7.0


def test_a_capped_density_pays_no_bonus_and_leaves_the_middle_half_alone():
    curve = fit_curve(_normal(3.0), _normal(0.0), "capped")
    assert curve.table.max() == 0.0
    assert curve(3.0, 2) == curve(3.4, 2) == 0.0
    assert curve(6.0, 2) < -2.0


def test_a_capped_density_leans_away_from_what_is_near_music_but_not_out_of_it():
    real, near = _normal(3.0), _normal(3.6, seed=1)
    curve = fit_curve(real, _normal(0.0), "capped", near)
    assert curve(2.5, 2) == pytest.approx(0.5 * (1.1**2 - 0.5**2), abs=0.15)  # log of the two densities there
    assert curve(3.6, 2) < curve(3.0, 2) < curve(2.5, 2)
    assert curve(0.0, 2) < -2.0


def test_to_fail_costs_the_same_whatever_a_rule_weighs():
    light, heavy = (Calibrated(1.0, fit_curve(_normal(0.0), _normal(2.0), "capped")).weighing(w) for w in (0.05, 1.5))
    for weight, curve in (light, heavy):
        value = 9.0
        plain = Calibrated(weight, curve).without_fall().curve(value, 2)
        assert plain < curve.threshold[2]
        assert weight * (plain - curve(value, 2)) == pytest.approx(calibration.FAILING, abs=0.002)
        assert curve(0.0, 2) == Calibrated(weight, curve).without_fall().curve(0.0, 2)


def test_one_real_part_in_a_hundred_does_not_pass():
    real = _normal(0.0)
    curve = fit_curve(real, real, "capped")
    passing = np.mean([curve(value, 2) >= curve.threshold[2] for value in real.value])
    assert passing == pytest.approx(0.99, abs=0.004)


def test_a_class_that_is_likelier_in_fakes_does_not_pass_even_where_many_real_parts_are_in_it():
    rng = np.random.default_rng(0)
    real = sample(rng.choice([0, 1], p=[0.2, 0.8], size=3000), np.full(3000, 2))
    fake = sample(rng.choice([0, 1], p=[0.8, 0.2], size=3000), np.full(3000, 2))
    curve = fit_curve(real, fake, "ratio")
    assert curve(0, 2) < curve.threshold[2] <= curve(1, 2)
    assert curve(0, 2) == pytest.approx(-np.log(4), abs=0.1)


def test_whole_numbers_keep_a_grid_point_each():
    counts = sample(np.random.default_rng(0).poisson(4, 3000), np.full(3000, 2))
    curve = fit_curve(counts, counts, "density")
    assert set(curve.step) == {1.0}
    assert all(curve.lo == np.round(curve.lo))


def test_a_metre_with_few_parts_borrows_and_one_with_many_does_not():
    many, few = _normal(0.0, 3000, metre=2), _normal(4.0, 10, metre=4, seed=2)
    both = Sample(*(np.concatenate(pair) for pair in zip(many, few, strict=True)))
    curve = fit_curve(both, both, "density")
    assert curve(0.0, 4) > -1.0  # 9/8 follows the others
    assert curve(4.0, 4) > curve(4.0, 2) + 1.0  # but knows its own
    assert curve(0.0, 3) == pytest.approx(curve(0.0, 2), abs=0.2)  # no part at all: as the others


def test_values_between_those_that_eight_bars_can_show_are_not_punished():
    """Shares of seven bars lie on a lattice; while a piece grows they are shares of fewer."""
    sevenths = sample(np.random.default_rng(0).binomial(7, 0.3, 4000) / 7, np.full(4000, 2))
    curve = fit_curve(sevenths, sevenths, "capped")
    assert curve(1 / 4, 2) > -0.5


def test_undefined_pieces_are_left_out():
    given = sample([1.0, np.nan, 2.0], [0, 1, 2])
    assert given.value.tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="not defined for any real part"):
        fit_curve(sample([np.nan], [0]), given, "capped")


def test_curves_read_back_as_written(tmp_path):
    found = {
        "a": Calibrated(0.1, fit_curve(_normal(0.0), _normal(1.0), "ratio")),
        "b": Calibrated(1.0, fit_curve(_normal(2.0), _normal(1.0), "capped")).weighing(1.25),
    }
    read = calibration.load(calibration.save(found, tmp_path / "curves.json"))
    assert {name: given.weight for name, given in read.items()} == {"a": 0.1, "b": 1.25}
    for name, given in found.items():
        for field in ("lo", "step", "table", "threshold", "fall"):
            np.testing.assert_array_equal(getattr(read[name].curve, field), getattr(given.curve, field))
    assert isinstance(read["a"].curve, Curve)


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"curves\.json is missing; make it with 'python -m experiments"):
        calibration.load(tmp_path / "curves.json")

    @statistic
    def brightness(melody):
        return 0.0

    with pytest.raises(ValueError, match="brightness not calibrated; run"):
        calibrated([Entry(brightness, "capped", 1.0)])


def test_the_shipped_curves_have_a_row_for_each_metre():
    for name, (weight, curve) in calibration.load().items():
        assert weight >= FLOOR, name
        assert weight * curve.fall == pytest.approx(calibration.FAILING, abs=0.001), name
        assert curve.table.shape[0] == curve.threshold.size == len(METRES), name
        assert curve.table.min() >= calibration.LOWEST_SCORE + calibration.LEANING[0], name
        assert (curve.threshold <= curve.table.max(axis=1)).all(), name
