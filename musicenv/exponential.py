"""The exponential function of many numbers at once, in compiled code."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from musicenv.jit import compiled

_LOG2_E: Final = np.float32(1.44269504)
_LN2_HIGH: Final = np.float32(0.693359375)
_LN2_LOW: Final = np.float32(-2.12194440e-4)
_ROUND: Final = np.float32(12582912.0)
_C0: Final = np.float32(1.9875691500e-4)
_C1: Final = np.float32(1.3981999507e-3)
_C2: Final = np.float32(8.3334519073e-3)
_C3: Final = np.float32(4.1665795894e-2)
_C4: Final = np.float32(1.6666665459e-1)
_HALF: Final = np.float32(0.5)
_ONE: Final = np.float32(1.0)
_LIMIT: Final = np.float32(87.0)


@compiled
def exponential(x: npt.NDArray[np.float32], power: npt.NDArray[np.int32]) -> None:
    """exp in place, to 2 units in the last place (Cephes' expf, limited to |x| <= 87); ``power`` is scratch as long.

    numba calls the C library once per number unless Intel's SVML is there; these loops vectorise everywhere.
    """
    for i in range(x.size):
        value = min(max(x[i], -_LIMIT), _LIMIT)
        whole = (value * _LOG2_E + _ROUND) - _ROUND
        rest = value - whole * _LN2_HIGH - whole * _LN2_LOW
        poly = ((((_C0 * rest + _C1) * rest + _C2) * rest + _C3) * rest + _C4) * rest + _HALF
        x[i] = poly * rest * rest + rest + _ONE
        power[i] = (np.int32(whole) + np.int32(127)) << np.int32(23)
    scale = power.view(np.float32)
    for i in range(x.size):
        x[i] *= scale[i]
