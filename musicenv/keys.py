"""Scales of the modes, and how well pitch classes fit a key."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from musicenv.task import MODES

SCALES: Final = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10, 9, 11),  # and, last, the raised sixth and seventh
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
}
"""Degrees of each mode in semitones above the tonic."""

KRUMHANSL_KESSLER: Final = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}
"""How well each pitch class above the tonic was heard to fit the key.

Source: Krumhansl and Kessler (1982); Krumhansl, Cognitive Foundations of Musical Pitch (1990), ch. 4.
"""

ON_MAJOR_SCALE: Final = {"major": 0, "dorian": 2, "mixolydian": 7, "minor": 9}
"""Semitones from the tonic of the major key with the same signature up to the tonic of each mode of tunes."""


def _profiles() -> npt.NDArray[np.float64]:
    rows = [KRUMHANSL_KESSLER["major" if mode in ("major", "mixolydian", "lydian") else "minor"] for mode in MODES]
    centred = np.array(rows) - np.mean(rows, axis=1, keepdims=True)
    return np.asarray(centred / np.linalg.norm(centred, axis=1, keepdims=True))


PROFILES: Final = _profiles()
"""(modes, 12) the key profile of each mode, of mean 0 and norm 1; modes with a minor third read as minor."""


def fit(ticks: npt.ArrayLike, tonic: int, mode: str) -> float:
    """Correlation of the time spent on each pitch class, ``ticks`` (12,), with a key's profile; 0 where it is even.

    Source: Krumhansl, Cognitive Foundations of Musical Pitch (1990), ch. 4.
    """
    spent = np.roll(np.asarray(ticks, dtype=np.float64), -tonic)
    spent -= spent.mean()
    norm = float(np.linalg.norm(spent))
    return float(spent @ PROFILES[MODES.index(mode)]) / norm if norm > 1e-9 else 0.0


def parallel_keys(tonic: int, mode: str) -> dict[str, int]:
    """Tonic of each mode that shares the signature of a key, that key included."""
    major = tonic - ON_MAJOR_SCALE[mode]
    return {name: (major + degree) % 12 for name, degree in ON_MAJOR_SCALE.items()}
