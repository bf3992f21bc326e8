"""Calibrate the rules: count the idiom tables and fit the curves on real training parts against fakes.

    python -m experiments.calibrate

writes ``rewards/theory/idiom.json`` and ``rewards/data/calibration.json``, and reports on held-out parts what suites
tell apart and what passes.  To be run again when the corpus, a statistic or the prior has changed.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from agents.compose import compose
from agents.compose import prior as prior_agent
from experiments.fakes import FAKES, fakes, task_of
from experiments.runs import command, print_table, start_run
from musicenv.batch import Batch
from musicenv.corpus import load as load_corpus
from musicenv.files import atomic_path
from musicenv.melody import Melody
from rewards import calibration, likelihood, theory
from rewards.calibration import Entry, sample
from rewards.priors import Prior, hear, load_prior
from rewards.rules import Curve, Suite
from rewards.theory import idiom

Floats = npt.NDArray[np.float64]

ENTRIES: Final[tuple[Entry, ...]] = (*theory.SUITE, *likelihood.SUITE)

SHARES: Final = {"bars_shuffled": 6.0, "prior": 4.0}
"""What a kind of fake counts for beside 1 of the others: the nearer to music, the more."""

TEMPERATURES: Final = {"prior": 1.0, "cold_prior": 0.5}
"""Fakes that the prior composes, by its temperature."""

CHUNK: Final = 500


@dataclass(frozen=True)
class Arguments:
    """Fit the curves and tables of the rules on real parts and fakes."""

    fakes: int = 1500
    """Fakes of each kind, made from training parts; a third as many from test parts, for the report."""
    prior: str = "lstm"
    """Shipped prior, or weights file, whose samples are fakes and whose surprisal the likelihood rules read."""
    seed: int = 0
    """Of the fakes."""
    write: bool = True
    """Whether to replace the shipped tables and curves; otherwise the curves go to the run folder."""
    out: Path | None = None
    """Run folder; a new one under runs/calibrate by default."""


@dataclass(frozen=True)
class Measured:
    """Pieces of one kind and their statistics."""

    metre: npt.NDArray[np.int64]
    """(n,) index into METRES."""
    values: Floats
    """(n, S) in the order of ENTRIES; NaN where not defined."""


def measure(melodies: Sequence[Melody]) -> Floats:
    """(n, S) statistics of finished pieces, in the order of ENTRIES."""
    return np.array([[entry.statistic.compiled(melody) for entry in ENTRIES] for melody in melodies])


def measure_all(kinds: Mapping[str, Sequence[Melody]]) -> dict[str, Measured]:
    """Statistics of the pieces of each kind.

    Measured in fresh processes: compiled statistics hold the idiom tables that were on disk when a process began.
    """
    jobs = [(kind, start) for kind, pieces in kinds.items() for start in range(0, len(pieces), CHUNK)]
    chunks = [kinds[kind][start : start + CHUNK] for kind, start in jobs]
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as workers:
        found = list(tqdm(workers.map(measure, chunks), total=len(chunks), desc="measuring", unit="chunk"))
    return {
        kind: Measured(
            np.array([piece.metre for piece in pieces], dtype=np.int64),
            np.concatenate([values for (name, _), values in zip(jobs, found, strict=True) if name == kind]),
        )
        for kind, pieces in kinds.items()
    }


def fit(real: Measured, unseen: Measured, made: Mapping[str, Measured]) -> dict[str, Curve]:
    """The curve of each entry.

    Rules of likelihood are fitted on ``unseen`` parts: those that the prior was trained on it knows too well.
    """
    shares = {kind: SHARES.get(kind, 1.0) / pieces.metre.size for kind, pieces in made.items()}
    weight = np.concatenate([np.full(pieces.metre.size, shares[kind]) for kind, pieces in made.items()])
    metre = np.concatenate([pieces.metre for pieces in made.values()])
    curves = {}
    for k, entry in enumerate(ENTRIES):
        parts = unseen if entry in likelihood.SUITE else real
        genuine = sample(parts.values[:, k], parts.metre)
        fake = sample(np.concatenate([pieces.values[:, k] for pieces in made.values()]), metre, weight)
        curves[entry.statistic.name] = calibration.fit_curve(genuine, fake, entry.form)
    return curves


def score(pieces: Measured, curves: Mapping[str, Curve]) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """(n, S) scores before weights, and whether each passes; where it is not defined, 0 and yes."""
    scores = np.zeros(pieces.values.shape)
    passes = np.ones(pieces.values.shape, dtype=np.bool_)
    for k, entry in enumerate(ENTRIES):
        curve = curves[entry.statistic.name]
        for metre in np.unique(pieces.metre):
            rows = np.flatnonzero((pieces.metre == metre) & ~np.isnan(pieces.values[:, k]))
            grid = curve.lo[metre] + curve.step[metre] * np.arange(curve.table.shape[1])
            scores[rows, k] = np.interp(pieces.values[rows, k], grid, curve.table[metre])
            passes[rows, k] = scores[rows, k] >= curve.threshold[metre] - 1e-9
    return scores, passes


def wins(real: Floats, made: Floats) -> float:
    """Share of pairs in which the real piece scores higher, ties counting half: the area under the ROC curve."""
    below = np.searchsorted(np.sort(made), real, side="left")
    up_to = np.searchsorted(np.sort(made), real, side="right")
    return float((below + up_to).mean() / (2 * made.size))


def report(real: Measured, made: Mapping[str, Measured], curves: Mapping[str, Curve]) -> dict[str, float]:
    """Print what each rule and the suites tell apart, and return the figures."""
    weights = np.array([entry.weight for entry in ENTRIES])
    of_theory = np.arange(len(ENTRIES)) < len(theory.SUITE)
    suites = {"theory": of_theory, "likelihood": ~of_theory, "default": np.ones(len(ENTRIES), dtype=np.bool_)}
    scores, passes = score(real, curves)
    scored = {kind: score(pieces, curves) for kind, pieces in made.items()}
    figures: dict[str, float] = {}
    rows: list[list[object]] = []
    for k, entry in enumerate(ENTRIES):
        passing = figures[f"pass_real_{entry.statistic.name}"] = float(passes[:, k].mean())
        rows.append([entry.statistic.name, *(wins(scores[:, k], fake[:, k]) for fake, _ in scored.values()), passing])
    for name, inside in suites.items():
        figures[f"pass_real_{name}"] = float(passes[:, inside].all(axis=1).mean())
        total = scores[:, inside] @ weights[inside]
        for kind, (fake, passes_fake) in scored.items():
            figures[f"win_{kind}_{name}"] = wins(total, fake[:, inside] @ weights[inside])
            figures[f"pass_{kind}_{name}"] = float(passes_fake[:, inside].all(axis=1).mean())
        rows.append([f"{name}: pairs won", *(figures[f"win_{kind}_{name}"] for kind in made), None])
        passing_all = [figures[f"pass_{kind}_{name}"] for kind in (*made, "real")]
        rows.append([f"{name}: all rules passed", *passing_all])
    print_table(rows, ["real test parts against", *made, "real pass"])
    return figures


def compose_fakes(prior: Prior, parts: Sequence[Melody], count: int, seed: int) -> dict[str, list[Melody]]:
    """What the prior composes in the frames of ``parts``, at each of TEMPERATURES."""
    batch = Batch(256, [task_of(part) for part in parts], Suite(()), prior)
    return {
        kind: compose(batch, prior_agent(temperature), count, seed).melodies
        for kind, temperature in TEMPERATURES.items()
    }


def calibrate(arguments: Arguments) -> None:
    """The command."""
    run = start_run("calibrate", arguments, arguments.out)
    corpus = load_corpus()
    train, test = corpus.melodies("train", bars=8), corpus.melodies("test", bars=8)
    files = []
    if arguments.write:
        files.append(idiom.write_tables(*idiom.count_tables(train)))
    prior = load_prior(arguments.prior)
    kinds = {"real/train": train, "real/validation": hear(prior, corpus.melodies("validation", bars=8))}
    kinds["real/test"] = hear(prior, test)
    for side, parts, count in (("train", train, arguments.fakes), ("test", test, arguments.fakes // 3)):
        seed = 2 * arguments.seed + (side == "test")
        made = {kind: fakes(kind, parts, count, seed) for kind in FAKES} | compose_fakes(prior, parts, count, seed)
        for kind, pieces in made.items():
            # Only capped rules read the prior, and their curves need no fakes.
            kinds[f"{kind}/{side}"] = hear(prior, pieces) if side == "test" and kind in FAKES else pieces
    measured = measure_all(kinds)
    with atomic_path(run.folder / "statistics.npz") as path:
        table = {name: np.column_stack([pieces.metre, pieces.values]) for name, pieces in measured.items()}
        np.savez_compressed(path, **cast(Any, table))
    made_of = {side: {k: measured[f"{k}/{side}"] for k in (*FAKES, *TEMPERATURES)} for side in ("train", "test")}
    curves = fit(measured["real/train"], measured["real/validation"], made_of["train"])
    files.append(calibration.save(curves, calibration.SHIPPED if arguments.write else run.folder / "calibration.json"))
    figures = report(measured["real/test"], made_of["test"], curves)
    print(f"\nfigures in {run.finish(figures, files)}")


main = command(Arguments, calibrate)

if __name__ == "__main__":
    main()
