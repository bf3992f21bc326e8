"""The arrays that the prior's step reads and writes, as compiled code finds them."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import N_PITCHES
from musicenv.reference import CACHE_LINE, reader

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


LANES: Final = 32
"""Pitches are padded to this many, two vector registers."""


class Weights(NamedTuple):
    """A prior's weights as the step reads them."""

    columns: Ints
    """(F,) columns of the feature vector that are read."""
    offsets: Ints
    """(F,) row of ``table`` at which each of them begins."""
    candidates: Ints
    """(K,) columns with the pitches of the copy candidates."""
    table: Floats
    """(rows, D) what each value of each feature adds to the input."""
    table_bias: Floats
    """(D,)"""
    gates: Floats
    """(layers, H + max(H, D), 4 H) gates i, f, g, o of [h, input]; those of g are doubled, as tanh(z) = 2 sigmoid(2 z)
    - 1.  ``multiply_add`` reads as many rows as a layer has inputs."""
    gates_bias: Floats
    """(layers, 4 H)"""
    head: Floats
    """(H + D, outputs) of [h, x]: pitch logits, duration units, gates of the candidates for pitch, for duration."""
    head_bias: Floats
    """(outputs,)"""
    pitch_to_duration: Floats
    """(R, LANES)"""
    duration: Floats
    """(N_DURATIONS, R)"""
    duration_bias: Floats
    """(N_DURATIONS,)"""
    copy: Floats
    """(2, K, KINDS) what a candidate of each kind adds to the logit of its pitch, of its duration."""


def laid_out(**arrays: npt.ArrayLike) -> Weights:
    """Weights as compiled code takes them to lie in memory."""
    whole = ("columns", "offsets", "candidates")
    kinds: dict[str, Any] = {name: np.int64 if name in whole else np.float32 for name in arrays}
    return Weights(**{name: _aligned(array, kinds[name]) for name, array in arrays.items()})


def _aligned(array: npt.ArrayLike, kind: Any) -> npt.NDArray[Any]:
    """A contiguous copy that begins where a line of the cache does, which numpy does not see to: a vector that lies in
    two lines is read as slowly as two, and of eight rows a fifth of the prior's step went into that."""
    given = np.asarray(array)
    size = given.size * np.dtype(kind).itemsize
    room = np.empty(size + CACHE_LINE, dtype=np.uint8)
    first = -room.ctypes.data % CACHE_LINE
    out: npt.NDArray[Any] = room[first : first + size].view(kind).reshape(given.shape)
    out[...] = given
    return out


_AXES: Final = dict(zip(Weights._fields, (1, 1, 1, 2, 1, 3, 2, 2, 1, 2, 2, 1, 3), strict=True))
weights_in = reader(laid_out(**{name: np.zeros((1,) * axes) for name, axes in _AXES.items()}))
"""For compiled code: the reference to the weights in a ``block_of`` them."""


class Said(NamedTuple):
    """What a prior knows of n pieces, and what it said of each last; the arrays of a ``PriorState``."""

    memory: Floats
    """(n, layers, 2, H)"""
    log_probs: Floats
    """(n, N_ACTIONS)"""
    entropy: Floats
    """(n,)"""


class Workspace(NamedTuple):
    """Where a step of up to m rows has its inputs and what lies between its products."""

    inputs: Floats
    """(m, H + D) [h, x] of the first layer, then of the head."""
    following: Floats
    """(m, 2 H) [h, input] of the next layer."""
    gates: Floats
    """(m, 4 H)"""
    head: Floats
    """(m, outputs)"""


def workspace_for(weights: Weights, m: int) -> Workspace:
    """A workspace for steps of up to ``m`` rows."""
    size, width = weights.gates.shape[2] // 4, weights.table_bias.size
    columns = size + width, 2 * size, 4 * size, weights.head_bias.size
    return Workspace(*(np.empty((m, count), dtype=np.float32) for count in columns))


said_in = reader(Said(*(np.zeros((1,) * axes, dtype=np.float32) for axes in (4, 2, 1))))
workspace_in = reader(Workspace(*[np.zeros((1, 1), dtype=np.float32)] * 4))
"""For compiled code: as ``weights_in``."""


def fused(arrays: dict[str, Any], columns: Ints, offsets: Ints, candidates: Ints) -> Weights:
    """The weights as the step reads them, from arrays named as in ``PriorNet.state_dict``."""
    layers = sum(name.endswith("weight_hh_l0") for name in arrays)
    size = arrays["layers.0.weight_hh_l0"].shape[1]
    width = arrays["table"].shape[1]
    gates = np.zeros((layers, size + max(size, width), 4 * size), dtype=np.float32)
    bias = np.zeros((layers, 4 * size), dtype=np.float32)
    for layer in range(layers):
        of_input = arrays[f"layers.{layer}.weight_ih_l0"].T
        gates[layer, :size] = arrays[f"layers.{layer}.weight_hh_l0"].T
        gates[layer, size : size + of_input.shape[0]] = of_input
        bias[layer] = arrays[f"layers.{layer}.bias_ih_l0"] + arrays[f"layers.{layer}.bias_hh_l0"]
    gates[:, :, 2 * size : 3 * size] *= 2
    bias[:, 2 * size : 3 * size] *= 2
    return laid_out(
        columns=columns,
        offsets=offsets,
        candidates=candidates,
        table=arrays["table"],
        table_bias=arrays["table_bias"],
        gates=gates,
        gates_bias=bias,
        head=arrays["head.weight"].T,
        head_bias=arrays["head.bias"],
        pitch_to_duration=np.pad(arrays["pitch_to_duration"].T, ((0, 0), (0, LANES - N_PITCHES))),
        duration=arrays["duration.weight"],
        duration_bias=arrays["duration.bias"],
        copy=arrays["copy"],
    )
