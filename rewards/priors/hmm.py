"""A hidden Markov model of notes, to measure the prior against (Baum-Welch; Rabiner 1989)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from musicenv.alphabet import N_ACTIONS
from musicenv.jit import compiled

Floats = npt.NDArray[np.float64]


@compiled
def _expect(
    note: npt.NDArray[np.int64], starts: npt.NDArray[np.int64], first: Floats, move: Floats, emit: Floats, out: Any
) -> float:
    """Forward-backward over all tunes; adds expected counts to ``out`` = (first, move, emit), returns log p."""
    states = first.size
    log_p = 0.0
    for tune in range(starts.size - 1):
        line = note[starts[tune] : starts[tune + 1]]
        steps = line.size
        alpha = np.empty((steps, states))
        beta = np.ones((steps, states))
        scale = np.empty(steps)
        for t in range(steps):
            before = first if t == 0 else (move.T * alpha[t - 1]).sum(axis=1)  # numba's dot would need scipy
            alpha[t] = before * emit[:, line[t]]
            scale[t] = alpha[t].sum()
            alpha[t] /= scale[t]
            log_p += np.log(scale[t])
        for t in range(steps - 2, -1, -1):
            beta[t] = (move * (emit[:, line[t + 1]] * beta[t + 1])).sum(axis=1) / scale[t + 1]
        for t in range(steps):
            seen = alpha[t] * beta[t]
            out[2][:, line[t]] += seen
            if t == 0:
                out[0][:] += seen
            else:
                ahead = emit[:, line[t]] * beta[t] / scale[t]
                for i in range(states):
                    for j in range(states):
                        out[1][i, j] += alpha[t - 1, i] * move[i, j] * ahead[j]
    return log_p


class HMM:
    """A first-order HMM with ``states`` hidden states over the actions."""

    def __init__(self, tunes: Sequence[Sequence[int]], states: int = 16, rounds: int = 60, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        note = np.concatenate([np.asarray(tune, dtype=np.int64) for tune in tunes])
        starts = np.concatenate([[0], np.cumsum([len(tune) for tune in tunes])]).astype(np.int64)
        counts = np.bincount(note, minlength=N_ACTIONS) + 0.1
        self.first = _rows(rng.uniform(0.5, 1.5, states))
        self.move = _rows(rng.uniform(0.5, 1.5, (states, states)))
        self.emit = _rows(counts * rng.uniform(0.2, 1.8, (states, N_ACTIONS)))
        for _ in tqdm(range(rounds), desc=f"HMM, {states} states", leave=False):
            out = (np.full(states, 0.1), np.full((states, states), 0.1), np.full((states, N_ACTIONS), 0.01))
            _expect(note, starts, self.first, self.move, self.emit, out)
            self.first, self.move, self.emit = (_rows(part) for part in out)

    def probabilities(self, tune: Sequence[int]) -> Iterator[Floats]:
        """p (N_ACTIONS,) of each next note of ``tune``."""
        belief = self.first
        for action in tune:
            yield belief @ self.emit
            belief = belief * self.emit[:, action]
            belief = (belief / belief.sum()) @ self.move


def _rows(weights: Floats) -> Floats:
    """Normalised along the last axis."""
    normalised: Floats = weights / weights.sum(axis=-1, keepdims=True)
    return normalised
