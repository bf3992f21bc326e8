"""The prior's step in compiled code: exact, one thread, made for few rows.  Beside it what the large-batch path shares.

All arrays are float32.  Matrices are stored (inputs, outputs), so that the inner loops run along outputs and
vectorise without reordering any sum.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import N_ACTIONS, N_DURATIONS, N_PITCHES
from musicenv.exponential import exponential, logarithm
from musicenv.jit import compiled, inlined
from musicenv.reference import ask_for, borrow, put
from rewards.priors.arrays import LANES, Floats, Ints, said_in, weights_in, workspace_in
from rewards.priors.features import HELD, N_LENGTHS, NOTHING
from rewards.priors.shape import KINDS

_EVEN: Final = np.float32(np.log(N_ACTIONS))
"""Nats of the choice between all actions, where nothing is known yet."""
LEAST: Final = np.float32(-50.0)
"""Nats of the least likely action that an agent is told."""
_ONE: Final = np.float32(1.0)
_TWO: Final = np.float32(2.0)


@compiled
def multiply_add(x: Floats, matrix: Floats, out: Floats) -> None:
    """``out += x @ matrix[:n]`` for x (rows, n), matrix (n or more, m), out (rows, m).

    A block of the matrix serves all rows while it is in the cache.  Inputs that are zero in every row (many are, after
    a ReLU, where rows are few) cost nothing.
    """
    n = x.shape[1]
    used = np.empty(n + 7, dtype=np.int64)
    count = 0
    for i in range(n):
        for row in range(x.shape[0]):
            if x[row, i] != 0:
                used[count] = i
                count += 1
                break
    whole = count - count % 8
    for block in range(0, whole, 8):
        i0, i1, i2, i3 = used[block], used[block + 1], used[block + 2], used[block + 3]
        i4, i5, i6, i7 = used[block + 4], used[block + 5], used[block + 6], used[block + 7]
        w0, w1, w2, w3 = matrix[i0], matrix[i1], matrix[i2], matrix[i3]
        w4, w5, w6, w7 = matrix[i4], matrix[i5], matrix[i6], matrix[i7]
        for row in range(x.shape[0]):
            y = out[row]
            x0, x1, x2, x3 = x[row, i0], x[row, i1], x[row, i2], x[row, i3]
            x4, x5, x6, x7 = x[row, i4], x[row, i5], x[row, i6], x[row, i7]
            for j in range(y.size):
                y[j] += (x0 * w0[j] + x1 * w1[j] + x2 * w2[j] + x3 * w3[j]) + (
                    x4 * w4[j] + x5 * w5[j] + x6 * w6[j] + x7 * w7[j]
                )
    for block in range(whole, count):
        i0 = used[block]
        w0 = matrix[i0]
        for row in range(x.shape[0]):
            y = out[row]
            x0 = x[row, i0]
            for j in range(y.size):
                y[j] += x0 * w0[j]


@compiled
def write_input(weights: Any, features: npt.NDArray[np.int16], out: Floats) -> None:
    """The input x (D,) of one step from its features (N_FEATURES,)."""
    table, columns, offsets = weights.table, weights.columns, weights.offsets  # once: they lie behind a reference
    put(weights.table_bias, out)
    whole = columns.size - columns.size % 4
    for f in range(0, whole, 4):
        row0 = table[offsets[f] + features[columns[f]]]
        row1 = table[offsets[f + 1] + features[columns[f + 1]]]
        row2 = table[offsets[f + 2] + features[columns[f + 2]]]
        row3 = table[offsets[f + 3] + features[columns[f + 3]]]
        for j in range(out.size):
            out[j] = out[j] + row0[j] + row1[j] + row2[j] + row3[j]
    for f in range(whole, columns.size):
        row0 = table[offsets[f] + features[columns[f]]]
        for j in range(out.size):
            out[j] += row0[j]
    for j in range(out.size):
        out[j] = max(out[j], np.float32(0.0))


@compiled
def write_state(gates: Floats, memory: Floats, power: npt.NDArray[np.int32]) -> None:
    """Advance one layer's ``memory`` (2, H) = h, c by its ``gates`` (4 H,), which are overwritten."""
    size = memory.shape[1]
    for j in range(gates.size):
        gates[j] = -gates[j]
    exponential(gates, power)
    for j in range(gates.size):
        gates[j] = _ONE / (_ONE + gates[j])
    h = memory[0]
    c = memory[1]
    i, f, g, o = gates[:size], gates[size : 2 * size], gates[2 * size : 3 * size], gates[3 * size :]
    for j in range(size):
        c[j] = f[j] * c[j] + i[j] * (_TWO * g[j] - _ONE)
        g[j] = -_TWO * c[j]
    exponential(g, power[:size])
    for j in range(size):
        h[j] = o[j] * (_TWO / (_ONE + g[j]) - _ONE)


