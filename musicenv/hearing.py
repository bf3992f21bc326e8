"""Between the melodies of a batch and its prior: what it hears of them, and what agents see of what it says."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from musicenv import kernel
from musicenv.jit import compiled, inlined
from musicenv.kernel import read_state
from musicenv.reference import borrow, put
from rewards.priors.features import N_FEATURES, prior_features
from rewards.priors.kernel import step_rows, tell


@compiled
def tell_all(block: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], out: npt.NDArray[np.float32]) -> None:
    """Write what the prior says of the next note of each of ``rows`` into their observations ``out`` (n, D)."""
    state, out = read_state(block), borrow(out)
    memory, log_probs, at = state.memory, state.log_probs, state.told_at
    top, size = memory.shape[1] - 1, memory.shape[3]
    for i in rows:
        put(memory[i, top, 0], out[i, at : at + size])
        tell(log_probs[i], out[i, at + size :])


@inlined
def write_features(state: Any, i: int, out: npt.NDArray[np.int16]) -> None:
    """The prior's inputs ``out`` (N_FEATURES,) for the next note of melody ``i`` of ``state``, a reference."""
    lines = state.lines
    notes, frame = lines.notes[i], lines.frame[i]
    prior_features(
        notes[0],
        notes[1],
        notes[2],
        frame[kernel.LENGTH],
        frame[kernel.START],
        frame[kernel.END],
        frame[kernel.BAR],
        frame[kernel.METRE],
        frame[kernel.MODE],
        frame[kernel.STYLE],
        state.looked_back[i],
        out,
    )


@compiled
def prior_inputs(block: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], out: npt.NDArray[np.int16]) -> None:
    """``write_features`` for each of ``rows`` of the state in ``block``, into ``out`` (len(rows), N_FEATURES)."""
    state, out = read_state(block), borrow(out)
    for r in range(rows.size):
        write_features(state, rows[r], out[r])


@compiled
def hear_rows(
    block: npt.NDArray[np.int64],
    features: npt.NDArray[np.int16],
    rows: npt.NDArray[np.int64],
    told: npt.NDArray[np.float32],
) -> None:
    """The prior's step of few ``rows`` of the state in ``block`` by their ``features`` (len(rows), N_FEATURES).

    Nothing is ``told`` where it is empty.
    """
    state = read_state(block)
    said = state.memory, state.log_probs, state.entropy
    step_rows(state.weights, features, rows, *said, told, state.told_at)


@compiled
def listen_to(block: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], told: npt.NDArray[np.float32]) -> None:
    """``prior_inputs`` and ``hear_rows`` in one call."""
    features = np.empty((rows.size, N_FEATURES), dtype=np.int16)
    prior_inputs(block, rows, features)
    hear_rows(block, features, rows, told)
