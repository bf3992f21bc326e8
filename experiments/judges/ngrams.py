"""A judge that is no network: how surprising notes are to counted runs of notes, with a memory of the piece itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from musicenv.melody import Melody
from rewards.priors.dataset import UNKNOWN, actions_of
from rewards.priors.ngrams import Cached, KneserNey

ORDER: Final = 5
"""Notes of the longest runs that are counted."""


class NGrams:
    """Interpolated Kneser-Ney of five notes over the tunes it is given, and a cache of the piece (Kuhn and De Mori
    1990).

    The prior and the second model are networks of one kind and may share blind spots; this has others.
    """

    def __init__(self, tunes: Sequence[Melody]) -> None:
        self.model = Cached(KneserNey([actions_of(tune).tolist() for tune in tunes], ORDER), order=6, discount=0.6)

    def nll(self, melodies: Sequence[Melody]) -> npt.NDArray[np.float64]:
        """(n,) nats per note of each melody; notes outside the alphabet are not counted."""
        return np.array([self._nll(actions_of(melody).tolist()) for melody in melodies])

    def _nll(self, line: list[int]) -> float:
        told = [
            -np.log(p[note]) for note, p in zip(line, self.model.probabilities(line), strict=True) if note != UNKNOWN
        ]
        return float(np.mean(told)) if told else float("nan")
