r"""How far agents are from the optimum, on the tasks of counterpoint that are solved exactly.

    python -m experiments.regret                                     # planners and beams, 48 tasks
    python -m experiments.regret --agents mcts nrpa --species 1 2 --limit 2
    python -m experiments.regret --agents merged-beam:512 "beam:expert:runs/expert_{species}" --leaf critic \
        --as-long-as merged-beam:512
    python -m experiments.regret --publish RUN                       # table and figure of a run into docs/

Regret = (optimum - score) / (optimum - uniform): 0 is the best line there is, 1 as good as notes drawn evenly among
those from which a legal end can be reached.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

from agents.assignment import COUNTERPOINT, assignment
from agents.compose import compose, prior
from agents.named import NAMED, Named, named
from agents.training import check
from experiments import regret_page
from experiments.pieces import available
from experiments.runs import Run, UserError, command, open_run, print_table, published, result_of, start_run, user_input
from experiments.statistics import estimate, mean
from mcts.merged_beam import beam_search
from mcts.named import planner_named
from mcts.planners import PLANNERS, Budget, Planner, places_for, plan
from mcts.values import UNKNOWN, weights_for
from musicenv.counterpoint.sets import SETS, KnownTask, known_tasks, regret
from musicenv.counterpoint.solver import melody_of, viability
from musicenv.render import score_png

MERGED, VALUED = "merged-beam", "value-beam"
COMPILED: Final = frozenset((MERGED, VALUED))
"""Beam search over states, compiled as a whole: ``merged-beam:WIDTH``, the reference, and ``value-beam:WIDTH``, which
goes by what ``mcts.values`` has learned, too."""
Scores = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Args:
    """Run agents on tasks whose optimum is known, and print their mean regret."""

    agents: tuple[str, ...] = (
        "uniform",
        "prior",
        "greedy",
        "beam",
        "best-of-n",
        "uct",
        "puct",
        "mcts",
        "nrpa",
        "merged-beam:8",
        "merged-beam:64",
        "merged-beam:512",
        "value-beam:64",
        "value-beam:256",
    )
    """Agents, planners and PLANNER:AGENT as in experiments.compose, merged-beam:WIDTH and value-beam:WIDTH.  {species}
    in a name stands for the number of the species: ppo:runs/species_{species}."""
    tasks: Literal["form", "plain"] = "form"
    """The 48 tasks with rules of form, or the 192 plain ones."""
    species: tuple[int, ...] = (1, 2, 3, 4)
    """Of which species."""
    limit: int | None = None
    """How many tasks of each species, at most."""
    simulations: int = 1024
    """Simulations a note (uct, puct, mcts), whole pieces (nrpa, best-of-n, regenerate), or eight times the width
    (beam)."""
    seconds: float | None = None
    """Processor time of a planner for each task; it begins again until then."""
    as_long_as: str | None = None
    """Give planners as much time for each task as this one of the agents took, such as merged-beam:512."""
    pieces: int = 64
    """Of an agent that does not plan: how many pieces its mean is taken over."""
    leaf: Literal["sampled", "likeliest", "critic", "rules"] = "sampled"
    """What a leaf of a tree search is worth, as in experiments.compose; critic: of a beam's positions too."""
    seed: int = 0
    """Seed of everything random."""
    out: Path | None = None
    """Run folder; a new one under runs/regret by default."""
    resume: Path | None = None
    """Go on with this run folder, with its arguments."""
    publish: tuple[Path, ...] = ()
    """Measure nothing: put table, figure and raw lines of these runs into docs/, in place of those that are there; of
    an agent's lines with the same budget on one task the last counts."""


@cache
def _named(name: str) -> Named:
    return named(name)


@cache
def _planner(name: str, leaf: str) -> tuple[Planner, Named]:
    return planner_named(name, leaf)


def parts_of(name: str) -> tuple[str, str]:
    """Kind and base of an agent's name; ValueError where there is no such kind."""
    kind, _, base = name.partition(":")
    if kind not in (*COMPILED, *NAMED, *PLANNERS):
        names = ", ".join(dict.fromkeys([*NAMED, *PLANNERS, *sorted(COMPILED)]))
        raise ValueError(f"agent {name!r} is not known; choose one of {names}")
    if kind in COMPILED and not (base.isdigit() and int(base) > 0):
        raise ValueError(f"agent {name!r}: give the width of the beam, as in {kind}:512")
    return kind, base


