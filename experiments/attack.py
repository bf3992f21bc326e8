"""Attacks on the reward: pieces that a patient search, or a trained agent, likes better than music deserves."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from tqdm import tqdm

from agents.compose import compose
from agents.compose import prior as prior_agent
from agents.named import agent_of
from experiments.compose import AT_ONCE
from experiments.fakes import task_of
from experiments.fitting import ENTRIES
from experiments.pieces import Piece, from_json, read_pieces, to_json
from experiments.runs import open_run
from mcts.annealing import Annealed, Annealer
from musicenv.batch import Batch
from musicenv.files import write_atomic
from musicenv.melody import Melody
from musicenv.task import Task
from rewards.calibration import Calibrated, suite_from
from rewards.priors import load_prior
from rewards.rules import Suite

KEPT: Final = Path(__file__).parent / "data" / "attacked.json"
"""The pieces that the last calibration was attacked by."""

PROCESSES: Final = 2


class Job(NamedTuple):
    """Chains that one process anneals."""

    found: Mapping[str, Calibrated]
    prior: str
    tasks: list[Task]
    chains: int
    moves: int
    seed: int
    place: int


def anneal(job: Job) -> Annealed:
    """Anneal the chains of one job."""
    import torch

    torch.set_num_threads(1)
    model = load_prior(job.prior)
    batch = Batch(job.chains, job.tasks, Suite(()), model)
    # The prior's own samples: far from them the reward of likelihood has no slope.
    starts = compose(batch, prior_agent(), job.chains, job.seed).melodies
    annealer = Annealer(suite_from(ENTRIES, job.found), model, starts)
    with tqdm(total=job.moves, desc=f"annealing {job.chains} pieces", unit="move", position=job.place) as bar:
        return annealer.run(job.moves, job.seed, bar.update)


def attack(
    found: Mapping[str, Calibrated], prior: str, parts: Sequence[Melody], pieces: int, moves: int, seed: int
) -> Annealed:
    """``pieces`` pieces in frames of ``parts`` that annealing finds for the default suite, in two processes.

    In fresh processes: compiled statistics hold the idiom tables that were on disk when a process began.
    """
    tasks = [task_of(part) for part in parts]
    shares = [pieces // PROCESSES + (k < pieces % PROCESSES) for k in range(PROCESSES)]
    jobs = [Job(found, prior, tasks, share, moves, 100 * seed + k, k) for k, share in enumerate(shares) if share]
    with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as workers:
        done = list(workers.map(anneal, jobs))
    melodies = [melody for part in done for melody in part.melodies]
    return Annealed(melodies, np.concatenate([d.scores for d in done]), np.concatenate([d.passed for d in done]))


def attractive(run: Path, pieces: int, seed: int) -> list[Melody]:
    """What the agent of a run likes: ``pieces`` pieces by that of a training run; of ``compose``, which may have had a
    planner, those that are in its folder."""
    if (run / "checkpoint.pt").exists():
        agent, batch = agent_of(f"{open_run(run).command.removeprefix('train_')}:{run}", AT_ONCE)
        return compose(batch, agent, pieces, seed).melodies
    check_run(run)
    return [piece.melody for folder in sorted((run / "pieces").glob("*/")) for piece in read_pieces(folder)]


def check_run(run: Path) -> None:
    """ValueError where a folder holds neither an agent nor pieces."""
    if not (run / "checkpoint.pt").exists() and not any((run / "pieces").glob("*/*.json")):
        raise ValueError(f"--from {run}: neither checkpoint.pt nor pieces; name a run folder of train_ppo or compose")


def write_attacked(melodies: Sequence[Melody], path: Path = KEPT) -> Path:
    """Keep pieces as JSON, one a line."""
    return write_atomic(path, "[\n" + ",\n".join(json.dumps(to_json(Piece(melody))) for melody in melodies) + "\n]\n")


def read_attacked(path: Path = KEPT) -> list[Melody]:
    """The pieces that were kept."""
    return [from_json(row).melody for row in json.loads(path.read_text(encoding="utf-8"))]
