"""A model that is in no reward, to judge what agents and searches make of the rewards."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from musicenv.melody import Melody
from rewards.priors import hear, load_prior


class Judge:
    """The second network, and the range of its surprisal in real parts."""

    def __init__(self, real: Sequence[Melody]) -> None:
        self.model = load_prior("judge")
        self.band = np.quantile(self.nll(real), [0.05, 0.95])
        """(2,) 5th and 95th percentile of nats per note."""

    def nll(self, melodies: Sequence[Melody]) -> npt.NDArray[np.float64]:
        """(n,) nats per note of each melody."""
        return np.array([np.nanmean(melody.surprisal) for melody in hear(self.model, melodies)], dtype=np.float64)

    def usual(self, nll: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """(n,) is a surprisal inside the band?"""
        return np.asarray((nll >= self.band[0]) & (nll <= self.band[1]))

    def odd(self, melodies: Sequence[Melody]) -> list[Melody]:
        """Those whose surprisal is outside the band."""
        usual = self.usual(self.nll(melodies))
        return [melody for melody, is_usual in zip(melodies, usual, strict=True) if not is_usual]
