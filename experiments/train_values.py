"""Learn what states of counterpoint are worth, from tasks of our own that are solved exactly.

    python -m experiments.train_values                           # all species: some ten minutes on one core
    python -m experiments.train_values --species 1 --no-write    # a species, into the run folder only
    python -m experiments.train_values --resume RUN

The tasks have cantus firmi that ``musicenv.counterpoint`` makes, so that nothing of the textbooks' is seen.  Of each
some thousand states are drawn, those the oftener that lie on better lines, with what the best line still gains from
there, and weights of the features in ``mcts.values`` are fitted to the differences between states of the same time:
least squares, with a small penalty.  To be run again when a rule of counterpoint has changed.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, diags, hstack
from scipy.sparse.linalg import lsmr
from tqdm import tqdm

from experiments.runs import Run, UserError, command, open_run, print_table, start_run
from mcts.values import FILE, N_FEATURES, N_WEIGHTS, all_cases
from musicenv.counterpoint.sets import rules_hash
from musicenv.counterpoint.solver import Solution, solve
from musicenv.counterpoint.space import Graph, Integers, new_space
from musicenv.counterpoint.tasks import counterpoint, made_cantus_firmi
from musicenv.files import atomic_path
from musicenv.jit import compiled
from musicenv.task import Task
from rewards.counterpoint import SPECIES, suite

Floats = npt.NDArray[np.float64]
LONGEST: Final = {1: 14, 2: 14, 3: 10, 4: 14}
"""Notes of the cantus firmi that are solved: the states of longer ones are too many to be worth the wait."""
SLACK: Final = 10.0
"""Points below the optimum at which a state is drawn, and counts, e times less."""
FARTHEST: Final = 40.0
"""Points below the optimum beyond which no state is drawn."""
HELD_OUT: Final = 10
"""Every so many tasks one is not fitted to, but measured."""
_FREE: Final = 30.0
"""Of the column of a moment's own number: so large that the penalty hardly counts there."""


@dataclass(frozen=True)
class Arguments:
    """Learn what states of counterpoint are worth, from tasks of our own that are solved exactly."""

    species: tuple[int, ...] = SPECIES
    """Of which species."""
    tasks: int = 96
    """How many tasks of each species, above and below in turn; of the third a quarter, whose states are many."""
    states: int = 20_000
    """States drawn of each task, at most."""
    penalty: float = 3.0
    """Of the squares of the weights."""
    seed: int = 0
    """Which states are drawn."""
    write: bool = True
    """Whether to replace the values that ship; otherwise they go to the run folder."""
    out: Path | None = None
    """Run folder; a new one under runs/train_values by default."""
    resume: Path | None = None
    """Go on with this run folder, with its arguments."""


@dataclass(frozen=True)
class Sample:
    """States of one task."""

    cases: Integers
    """(n, N_FEATURES) places of their weights."""
    value: Floats
    """(n,) what the best line still gains, in points."""
    weight: Floats
    """(n,) how much they count."""
    time: Integers
    """(n,) when they are, in quarters."""


