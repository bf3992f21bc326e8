"""The table and the plot of ``experiments.regret``, and their place in docs/counterpoint.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from experiments.pages import fill

DOCS: Final = Path(__file__).resolve().parent.parent / "docs"
PAGE: Final = DOCS / "counterpoint.md"
_LEAST: Final = 1e-3
"""Regrets below are drawn there."""
Rows = Sequence[Mapping[str, Any]]


def _of_agents(rows: Rows) -> dict[tuple[str, str], dict[int | str, Mapping[str, Any]]]:
    """The rows by agent with its budget, and species."""
    found: dict[tuple[str, str], dict[int | str, Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault((row["agent"], row["budget"]), {})[row["species"]] = row
    return found


def _cell(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "-"
    low, high = 100 * row["low"], 100 * row["high"]
    return f"{100 * row['regret']:.1f} [{low:.1f}, {high:.1f}], {100 * row['optimal']:.0f} %, {row['seconds']:.2g} s"


def markdown(rows: Rows) -> str:
    """A row an agent with its budget, a column a species, then all tasks: regret in per cent with its interval, share
    of optima found, seconds."""
    species: list[int | str] = [*_species(rows), *(["all"] if any(row["species"] == "all" for row in rows) else [])]
    heads = ["agent", "budget", *(s if s == "all" else f"species {s}" for s in species)]
    lines = [f"| {' | '.join(map(str, heads))} |", "|---" * len(heads) + "|"]
    for (name, budget), found in _of_agents(rows).items():
        lines.append(f"| `{name}` | {budget} | " + " | ".join(_cell(found.get(s)) for s in species) + " |")
    return "\n".join(lines)


def _species(rows: Rows) -> list[int]:
    return sorted({row["species"] for row in rows} - {"all"})


def plot(rows: Rows, path: Path) -> Path:
    """Mean regret by seconds a task, a panel a species."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    species = _species(rows)
    colours = plt.get_cmap("tab20")
    size = (4.2 * len(species), 5.2)
    figure, panels = plt.subplots(1, len(species), figsize=size, sharex=True, sharey=True, squeeze=False)
    for number, ((name, budget), found) in enumerate(_of_agents(rows).items()):
        for axes, s in zip(panels[0], species, strict=True):
            row = found.get(s)
            if row is None:
                continue
            value = max(row["regret"], _LEAST)
            errors = [[value - max(row["low"], _LEAST)], [max(row["high"], _LEAST) - value]]
            colour, marker = colours(number % 20), "os^Dv"[number // 4 % 5]
            label = f"{name} ({budget})" if budget else name
            seconds = max(row["seconds"], 1e-4)
            axes.errorbar(seconds, value, errors, fmt=marker, color=colour, label=label, ms=7, lw=1)
    for axes, s in zip(panels[0], species, strict=True):
        axes.set(xscale="log", yscale="log", xlabel="seconds a task", title=f"species {s}")
        axes.axhline(0.01, color="grey", lw=0.8, ls=":")
        axes.grid(alpha=0.3)
    panels[0][0].set_ylabel(f"mean regret ({_LEAST:g} and less at the bottom)")
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncol=4, fontsize=8, frameon=False)
    figure.tight_layout(rect=(0, 0.05 + 0.04 * (len(labels) // 4), 1, 1))
    figure.savefig(path, dpi=100)
    plt.close(figure)
    return path


def publish(rows: Rows, results: Sequence[Mapping[str, Any]]) -> Path:
    """Put the table into docs/counterpoint.md; ``results`` are the runs' result.json."""
    where, versions = results[0]["machine"], results[0]["versions"]
    named = ", ".join(f"{name} {versions[name]}" for name in ("python", "numba", "torch"))
    text = f"Measured on {where['processor']}, {where['cores']} cores, {where['system']}; {named}."
    said = [
        f"Species {', '.join(map(str, asked['species']))}: the first {asked['limit']} tasks."
        for asked in (result["arguments"] for result in results)
        if asked["limit"]
    ]
    return fill(PAGE, {"regret": f"{' '.join([text, *dict.fromkeys(said)])}\n\n{markdown(rows)}"})
