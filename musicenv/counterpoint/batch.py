"""A batch of counterpoints: its masks know where a line leads, its observations show the given line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import HIGHEST, LOWEST, N_ACTIONS, REST, SIXTEENTH
from musicenv.batch import Batch
from musicenv.counterpoint.moves import explore, foretell, load_states, restrict, tell_apart
from musicenv.counterpoint.solver import hard_rules, unknown, viability
from musicenv.counterpoint.space import Table, new_space
from musicenv.jit import compiled
from musicenv.kernel import BAR, END, LENGTH, MODE, SIDE, SPECIES, TIME, Lines
from musicenv.keys import SCALES
from musicenv.melody import relative_given
from musicenv.task import MODES, Task
from rewards.rules import Suite
from rewards.summaries import SUMMARIES

Mask = Literal["viable", "legal", "free"]
MASKS: Final[tuple[Mask, ...]] = get_args(Mask)

BARS_SEEN: Final = 8
"""Bars of the given line that are shown, the one before now first."""
NEAR: Final = 4
"""Bars of the given line whose pitch is also one-hot, and notes of one's own whose pitch is."""
_VALUES: Final = np.array([2**summary.bits if summary.bits <= 5 else 0 for summary in SUMMARIES], dtype=np.int64)
_BITS: Final = np.array([summary.bits for summary in SUMMARIES], dtype=np.int64)
_PITCHES: Final = HIGHEST - LOWEST + 1
SEEN: Final = {
    "given": 2 * BARS_SEEN,
    "near": 2 * NEAR * _PITCHES,
    "scale": 12,
    "side": 1,
    "species": 4,
    "summary": int(np.where(_VALUES, _VALUES, _BITS).sum()),
    "log_probs": N_ACTIONS,
}
"""Name and size of the blocks that follow those of a melody's observation.

given: (pitch - 70)/12 and whether it sounds, on the downbeats of the bar before, of this one and of those that follow;
near: one-hot pitches of the first four of these bars, and of the last four notes, newest first (none for a rest);
scale: which pitch classes above the tonic belong to the mode; side: whether the line lies above; species: one-hot;
summary: the running summaries of the notes before the newest, one-hot, the degrees heard as bits; log_probs: of the
notes that the mask leaves, in nats, each in proportion to exp(what it is paid at once / TEMPERATURE), as those play who
look no further; IMPOSSIBLE elsewhere.
"""
TEMPERATURE: Final = 2.0
"""Points."""
_SHOWN: Final = sum(SEEN.values()) - N_ACTIONS
_SCALE: Final = np.array([[degree in SCALES[mode][:7] for degree in range(12)] for mode in MODES])


