"""Distributions over notes in compiled code: the prior among legal notes, drawing, PPO's loss with its gradient.

A row of 310 numbers stays in the first cache from its logits to its gradient; in torch each of some twenty operations
reads and writes all rows.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import N_DURATIONS
from musicenv.exponential import exponential
from musicenv.jit import compiled, in_any_order

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

ILLEGAL: Final = -1e8
"""Nats, in the place of minus infinity: an illegal note's logit is near it."""
_IMPOSSIBLE: Final = np.float32(-80.0)
"""Nats, less than this below the likeliest: ``exponential`` is limited."""
_ILLEGAL, _ZERO, _ONE, _TWO = np.float32(ILLEGAL), np.float32(0.0), np.float32(1.0), np.float32(2.0)


@compiled
def tanh(x: Floats, y: Floats) -> None:
    """Write tanh of ``x`` (B, H) into ``y``, to 1e-7."""
    power = np.empty(x.shape[1], dtype=np.int32)
    for k in range(len(x)):
        for h in range(x.shape[1]):
            y[k, h] = _TWO * x[k, h]
        exponential(y[k], power)
        for h in range(x.shape[1]):
            y[k, h] = _ONE - _TWO / (_ONE + y[k, h])


@in_any_order
def normalise(x: Floats, p: Floats, power: npt.NDArray[np.int32]) -> None:
    """Make log-probabilities of the logits ``x`` (A,), and write the probabilities into ``p`` (A,)."""
    top = x[0]
    for a in range(1, x.size):
        top = max(top, x[a])
    for a in range(x.size):
        x[a] -= top
        p[a] = x[a]
    exponential(p, power)
    total = _ZERO
    for a in range(x.size):
        p[a] = p[a] if x[a] > _IMPOSSIBLE else _ZERO
        total += p[a]
    shift, scale = np.float32(np.log(total)), _ONE / total
    for a in range(x.size):
        x[a] -= shift
        p[a] *= scale


@in_any_order
def divergence_of(p: Floats, x: Floats, prior: Floats) -> np.float32:
    """KL in nats of the distribution with probabilities ``p`` (A,), whose logarithms are ``x``, from the ``prior``."""
    kl = _ZERO
    for a in range(p.size):
        kl += p[a] * (x[a] - prior[a])
    return kl


@in_any_order
def entropy_of(p: Floats, x: Floats) -> np.float32:
    """Entropy in nats of the distribution with probabilities ``p`` (A,), whose logarithms are ``x``."""
    entropy = _ZERO
    for a in range(p.size):
        entropy -= p[a] * x[a]
    return entropy


@in_any_order
def invert(weight: Floats, level: float) -> int:
    """The index at which the cumulative sum of ``weight`` (A,) passes ``level``; the last possible one, where rounding
    leaves something over."""
    left, first = np.float32(level), 0
    while first + N_DURATIONS <= weight.size:  # a pitch at a time: one sum would wait for itself at each number
        together = _ZERO
        for a in range(first, first + N_DURATIONS):
            together += weight[a]
        if left < together:
            break
        left -= together
        first += N_DURATIONS
    for a in range(first, weight.size):
        left -= weight[a]
        if left < _ZERO and weight[a] > _ZERO:
            return a
    last = weight.size - 1
    while last > 0 and weight[last] == _ZERO:
        last -= 1
    return last


@in_any_order
def draw_one(
    x: Floats,
    legal: npt.NDArray[np.int8],
    inverse: np.float32,
    level: float,
    weight: Floats,
    power: npt.NDArray[np.int32],
) -> int:
    """A ``legal`` (A,) index, by inversion at ``level`` in [0, 1) of exp(``x`` * ``inverse``).

    ``x`` (A,) are log-probabilities over all, in nats; ``weight`` and ``power`` (A,) are scratch.  What is less likely
    than ``exponential`` goes counts as that.
    """
    for a in range(x.size):
        weight[a] = x[a] * inverse
    exponential(weight, power)
    total = _ZERO
    for a in range(x.size):
        weight[a] = weight[a] if legal[a] else _ZERO
        total += weight[a]
    return invert(weight, level * float(total))


