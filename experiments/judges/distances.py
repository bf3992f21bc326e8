"""How far a set of pieces lies from real ones, feature by feature: MGEval's overlap area and divergence.

Source: Yang and Lerch 2020, On the evaluation of generative models in music, Neural Computing and Applications 32;
its code is ``mgeval``.  For each feature, the Euclidean distances within the real set (i < j) and those between each
made and each real piece are two samples of numbers, whose densities p and q are estimated with Gaussian kernels of
Scott's width

    h = s n^(-1/5),  s the sample's standard deviation, n its size.

Then the **overlap area** is the integral of min(p, q), in 0..1 with 1 the best, and the **divergence** is

    KL(p || q) = integral of p log(p / q),  in nats, with 0 the best.

Distances cannot be negative, so that what a kernel would lay below zero is reflected at it (Silverman 1986, 2.10);
MGEval cuts it off.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.distance import cdist, pdist

from experiments.judges.histograms import HISTOGRAMS
from musicenv.melody import Melody

Floats = npt.NDArray[np.float64]

POINTS: Final = 1000
"""Of the grid on which densities are compared."""
_FLOOR: Final = 1e-9
"""Least share of a grid point, so that the divergence is finite where q has nothing."""


class Distance(NamedTuple):
    """How far made pieces are from real ones in one feature."""

    overlap: float
    """0..1; 1 where made pieces are as far from real ones as these from each other."""
    divergence: float
    """Nats; 0 the best."""


def density(sample: Floats, top: float, width: float | None = None) -> Floats:
    """(POINTS,) shares, summing to 1, of a Gaussian kernel density of ``sample`` at the middles of equal cells of
    0..top; ``width`` is Scott's by default, at least a cell.
    """
    scott = float(sample.std(ddof=1)) * sample.size ** (-1 / 5) if width is None else width
    cell = top / POINTS
    counts = np.histogram(sample, bins=POINTS, range=(0.0, top))[0].astype(np.float64)
    smooth = gaussian_filter1d(counts, max(scott / cell, 1.0), mode="reflect", truncate=8.0) + _FLOOR * sample.size
    return np.asarray(smooth / smooth.sum())


def compare(intra: Floats, inter: Floats) -> Distance:
    """From the distances within the real set and those between the sets to overlap area and divergence."""
    top = 1.1 * max(float(intra.max()), float(inter.max()), 1e-6)
    p, q = density(intra, top), density(inter, top)
    return Distance(float(np.minimum(p, q).sum()), float((p * np.log(p / q)).sum()))


def distance(real: Floats, made: Floats) -> Distance:
    """From one feature of real (n, F) and made (m, F) pieces; at least three real ones."""
    if len(real) < 3:
        raise ValueError(f"{len(real)} real pieces have no distances to estimate a density from; give at least 3")
    return compare(pdist(real), cdist(made, real).ravel())


def distances(real: Sequence[Melody], made: Sequence[Melody]) -> dict[str, Distance]:
    """The distance in each of HISTOGRAMS."""
    return {
        name: distance(np.array([of(m) for m in real]), np.array([of(m) for m in made]))
        for name, of in HISTOGRAMS.items()
    }


def figures(found: dict[str, Distance]) -> dict[str, float]:
    """``overlap_interval`` and ``divergence_interval`` and so on, and the means ``overlap`` and ``divergence``."""
    out: dict[str, float] = {}
    for measure in Distance._fields:
        values = {name: getattr(each, measure) for name, each in found.items()}
        out |= {measure: float(np.mean(list(values.values())))}
        out |= {f"{measure}_{name}": value for name, value in values.items()}
    return out
