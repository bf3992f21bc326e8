"""Behaviour cloning: a feed-forward policy that learns to play the corpus's next note, and no more.

It sees the environment's features, without the prior and the reward; key and style are hidden from it, since the tunes
stand in others than the task.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from agents.budget import Budget, Meter, Used
from agents.compose import Agent, masked
from agents.training import Settings
from musicenv.alphabet import N_ACTIONS
from musicenv.appraisal import lines_of
from musicenv.corpus import load
from musicenv.kernel import LENGTH, START, TIME, append, begin, new_lines, state_of
from musicenv.melody import Melody
from musicenv.observation import N_FEATURES, layout, observe
from musicenv.reference import block_of
from rewards.priors.dataset import UNKNOWN, actions_of
from rewards.rules import Suite

WIDTH: Final = 256
BATCH: Final = 256
"""Notes an update."""
PATIENCE: Final = 2
"""Passes over the corpus that do not make the validation tunes likelier, after which learning ends."""
_AT_ONCE: Final = 256
_SEEN: Final = np.delete(np.arange(N_FEATURES), np.r_[layout()["key"], layout()["style"]])
"""The components of an observation that are not hidden."""


def observations_of(melodies: Sequence[Melody]) -> npt.NDArray[np.float32]:
    """(notes, N_FEATURES) what an agent would have seen before each note, melody after melody."""
    seen: list[npt.NDArray[np.float32]] = []
    for first in range(0, len(melodies), _AT_ONCE):
        group = melodies[first : first + _AT_ONCE]
        whole = lines_of(group, 0)
        lines = new_lines(len(group), whole.notes.shape[2], whole.grid.shape[1], 0)
        for i, frame in enumerate(whole.frame):
            frame[LENGTH], frame[TIME] = 0, frame[START]
            begin(lines, i, frame)
        sizes = np.array([melody.pitch.size for melody in group])
        out = np.zeros((sizes.max(), len(group), N_FEATURES), dtype=np.float32)
        mask, terms = np.zeros((len(group), N_ACTIONS), dtype=np.int8), np.zeros((len(group), 0))
        state = state_of(lines, Suite(()).arrays())
        for k in range(sizes.max()):
            rows = np.flatnonzero(sizes > k)
            observe(block_of(state), rows, out[k], mask, terms)
            for i in rows.tolist():
                append(lines, i, whole.notes[i, 0, k], whole.notes[i, 2, k])
        seen += [out[:size, i] for i, size in enumerate(sizes)]
    return np.concatenate(seen)


def _examples(settings: Settings, split: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Observations (notes, F) and actions (notes,) of the corpus's parts in the task's metres and of its length; of any
    length where there are none.
    """
    tasks = settings.assignment.tasks
    if tasks[0].species:
        raise ValueError("cloning learns from the corpus, which has no counterpoint; leave it out there")
    metres = {task.metre for task in tasks}
    found = [
        load().melodies(split, "parts", settings.bars, metre) or load().melodies(split, "parts", None, metre)
        for metre in sorted(metres)
    ]
    parts = [part for of_metre in found for part in of_metre]
    actions = np.concatenate([actions_of(part) for part in parts]).astype(np.int64)
    known = actions != UNKNOWN
    return torch.from_numpy(observations_of(parts)[known][:, _SEEN]), torch.from_numpy(actions[known])


def clone(settings: Settings, budget: Budget) -> tuple[Agent, Used]:
    """An agent that has read at most ``budget.steps`` notes of the training parts, as long as that helps."""
    generator = torch.Generator().manual_seed(settings.seed)
    torch.manual_seed(settings.seed)
    net = nn.Sequential(
        nn.Linear(_SEEN.size, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, N_ACTIONS)
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    seen, actions = _examples(settings, "train")
    check, right = _examples(settings, "validation")
    best, since, lowest = copy.deepcopy(net.state_dict()), 0, float("inf")
    meter = Meter(budget)
    while meter.left and since < PATIENCE:
        for rows in torch.split(torch.randperm(len(actions), generator=generator), BATCH):
            if not meter.left:
                break
            loss = nn.functional.cross_entropy(net(seen[rows]), actions[rows])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            meter.steps += len(rows)
        with torch.no_grad():
            now = float(nn.functional.cross_entropy(net(check), right))
        since = since + 1 if now >= lowest else 0
        if now < lowest:
            lowest, best = now, copy.deepcopy(net.state_dict())
    net.load_state_dict(best)

    def agent(batch: Any) -> Any:
        with torch.no_grad():
            return masked(net(torch.from_numpy(batch.observations[:, _SEEN])).numpy(), batch.masks)

    return agent, Used(meter.steps, meter.seconds)