class CounterpointBatch(Batch):
    """A batch whose tasks have a given line and a species, under rules some of which are hard.

    ``mask``: "viable" leaves the notes from which a legal end can be reached, "legal" those that no hard rule forbids
    now, "free" all; then, and after a note that the mask forbids, breaking a hard rule costs what its weight says.
    """

    def __init__(self, n: int, tasks: Sequence[Task], suite: Suite, mask: Mask, threads: int = 1) -> None:
        if mask not in MASKS:
            raise ValueError(f"mask {mask!r} is not one of {', '.join(MASKS)}")
        self.mask = mask
        self._hard = hard_rules(suite)
        self._restricts = load_states(self._hard, explore, restrict).restrict
        states = load_states(suite, restrict, foretell, tell_apart)
        self._foretells, self._tells_apart = states.foretell, states.tell_apart
        super().__init__(n, tasks, suite, None, threads, SEEN)

    def set_tasks(self, tasks: Sequence[Task]) -> None:
        super().set_tasks(tasks)
        self._spaces = {task: new_space(task, self.suite) for task in tasks}
        self._tables: dict[Task, Table] = {}
        self._task_of = {_signature(relative_given(task), task.side, task.mode_index): task for task in tasks}

    @property
    def log_probs(self) -> npt.NDArray[np.float32]:
        """(n, A) log p of the next note in nats, as observations have it."""
        return self.observations[:, self.layout["log_probs"]]

    def observe_masks(self, rows: npt.NDArray[np.int64]) -> None:
        self.observe(rows)  # ``log_probs`` are a block of it

    def complete(self, rows: npt.NDArray[np.int64], likely: bool = True) -> None:
        _show(self.lines, rows, self.observations[:, self.layout["given"].start :])
        for task, mine in self._by_task(rows) if likely else ():
            if task not in self._tables:
                viable = self.mask == "viable"
                self._tables[task] = viability(task, self._hard) if viable else unknown(new_space(task, self._hard))
            table, restricts = self._tables[task], self.mask != "free"
            self._foretells(
                self._spaces[task], self.lines, mine, table, restricts, TEMPERATURE, self.masks, self.log_probs
            )

    def keys(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        found = np.zeros(self.n, dtype=np.int64)
        for task, mine in self._by_task(rows):
            self._tells_apart(self._spaces[task], self.lines, mine, found)
        return found[rows]

    def task_of(self, i: int) -> Task:
        if len(self.tasks) == 1:
            return self.tasks[0]
        frame = self.lines.frame[i]
        given = self.lines.given[i, : frame[END] // SIXTEENTH]
        return self._task_of[_signature(given, frame[SIDE], frame[MODE])]

    def _by_task(self, rows: npt.NDArray[np.int64]) -> list[tuple[Task, npt.NDArray[np.int64]]]:
        """The tasks of ``rows``, and whose each is."""
        if len(self.tasks) == 1:
            return [(self.tasks[0], rows)]
        by_task = defaultdict[Task, list[int]](list)
        for i in rows.tolist():
            by_task[self.task_of(i)].append(i)
        return [(task, np.array(mine)) for task, mine in by_task.items()]


def _signature(given: npt.NDArray[np.int16], side: int, mode: int) -> tuple[bytes, int, int]:
    return given.tobytes(), int(side), int(mode)


@compiled
def _mark(one_hot: npt.NDArray[np.float32], pitch: int) -> None:
    if pitch != REST:
        one_hot[min(max(pitch - LOWEST, 0), _PITCHES - 1)] = 1.0


@compiled
def _show(lines: Lines, rows: npt.NDArray[np.int64], out: npt.NDArray[np.float32]) -> None:
    """Write the blocks SEEN but the last of ``rows`` into those rows of ``out``."""
    for i in rows:
        x, frame, given = out[i], lines.frame[i], lines.given[i]
        x[:_SHOWN] = 0.0
        bar = frame[TIME] // frame[BAR] - 1
        for ahead in range(BARS_SEEN):
            tick = (bar + ahead) * frame[BAR]
            if 0 <= tick < frame[END] and given[tick // SIXTEENTH] != REST:
                x[2 * ahead] = (given[tick // SIXTEENTH] - 70) / 12.0
                x[2 * ahead + 1] = 1.0
        at = 2 * BARS_SEEN
        for ahead in range(NEAR):
            tick = (bar + ahead) * frame[BAR]
            if 0 <= tick < frame[END]:
                _mark(x[at : at + _PITCHES], given[tick // SIXTEENTH])
            at += _PITCHES
        for back in range(1, NEAR + 1):
            if frame[LENGTH] >= back:
                _mark(x[at : at + _PITCHES], lines.notes[i, 0, frame[LENGTH] - back])
            at += _PITCHES
        for degree in range(12):
            x[at + degree] = _SCALE[frame[MODE], degree]
        x[at + 12] = frame[SIDE] > 0
        if frame[SPECIES] > 0:
            x[at + 12 + frame[SPECIES]] = 1.0
        at += 17
        for f in range(lines.summary.shape[1]):
            value = lines.summary[i, f]
            if _VALUES[f]:
                x[at + value] = 1.0
                at += _VALUES[f]
            else:
                for bit in range(_BITS[f]):
                    x[at + bit] = value >> bit & 1
                at += _BITS[f]
