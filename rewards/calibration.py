"""Calibrated curves: from what a statistic is in real parts, and in fakes, to the score of a piece.

Per metre, with f the smoothed distribution of the statistic in real parts and g that in fakes,

    ratio    log(f / g), clipped to -6..1.5: pays for what tells real from fake
    density  log f - its median over real parts, at least -8: pays for what is common
    capped   the same, at most 0 and without valleys: what is common enough is left alone; and, where g is that of
             pieces that are near music, log(f / g) added, clipped to -1.5..0.7

"More is better" fails: a reward of any of these forms has its optimum inside the real range.  A metre with few parts
borrows from all others.  A piece that fails a rule loses ``FAILING`` besides.  Curves and weights ship as
``rewards/data/calibration.json``, made by ``experiments/calibrate.py``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from musicenv.files import write_atomic
from musicenv.task import METRES
from rewards.rules import Curve, Rule, Suite, Term

Form = Literal["ratio", "capped", "density"]
Floats = npt.NDArray[np.float64]

SHIPPED: Final = Path(__file__).resolve().parent / "data" / "calibration.json"

POINTS: Final = 65
"""Grid points of a curve; a statistic of whole numbers has one for each."""
BORROWED: Final = 60.0
"""Parts that all metres together count for in the distribution of one."""
EVEN: Final = 0.002
"""Share of every distribution that is spread evenly, so that no logarithm is infinite."""
LOWEST_SCORE: Final = -8.0
RATIOS: Final = (-6.0, 1.5)
"""So low that more than a hundredth of real parts never lies on the bottom: there nothing could fail."""
LEANING: Final = (-1.5, 0.7)
"""So narrow that a capped density keeps a piece where real parts are."""
FAILING: Final = 0.5
"""What a piece loses by failing a rule, however little that weighs: else a search trades light rules for heavy ones."""
PERCENTILE: Final = 0.01
"""A piece passes if it scores at least what all but this share of real parts score ..."""
VACUOUS: Final = 0.05
"""... but if more than this share of real parts is in classes that are likelier in fakes, only in a likelier class:
else to pass would mean nothing (one real part in five does not end on its tonic).  Not so for what comes in degrees:
all pieces would have to take the commonest form."""


class Sample(NamedTuple):
    """Values of a statistic over pieces; NaN where it is not defined."""

    value: Floats
    """(n,)"""
    metre: npt.NDArray[np.int64]
    """(n,) index into METRES."""
    weight: Floats
    """(n,) what each piece counts for."""


class _Grid(NamedTuple):
    lo: float
    step: float
    size: int
    spread: float
    """Standard deviation of the smoothing kernel, in grid steps; 0 for none."""

    @property
    def whole(self) -> bool:
        """Whether the statistic is a whole number: a class or a count."""
        return self.spread == 0.0


def sample(value: npt.ArrayLike, metre: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> Sample:
    """A sample of the pieces whose value is defined; ``weight`` is 1 where not given."""
    values, metres = np.asarray(value, dtype=np.float64), np.asarray(metre, dtype=np.int64)
    weights = np.ones(values.size) if weight is None else np.asarray(weight, dtype=np.float64)
    defined = np.isfinite(values)
    return Sample(values[defined], metres[defined], weights[defined])


def fit_curve(real: Sample, fake: Sample, form: Form, near: Sample | None = None) -> Curve:
    """The curve of one statistic and the score from which a piece passes, per metre.

    A capped curve leans away from ``near``: pieces so near to music that they differ from it in shades alone.
    """
    if real.value.size == 0:
        raise ValueError("the statistic is not defined for any real part; it cannot be calibrated")
    grid = _grid_for(real.value)
    tables, thresholds = np.zeros((len(METRES), grid.size)), np.zeros(len(METRES))
    for metre in range(len(METRES)):
        parts = _borrow(real, metre)
        f = np.log(_distribution(parts, grid))
        if form == "ratio":
            table = np.clip(f - np.log(_distribution(_borrow(fake, metre), grid)), *RATIOS)
        else:
            usual = quantile(_read(grid, f, parts.value), parts.weight, 0.5)
            table = np.maximum(f - usual, LOWEST_SCORE)
            if form == "capped":
                table = np.minimum(_filled(table), 0.0)
                if near is not None:
                    table += np.clip(f - np.log(_distribution(_borrow(near, metre), grid)), *LEANING)
        tables[metre] = table.round(3)
        scores = _read(grid, tables[metre], parts.value)
        thresholds[metre] = quantile(scores, parts.weight, PERCENTILE)
        if form == "ratio" and grid.whole and quantile(scores, parts.weight, VACUOUS) < 0.0:
            thresholds[metre] = 0.0
    thresholds = np.floor(thresholds * 1000) / 1000
    each = np.ones(len(METRES))
    return Curve(lo=grid.lo * each, step=grid.step * each, table=tables, threshold=thresholds)


def _filled(table: Floats) -> Floats:
    """The curve without its valleys: what lies between two common values is no worse than the rarer of them."""
    rising = np.maximum.accumulate(table)
    falling = np.maximum.accumulate(table[::-1])[::-1]
    return np.asarray(np.minimum(rising, falling))


def quantile(values: Floats, weights: Floats, share: float) -> float:
    """The smallest value such that at least ``share`` of the weight is at or below it."""
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(below, share * below[-1])])


def _borrow(given: Sample, metre: int) -> Sample:
    """The sample as one metre sees it: its own pieces in full, all others together as ``BORROWED`` pieces."""
    own = given.metre == metre
    others = given.weight[~own].sum()
    typical = given.weight[own].mean() if own.any() else 1.0
    lent = min(BORROWED * typical / others, 1.0) if others > 0 else 0.0
    return given._replace(weight=given.weight * np.where(own, 1.0, lent))


def _grid_for(values: Floats) -> _Grid:
    """A grid over the bulk of the values and a margin; whole numbers get a point each."""
    low, high = (float(q) for q in np.quantile(values, [0.0005, 0.9995], method="inverted_cdf"))
    if np.all(values == np.round(values)) and high - low <= POINTS - 3:
        return _Grid(low - 1.0, 1.0, round(high - low) + 3, 0.0)
    margin = 0.1 * (high - low) if high > low else 0.5
    step = (high - low + 2 * margin) / (POINTS - 1)
    return _Grid(round(low - margin, 6), round(step, 8), POINTS, max(_bandwidth(values) / step, 0.7))


def _bandwidth(values: Floats) -> float:
    """Half of Silverman's rule; for values on a lattice (shares of eight bars) half of its spacing, if that is more."""
    quarter, three = np.quantile(values, [0.25, 0.75])
    spread = min(values.std(), (three - quarter) / 1.34) if three > quarter else values.std()
    silverman = 0.45 * float(spread) * values.size**-0.2
    distinct, counts = np.unique(values.round(6), return_counts=True)
    common = distinct[counts > 0.005 * values.size]
    on_lattice = counts[counts > 0.005 * values.size].sum() > 0.8 * values.size and common.size > 2
    return float(max(silverman, 0.5 * np.median(np.diff(common)))) if on_lattice else silverman