def tasks_of(species: int, count: int) -> list[Task]:
    """So many tasks of a species."""
    made = [(line, key) for line, key in made_cantus_firmi() if len(line) <= LONGEST[species]]
    count = -(-count // 4) if species == 3 else count
    sides = itertools.cycle((True, False))
    return [counterpoint(line, key, species, next(sides)) for line, key in made[:count]]


@compiled
def _best_ways(order: Integers, graph: Graph) -> Floats:
    """(n,) what the best line gains until each state; ``order`` (n,) by time."""
    best = np.full(order.size, -np.inf)
    best[0] = 0.0
    for state in order:
        for move in range(graph.first[state], graph.first[state + 1]):
            child = graph.child[move]
            if child >= 0:
                best[child] = max(best[child], best[state] + graph.gain[move])
    return best


def sampled(solution: Solution, most: int, rng: np.random.Generator) -> Sample:
    """States of a task, those of better lines the likelier."""
    graph, space = solution.graph, new_space(solution.task, solution.suite)
    times = graph.keys >> space.shift
    slack = solution.optimum - solution.value - _best_ways(np.argsort(times, kind="stable"), graph)
    near = np.flatnonzero(slack < FARTHEST)
    likely = np.exp(-slack[near] / SLACK)
    drawn = rng.choice(near, min(most, near.size), replace=False, p=likely / likely.sum())
    cases = np.empty((drawn.size, N_FEATURES), dtype=np.int64)
    all_cases(space, graph.keys[drawn], cases)
    return Sample(cases, solution.value[drawn], np.exp(-slack[drawn] / SLACK), times[drawn])


def samples(run: Run, species: int, arguments: Arguments) -> Iterator[Sample]:
    """Of all tasks of a species, those that the run has solved already from its folder."""
    folder = run.folder / "samples"
    folder.mkdir(exist_ok=True)
    for k, task in enumerate(tqdm(tasks_of(species, arguments.tasks), desc=f"species {species}", file=sys.stderr)):
        path = folder / f"{species}_{k}.npz"
        if not path.exists():
            rng = np.random.default_rng([arguments.seed, species, k])
            sample = sampled(solve(task, suite(species, form=True)), arguments.states, rng)
            with atomic_path(path) as temporary, temporary.open("wb") as file:
                np.savez_compressed(file, **vars(sample))
        with np.load(path) as found:
            yield Sample(**found)


def _joined(some: Sequence[Sample]) -> Sample:
    """All states together, with another time for each moment of each task."""
    moments = 1 + max(int(sample.time.max()) for sample in some)
    return Sample(
        np.concatenate([sample.cases for sample in some]),
        np.concatenate([sample.value for sample in some]),
        np.concatenate([sample.weight for sample in some]),
        np.concatenate([sample.time + k * moments for k, sample in enumerate(some)]),
    )


def fitted(sample: Sample, penalty: float) -> Floats:
    """(N_WEIGHTS,) the weights whose sums come closest to the values, but for a number of each moment's own."""
    n, moments = sample.value.size, int(sample.time.max()) + 1
    ones = np.ones(n * N_FEATURES)
    of_cases = csr_matrix((ones, sample.cases.ravel(), np.arange(n + 1) * N_FEATURES), shape=(n, N_WEIGHTS))
    own = csr_matrix((np.full(n, _FREE), (np.arange(n), sample.time)), shape=(n, moments))
    counts = diags(np.sqrt(sample.weight))
    found = lsmr(counts @ hstack([of_cases, own]).tocsr(), counts @ sample.value, damp=penalty, maxiter=400)[0]
    return np.asarray(found[:N_WEIGHTS])


def spread(values: Floats, sample: Sample) -> float:
    """Root of the mean squared distance of ``values`` (n,) from their mean at the same moment, by weight."""
    total = np.maximum(np.bincount(sample.time, sample.weight), 1e-12)
    means = np.bincount(sample.time, sample.weight * values) / total
    return float(np.sqrt(np.average((values - means[sample.time]) ** 2, weights=sample.weight)))


def learn(run: Run, species: int, arguments: Arguments) -> tuple[Floats, dict[str, Any]]:
    """The weights of a species, and what is told of them."""
    began = time.perf_counter()
    found = list(samples(run, species, arguments))
    held = _joined(found[::HELD_OUT])
    weights = fitted(_joined([sample for k, sample in enumerate(found) if k % HELD_OUT]), arguments.penalty)
    left = held.value - weights[held.cases].sum(axis=1)
    return weights, {
        "species": species,
        "tasks": len(found),
        "states": sum(sample.value.size for sample in found),
        "spread": spread(held.value, held),
        "error": spread(left, held),
        "seconds": time.perf_counter() - began,
    }


def train_values(arguments: Arguments) -> None:
    """The command."""
    run = open_run(arguments.resume, "train_values") if arguments.resume else None
    arguments = run.arguments_as(Arguments) if run else arguments
    if unknown := sorted(set(arguments.species) - set(SPECIES)):
        raise UserError(f"species={unknown[0]} is not one of {', '.join(map(str, SPECIES))}")
    if arguments.tasks < 2 or arguments.states < 1:
        raise UserError(f"tasks={arguments.tasks} and states={arguments.states} are too few; ask for 2 tasks, 1 state")
    run = run or start_run("train_values", arguments, arguments.out)
    weights, rows = {}, []
    for species in arguments.species:
        of_species, figures = learn(run, species, arguments)
        weights[f"species_{species}"] = of_species.astype(np.float16)
        rows.append(figures)
    path = FILE if arguments.write else run.folder / FILE.name
    if path.exists():  # of species that were not asked for, unless the rules are others now
        with np.load(path) as before:
            weights = (dict(before) if before["rules"] == rules_hash() else {}) | weights
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **weights | {"rules": np.array(rules_hash())})
    run.finish({"table": rows}, [path])
    print_table([list(row.values()) for row in rows], list(rows[0]))
    print("spread, error: points between held-out states of the same time, before and after.  values:", path)


main = command(Arguments, train_values)

if __name__ == "__main__":
    main()
