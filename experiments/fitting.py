"""Fitting the rules: statistics of real and made pieces in, curves and weights out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from musicenv.appraisal import appraise
from musicenv.melody import Melody
from rewards import calibration, likelihood, theory
from rewards.calibration import Calibrated, Entry, sample
from rewards.rules import Curve, Suite, Term

Floats = npt.NDArray[np.float64]

ENTRIES: Final[tuple[Entry, ...]] = (*theory.SUITE, *likelihood.SUITE)

SHARES: Final = {"bar_shuffled": 6.0, "prior": 12.0, "cold_prior": 3.0, "attacked": 2.0, "attractive": 2.0}
"""What a kind of fake counts for beside 1 of the others: the nearer to music, the more ..."""
ENOUGH: Final = 200
"""... in full from this many pieces on; of fewer each counts as it would then."""

TYPICAL: Final = {"prior": 0.0, "loop": 4.0, "two_bar_loop": 4.0, "scale": 4.0, "single": 2.0, "cold_prior": 4.0}
"""The same for the rules of likelihood, whose business is what is all too likely.  To the prior its own samples are as
typical as music."""

NEAR: Final = "prior"
"""Fakes so near to music that capped curves lean away from them; but not those of likelihood, for the same reason."""

FLOOR: Final = 0.05
"""Least weight: a rule without one is simply violated."""
RIDGE: Final = 0.1
"""Strength with which weights are drawn to those of ``ENTRIES``, beside a mean log loss."""


class Measured(NamedTuple):
    """Pieces of one kind and their statistics."""

    metre: npt.NDArray[np.int64]
    """(n,) index into METRES."""
    values: Floats
    """(n, S) in the order of ENTRIES; NaN where not defined."""


def measure(melodies: Sequence[Melody]) -> Measured:
    """Statistics of finished pieces."""
    suite = Suite(tuple(Term(entry.statistic) for entry in ENTRIES))
    return Measured(np.array([melody.metre for melody in melodies], dtype=np.int64), appraise(suite, melodies).values)


def fit(real: Measured, unseen: Measured, made: Mapping[str, Measured]) -> dict[str, Calibrated]:
    """Curve and weight of each entry.

    Rules of likelihood are fitted on ``unseen`` parts: those that the prior was trained on it knows too well.
    """
    weight, typical = (
        np.concatenate(
            [
                np.full(pieces.metre.size, of.get(kind, 1.0) / max(pieces.metre.size, ENOUGH))
                for kind, pieces in made.items()
            ]
        )
        for of in (SHARES, TYPICAL)
    )
    metre = np.concatenate([pieces.metre for pieces in made.values()])
    curves: dict[str, Curve] = {}
    for k, entry in enumerate(ENTRIES):
        of_prior = entry in likelihood.SUITE
        parts = unseen if of_prior else real
        genuine = sample(parts.values[:, k], parts.metre)
        values = np.concatenate([pieces.values[:, k] for pieces in made.values()])
        fake = sample(values, metre, typical if of_prior else weight)
        near = None if of_prior or NEAR not in made else sample(made[NEAR].values[:, k], made[NEAR].metre)
        curves[entry.statistic.name] = calibration.fit_curve(genuine, fake, entry.form, near)
    found = {entry.statistic.name: Calibrated(entry.weight, curves[entry.statistic.name]) for entry in ENTRIES}
    scores = np.concatenate([score(pieces, found)[0] for pieces in made.values()])
    weights = fit_weights(score(unseen, found)[0], scores, weight)
    return {name: given.weighing(float(w)) for (name, given), w in zip(found.items(), weights, strict=True)}


def fit_weights(real: Floats, made: Floats, share: Floats, steps: int = 400) -> Floats:
    """(S,) the weights that best tell real from made pieces by their scores, none below ``FLOOR``.

    Logistic regression of real (n, S) against made (m, S), which count as ``share`` (m,), both sides for one half;
    drawn to the weights of ``ENTRIES``; by accelerated projected gradients (Beck and Teboulle 2009).
    """
    scores = np.concatenate([real, made])
    counts = np.concatenate([np.full(len(real), 0.5 / len(real)), 0.5 * share / share.sum()])
    is_real = np.arange(len(scores)) < len(real)
    towards = np.array([entry.weight for entry in ENTRIES])
    # The offset of the regression is one more column, without a floor or a pull.
    columns = np.column_stack([scores, np.ones(len(scores))])
    floor, pull = np.append(np.full(towards.size, FLOOR), -np.inf), np.append(np.full(towards.size, RIDGE), 0.0)
    goal = np.append(towards, 0.0)
    rate = 1.0 / (0.25 * np.linalg.eigvalsh((columns * counts[:, None]).T @ columns).max() + RIDGE)
    now, ahead, momentum = goal.copy(), goal.copy(), 1.0
    for _ in range(steps):
        wrong = 1.0 / (1.0 + np.exp(-(columns @ ahead))) - is_real
        following = np.maximum(ahead - rate * (columns.T @ (counts * wrong) + pull * (ahead - goal)), floor)
        faster = (1.0 + np.sqrt(1.0 + 4.0 * momentum**2)) / 2.0
        ahead = following + (momentum - 1.0) / faster * (following - now)
        now, momentum = following, faster
    return now[:-1].round(3)


def score(pieces: Measured, found: Mapping[str, Calibrated]) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """(n, S) scores before weights, and whether each passes; where it is not defined, 0 and yes."""
    scores = np.zeros(pieces.values.shape)
    passes = np.ones(pieces.values.shape, dtype=np.bool_)
    for k, entry in enumerate(ENTRIES):
        curve = found[entry.statistic.name].curve
        for metre in np.unique(pieces.metre):
            rows = np.flatnonzero((pieces.metre == metre) & ~np.isnan(pieces.values[:, k]))
            scores[rows, k] = curve.read(pieces.values[rows, k], int(metre))
            passes[rows, k] = curve.passes(scores[rows, k], int(metre))
    return scores, passes


def wins(real: Floats, made: Floats) -> float:
    """Share of pairs in which the real piece scores higher, ties counting half: the area under the ROC curve."""
    below = np.searchsorted(np.sort(made), real, side="left")
    up_to = np.searchsorted(np.sort(made), real, side="right")
    return float((below + up_to).mean() / (2 * made.size))
