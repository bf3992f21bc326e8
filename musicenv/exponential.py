"""Exponential and logarithm of many numbers at once, in compiled code."""

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
_ZERO: Final = np.float32(0.0)
_ONE: Final = np.float32(1.0)
_LIMIT: Final = np.float32(87.0)
_ROOT: Final = np.float32(0.70710678)
_MANTISSA: Final = np.int32(0x007FFFFF)
_BELOW_ONE: Final = np.int32(126 << 23)
"""Sign and exponent of numbers from a half to one."""
_L0: Final = np.float32(7.0376836292e-2)
_L1: Final = np.float32(-1.1514610310e-1)
_L2: Final = np.float32(1.1676998740e-1)
_L3: Final = np.float32(-1.2420140846e-1)
_L4: Final = np.float32(1.4249322787e-1)
_L5: Final = np.float32(-1.6668057665e-1)
_L6: Final = np.float32(2.0000714765e-1)
_L7: Final = np.float32(-2.4999993993e-1)
_L8: Final = np.float32(3.3333331174e-1)


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


@compiled
def logarithm(x: npt.NDArray[np.float32], part: npt.NDArray[np.int32], power: npt.NDArray[np.int32]) -> None:
    """The natural logarithm in place, to 2 units in the last place (Cephes' logf), of positive normal numbers.

    ``part`` and ``power`` are scratch as long: loops vectorise where they do not write to what they read as bits.
    """
    bits = x.view(np.int32)
    for i in range(x.size):
        part[i] = (bits[i] & _MANTISSA) | _BELOW_ONE
        power[i] = (bits[i] >> np.int32(23)) - np.int32(126)
    mantissa = part.view(np.float32)
    for i in range(x.size):
        small = mantissa[i] < _ROOT
        r = (mantissa[i] + mantissa[i] if small else mantissa[i]) - _ONE
        exponent = np.float32(power[i]) - (_ONE if small else _ZERO)
        poly = (((((((_L0 * r + _L1) * r + _L2) * r + _L3) * r + _L4) * r + _L5) * r + _L6) * r + _L7) * r + _L8
        square = r * r
        x[i] = exponent * _LN2_HIGH + (r + (poly * r * square - _HALF * square + exponent * _LN2_LOW))
