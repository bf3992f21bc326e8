"""Between the melodies of a batch and its prior: what it hears of them, and what agents see of what it says."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from musicenv import kernel
from musicenv.jit import compiled
from musicenv.kernel import read_state
from musicenv.reference import borrow
from rewards.priors.features import N_FEATURES, prior_features
from rewards.priors.kernel import step_rows


@compiled
def tell(
    log_probs: npt.NDArray[np.float32],
    hidden: npt.NDArray[np.float32],
    rows: npt.NDArray[np.int64],
    at: int,
    hidden_at: int,
    out: npt.NDArray[np.float32],
) -> None:
    """Write the prior's ``log_probs`` (n, A), at least -50, and ``hidden`` (n, H) of ``rows`` into ``out`` (n, D)."""
    least = np.float32(-50.0)
    log_probs, hidden, out = borrow(log_probs), borrow(hidden), borrow(out)
    for i in rows:
        said, x = log_probs[i], out[i, at : at + log_probs.shape[1]]
        for a in range(said.size):
            x[a] = max(said[a], least)
        state, y = hidden[i], out[i, hidden_at : hidden_at + hidden.shape[1]]
        for h in range(state.size):
            y[h] = state[h]


@compiled
def prior_inputs(block: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], out: npt.NDArray[np.int16]) -> None:
    """The prior's inputs (len(rows), N_FEATURES) for the next note of each of ``rows`` of the state in ``block``."""
    lines, out = read_state(block).lines, borrow(out)
    for r in range(rows.size):
        i = rows[r]
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
            out[r],
        )


@compiled
def listen_to(
    block: npt.NDArray[np.int64],
    weights: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
    memory: npt.NDArray[np.float32],
    hidden: npt.NDArray[np.float32],
    log_probs: npt.NDArray[np.float32],
    entropy: npt.NDArray[np.float32],
    at: int,
    hidden_at: int,
    out: npt.NDArray[np.float32],
) -> None:
    """``prior_inputs``, the prior's step and ``tell`` in one call, for few rows.

    ``weights`` is the prior's block; ``memory``, ``hidden``, ``log_probs`` and ``entropy`` are its state.  Nothing is
    told where ``out`` is empty.
    """
    features = np.empty((rows.size, N_FEATURES), dtype=np.int16)
    prior_inputs(block, rows, features)
    step_rows(weights, features, rows, memory, hidden, log_probs, entropy)
    if out.size > 0:
        tell(log_probs, hidden, rows, at, hidden_at, out)
