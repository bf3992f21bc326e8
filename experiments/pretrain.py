"""Pretrain the prior on the corpus, and measure it against simpler models.

python -m experiments.pretrain               # train the prior, the judge and the comparison; print the table
python -m experiments.pretrain --evaluate    # print the table for the shipped weights, in under a minute
python -m experiments.pretrain --resume runs/pretrain/...
"""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import torch

from experiments import prior_figures
from experiments.prior_figures import SELECTIONS, examples, hmm_scores, network_scores, ngram_scores
from experiments.runs import Run, UserError, command, format_table, open_run, start_run
from musicenv.files import atomic_path, write_atomic
from rewards.priors import load_prior
from rewards.priors.features import FEATURES
from rewards.priors.lstm import PriorNet
from rewards.priors.shape import Shape
from rewards.priors.store import SHIPPED, read_weights, write_weights
from rewards.priors.training import Recipe, Trainer

FIGURES: Final = Path(__file__).parent.parent / "docs" / "figures" / "pretrain.json"
"""The result of the run that made the shipped weights."""

_ALONE = ("last", "place", "bar", "bars", "ticks", "mode", "style")
_FEWER = (*_ALONE, "1", "2", "4", "8")


def _features(first_words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in FEATURES if name.split()[0] in first_words)


NETWORKS: Final[dict[str, tuple[Shape, Recipe, int]]] = {
    "lstm": (Shape(), Recipe(), 0),
    "judge": (Shape(features=_features(_FEWER), width=64, hidden=112, layers=2), Recipe(), 1000),
    "no lookback": (Shape(features=_features(_ALONE)), Recipe(), 0),
}
"""Shape, recipe and what is added to the seed of each network.  "lstm" is the prior; "judge" is a smaller
one with two layers and fewer lookback spans, for judging what the first was the reward of; "no lookback" is the prior
without what makes it repeat."""


@dataclass(frozen=True)
class Args:
    """Pretrain the prior on the corpus, and measure it against simpler models."""

    evaluate: bool = False
    """Train nothing: print the table for the shipped weights."""
    networks: tuple[Literal["lstm", "judge", "no lookback"], ...] = ("lstm", "judge", "no lookback")
    """Which networks to train."""
    epochs: int | None = None
    """Passes over the data; by default each network's own number."""
    baselines: bool = True
    """Whether to measure the n-gram models and the HMM too."""
    threads: int = 2
    """Threads of torch; one is better where the cores are shared with other work."""
    seed: int = 0
    """Seed of weights, order, dropout and samples."""
    ship: bool = False
    """Put the weights and the figures where the package ships them from."""
    out: Path | None = None
    """Run folder; a new one under runs/pretrain by default."""
    resume: Path | None = None
    """Run folder to go on with; its own arguments hold."""


def train(run: Run, args: Args, name: str) -> Path:
    """Train one network, from its checkpoint where there is one; returns its weight file."""
    done = run.folder / f"{name}.safetensors"
    if done.exists():
        return done
    shape, recipe, shift = NETWORKS[name]
    if args.epochs is not None:
        recipe = replace(recipe, epochs=args.epochs)
    training = examples("train", "tunes") + examples("train", "parts")
    trainer = Trainer(shape, recipe, training, args.seed + shift)
    path = run.folder / f"{name}.checkpoint.pt"
    if path.exists():
        trainer.restore(_read_checkpoint(path))
    size = sum(parameter.numel() for parameter in trainer.net.parameters())
    print(f"{name}: {size:,} parameters, {sum(e.action.size for e in training):,} notes an epoch", flush=True)
    while trainer.epoch < recipe.epochs:
        began = time.monotonic()
        figures: dict[str, Any] = {"network": name, "nll_train": trainer.train_epoch(), "epoch": trainer.epoch}
        figures |= {"seconds": time.monotonic() - began}
        with atomic_path(path) as temporary:
            torch.save(trainer.state(), temporary)
        if trainer.epoch % 4 == 0 or trainer.epoch == recipe.epochs:
            figures |= network_scores(trainer.averaged())
        run.log(figures)
        print("  ".join(f"{key} {value:.4g}" for key, value in figures.items() if isinstance(value, float)), flush=True)
    write_weights(done, shape, trainer.arrays())
    path.unlink(missing_ok=True)
    return done