@compiled
def restrict(observations: Floats, legal_at: int, log_probs_at: int, cutoff: float, out: Floats) -> None:
    """Into ``out`` (B, A): the log-probabilities at ``log_probs_at`` of ``observations`` (B, D) among legal notes,
    normalised; where that is negative, all legal notes are as likely.  Notes less likely than ``cutoff`` count as
    illegal, but for the likeliest."""
    actions = out.shape[1]
    p, power = np.empty(actions, dtype=np.float32), np.empty(actions, dtype=np.int32)
    penalty = np.empty(actions, dtype=np.float32)
    for k in range(len(out)):
        seen, x = observations[k], out[k]
        # A finished piece has no legal note; nothing is drawn there, but its value is asked for.
        any_legal = False
        for d in range(N_DURATIONS):
            any_legal = any_legal or seen[legal_at + d] > 0.5
        for a in range(0, actions, N_DURATIONS):
            for d in range(N_DURATIONS):
                penalty[a + d] = _ZERO if seen[legal_at + d] > 0.5 or not any_legal else _ILLEGAL
        for a in range(actions):
            x[a] = penalty[a]
            if log_probs_at >= 0:
                x[a] += seen[log_probs_at + a]
        normalise(x, p, power)
        if cutoff > 0.0:
            least = min(np.float32(cutoff), p.max())
            for a in range(actions):
                x[a] = x[a] if p[a] >= least else _ILLEGAL
            normalise(x, p, power)


@compiled
def choose(
    correction: Floats,
    prior: Floats,
    level: Floats,
    likeliest: bool,
    actions: Ints,
    log_prob: Floats,
    kl: Floats,
) -> None:
    """Draw ``actions`` (B,) from the ``prior`` (B, A) with the ``correction`` (B, A), which is overwritten.

    By inversion at ``level`` (B,) in [0, 1), or the ``likeliest``; ``log_prob`` (B,) of what was drawn and ``kl`` (B,)
    from the prior are in nats.
    """
    p, power = np.empty(prior.shape[1], dtype=np.float32), np.empty(prior.shape[1], dtype=np.int32)
    for k in range(len(prior)):
        x, q = correction[k], prior[k]
        for a in range(x.size):
            x[a] += q[a]
        normalise(x, p, power)
        kl[k] = divergence_of(p, x, q)
        actions[k] = x.argmax() if likeliest else invert(p, level[k])
        log_prob[k] = x[actions[k]]


@in_any_order
def surrogate(
    correction: Floats,
    prior: Floats,
    notes: Ints,
    actions: Ints,
    old_log_prob: Floats,
    advantages: Floats,
    clip: float,
    penalty: Floats,
    bonus: float,
    count: int,
) -> tuple[float, float, int]:
    """The loss of ``notes`` (B,) of a rollout, and in the place of the ``correction`` (B, A) its gradient.

    The loss is -(min(A r, A clip(r)) - penalty KL + bonus H) / ``count``, summed over notes: PPO's clipped surrogate
    (Schulman et al. 2017) with the exact divergence from the prior and the exact entropy.  ``prior`` (N, A),
    ``actions`` (N,) and ``old_log_prob`` (N,) are of the whole rollout, ``advantages`` and ``penalty`` (B,) of the
    notes.

    Sums over the notes: of the surrogate, of the divergence (nats), and how many ratios are beyond the clip.
    """
    p, power = np.empty(prior.shape[1], dtype=np.float32), np.empty(prior.shape[1], dtype=np.int32)
    share, least, most = np.float32(1.0 / count), np.float32(1.0 - clip), np.float32(1.0 + clip)
    gains, divergences, beyond = 0.0, 0.0, 0
    of_entropy = np.float32(bonus) * share
    for k in range(notes.size):
        i = notes[k]
        x, q, action, advantage, of_divergence = correction[k], prior[i], actions[i], advantages[k], penalty[k] * share
        for a in range(x.size):
            x[a] += q[a]
        normalise(x, p, power)
        kl = divergence_of(p, x, q)
        ratio = np.exp(x[action] - old_log_prob[i])
        clipped = advantage * min(max(ratio, least), most)
        gain = min(advantage * ratio, clipped)
        gains += float(gain)
        divergences += float(kl)
        beyond += ratio < least or ratio > most
        # Of the surrogate by the log-probability; nothing where the clip holds.
        of_note = advantage * ratio * share if advantage * ratio <= clipped else _ZERO
        alike = of_note - of_divergence * kl
        if of_entropy == _ZERO:
            for a in range(x.size):
                x[a] = p[a] * (alike + of_divergence * (x[a] - q[a]))
        else:
            alike += of_entropy * entropy_of(p, x)
            for a in range(x.size):
                x[a] = p[a] * (alike + of_divergence * (x[a] - q[a]) + of_entropy * x[a])
        x[action] -= of_note
    return gains, divergences, beyond
