"""Training the prior: one epoch at a time, each repeatable by its seed, with averaged weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from tqdm import tqdm

from musicenv.alphabet import N_ACTIONS
from rewards.priors.dataset import ENDING, UNKNOWN, Batch, Example, batches, misheard
from rewards.priors.features import BARS_LEFT, STYLE
from rewards.priors.lstm import PriorNet
from rewards.priors.shape import Shape

_HALVES: Final = torch.backends.cpu.get_cpu_capability().startswith("AVX512")
"""Whether torch's LSTM takes bfloat16, which is faster, on this processor; on others it refuses to train in it."""


@dataclass(frozen=True)
class Recipe:
    """How a prior is trained."""

    epochs: int = 20
    """Passes over the data."""
    notes: int = 2048
    """Notes in a batch, padding included."""
    lr: float = 4e-3
    """Peak learning rate of AdamW, after a short warm-up; falls to zero along a cosine."""
    decay: float = 0.2
    """Weight decay."""
    dropout: float = 0.25
    """Dropout of input and states, one mask a sequence."""
    noise: float = 0.02
    """Share of the notes heard wrongly ..."""
    ending_noise: float = 0.15
    """... and of those of the last two bars: samples come home more often, from wherever they have strayed."""
    style_dropout: float = 0.3
    """Share of melodies whose style is hidden ("any")."""
    ending: float = 2.0
    """Weight of the notes of the last two bars in the loss: how a piece ends is little of it, and much of its sense."""
    average: float = 0.998
    """Decay of the moving average of the weights, per batch; the averaged weights are what ships."""


class Score(NamedTuple):
    """How a model predicts the notes of some melodies."""

    nll: float
    """Mean of -log p(note), in nats."""
    accuracy: float
    """Share of notes that were the likeliest."""
    notes: int


class Trainer:
    """A network on its way, with optimiser and averaged weights; ``state`` and ``restore`` carry it across a kill."""

    def __init__(self, shape: Shape, recipe: Recipe, examples: Sequence[Example], seed: int) -> None:
        torch.manual_seed(seed)
        self.recipe, self.examples, self.seed = recipe, examples, seed
        self.net = PriorNet(shape, recipe.dropout)
        self.average = {name: value.detach().clone() for name, value in self.net.state_dict().items()}
        self.optimiser = torch.optim.AdamW(self.net.parameters(), lr=recipe.lr, weight_decay=recipe.decay)
        self.epoch = 0
        self.steps = 0

    def train_epoch(self) -> float:
        """One pass over the examples; returns the mean training NLL in nats per note, dropout included."""
        rng = np.random.default_rng((self.seed, self.epoch))
        torch.manual_seed(int(rng.integers(2**62)))
        examples = [misheard(example, self.recipe.noise, self.recipe.ending_noise, rng) for example in self.examples]
        plan = list(batches(examples, self.recipe.notes, rng))
        self.net.train()
        total, notes = 0.0, 0.0
        for number, batch in enumerate(tqdm(plan, desc=f"epoch {self.epoch + 1}/{self.recipe.epochs}", leave=False)):
            progress = (self.epoch + number / len(plan)) / self.recipe.epochs
            for group in self.optimiser.param_groups:
                group["lr"] = self.recipe.lr * min(progress * self.recipe.epochs * 2, 1.0) * _cosine(progress)
            loss, count = self._loss(batch, rng)
            self.optimiser.zero_grad(set_to_none=True)
            (loss / count).backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
            self.optimiser.step()
            self._average()
            total, notes = total + float(loss.detach()), notes + count
        self.epoch += 1
        return total / notes

    def _loss(self, batch: Batch, rng: np.random.Generator) -> tuple[Tensor, float]:
        hidden_style = rng.random(batch.action.shape[0]) < self.recipe.style_dropout
        batch.features[hidden_style, :, STYLE] = 0
        action = torch.from_numpy(batch.action)
        known = (action != UNKNOWN).float()
        ending = torch.from_numpy(batch.features[..., BARS_LEFT] < ENDING)
        weight = known * torch.where(ending, self.recipe.ending, 1.0)
        with torch.autocast("cpu", torch.bfloat16, enabled=_HALVES):
            pitch, duration = self.net(torch.from_numpy(batch.features), action.clamp(min=0))
        return ((pitch + duration) * weight).sum(), float(weight.sum())

    def _average(self) -> None:
        self.steps += 1
        decay = min(self.recipe.average, self.steps / (self.steps + 10))
        for name, value in self.net.state_dict().items():
            self.average[name].lerp_(value, 1 - decay)

    def state(self) -> dict[str, Any]:
        """All that changes while training."""
        return {
            "net": self.net.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
            "epoch": self.epoch,
            "steps": self.steps,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where ``state`` was taken: the weights that result are the same as without the break."""
        self.net.load_state_dict(state["net"])
        self.average = state["average"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.epoch, self.steps = state["epoch"], state["steps"]

    def averaged(self) -> PriorNet:
        """A network with the averaged weights."""
        net = PriorNet(self.net.shape)
        net.load_state_dict(self.average)
        return net.eval()

    def arrays(self) -> dict[str, npt.NDArray[np.float32]]:
        """The averaged weights as arrays, ready to be written."""
        return {name: value.numpy() for name, value in self.average.items()}


def _cosine(progress: float) -> float:
    return 0.5 + 0.5 * math.cos(math.pi * progress)


@torch.no_grad()
def evaluate(net: PriorNet, examples: Sequence[Example]) -> Score:
    """How ``net`` predicts the notes of ``examples``."""
    net.eval()
    nll, right, notes = 0.0, 0, 0
    for batch in batches(examples, 8192):
        features, action = torch.from_numpy(batch.features), torch.from_numpy(batch.action)
        known = action != UNKNOWN
        log_probs = net.log_probs(features, net.outputs(net.inputs(features))[0])
        assert log_probs.shape[-1] == N_ACTIONS
        nll -= float(log_probs.gather(-1, action.clamp(min=0).unsqueeze(-1)).squeeze(-1)[known].sum())
        right += int((log_probs.argmax(-1) == action)[known].sum())
        notes += int(known.sum())
    return Score(nll / notes, right / notes, notes)
