"""The prior's network in torch, for training: pitch, then duration given pitch, with notes copied from earlier bars.

    x_t   = relu(sum of one table row per feature)            (D,)
    h_t   = LSTM layers over x_1..x_t                         (H,)
    log p(pitch)            = log softmax(W [h, x] + what the copy candidates add to their pitches)
    log p(duration | pitch) = log softmax(V relu(U [h, x] + E[pitch]) + what the candidates with that pitch add)

A candidate is a note of an earlier bar (``features.CANDIDATES``).  How much it adds to its logit is learned: a linear
gate on [h, x] plus a number for each count of agreeing notes before it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from musicenv.alphabet import N_DURATIONS, N_PITCHES
from rewards.priors.features import HELD, N_LENGTHS, NOTHING
from rewards.priors.shape import KINDS, Shape


class LockedDropout(nn.Module):
    """Dropout with one mask for all steps of a sequence (Gal and Ghahramani 2016)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        keep = torch.empty(x.shape[0], 1, x.shape[2], dtype=x.dtype).bernoulli_(1 - self.rate)
        return x * (keep / (1 - self.rate))


class PriorNet(nn.Module):
    """The network; see the module's docstring."""

    columns: Tensor
    offsets: Tensor
    candidates: Tensor

    def __init__(self, shape: Shape, dropout: float = 0.0) -> None:
        super().__init__()
        self.shape = shape
        candidates = shape.candidates.size
        self.table = nn.Parameter(torch.randn(shape.rows, shape.width) * (1 / len(shape.features)) ** 0.5)
        self.table_bias = nn.Parameter(torch.zeros(shape.width))
        self.layers = nn.ModuleList(
            nn.LSTM(shape.width if layer == 0 else shape.hidden, shape.hidden, batch_first=True)
            for layer in range(shape.layers)
        )
        for name, parameter in self.layers.named_parameters():
            if "bias_ih" in name:
                with torch.no_grad():  # forget gates begin open
                    parameter[shape.hidden : 2 * shape.hidden] = 1.0
        self.head = nn.Linear(shape.hidden + shape.width, shape.outputs)
        self.pitch_to_duration = nn.Parameter(torch.randn(N_PITCHES, shape.duration_width) * 0.1)
        self.duration = nn.Linear(shape.duration_width, N_DURATIONS)
        self.copy = nn.Parameter(torch.zeros(2, candidates, KINDS))
        self.dropout = LockedDropout(dropout)
        self.register_buffer("columns", torch.from_numpy(shape.columns), persistent=False)
        self.register_buffer("offsets", torch.from_numpy(shape.offsets), persistent=False)
        self.register_buffer("candidates", torch.from_numpy(shape.candidates), persistent=False)

    def inputs(self, features: Tensor) -> Tensor:
        """x (batch, steps, D) from features (batch, steps, N_FEATURES)."""
        rows = features[..., self.columns].long() + self.offsets
        flat = functional.embedding_bag(rows.flatten(0, 1), self.table, mode="sum")
        return torch.relu(flat + self.table_bias).view(*rows.shape[:2], -1)

    def outputs(self, x: Tensor, state: list[tuple[Tensor, Tensor]] | None = None) -> tuple[Tensor, Tensor, Any]:
        """Fused head (batch, steps, outputs), top states h (batch, steps, H) and the state after the last step."""
        y = self.dropout(x)
        after = []
        for index, layer in enumerate(self.layers):
            y, last = layer(y, None if state is None else state[index])
            after.append(last)
            h = y
            y = self.dropout(y)
        return self.head(torch.cat([y, self.dropout(x)], dim=-1)), h, after

    def _parts(self, features: Tensor, head: Tensor) -> tuple[Tensor, ...]:
        """Pitch logits, duration units, candidates' pitch and length, and what each adds to pitch and to duration."""
        n = self.candidates.numel()
        logits, units, gate_pitch, gate_duration = torch.split(
            head.float(), [N_PITCHES, self.shape.duration_width, n, n], -1
        )
        pitch = features[..., self.candidates].long()
        length = features[..., self.candidates + 1].long()
        agreement = features[..., self.candidates + 2].long()
        held = length >= HELD
        kind = torch.where(held, KINDS - 1, agreement)
        slot = torch.arange(n)
        exists = pitch < NOTHING
        add_pitch = (gate_pitch + self.copy[0, slot, kind]) * exists
        length = torch.where(held & (length < N_LENGTHS - 1), length - HELD, length)
        add_duration = (gate_duration + self.copy[1, slot, kind]) * (exists & (length < N_DURATIONS))
        pitch = pitch.clamp(max=N_PITCHES - 1)
        return logits.scatter_add(-1, pitch, add_pitch), units, pitch, length.clamp(max=N_DURATIONS - 1), add_duration

    def log_probs(self, features: Tensor, head: Tensor) -> Tensor:
        """log p of every action: (batch, steps, N_ACTIONS)."""
        logits, units, pitch, length, add = self._parts(features, head)
        hidden = torch.relu(units.unsqueeze(-2) + self.pitch_to_duration)
        durations = self.duration(hidden).float().flatten(-2).scatter_add(-1, pitch * N_DURATIONS + length, add)
        durations = durations.view(*durations.shape[:-1], N_PITCHES, N_DURATIONS)
        both: Tensor = logits.log_softmax(-1).unsqueeze(-1) + durations.log_softmax(-1)
        return both.flatten(-2)

    def surprisal(self, features: Tensor, head: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        """-log p(pitch) and -log p(duration | pitch) of the notes that came: (batch, steps) each, in nats."""
        logits, units, pitch, length, add = self._parts(features, head)
        true_pitch = action // N_DURATIONS
        hidden = torch.relu(units + self.pitch_to_duration[true_pitch])
        durations = self.duration(hidden).float().scatter_add(-1, length, add * (pitch == true_pitch.unsqueeze(-1)))
        return (
            functional.cross_entropy(logits.flatten(0, 1), true_pitch.flatten(), reduction="none").view_as(action),
            functional.cross_entropy(
                durations.flatten(0, 1), (action % N_DURATIONS).flatten(), reduction="none"
            ).view_as(action),
        )

    def forward(self, features: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        """``surprisal`` of whole sequences from their first note."""
        return self.surprisal(features, self.outputs(self.inputs(features))[0], action)
