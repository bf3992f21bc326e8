"""Plots of a benchmark, each as PNG and SVG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from experiments.benchmark_claims import curve, is_ours, points
from experiments.benchmark_results import AHEAD, OURS, SCORE, Results
from experiments.cells import REAL
from experiments.challenges import TASKS
from experiments.contenders import SWEEP
from experiments.statistics import Estimate, performance_profile
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
TUTORS: Final = {"tutor_q": "#17becf", "tutor_psi": "#1f77b4", "tutor_g": "#0b3c6f"}
"""Colours of the Tutor's three learners where they are told apart."""
FAR: Final = 3.0
"""Nats a note under the prior; real parts have 1.5."""
PROFILED: Final = ("prior_ppo", "expert", "tutor", "prior_best", "prior_reg")
"""How the names begin of those whose profiles are shown of the first task."""
POOR: Final = -30.0
"""What the rules pay; real parts are paid -1."""


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


def _panels(titles: Sequence[str], height: float, width: float = 5.5, across: int = 2) -> tuple[Figure, list[Any]]:
    """``across`` panels in each row."""
    down = -(-len(titles) // across)
    figure = Figure(figsize=(width * min(len(titles), across), height * down), layout="constrained")
    axes = list(figure.subplots(down, min(len(titles), across), squeeze=False).flat)
    for axis in axes[len(titles) :]:
        axis.remove()
    for axis, title in zip(axes, titles, strict=False):
        axis.set_title(title, fontsize=10)
        axis.grid(alpha=0.3)
    return figure, axes[: len(titles)]


def _by_kind(results: Results, height: float) -> tuple[Figure, list[tuple[str, Any]]]:
    """A panel for each kind of budget."""
    figure, axes = _panels([f"{results.budget(kind)} to learn" for kind in results.kinds], height)
    return figure, list(zip(results.kinds, axes, strict=True))


def _tall(rows: int) -> float:
    return 1.0 + 0.26 * rows


def intervals(results: Results, figure_name: str, label: str) -> Figure:
    """One figure of each contender with its interval."""
    figure, panels = _by_kind(results, _tall(max(len(results.contenders(kind)) for kind in results.kinds)))
    for kind, axis in panels:
        rows = [(name, results.estimate(name, kind, figure_name)) for name in reversed(results.ranked(kind))]
        _bars(axis, [row for row in rows if np.isfinite(row[1].value)])
        axis.set_xlabel(label)
    return figure


def tasks(results: Results, kind: str) -> Figure:
    """The scores on each task, of those who composed on every one: a panel for each."""
    views = [results.on(task) for task in results.tasks]
    names = [name for name in results.ranked(kind) if name not in (REAL, "uniform")]
    titles = [f"{view.tasks[0]}, {view.budget(kind)}" for view in views]
    figure, axes = _panels(titles, _tall(len(names)), 4.0, across=3)
    for view, axis in zip(views, axes, strict=True):
        _bars(axis, [(name, view.estimate(name, kind, SCORE)) for name in reversed(names)])
        axis.set_xlabel(SCORE)
    return figure


def _bars(axis: Any, rows: Sequence[tuple[str, Estimate]]) -> None:
    for y, (name, value) in enumerate(rows):
        axis.plot([value.low, value.high], [y, y], color=colour(name), linewidth=5, alpha=0.45, solid_capstyle="butt")
        axis.plot([value.value], [y], "o", color=colour(name), markersize=5)
    axis.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=8)


def profiles(results: Results, names: Sequence[str]) -> Figure:
    """Share of the runs of ``names`` above each score, with 95 % bands."""
    figure, panels = _by_kind(results, 3.8)
    scores = np.concatenate([results.scores(name, kind, SCORE).ravel() for kind, _ in panels for name in names])
    thresholds = np.linspace(scores.min() - 0.02, scores.max() + 0.02, 200)
    for kind, axis in panels:
        for number, name in enumerate(names):
            profile = performance_profile(results.scores(name, kind, SCORE), thresholds)
            style = ("-", "--", ":", "-.")[number % 4]
            axis.plot(thresholds, profile.share, style, color=colour(name), label=name)
            axis.fill_between(thresholds, profile.low, profile.high, color=colour(name), alpha=0.12, linewidth=0)
        axis.set_xlabel("score (0 uniform play, 1 real parts)")
        axis.set_ylabel("share of runs above it")
        axis.legend(fontsize=7, loc="lower left")
    return figure


