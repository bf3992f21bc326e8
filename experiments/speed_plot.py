"""The plot of a speed run: rates by environments, cost by bars, and what each rule costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from experiments.speed_figures import Figure

PLOTTED: Final = ("environments", "bars", "rules")
"""The sections that are drawn."""


def plot(sections: Mapping[str, Sequence[Figure]], path: Path) -> Path:
    """Draw the curves and bars of the sections that have any into a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (rates, bars, rules) = plt.subplots(1, 3, figsize=(15, 6), width_ratios=(1, 1, 1.3))
    for axes, name, title in ((rates, "environments", "steps a second"), (bars, "bars", "nanoseconds a note")):
        if name not in sections:
            axes.set_visible(False)
            continue
        points = [(f.at, f.value) for f in sections[name] if f.at is not None]
        axes.plot([x for x, _ in points], [y for _, y in points], marker="o")
        axes.set(xlabel=name, title=title)
        axes.set_xscale("log", base=4 if axes is rates else 2)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.grid(alpha=0.3)
        axes.set_yscale("log" if axes is rates else "linear")
    bars.set_ylim(bottom=0)
    rules.set_visible("rules" in sections)
    costs = sorted(((f.value, f.name) for f in sections.get("rules", ()) if f.at is not None), reverse=True)
    rules.barh([name for _, name in costs], [value for value, _ in costs])
    rules.set_title("nanoseconds a note of each rule")
    rules.invert_yaxis()
    rules.tick_params(axis="y", labelsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    plt.close(figure)
    return path
