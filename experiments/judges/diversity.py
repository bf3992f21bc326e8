"""How much the pieces of a set differ from one another; it grows with their number, so compare equal numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from experiments.judges.histograms import features
from musicenv.jit import compiled
from musicenv.melody import Melody
from rewards.priors.dataset import actions_of

Floats = npt.NDArray[np.float64]


def distinct_ngrams(melodies: Sequence[Melody], n: int = 4) -> float:
    """Share of different ones among all runs of ``n`` notes with durations (distinct-n of Li et al. 2016)."""
    lines = [actions_of(melody).tolist() for melody in melodies]
    runs = [tuple(line[i : i + n]) for line in lines for i in range(len(line) - n + 1)]
    return len(set(runs)) / len(runs) if runs else float("nan")


@compiled
def edit_distance(one: npt.NDArray[np.int16], other: npt.NDArray[np.int16]) -> int:
    """Fewest notes to insert, delete or change that make ``one`` into ``other`` (Levenshtein 1966)."""
    row = np.arange(other.size + 1)
    for i in range(one.size):
        corner = row[0]
        row[0] = i + 1
        for j in range(other.size):
            above = row[j + 1]
            row[j + 1] = min(corner + (one[i] != other[j]), above + 1, row[j] + 1)
            corner = above
    return int(row[-1])


def mean_edit_distance(melodies: Sequence[Melody]) -> float:
    """Mean over all pairs of the edit distance by the notes of the longer piece: 0 where all are alike, at most 1."""
    lines = [actions_of(melody) for melody in melodies]
    pairs = [(one, other) for k, one in enumerate(lines) for other in lines[:k]]
    shares = [edit_distance(one, other) / max(one.size, other.size) for one, other in pairs]
    return float(np.mean(shares)) if shares else float("nan")


def vendi_of_kernel(kernel: Floats) -> float:
    """exp of the entropy of the eigenvalues of ``kernel`` / n: 1 where all are alike, n where none is like another.

    ``kernel`` (n, n) holds similarities with 1 on the diagonal.  Source: Friedman and Dieng 2023, The Vendi Score.
    """
    eigenvalues = np.linalg.eigvalsh(kernel / len(kernel))
    positive = eigenvalues[eigenvalues > 1e-12]
    return float(np.exp(-(positive * np.log(positive)).sum()))


class Vendi:
    """The Vendi score over melodic features, with a Gaussian kernel whose width is set by real pieces."""

    def __init__(self, real: Sequence[Melody]) -> None:
        of_real = features(real)
        self.mean, self.scale = of_real.mean(axis=0), of_real.std(axis=0)
        self.scale[self.scale == 0] = np.inf  # what never differs in real pieces says nothing
        squares = _squares((of_real - self.mean) / self.scale)
        self.width = float(np.median(squares[np.triu_indices(len(real), 1)]))
        """The square of real pieces' median distance; the kernel's standard deviation is half of that distance."""

    def score(self, melodies: Sequence[Melody]) -> float:
        """1 where all pieces are alike, at most their number."""
        return vendi_of_kernel(np.exp(-2.0 * _squares((features(melodies) - self.mean) / self.scale) / self.width))


def _squares(points: Floats) -> Floats:
    """(n, n) squared Euclidean distances of the rows of ``points``."""
    lengths = (points**2).sum(axis=1)
    return np.asarray(np.maximum(lengths[:, None] + lengths - 2 * points @ points.T, 0.0))