def _read_checkpoint(path: Path) -> dict[str, Any]:
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True)
    except Exception as error:
        raise UserError(f"{path} is damaged ({type(error).__name__}); remove it to train this network anew") from error
    return state


def _network(path: str | Path) -> PriorNet:
    shape, arrays = read_weights(path)
    net = PriorNet(shape)
    net.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    return net


def table(scores: dict[str, dict[str, float]]) -> str:
    """NLL in nats per note and accuracy, one line a model."""
    columns = [f"{figure}_{name}" for figure in ("nll", "accuracy") for name in SELECTIONS]
    rows = [[name, *(figures.get(column) for column in columns)] for name, figures in scores.items()]
    return format_table(rows, ["model", *columns])


def measure(args: Args, weights: dict[str, Path], known: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Scores of every model; those in ``known`` are taken as they are."""
    scores: dict[str, dict[str, float]] = {}
    if args.baselines:
        scores |= ngram_scores()
        scores["HMM"] = known["HMM"] if "HMM" in known else hmm_scores(args.seed)
    for name, path in weights.items():
        scores[name] = network_scores(_network(path))
    return scores | {name: figures for name, figures in known.items() if name not in scores and args.baselines}


def _shipped_scores() -> dict[str, dict[str, float]]:
    figures = json.loads(FIGURES.read_text(encoding="utf-8"))["figures"] if FIGURES.exists() else {}
    found = {
        model: {
            name.removesuffix(f", {model}"): value for name, value in figures.items() if name.endswith(f", {model}")
        }
        for model in ("HMM", "no lookback")
    }
    return {model: scores for model, scores in found.items() if scores}


def main(args: Args) -> None:
    """Train, or only measure, then print the table."""
    torch.set_num_threads(args.threads)
    if args.evaluate:
        known = _shipped_scores()
        shipped = {path.stem: path for path in sorted(SHIPPED.glob("*.safetensors"))}
        print(table(measure(args, shipped, known)))
        if known:
            print(f"Read from {FIGURES.name}, for they take long to train: {', '.join(known)}.")
        return
    run = start_run("pretrain", args, args.out) if args.resume is None else open_run(args.resume, "pretrain")
    if args.resume is not None:
        args = run.arguments_as(Args)
    weights: dict[str, Path] = {name: train(run, args, name) for name in args.networks}
    scores = measure(args, weights, {})
    text = table(scores)
    print(text)
    figures: dict[str, Any] = dict(scores)
    for name, path in weights.items():
        figures[name]["parameters"] = sum(parameter.numel() for parameter in _network(path).parameters())
    if "lstm" in weights:
        figures["samples"] = prior_figures.sample_figures(load_prior(weights["lstm"]), args.seed)
        print("\n".join(f"{name:<28}{value:.4g}" for name, value in figures["samples"].items()))
    written = [*weights.values(), write_atomic(run.folder / "table.txt", text + "\n")]
    flat = {f"{name}, {model}": value for model, group in figures.items() for name, value in group.items()}
    result = run.finish(flat, written)
    if args.ship:
        ship(result, weights)


def ship(result: Path, weights: dict[str, Path]) -> None:
    """Copy weights and figures to where the package ships them from."""
    for name in ("lstm", "judge"):
        if name in weights:
            with atomic_path(SHIPPED / f"{name}.safetensors") as temporary:
                shutil.copyfile(weights[name], temporary)
    described = json.loads(result.read_text(encoding="utf-8"))
    described["arguments"] |= {"out": None, "resume": None}  # folders of this machine
    write_atomic(FIGURES, json.dumps(described, indent=2) + "\n")


if __name__ == "__main__":
    command(Args, main)()
