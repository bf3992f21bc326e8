"""Sizes of a prior's network, shared by training (torch) and stepping (numba)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import N_PITCHES
from rewards.priors.features import AGREEMENT, CARDINALITY, FEATURES

KINDS: Final = AGREEMENT + 2
"""Kinds of candidates: a note that begins here after 0..AGREEMENT agreeing notes, or one that is held over."""


@dataclass(frozen=True)
class Shape:
    """Sizes of a prior's network: the whole of its configuration."""

    features: tuple[str, ...] = FEATURES
    """Names of the features it reads."""
    width: int = 96
    """D: size of the input x."""
    hidden: int = 192
    """H: size of each layer's state."""
    layers: int = 1
    duration_width: int = 32
    """R: hidden units of the duration head."""

    def __post_init__(self) -> None:
        unknown = [name for name in self.features if name not in CARDINALITY]
        if unknown:
            raise ValueError(f"the prior reads unknown features {unknown}; choose from {list(FEATURES)}")

    @property
    def columns(self) -> npt.NDArray[np.int64]:
        """Columns of the feature vector that are read."""
        return np.array([FEATURES.index(name) for name in self.features])

    @property
    def offsets(self) -> npt.NDArray[np.int64]:
        """Row of the table at which each feature begins."""
        sizes = [CARDINALITY[name] for name in self.features]
        return np.concatenate([[0], np.cumsum(sizes)[:-1]])

    @property
    def rows(self) -> int:
        """Rows of the table."""
        return sum(CARDINALITY[name] for name in self.features)

    @property
    def candidates(self) -> npt.NDArray[np.int64]:
        """Column of the feature vector with the pitch of each copy candidate; length and agreement follow it."""
        return np.array(
            [
                FEATURES.index(name)
                for name in self.features
                if name.endswith(" pitch") and name.replace(" pitch", " agreement") in self.features
            ],
            dtype=np.int64,
        )

    @property
    def outputs(self) -> int:
        """Columns of the fused head: pitch logits, hidden units of the duration, two gates per candidate."""
        return N_PITCHES + self.duration_width + 2 * self.candidates.size

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(values: dict[str, Any]) -> Shape:
        return Shape(**{**values, "features": tuple(values["features"])})