@compiled
def write_log_probs(
    weights: Any,
    features: npt.NDArray[np.int16],
    head: Floats,
    scratch: Floats,
    power: npt.NDArray[np.int32],
    out: Floats,
) -> float:
    """log p of every action (N_ACTIONS,) from the fused head (outputs,), which is overwritten; their entropy in nats.

    ``scratch`` (2 N_DURATIONS + max(R, 4), LANES) and ``power`` (N_DURATIONS * LANES,) are overwritten too.
    """
    of_pitch, bias, candidates, copy = (  # once: they lie behind a reference
        weights.pitch_to_duration,
        weights.duration_bias,
        weights.candidates,
        weights.copy,
    )
    size, count = of_pitch.shape[0], candidates.size
    logits = head[:N_PITCHES]
    units = head[N_PITCHES : N_PITCHES + size]
    pitch_gate = head[N_PITCHES + size : N_PITCHES + size + count]
    duration_gate = head[N_PITCHES + size + count :]
    durations = scratch[:N_DURATIONS]  # of all pitches side by side
    powers = scratch[N_DURATIONS : 2 * N_DURATIONS].reshape(-1)
    active = scratch[2 * N_DURATIONS : 2 * N_DURATIONS + size]
    for d in range(N_DURATIONS):
        durations[d] = bias[d]
    for r in range(size):
        for pitch in range(LANES):
            active[r, pitch] = max(units[r] + of_pitch[r, pitch], np.float32(0.0))
    multiply_add(weights.duration, active, durations)
    for k in range(count):
        column = candidates[k]
        pitch = features[column]
        if pitch == NOTHING:
            continue
        length = features[column + 1]
        kind = features[column + 2]
        if length >= HELD:
            kind = KINDS - 1
            if length < N_LENGTHS - 1:
                length -= HELD
        logits[pitch] += pitch_gate[k] + copy[0, k, kind]
        if length < N_DURATIONS:
            durations[length, pitch] += duration_gate[k] + copy[1, k, kind]

    # The units are not needed any more.
    highest, total = scratch[2 * N_DURATIONS], scratch[2 * N_DURATIONS + 1]
    weighted, chance = scratch[2 * N_DURATIONS + 2], scratch[2 * N_DURATIONS + 3]
    put(durations[0], highest)
    for d in range(1, N_DURATIONS):
        for pitch in range(LANES):
            highest[pitch] = max(highest[pitch], durations[d, pitch])
    for d in range(N_DURATIONS):
        for pitch in range(LANES):
            durations[d, pitch] -= highest[pitch]
            powers[d * LANES + pitch] = durations[d, pitch]
    exponential(powers, power)
    total[:] = 0
    weighted[:] = 0
    for d in range(N_DURATIONS):
        for pitch in range(LANES):
            total[pitch] += powers[d * LANES + pitch]
            weighted[pitch] += powers[d * LANES + pitch] * durations[d, pitch]
    for pitch in range(LANES):
        weighted[pitch] /= total[pitch]
    logarithm(total, power[:LANES], power[LANES : 2 * LANES])
    top = logits[0]
    for pitch in range(1, N_PITCHES):
        top = max(top, logits[pitch])
    chance[:] = -np.inf
    for pitch in range(N_PITCHES):
        logits[pitch] -= top
        chance[pitch] = logits[pitch]
    exponential(chance, power[:LANES])
    over_all = 0.0
    for pitch in range(N_PITCHES):
        over_all += chance[pitch]
    normaliser, entropy = np.float32(np.log(over_all)), 0.0
    for pitch in range(N_PITCHES):
        shift = logits[pitch] - normaliser - total[pitch]
        entropy -= chance[pitch] * (shift + weighted[pitch])
        for d in range(N_DURATIONS):
            out[pitch * N_DURATIONS + d] = durations[d, pitch] + shift
    return entropy / over_all