def improvements(results: Results) -> Figure:
    """How likely a run of OURS scores more than one of each other contender."""
    figure = intervals(results, AHEAD, f"P({OURS} scores more)")
    for axis in figure.axes:
        axis.axvline(0.5, color="black", linewidth=0.8)
        axis.set_xlim(-0.02, 1.02)
    return figure


def trade_off(results: Results) -> Figure:
    """What the rules pay against how usual the prior finds the pieces: up and to the left is better.

    The red line is our curve, the others join each of the Tutor's learners.  Whoever is further from the prior than
    FAR, as uniform play is, stands beyond the edge and is left out, and so is who is paid so little that the others
    would be one blot.
    """
    figure, panels = _by_kind(results, 5.5)
    for kind, axis in panels:
        shown = [point for point in points(results, kind) if point.nll.value < FAR and point.paid.value > POOR]
        for point in shown:
            family = next((each for each in TUTORS if point.name.startswith(each)), "")
            shade = TUTORS.get(family, colour(point.name))
            x, y = point.nll, point.paid
            across, along = ([[e.value - e.low], [e.high - e.value]] for e in (x, y))
            axis.errorbar(x.value, y.value, xerr=across, yerr=along, fmt="o", color=shade, markersize=4)
            label = point.name.removeprefix(f"{family}_")
            axis.annotate(label, (x.value, y.value), fontsize=6, xytext=(4, 3), textcoords="offset points", color=shade)
        for family, shade in TUTORS.items():
            of = sorted((p.nll.value, p.paid.value) for p in shown if p.name.startswith(family))
            axis.plot([x for x, _ in of], [y for _, y in of], ":", color=shade, linewidth=1, label=family)
        corners = curve([point for point in shown if is_ours(point.name)])
        axis.plot(corners[:, 0], corners[:, 1], color=colour(OURS), linewidth=1, label="our curve")
        axis.set_xlabel("nats a note under the prior")
        axis.set_ylabel("what the rules pay")
        axis.legend(fontsize=7, loc="lower right")
    return figure


def _everywhere(results: Results, names: tuple[str, ...] = ("",)) -> list[str]:
    """Who learned within each kind of budget, or did not learn, and whose name begins as one of ``names``."""
    ranked = [results.ranked(kind) for kind in results.kinds]
    found = [name for name in ranked[-1] if all(name in of_kind for of_kind in ranked)]
    return [name for name in found if name.startswith(names) and name not in (REAL, "uniform")]


def draw(folder: Path, results: Results) -> list[Path]:
    """All plots: of the first task, there too with those who differ in the weight of the reward alone, and of all."""
    everywhere = results.without(SWEEP)
    main, swept = everywhere.on(results.tasks[0]), results.on(results.tasks[0])
    plots = {
        "score": intervals(main, SCORE, "score (0 uniform play, 1 real parts)"),
        "passes_all": intervals(main, "passes_all", "share of pieces that pass all rules"),
    }
    if shown := _everywhere(main, PROFILED) or _everywhere(main):
        plots["profiles"] = profiles(main, shown)
    if any(is_ours(name) for name in swept.contenders(swept.kinds[-1])) and TASKS[main.tasks[0]].has_real:
        plots["trade_off"] = trade_off(swept)
    if all(OURS in main.contenders(kind) for kind in main.kinds):
        plots["improvement"] = improvements(main)
    if len(everywhere.tasks) > 1:
        plots["tasks"] = tasks(everywhere, everywhere.kinds[-1])
        if shown := _everywhere(everywhere):
            plots["profiles_tasks"] = profiles(everywhere, shown)
    return [path for name, figure in plots.items() for path in save(figure, folder / name)]
