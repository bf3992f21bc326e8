"""The page of speed in docs/: tables of a run, and its targets beside those of runs on other machines."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.pages import fill
from experiments.runs import open_run, result_of
from experiments.speed_figures import Figure
from experiments.speed_plot import PLOTTED
from experiments.speed_sections import SECTIONS
from musicenv.files import write_atomic

Result = dict[str, Any]
"""A run's result.json."""


def markdown(sections: Mapping[str, Sequence[Figure]]) -> str:
    """The figures as Markdown, a table for each section."""
    out = []
    for name, figures in sections.items():
        out += [f"### {SECTIONS[name].title}", "", "| | value | target |", "|---|---|---|"]
        out += [f"| {f.name} | {f.shown} | {f.target_shown} |" for f in figures]
        out.append("")
    return "\n".join(out)


def publish(folder: Path, docs: Path) -> Path:
    """Into ``docs``: result.json of a run as figures/speed.json, its plot, and its tables into speed.md.

    Sections that the run did not measure stay as they are there, and are said to be of another run.  What was there of
    another machine is kept as figures/speed/MACHINE.json, and its targets stand beside the run's.
    """
    open_run(folder, "speed")
    target = docs / "figures" / "speed.json"
    result = result_of(folder)
    if target.exists():
        target.replace(_kept(docs, _read(target)))
    drawn = [name for name in PLOTTED if name in result["figures"]]
    if (own := _kept(docs, result)).exists():
        _add_missing(result, _read(own)["figures"])
        own.unlink()
    write_atomic(target, json.dumps(result, indent=2) + "\n")
    if len(drawn) == len(PLOTTED) or not (docs / "figures" / "speed.png").exists():
        shutil.copy(folder / "speed.png", docs / "figures" / "speed.png")
    others = [_read(path) for path in sorted((docs / "figures" / "speed").glob("*.json"))]
    return fill(docs / "speed.md", {"figures": _tables(result), "machines": _targets([result, *others])})


def _read(path: Path) -> Result:
    found: Result = json.loads(path.read_text(encoding="utf-8"))
    return found


def _kept(docs: Path, result: Result) -> Path:
    """Where the figures of a machine are that is not the newest run's."""
    machine = re.sub(r"\W+", "_", result["machine"]["processor"].lower()).strip("_")
    folder = docs / "figures" / "speed"
    folder.mkdir(exist_ok=True)
    return folder / f"{machine}.json"


def _add_missing(result: Result, before: Mapping[str, Any]) -> None:
    """Add what an earlier run on the same machine measured and ``result`` did not."""
    result["of_another_run"] = [name for name in SECTIONS if name in before and name not in result["figures"]]
    found = {**before, **result["figures"]}
    result["figures"] = {name: found[name] for name in SECTIONS if name in found}


def _sections(result: Result) -> dict[str, list[Figure]]:
    return {name: [Figure(**figure) for figure in rows] for name, rows in result["figures"].items()}


def _tables(result: Result) -> str:
    where = result["machine"]
    head = f"Measured on {where['processor']}, {where['cores']} cores, {where['system']}"
    versions = ", ".join(f"{name} {result['versions'][name]}" for name in ("python", "numpy", "numba", "torch"))
    others = ", ".join(SECTIONS[name].title for name in result.get("of_another_run", ()))
    said = f" Of another run: {others}." if others else ""
    text = f"{head}; {versions}; preset {result['arguments']['preset']}.{said}\n\n{markdown(_sections(result))}"
    return text.rstrip()


def _targets(results: Sequence[Result]) -> str:
    """A row for each figure that has a target, a column for each machine."""
    rows: dict[tuple[str, str], list[str]] = {}
    for place, result in enumerate(results):
        for name, figures in _sections(result).items():
            for figure in figures:
                if figure.target is not None:
                    row = rows.setdefault((name, figure.name), [figure.target_shown, *[""] * len(results)])
                    row[1 + place] = figure.shown
    machines = [result["machine"]["processor"].replace("(R)", "") for result in results]
    lines = [f"| | target | {' | '.join(machines)} |", "|---" * (2 + len(machines)) + "|"]
    lines += [f"| {SECTIONS[name].title}: {what} | {' | '.join(row)} |" for (name, what), row in rows.items()]
    return "\n".join(lines)
