"""What a calibration is worth: on held-out real parts against fakes and attacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from experiments.fitting import ENTRIES, Measured, measure, score, wins
from experiments.judges import figures
from experiments.judges.second_model import Judge
from experiments.rule_cost import nanoseconds
from experiments.runs import format_table, print_table
from musicenv.files import write_atomic
from musicenv.melody import Melody
from rewards import theory
from rewards.calibration import Calibrated

SUITES: Final = {
    "": np.ones(len(ENTRIES), dtype=np.bool_),
    "_theory": np.arange(len(ENTRIES)) < len(theory.SUITE),
    "_likelihood": np.arange(len(ENTRIES)) >= len(theory.SUITE),
}
"""Suffix of the figures -> the entries that count; the default suite has none."""

NAMES: Final = [entry.statistic.name for entry in ENTRIES]


class Pools:
    """Held-out real parts and made pieces of each kind, all heard by the prior, with their statistics."""

    def __init__(self, real: Sequence[Melody], made: Mapping[str, Sequence[Melody]], judge: Judge) -> None:
        self.real, self.made, self.judge = real, dict(made), judge
        self.measured_real = measure(real)
        self.measured: dict[str, Measured] = {kind: measure(pieces) for kind, pieces in made.items()}

    def add(self, kind: str, pieces: Sequence[Melody]) -> None:
        """One more kind of pieces."""
        self.made[kind], self.measured[kind] = pieces, measure(pieces)


def report_suites(pools: Pools, found: Mapping[str, Calibrated], temperatures: Sequence[str]) -> dict[str, float]:
    """Print what the suites tell apart; figures ``win_KIND`` and ``pass_KIND`` of the default suite, others with the
    suite's name behind.

    ``win_prior`` is over the prior's samples at all ``temperatures``, ``win_prior_t1`` at temperature 1 alone.
    """
    weights = np.array([found[name].weight for name in NAMES])
    scores, passes = score(pools.measured_real, found)
    scored = {kind: score(pieces, found) for kind, pieces in pools.measured.items()}
    out: dict[str, float] = {}
    rows: list[list[object]] = []
    for suffix, inside in SUITES.items():
        total = scores[:, inside] @ weights[inside]
        totals = {kind: fake[:, inside] @ weights[inside] for kind, (fake, _) in scored.items()}
        won = {kind: wins(total, fake) for kind, fake in totals.items()}
        out[f"win_prior_t1{suffix}"] = won["prior"]
        won["prior"] = wins(total, np.concatenate([totals[kind] for kind in temperatures]))
        out |= {f"win_{kind}{suffix}": value for kind, value in won.items()}
        passing = {kind: float(passed[:, inside].all(axis=1).mean()) for kind, (_, passed) in scored.items()}
        passing["real"] = float(passes[:, inside].all(axis=1).mean())
        out |= {f"pass_{kind}{suffix}": value for kind, value in passing.items()}
        out[f"score_real{suffix}"] = float(total.mean())
        name = suffix.removeprefix("_") or "default"
        rows.append([f"{name}: pairs won", *won.values(), None])
        rows.append([f"{name}: all rules passed", *(passing[kind] for kind in (*won, "real"))])
    print_table(rows, ["real test parts against", *pools.made, "real"])
    return out


def report_rules(pools: Pools, found: Mapping[str, Calibrated], path: Path) -> dict[str, float]:
    """Write each rule's weight, cost, share of real parts that pass, and AUC against each kind."""
    scores, passes = score(pools.measured_real, found)
    scored = {kind: score(pieces, found)[0] for kind, pieces in pools.measured.items()}
    cost = nanoseconds([entry.statistic for entry in ENTRIES], pools.real)
    rows = []
    for k, name in enumerate(NAMES):
        auc = [wins(scores[:, k], fake[:, k]) for fake in scored.values()]
        rows.append([name, found[name].weight, round(cost[k], 1), float(passes[:, k].mean()), *auc])
    rows.append(["together", None, round(sum(cost), 1), float(passes.all(axis=1).mean()), *(None for _ in scored)])
    write_atomic(path, format_table(rows, ["rule", "weight", "ns a note", "real pass", *scored]) + "\n")
    print(f"\nrules together: {sum(cost):.0f} ns a note in the step; dearest: " + _dearest(cost))
    return {"rules_ns": sum(cost)} | {f"pass_real_{name}": float(passes[:, k].mean()) for k, name in enumerate(NAMES)}


def _dearest(cost: Sequence[float]) -> str:
    order = np.argsort(cost)[::-1][:5]
    return ", ".join(f"{NAMES[k]} {cost[k]:.0f}" for k in order)


def report_pieces(pools: Pools) -> dict[str, float]:
    """Print what is not the reward: form, endings and the judge, for real parts and each kind."""
    columns = ("ends_on_tonic", "answer_similarity", "repeated_8grams", "distinct")
    out: dict[str, float] = {}
    rows: list[list[object]] = []
    for kind, pieces in {"real": pools.real, **pools.made}.items():
        found = figures.of_pieces(pieces)
        nll = pools.judge.nll(pieces)
        band = float(pools.judge.usual(nll).mean())
        out |= {f"judge_in_band_{kind}": band, f"nll_judge_{kind}": float(nll.mean())}
        out |= {f"{column}_{kind}": found[column] for column in columns}
        rows.append([kind, band, float(nll.mean()), *(found[column] for column in columns)])
    print()
    print_table(rows, ["pieces", "judge in band", "judge's nats a note", *columns])
    return out


def report_changes(before: Mapping[str, Calibrated], after: Mapping[str, Calibrated], pools: Pools, path: Path) -> Path:
    """Write what a new calibration changed: weights, and the shares of real parts and of each kind that pass."""
    names = [name for name in NAMES if name in before]
    if len(names) < len(NAMES):
        return write_atomic(path, "The shipped calibration lacks: " + ", ".join(set(NAMES) - set(names)) + "\n")
    rows = []
    for k, name in enumerate(NAMES):
        shares = [float(score(pools.measured_real, found)[1][:, k].mean()) for found in (before, after)]
        rows.append([name, before[name].weight, after[name].weight, *shares])
    table = format_table(rows, ["rule", "weight before", "after", "real pass before", "after"])
    more = []
    for kind, pieces in pools.measured.items():
        passed = [float(score(pieces, found)[1].all(axis=1).mean()) for found in (before, after)]
        more.append([kind, *passed])
    return write_atomic(path, table + "\n\n" + format_table(more, ["all rules passed", "before", "after"]) + "\n")
