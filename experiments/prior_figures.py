"""How well the prior predicts real music, beside simpler models, and what its samples are like."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from agents.compose import compose, prior
from experiments.judges import figures
from musicenv.batch import Batch
from musicenv.corpus import load
from musicenv.corpus.corpus import Split, Unit
from musicenv.melody import Melody
from musicenv.task import METRES, MODES, STYLES, TONICS, Task
from rewards.priors import Prior
from rewards.priors.dataset import Example, actions_of, example_of
from rewards.priors.hmm import HMM
from rewards.priors.lstm import PriorNet
from rewards.priors.ngrams import Cached, KneserNey
from rewards.priors.training import evaluate
from rewards.rules import Suite

SPAN = 13
"""Notes of a span that counts as memorised where it occurs in the training tunes."""


class Selection(NamedTuple):
    """Melodies that a model is measured on."""

    split: Split
    unit: Unit
    bars: int | None


SELECTIONS: dict[str, Selection] = {
    "val_tunes": Selection("validation", "tunes", None),
    "test_tunes": Selection("test", "tunes", None),
    "test_parts": Selection("test", "parts", None),
    "test_8bars": Selection("test", "parts", 8),
}
"""The columns of the table."""


class Model(Protocol):
    """A model that needs no training here but its counts."""

    def probabilities(self, tune: Sequence[int]) -> Iterator[npt.NDArray[np.float64]]: ...


@cache
def melodies(split: Split, unit: Unit, bars: int | None = None) -> list[Melody]:
    """Melodies of the corpus, read once."""
    return load().melodies(split=split, unit=unit, bars=bars)


@cache
def examples(split: Split, unit: Unit, bars: int | None = None) -> list[Example]:
    """The same as training data."""
    return [example_of(melody) for melody in melodies(split, unit, bars)]


def network_scores(net: PriorNet) -> dict[str, float]:
    """NLL (nats per note) and accuracy of a network on each selection."""
    scores = {name: evaluate(net, examples(*selection)) for name, selection in SELECTIONS.items()}
    return {
        f"{figure}_{name}": getattr(score, figure) for name, score in scores.items() for figure in ("nll", "accuracy")
    }


def _model_scores(name: str, model: Model) -> dict[str, float]:
    out: dict[str, float] = {}
    for column, selection in SELECTIONS.items():
        if column == "test_parts":  # most of them are the 8-bar ones
            continue
        surprisal, right = [], []
        for melody in tqdm(melodies(*selection), desc=f"{name}, {column}", leave=False):
            tune = actions_of(melody).tolist()
            for action, p in zip(tune, model.probabilities(tune), strict=True):
                surprisal.append(-np.log(p[action]))
                right.append(int(p.argmax()) == action)
        out |= {f"nll_{column}": float(np.mean(surprisal)), f"accuracy_{column}": float(np.mean(right))}
    return out


def ngram_scores() -> dict[str, dict[str, float]]:
    """Scores of the n-gram models, trained on the training tunes."""
    tunes = [actions_of(melody).tolist() for melody in melodies("train", "tunes")]
    models: dict[str, Model] = {
        "unigram": KneserNey(tunes, 1),
        "bigram": KneserNey(tunes, 2),
        "trigram": KneserNey(tunes, 3),
        "7-gram": KneserNey(tunes, 7),
    }
    models["7-gram + cache"] = Cached(models["7-gram"], order=6, discount=0.6)
    return {name: _model_scores(name, model) for name, model in models.items()}


def hmm_scores(seed: int, states: int = 16) -> dict[str, float]:
    """Scores of a hidden Markov model, trained on the training tunes."""
    tunes = [actions_of(melody).tolist() for melody in melodies("train", "tunes")]
    return _model_scores("HMM", HMM(tunes, states, seed=seed))


def _task_of(melody: Melody) -> Task:
    """The task that a real part is an answer to."""
    key = f"{TONICS[melody.key]} {MODES[melody.mode]}"
    return Task(METRES[melody.metre], key, melody.bars, STYLES[melody.style], pickup=-melody.start)


def samples(model: Prior, parts: Sequence[Melody], seed: int, temperature: float = 1.0) -> list[Melody]:
    """One piece for each of ``parts``, in its metre, mode, style, length and pick-up, legal notes only."""
    by_task: dict[Task, int] = {}
    for part in parts:
        task = _task_of(part)
        by_task[task] = by_task.get(task, 0) + 1
    out: list[Melody] = []
    for number, (task, count) in enumerate(tqdm(by_task.items(), desc="composing", leave=False)):
        batch = Batch(count, [task], Suite(()), model)
        out += compose(batch, prior(temperature), count, seed=seed * 10_000 + number).melodies
    return out


def _spans(melody: Melody) -> list[bytes]:
    notes = np.stack([melody.pitch, melody.duration], axis=1)
    return [notes[i : i + SPAN].tobytes() for i in range(len(notes) - SPAN + 1)]


@cache
def training_spans() -> frozenset[bytes]:
    """Every span of SPAN notes in the training tunes."""
    return frozenset(span for melody in melodies("train", "tunes") for span in _spans(melody))


def memorised(pieces: Sequence[Melody]) -> float:
    """Share of the spans of SPAN notes (pitch relative to the tonic, and duration) that occur in training tunes."""
    known = training_spans()
    return float(np.mean([span in known for piece in pieces for span in _spans(piece)]))


def sample_figures(model: Prior, seed: int) -> dict[str, float]:
    """Figures of real held-out 8-bar parts and of as many samples in the same frames, at temperature 1."""
    parts = melodies("test", "parts", 8)
    out: dict[str, float] = {}
    for name, pieces in (("real", parts), ("samples", samples(model, parts, seed))):
        found = figures.of_pieces(pieces) | {"memorised_spans": memorised(pieces)}
        out |= {f"{figure}_{name}": value for figure, value in found.items()}
    return out
