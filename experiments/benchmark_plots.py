"""Plots of a benchmark, each as PNG and SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from experiments.benchmark_tables import SCORE, Results, ranked
from experiments.cells import REAL
from experiments.statistics import Estimate, performance_profile, probability_of_improvement
from musicenv.files import atomic_path

FAMILIES: Final = {
    "prior_ppo": "#d62728",
    "prior_maskable": "#ff9896",
    "tutor": "#1f77b4",
    "real": "#2ca02c",
    "prior": "#7f7f7f",
    "greedy": "#7f7f7f",
    "uniform": "#7f7f7f",
}
"""Colour by the beginning of the name, the first that fits; others are OTHER."""
OTHER: Final = "#9467bd"
OURS: Final = "prior_ppo"
FAR: Final = 3.0
"""Nats a note under the prior; real parts have 1.5."""


def colour(name: str) -> str:
    """Of a contender, the same in all plots."""
    return next((found for family, found in FAMILIES.items() if name.startswith(family)), OTHER)


def save(figure: Figure, path: Path) -> list[Path]:
    """Write ``path`` as .png and as .svg."""
    written = []
    with mpl.rc_context({"svg.hashsalt": "musicenv", "svg.fonttype": "none"}):
        for suffix in (".png", ".svg"):
            target = path.with_suffix(suffix)
            with atomic_path(target) as temporary:
                metadata = {"Date": None} if suffix == ".svg" else None
                figure.savefig(temporary, dpi=110, metadata=metadata)
            written.append(target)
    return written


def _panels(budgets: Sequence[str], height: float, width: float = 5.5) -> tuple[Figure, list[Any]]:
    figure = Figure(figsize=(width * len(budgets), height), layout="constrained")
    axes = figure.subplots(1, len(budgets), squeeze=False)[0]
    for axis, budget in zip(axes, budgets, strict=True):
        axis.set_title(budget.replace("_", " ") + " of learning", fontsize=10)
        axis.grid(alpha=0.3)
    return figure, list(axes)


def intervals(found: Mapping[str, Mapping[str, Mapping[str, Estimate]]], figure_name: str, label: str) -> Figure:
    """One figure of each contender with its interval, a panel for each budget."""
    most = max(len(of) for of in found.values())
    figure, axes = _panels(list(found), 1.0 + 0.26 * most)
    for axis, of in zip(axes, found.values(), strict=True):
        _bars(axis, [(name, of[name][figure_name]) for name in reversed(ranked(of))])
        axis.set_xlabel(label)
    return figure


def _bars(axis: Any, rows: Sequence[tuple[str, Estimate]]) -> None:
    for y, (name, value) in enumerate(rows):
        axis.plot([value.low, value.high], [y, y], color=colour(name), linewidth=5, alpha=0.45, solid_capstyle="butt")
        axis.plot([value.value], [y], "o", color=colour(name), markersize=5)
    axis.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=8)


def profiles(results: Results, names: Sequence[str]) -> Figure:
    """Share of the runs above each score, with 95 % bands."""
    figure, axes = _panels(results.budgets, 3.8)
    thresholds = np.linspace(-0.2, 1.4, 161)
    for axis, budget in zip(axes, results.budgets, strict=True):
        for number, name in enumerate(n for n in names if n in results.contenders(budget)):
            profile = performance_profile(results.scores(name, budget, SCORE), thresholds)
            style = ("-", "--", ":", "-.")[number % 4]
            axis.plot(thresholds, profile.share, style, color=colour(name), label=name)
            axis.fill_between(thresholds, profile.low, profile.high, color=colour(name), alpha=0.12, linewidth=0)
        axis.set_xlabel("score (0 uniform play, 1 real parts)")
        axis.set_ylabel("share of runs above it")
        axis.legend(fontsize=7, loc="lower left")
    return figure


def improvements(results: Results) -> Figure:
    """How likely a run of prior_ppo scores more than one of each other contender."""
    most = max(len(results.contenders(budget)) for budget in results.budgets)
    figure, axes = _panels(results.budgets, 1.0 + 0.26 * most)
    for axis, budget in zip(axes, results.budgets, strict=True):
        ours = results.scores(OURS, budget, SCORE)
        others = [name for name in results.contenders(budget) if name not in (OURS, REAL)]
        rows = [(n, probability_of_improvement(ours, results.scores(n, budget, SCORE))) for n in others]
        _bars(axis, sorted(rows, key=lambda row: row[1].value))
        axis.axvline(0.5, color="black", linewidth=0.8)
        axis.set_xlim(-0.02, 1.02)
        axis.set_xlabel(f"P({OURS} scores more)")
    return figure


def trade_off(results: Results) -> Figure:
    """What the rules pay against how usual the prior finds the pieces: up and to the left is better.

    Whoever is further from the prior than FAR, as uniform play is, stands beyond the edge and is left out.
    """
    figure, axes = _panels(results.budgets, 4.2)
    for axis, budget in zip(axes, results.budgets, strict=True):
        for name in results.contenders(budget):
            x, y = (results.estimate(name, budget, figure) for figure in ("nll_prior", "suite_score"))
            if not x.value < FAR:
                continue
            across, along = ([[e.value - e.low], [e.high - e.value]] for e in (x, y))
            axis.errorbar(x.value, y.value, xerr=across, yerr=along, fmt="o", color=colour(name), markersize=5)
            axis.annotate(name, (x.value, y.value), fontsize=6, xytext=(4, 3), textcoords="offset points")
        axis.set_xlabel("nats a note under the prior")
        axis.set_ylabel("what the rules pay")
    return figure


def draw(
    folder: Path, results: Results, found: Mapping[str, Mapping[str, Mapping[str, Estimate]]], named: Sequence[str]
) -> list[Path]:
    """All plots; ``named`` are the contenders whose profiles are shown."""
    plots = {
        "score": intervals(found, SCORE, "score (0 uniform play, 1 real parts)"),
        "passes_all": intervals(found, "passes_all", "share of pieces that pass all rules"),
        "profiles": profiles(results, named),
        "trade_off": trade_off(results),
    }
    if all(OURS in results.contenders(budget) for budget in results.budgets):
        plots["improvement"] = improvements(results)
    return [path for name, figure in plots.items() for path in save(figure, folder / name)]