def ready(name: str, known: KnownTask, args: Args, seconds: float | None) -> Callable[[], Scores]:
    """An agent that has all it needs: called, it gives the scores of the lines that it composes, one of a planner,
    ``args.pieces`` of another agent."""
    kind, base = parts_of(name)
    task = f"{COUNTERPOINT}:{known.name}" + ("" if known.form else "-plain")
    if kind in COMPILED:
        weights = weights_for(known.suite, known.species) if kind == VALUED else UNKNOWN
        return lambda: np.array([beam_search(known.task, known.suite, int(base), weights=weights)[0]])
    if kind in NAMED:
        agent = _named(name)
        batch = agent.batch(args.pieces, task=task)
        return lambda: compose(batch, agent.agent, args.pieces, args.seed).returns
    planner, guide = _planner(name, args.leaf)
    batch, budget = guide.batch(places_for(1), task=task), Budget(args.simulations, seconds, value=args.leaf)
    return lambda: (
        plan(batch, guide.agent, planner, budget, 1, args.seed, guide.critic, clock=time.process_time).returns
    )


def budget_of(name: str, args: Args) -> str:
    """How much an agent may think, in words; nothing is said of those who do not plan."""
    if parts_of(name)[0] not in PLANNERS.keys() - COMPILED:
        return ""
    limit = f"as long as {args.as_long_as}" if args.as_long_as else f"{args.seconds:g} s" if args.seconds else ""
    return (limit or f"{args.simulations:,}") + ("" if args.leaf == "sampled" else f", {args.leaf}")


def measure(name: str, known: KnownTask, args: Args, seconds: float | None = None) -> dict[str, Any]:
    """What one line of metrics.jsonl says of an agent on a task; compiling and loading are not timed, nor is the table
    of viable notes, which all share."""
    viability(known.task, known.suite)
    composing = ready(name.format(species=known.species), known, args, seconds)
    began = time.process_time()
    scores = composing()
    took = time.process_time() - began
    regrets = [regret(score, known) for score in scores]
    return {
        "agent": name,
        "budget": budget_of(name, args),
        "task": known.name,
        "species": known.species,
        "form": known.form,
        "score": float(scores.mean()),
        "regret": float(np.mean(regrets)),
        "optimal": float(np.mean(scores == known.optimum)),
        "seconds": took,
    }


def _warm_up(name: str, known: KnownTask, args: Args) -> None:
    """Compile what the agent needs for the rules of this species, and load it."""
    few = replace(args, simulations=2, pieces=2)
    ready(name.format(species=known.species), known, few, None)()


def run_all(run: Run, args: Args) -> list[dict[str, Any]]:
    """Measure what the run has not measured yet, task after task; all lines of its metrics."""
    lines = run.metrics()
    done = {(line["agent"], line["task"]): line for line in lines}
    chosen: list[KnownTask] = []
    for species in args.species:
        chosen += [known for known in known_tasks(args.tasks).values() if known.species == species][: args.limit]
    ready: set[tuple[str, int]] = set()
    with tqdm(total=len(chosen) * len(args.agents), unit=" tasks", file=sys.stderr) as bar:
        for known in chosen:
            for name in args.agents:
                bar.set_description(f"{known.name} {name}", refresh=False)
                if (name, known.name) not in done:
                    if (name, known.species) not in ready:
                        _warm_up(name, known, args)
                        ready.add((name, known.species))
                    planner = budget_of(name, args) != ""
                    leader = done[args.as_long_as, known.name] if args.as_long_as and planner else None
                    line = measure(name, known, args, leader["seconds"] if leader else args.seconds)
                    done[name, known.name] = line
                    lines.append(line)
                    run.log(line)
                bar.update()
    return lines


