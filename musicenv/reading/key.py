"""Which key a line is in."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from musicenv.corpus.abc_fields import SIGNATURE_MODES
from musicenv.keys import SCALES, fit
from musicenv.task import TONICS, TUNE_MODES

_FINAL: Final = 0.2
"""What it is worth, in correlation, that the line ends on the tonic ..."""
_OUTSIDE: Final = 1.0
"""... what it costs that all of its time is spent outside the scale, ..."""
_SAID: Final = 0.2
"""... and what it is worth that the file says minor of minor and dorian, major of the others."""


def estimate_key(
    pitch: npt.NDArray[np.int64],
    duration: npt.NDArray[np.float64],
    sharps: int | None = None,
    minor: bool | None = None,
) -> str:
    """The likeliest key of a line, such as "E dorian"; with ``sharps``, among the keys of that signature, and
    rather those that the file calls ``minor`` or not.

    ``pitch`` (n,) MIDI; ``duration`` (n,) in any unit.  The key whose profile (Krumhansl and Kessler, 1982) correlates
    best with the time spent on each pitch class, with two corrections for modes, which the profiles do not tell apart:
    time outside the scale counts against a key, an end on its tonic for it.
    """
    time = np.bincount(pitch % 12, duration, 12)
    time = time / time.sum()
    scores: dict[str, float] = {}
    for mode in TUNE_MODES:
        inside = np.isin(np.arange(12), SCALES[mode][:7])
        for tonic in range(12):
            if sharps is not None and SIGNATURE_MODES[(tonic - 7 * sharps) % 12] != mode:
                continue
            above = np.roll(time, -tonic)
            scores[f"{TONICS[tonic]} {mode}"] = (
                fit(time, tonic, mode)
                - _OUTSIDE * float(above[~inside].sum())
                + _FINAL * (pitch[-1] % 12 == tonic)
                + _SAID * (minor is not None and minor == (mode in ("minor", "dorian")))
            )
    return max(scores, key=lambda name: scores[name])