def _distribution(given: Sample, grid: _Grid) -> Floats:
    """(size,) weight at each grid point, shared between neighbours, smoothed by a Gaussian; sums to 1."""
    place = np.clip((given.value - grid.lo) / grid.step, 0, grid.size - 1)
    below = np.minimum(place.astype(np.int64), grid.size - 2)
    above = place - below
    mass = np.bincount(below, given.weight * (1 - above), grid.size)
    mass += np.bincount(below + 1, given.weight * above, grid.size)
    if grid.spread > 0:
        distance = np.arange(grid.size)[:, None] - np.arange(grid.size)
        kernel = np.exp(-0.5 * (distance / grid.spread) ** 2)
        mass = (kernel / kernel.sum(axis=0)) @ mass
    total = mass.sum()
    even = np.full(grid.size, 1.0 / grid.size)
    return np.asarray((1 - EVEN) * mass / total + EVEN * even if total > 0 else even)


def _read(grid: _Grid, table: Floats, values: Floats) -> Floats:
    return np.interp(values, grid.lo + grid.step * np.arange(grid.size), table)


class Calibrated(NamedTuple):
    """What calibration found for one statistic."""

    weight: float
    curve: Curve

    def weighing(self, weight: float) -> Calibrated:
        """The same curve at another weight; to fail it costs ``FAILING``."""
        return Calibrated(weight, replace(self.curve, fall=round(FAILING / weight, 3)))

    def without_fall(self) -> Calibrated:
        """The curve alone."""
        return self._replace(curve=replace(self.curve, fall=0.0))


def save(found: Mapping[str, Calibrated], path: Path = SHIPPED) -> Path:
    """Write weights and curves as JSON, a line for each metre."""
    blocks = []
    for name in sorted(found):
        curve = found[name].curve
        lines = [
            json.dumps(
                {
                    "metre": metre,
                    "lo": float(curve.lo[k]),
                    "step": float(curve.step[k]),
                    "threshold": float(curve.threshold[k]),
                    "table": curve.table[k].tolist(),
                }
            )
            for k, metre in enumerate(METRES)
        ]
        head = f'{json.dumps(name)}: {{"weight": {round(found[name].weight, 3)}, "fall": {found[name].curve.fall}'
        blocks.append(f'{head}, "curve": [\n' + ",\n".join(lines) + "\n]}")
    return write_atomic(path, "{\n" + ",\n".join(blocks) + "\n}\n")


@cache
def load(path: Path = SHIPPED) -> Mapping[str, Calibrated]:
    """The shipped weights and curves by the name of their statistic."""
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileNotFoundError(f"{path} is missing; make it with 'python -m experiments.calibrate'") from error
    found = {}
    for name, entry in read.items():
        rows = entry["curve"]
        if [row["metre"] for row in rows] != list(METRES):
            raise ValueError(f"{path}: {name!r} is calibrated for other metres; run 'python -m experiments.calibrate'")
        lo, step, threshold, table = (
            np.array([row[key] for row in rows], dtype=np.float64) for key in ("lo", "step", "threshold", "table")
        )
        curve = Curve(lo=lo, step=step, table=table, threshold=threshold, fall=float(entry.get("fall", 0.0)))
        found[name] = Calibrated(float(entry["weight"]), curve)
    return found


class Entry(NamedTuple):
    """A row of a calibrated suite."""

    statistic: Rule
    form: Form
    weight: float
    """What the fitted weight is drawn towards."""


def suite_from(entries: Sequence[Entry], found: Mapping[str, Calibrated]) -> Suite:
    """The suite of ``entries`` with the weights and curves in ``found``."""
    if missing := [entry.statistic.name for entry in entries if entry.statistic.name not in found]:
        raise ValueError(f"{', '.join(missing)} not calibrated; run 'python -m experiments.calibrate'")
    return Suite(tuple(Term(entry.statistic, *found[entry.statistic.name]) for entry in entries))


def calibrated(entries: Sequence[Entry]) -> Suite:
    """The suite of ``entries``, as shipped."""
    return suite_from(entries, load())