def summary(lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of each agent with its budget, by species and over a whole set of tasks: mean regret with its interval (bootstrap
    over tasks), share of tasks whose optimum was found, and median seconds a task."""
    rows = []
    for name, budget in dict.fromkeys((line["agent"], line["budget"]) for line in lines):
        mine = [line for line in lines if (line["agent"], line["budget"]) == (name, budget)]
        groups: dict[int | str, list[Mapping[str, Any]]] = {}
        for line in sorted(mine, key=lambda line: int(line["species"])):
            groups.setdefault(line["species"], []).append(line)
        if any(len(mine) == len(known_tasks(of)) for of in SETS):
            groups["all"] = mine
        for species, found in groups.items():
            regret_of = estimate(np.array([[line["regret"]] for line in found]), mean)
            rows.append(
                {
                    "agent": name,
                    "budget": budget,
                    "species": species,
                    "tasks": len(found),
                    "regret": regret_of.value,
                    "low": regret_of.low,
                    "high": regret_of.high,
                    "optimal": float(np.mean([line["optimal"] for line in found])),
                    "seconds": float(np.median([line["seconds"] for line in found])),
                }
            )
    return rows


def _draw(known: KnownTask, path: Path) -> None:
    """The best line that ships with a task, and a planned one."""
    batch = assignment(f"{COUNTERPOINT}:{known.name}").batch(places_for(1))
    planned = plan(batch, prior(), PLANNERS["puct"], Budget(128), 1, seed=0)
    score_png([melody_of(known.task, list(known.line)), *planned.melodies], path)


def publish(folders: Sequence[Path]) -> None:
    """Table, figure and raw lines of runs into docs/."""
    runs = [open_run(folder, "regret") for folder in folders]
    for run in runs:  # one that did not end is told before anything is written
        result_of(run.folder)
    kept = regret_page.DOCS / "figures" / "regret"
    kept.mkdir(exist_ok=True)
    for old in kept.glob("*.json*"):
        old.unlink()
    results = [published(run.folder, kept / f"{number}.json") for number, run in enumerate(runs, start=1)]
    lines: dict[tuple[str, str, str, bool], dict[str, Any]] = {}
    for number, run in enumerate(runs, start=1):
        shutil.copy(run.folder / "metrics.jsonl", kept / f"{number}.jsonl")
        lines |= {(line["agent"], line["budget"], line["task"], line["form"]): line for line in run.metrics()}
    if available("score"):
        _draw(known_tasks("form")["fux_d-2-above"], kept / "lines.png")
    rows = summary(list(lines.values()))
    regret_page.plot(rows, kept / "regret.png")
    print(regret_page.publish(rows, results))


def run_regret(args: Args) -> None:
    """The command."""
    if args.publish:
        publish(args.publish)
        return
    run = open_run(args.resume, "regret") if args.resume else None
    args = run.arguments_as(Args) if run else args
    torch.set_num_threads(1)
    with user_input():
        check(args, limit=1, simulations=1, seconds=0.0, pieces=1)
        for name in args.agents:
            parts_of(name)
        if unknown := set(args.species) - {1, 2, 3, 4}:
            raise UserError(f"species {unknown.pop()} is not one of 1, 2, 3, 4")
        if args.as_long_as is not None and args.as_long_as != args.agents[0]:
            raise UserError(f"--as-long-as {args.as_long_as}: name it first among --agents, so that its time is known")
        for name in args.agents:  # one that cannot be loaded is told before anything is measured
            for species in args.species if parts_of(name)[0] not in COMPILED else ():
                given = name.format(species=species)
                if parts_of(name)[0] in NAMED:
                    _named(given)
                else:
                    _planner(given, args.leaf)
    run = run or start_run("regret", args, args.out)
    with user_input():
        lines = run_all(run, args)
    rows = summary(lines)
    drawn = regret_page.plot(rows, run.folder / "regret.png")
    result = run.finish({"rows": rows}, [run.folder / "metrics.jsonl", drawn])
    print_table([list(row.values()) for row in rows], list(rows[0]))
    print("\nregret: mean over tasks, low and high its 95 % interval; seconds: of processor time, median of a task")
    print(f"look:    {drawn}\nfigures: {result}")


main = command(Args, run_regret)

if __name__ == "__main__":
    main()