@compiled
def forget(rows: Ints, memory: Floats, log_probs: Floats, entropy: Floats) -> None:
    """Begin new pieces in ``rows`` of a state, whose arrays are those of ``step_rows``."""
    for i in rows:
        forget_one(i, borrow(memory), borrow(log_probs), entropy)


@inlined
def forget_one(i: int, memory: Floats, log_probs: Floats, entropy: Floats) -> None:
    """``forget`` for one row."""
    memory[i] = 0
    log_probs[i] = -_EVEN
    entropy[i] = _EVEN


@compiled
def tell(log_probs: Floats, out: Floats) -> None:
    """Write ``log_probs`` (N_ACTIONS,) of one piece into ``out`` as agents see them."""
    for a in range(log_probs.size):
        out[a] = max(log_probs[a], LEAST)


@compiled
def gather(block: Ints, features: npt.NDArray[np.int16], rows: Ints, memory: Floats, inputs: Floats) -> None:
    """Write [h, x] of the first layer into ``inputs`` (rows, H + D).

    ``block`` is that of the weights, here and below.
    """
    weights = weights_in(block)
    features, memory, inputs = borrow(features), borrow(memory), borrow(inputs)
    size = memory.shape[3]
    for k in range(rows.size):
        put(memory[rows[k], 0, 0], inputs[k, :size])
        write_input(weights, features[k], inputs[k, size:])


@inlined
def add_bias(bias: Floats, out: Floats) -> None:
    """``out += bias`` (n,), where it is not empty."""
    for j in range(bias.size):
        out[j] += bias[j]


@compiled
def advance(
    rows: Ints,
    layer: int,
    bias: Floats,
    gates: Floats,
    memory: Floats,
    inputs: Floats,
    following: Floats,
) -> None:
    """Advance a layer by its ``gates`` (rows, 4 H); write [h, input] of the next into ``following`` (rows, 2 H).

    A ``bias`` (4 H,) that is not empty is added to the gates first.  After the top layer ``inputs`` (rows, H + D) is
    [h, x] for the head.
    """
    layers, _, size = memory.shape[1:]
    gates, memory, inputs, following = borrow(gates), borrow(memory), borrow(inputs), borrow(following)
    power = np.empty(4 * size, dtype=np.int32)
    for k in range(rows.size):
        own = memory[rows[k]]
        if k + 1 < rows.size:
            ask_for(memory[rows[k + 1], layer].reshape(-1))
        add_bias(bias, gates[k])
        write_state(gates[k], own[layer], power)
        if layer + 1 < layers:
            put(own[layer + 1, 0], following[k, :size])
            put(own[layer, 0], following[k, size:])
        else:
            put(own[layer, 0], inputs[k, :size])


