"""How fast everything is: ratios, measured in one run, to Gymnasium's CartPole, the bare LSTM, idle environments
and other planners.

python -m experiments.speed                        # two minutes
python -m experiments.speed --preset full
python -m experiments.speed --only vector rules    # some sections
python -m experiments.speed --publish RUN          # figures, plot and tables of a run into docs/
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import torch

from experiments.runs import UserError, command, format_table, machine, start_run
from experiments.speed_figures import Figure, Preset, medians
from experiments.speed_page import markdown, publish
from experiments.speed_plot import plot
from experiments.speed_sections import SECTIONS
from musicenv.files import write_atomic

PRESETS: Final = {
    "quick": Preset(seconds=0.2, most_environments=1_024, bars=(8, 64), repeats=2),
    "full": Preset(seconds=4.0, most_environments=65_536, bars=(8, 16, 32, 64), repeats=5, processes=3),
}
DOCS: Final = Path(__file__).resolve().parent.parent / "docs"


@dataclass(frozen=True)
class Args:
    """Measure speed and print it section by section; a figure beside its target where it has one."""

    preset: Literal["quick", "full"] = "quick"
    """quick takes two minutes, full ten on an idle machine."""
    only: tuple[str, ...] = ()
    """Sections to measure; all by default."""
    seed: int = 0
    """Seed of the notes that are played."""
    out: Path | None = None
    """Run folder; a new one under runs/speed by default."""
    publish: Path | None = None
    """Measure nothing: put the figures, the plot and the tables of this run into docs/; sections that it has not are
    kept there, and what was measured on other machines."""


def _measured(name: str, preset: Preset, seed: int) -> Sequence[Figure]:
    torch.set_num_threads(1)  # a second one waits in a loop, and its time would count as what is measured
    return SECTIONS[name].measure(preset, seed)


def measured(name: str, preset: Preset, seed: int) -> Sequence[Figure]:
    """The figures of a section."""
    if preset.processes == 1 or not SECTIONS[name].placed:
        return _measured(name, preset, seed)
    shared = preset._replace(seconds=preset.seconds / preset.processes)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as fresh:
        found = [fresh.submit(_measured, name, shared, seed) for _ in range(preset.processes)]
        return medians([each.result() for each in found])


def run_speed(args: Args) -> None:
    """The command."""
    if args.publish is not None:
        print(publish(args.publish, DOCS))
        return
    if unknown := [name for name in args.only if name not in SECTIONS]:
        raise UserError(f"--only {unknown[0]}: there is no such section; choose from {', '.join(SECTIONS)}")
    run = start_run("speed", args, args.out)
    print("machine: {processor}, {cores} cores, {memory_gib} GiB".format(**machine()), flush=True)
    found: dict[str, Sequence[Figure]] = {}
    for name in args.only or SECTIONS:
        found[name] = measured(name, PRESETS[args.preset], args.seed)
        rows = [(figure.name, figure.shown, figure.target_shown) for figure in found[name]]
        print(f"\n{format_table(rows, (SECTIONS[name].title, 'value', 'target'))}", flush=True)
    files = [write_atomic(run.folder / "tables.md", markdown(found))]
    drawn = plot(found, run.folder / "speed.png")
    result: dict[str, Any] = {name: [figure._asdict() for figure in figures] for name, figures in found.items()}
    print(f"\nfigures: {run.finish(result, [*files, drawn])}\nlook:    {drawn}")


main = command(Args, run_speed)

if __name__ == "__main__":
    main()