@compiled
def speak(
    block: Ints,
    features: npt.NDArray[np.int16],
    rows: Ints,
    bias: Floats,
    head: Floats,
    memory: Floats,
    log_probs: Floats,
    entropy: Floats,
    told: Floats,
    at: int,
) -> None:
    """Write log p of every action into ``log_probs`` (n, N_ACTIONS) from the fused head (rows, outputs), and the
    ``entropy`` (n,) in nats; ``told`` are the h of the top layer and the log-probabilities.

    A ``bias`` (outputs,) that is not empty is added to the head first.
    """
    weights = weights_in(block)
    features, head, log_probs, told = borrow(features), borrow(head), borrow(log_probs), borrow(told)
    memory, after, top = borrow(memory), at + memory.shape[3], memory.shape[1] - 1
    size = max(weights.pitch_to_duration.shape[0], 4)
    scratch = np.empty((2 * N_DURATIONS + size, LANES), dtype=np.float32)
    power = np.empty(N_DURATIONS * LANES, dtype=np.int32)
    for k in range(rows.size):
        i = rows[k]
        if k + 1 < rows.size:
            j = rows[k + 1]
            ask_for(log_probs[j])
            if told.size > 0:
                ask_for(memory[j, top, 0])
                ask_for(told[j, at : after + N_ACTIONS])
        add_bias(bias, head[k])
        entropy[i] = write_log_probs(weights, features[k], head[k], scratch, power, log_probs[i])
        if told.size > 0:
            put(memory[i, top, 0], told[i, at:after])
            tell(log_probs[i], told[i, after : after + N_ACTIONS])


@compiled
def step_rows(
    block: Ints,
    features: npt.NDArray[np.int16],
    rows: Ints,
    memory: Floats,
    log_probs: Floats,
    entropy: Floats,
    told: Floats,
    at: int,
) -> None:
    """One step of ``rows``: features (len(rows), N_FEATURES); memory (n, layers, 2, H), log_probs (n, N_ACTIONS)
    and entropy (n,) are updated in place.

    Where ``told`` (n, any) is not empty, what an agent sees is written into it from column ``at`` on: h of the top
    layer and the log-probabilities, at least LEAST.
    """
    weights = weights_in(block)
    count = rows.size
    layers, _, size = memory.shape[1:]
    width = weights.table_bias.size
    gates = np.empty((count, 4 * size), dtype=np.float32)
    inputs = np.empty((count, size + width), dtype=np.float32)
    following = np.empty((count, 2 * size), dtype=np.float32)
    head = np.empty((count, weights.head_bias.size), dtype=np.float32)
    gather(block, features, rows, memory, inputs)
    for layer in range(layers):
        for k in range(count):
            put(weights.gates_bias[layer], gates[k])
        multiply_add(following if layer else inputs, weights.gates[layer], gates)
        advance(rows, layer, weights.head_bias[:0], gates, memory, inputs, following)
    for k in range(count):
        put(weights.head_bias, head[k])
    multiply_add(inputs, weights.head, head)
    speak(block, features, rows, weights.head_bias[:0], head, memory, log_probs, entropy, told, at)


@compiled
def gather_in(work: Ints, block: Ints, said: Ints, features: npt.NDArray[np.int16], rows: Ints) -> None:
    """``gather`` for ``rows`` of the ``Said`` in ``said``, into the ``Workspace`` in ``work``."""
    gather(block, features, rows, said_in(said).memory, workspace_in(work).inputs)


@compiled
def advance_in(work: Ints, block: Ints, said: Ints, rows: Ints, layer: int) -> None:
    """``advance`` by what lies in a workspace, where the gates have no bias yet."""
    own = workspace_in(work)
    advance(
        rows, layer, weights_in(block).gates_bias[layer], own.gates, said_in(said).memory, own.inputs, own.following
    )


@compiled
def speak_in(
    work: Ints, block: Ints, said: Ints, features: npt.NDArray[np.int16], rows: Ints, told: Floats, at: int
) -> None:
    """``speak`` by what lies in a workspace, where the head has no bias yet."""
    of, bias = said_in(said), weights_in(block).head_bias
    speak(block, features, rows, bias, workspace_in(work).head, of.memory, of.log_probs, of.entropy, told, at)
