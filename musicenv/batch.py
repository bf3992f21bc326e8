"""Many melodies composed side by side: the one place where notes, rules and the prior meet.

``Batch`` is what the Gymnasium environment (one piece), the vector environment, the SB3 bridge and planners all step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from musicenv import kernel
from musicenv.alphabet import DURATIONS, HIGHEST, LOWEST, N_ACTIONS, REST, SIXTEENTH, action_of, duration_is_legal
from musicenv.jit import compiled
from musicenv.kernel import Lines, begin, copied, hear, new_lines, settle
from musicenv.melody import Melody, relative_given
from musicenv.observation import bounds, layout, observe
from musicenv.refused import refused
from musicenv.step import FAILED, FINISHED, NO_ACTION, load_kernel
from musicenv.task import BEAT_TICKS, TRANSPOSITION, TUNE_MODES, Task
from rewards.priors.features import N_FEATURES as N_PRIOR_FEATURES
from rewards.priors.features import prior_features
from rewards.rules import RuleError, Suite

if TYPE_CHECKING:
    from rewards.priors import Prior


class Finished(NamedTuple):
    """Copies of the r pieces that ended in a step."""

    rows: npt.NDArray[np.int64]
    """(r,) which melodies of the batch."""
    observations: npt.NDArray[np.float32]
    """(r, D)"""
    melody: list[Melody]
    terms: npt.NDArray[np.float64]
    """(r, S) weighted scores."""
    values: npt.NDArray[np.float64]
    """(r, S) each statistic's value, NaN where not defined; for a rule the sum of its scores."""
    passed: npt.NDArray[np.bool_]
    """(r, S)"""


class Batch:
    """``n`` melodies under one suite of rules and, maybe, one prior.

    After ``reset`` and each ``step``: ``observations`` (n, D) float32 and ``masks`` (n, A) int8, both valid until the
    step after the next one; ``lines`` holds the state itself.
    """

    def __init__(
        self,
        n: int,
        tasks: Sequence[Task],
        suite: Suite,
        prior: Prior | None,
        more: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """``more`` blocks of the observation, by name and size, are left to a subclass to write."""
        if suite.needs_prior and prior is None:
            raise ValueError("the reward reads the prior's likelihood, but prior=None; name a prior or another reward")
        self.n = n
        self.suite = suite
        self.prior = prior
        self.arrays = suite.arrays()._replace(in_python=refused(suite))
        self._python_terms = np.flatnonzero(self.arrays.in_python)
        # Where rules run in Python, the bonus has to wait for them.
        self._kernel_arrays = self.arrays._replace(bonus=0.0) if self._python_terms.size else self.arrays
        compiled_for_suite = load_kernel(suite, self.arrays.in_python)
        self._step, self._summarise = compiled_for_suite.step, compiled_for_suite.summarise
        hidden, actions = (prior.hidden_size, N_ACTIONS) if prior else (0, 0)
        self.layout = layout(len(suite), hidden, actions, more)
        self.bounds = bounds(self.layout)
        size = self.bounds[0].size
        self._buffers = [(np.zeros((n, size), np.float32), np.zeros((n, N_ACTIONS), np.int8)) for _ in range(2)]
        self.observations, self.masks = self._buffers[0]
        self._all = np.arange(n)
        self._prior_state = prior.state(n) if prior else None
        self._prior_features = np.zeros((n, N_PRIOR_FEATURES), dtype=np.int16)
        self._silence = np.zeros((1, 1), dtype=np.float32)
        self.rewards = np.zeros(n)
        self.finished = np.zeros(n, dtype=np.bool_)
        self._at_bar = np.zeros(n, dtype=np.bool_)
        self.set_tasks(tasks)

    def set_tasks(self, tasks: Sequence[Task]) -> None:
        """The tasks that pieces are drawn from, from the next reset on; makes room where they are longer."""
        if self.prior is not None and any(task.mode_index >= len(TUNE_MODES) for task in tasks):
            raise ValueError(f"key: the prior knows {', '.join(TUNE_MODES)} only; choose one of them, or prior=None")
        openings = [relative_opening(task) for task in tasks]  # may raise: before anything is changed
        self.tasks, self._openings = list(tasks), openings
        self._begun = False
        self._unsummarised = self.suite.unsummarised()
        self._frames = np.array([frame_of(task) for task in self.tasks], dtype=np.int64)
        capacity = max((task.end + task.pickup) // DURATIONS[0] for task in self.tasks)
        self._given = [relative_given(task) for task in self.tasks]
        given = max(line.size for line in self._given)
        if not hasattr(self, "lines") or self.lines.notes.shape[2] < capacity or self.lines.given.shape[1] < given:
            sixteenths = max(task.bars * task.bar for task in self.tasks) // SIXTEENTH
            self.lines: Lines = new_lines(self.n, capacity, sixteenths, len(self.suite), given, self._unsummarised.size)
            for i in range(self.n):
                begin(self.lines, i, self._frames[0])

    def get_state(self) -> dict[str, npt.NDArray[np.generic]]:
        """The state of all melodies and of the prior, as arrays by name (not copied)."""
        state = dict(self.lines._asdict())
        if self._prior_state is not None:
            state.update(vars(self._prior_state))
        return state

    def set_state(self, state: dict[str, npt.NDArray[np.generic]]) -> None:
        """Go on from what ``get_state`` gave, and observe."""
        self._begun = True
        for name, array in self.get_state().items():
            array[...] = state[name]
        self.observe(self._all)

    @property
    def log_probs(self) -> npt.NDArray[np.float32]:
        """(n, A) the prior's log p(next note) in nats, over all notes, legal or not."""
        if self._prior_state is None:
            raise ValueError("there is no prior in this environment; make it with prior='lstm'")
        return self._prior_state.log_probs

    def melody(self, i: int) -> Melody:
        """A copy of melody ``i``, which may have no note yet."""
        return copied(self.lines, i)

    def reset(self, generators: Sequence[np.random.Generator]) -> None:
        """Begin new pieces everywhere, each with a task drawn by its own generator, and observe."""
        self._begun = True
        self.restart(self._all, generators)
        self.listen(self._all)
        self.observe(self._all)

    def step(self, actions: npt.NDArray[np.int64]) -> None:
        """Append one note to each melody: writes ``rewards`` and ``finished``; neither restarts nor observes."""
        if actions.shape != (self.n,) or actions.dtype.kind not in "iu":
            raise ValueError(
                f"actions have shape {actions.shape} and type {actions.dtype}; give {self.n} whole numbers"
            )
        if not self._begun:
            raise RuntimeError("step() before the first piece was begun; call reset() first")
        self.step_first(actions)

    def step_first(self, actions: npt.NDArray[np.int64]) -> None:
        """Append one note to each of the first ``actions.size`` melodies; the others stay as they are."""
        listening = self._prior_state is not None
        log_probs = self._prior_state.log_probs if self._prior_state else self._silence
        try:
            code, i, k = self._step(
                self.lines,
                self._kernel_arrays,
                actions,
                log_probs,
                listening,
                self.rewards,
                self.finished,
                self._at_bar,
            )
        except Exception as error:
            raise self._culprit(error) from error
        if code == FAILED:
            raise self._blame(i, k, f"it returned {self.lines.values[i, k]}")
        if code == FINISHED:
            raise RuntimeError("step() after the final barline: the piece is finished; call reset() first")
        if code == NO_ACTION:
            raise ValueError(f"action {actions[i]} is not in 0..{N_ACTIONS - 1}; choose one that action_masks() allows")
        if self._python_terms.size:
            self._ask_python(actions.size)

    def advance(self, actions: npt.NDArray[np.int64], generators: Sequence[np.random.Generator]) -> Finished | None:
        """Step with SAME_STEP autoreset: finished pieces are handed out and followed by new ones; then observe."""
        self.step(actions)
        final = None
        if self.finished.any():
            rows = np.flatnonzero(self.finished)
            final = Finished(
                rows=rows,
                observations=self.final_observations(rows),
                melody=[self.melody(int(i)) for i in rows],
                terms=self.lines.scores[rows],
                values=self.values(rows),
                passed=self.lines.passed[rows],
            )
            self.restart(rows, generators)
        self.listen(self._all)
        self.observe(self._all)
        return final

    def restart(self, rows: npt.NDArray[np.int64], generators: Sequence[np.random.Generator]) -> None:
        """New pieces in ``rows``, with their openings."""
        drawn = [int(generators[i].integers(len(self.tasks))) if len(self.tasks) > 1 else 0 for i in rows]
        for i, task in zip(rows, drawn, strict=True):
            begin(self.lines, i, self._frames[task])
            self.lines.given[i] = REST
            self.lines.given[i, : self._given[task].size] = self._given[task]
            self.lines.summary[i] = self._unsummarised
        if self.prior is not None and self._prior_state is not None:
            self.prior.reset(self._prior_state, rows)
        for k in range(max(len(self._openings[task]) for task in drawn)):
            opened = [
                (i, self._openings[task][k])
                for i, task in zip(rows, drawn, strict=True)
                if k < len(self._openings[task])
            ]
            self.listen(np.array([i for i, _ in opened]))
            for i, (pitch, duration) in opened:
                if self._prior_state is not None:
                    hear(self.lines, i, action_of(pitch, duration), self._prior_state.log_probs[i])
                if k > 0:
                    self._summarise(kernel.view(self.lines, i), self.lines.summary[i])
                kernel.append(self.lines, i, pitch, duration)

    def listen(self, rows: npt.NDArray[np.int64]) -> None:
        """Let the prior hear the newest note of ``rows``, so that it tells what may come next."""
        if self.prior is None or self._prior_state is None:
            return
        features = self._prior_features[: rows.size]
        prior_inputs(self.lines, rows, features)
        self.prior.step(self._prior_state, features, None if rows.size == self.n else rows)

    def observe(self, rows: npt.NDArray[np.int64]) -> None:
        """Write observations and masks of ``rows`` into the other buffer, which becomes the current one."""
        self._buffers.reverse()
        self.observations, self.masks = self._buffers[0]
        observe(self.lines, rows, self.observations, self.masks)
        if self._prior_state is not None:
            np.maximum(self._prior_state.log_probs, -50.0, out=self.observations[:, self.layout["log_probs"]])
            self.observations[:, self.layout["hidden"]] = self._prior_state.hidden

    def values(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """(r, S) as ``Finished.values``."""
        values, weight = self.lines.values[rows], self.arrays.weight
        of_notes = np.broadcast_to(~self.arrays.of_piece & (weight != 0), values.shape)
        return np.divide(self.lines.scores[rows], weight, out=values, where=of_notes)

    def final_observations(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """(len(rows), D) copies of what finished pieces look like; the prior has nothing more to say there."""
        observations, masks = self._buffers[1]
        observe(self.lines, rows, observations, masks)
        final = observations[rows]
        if self.prior is not None:
            final[:, self.layout["log_probs"]] = -np.log(N_ACTIONS)
            final[:, self.layout["hidden"]] = 0.0
        return final

    def _ask_python(self, n: int) -> None:
        """Score the rules that numba refused in the first ``n`` melodies, as the step scores the others."""
        suite = self.arrays
        for i in range(n):
            due = [k for k in self._python_terms.tolist() if self._is_due(i, k)]
            if not due:
                continue
            melody = self.melody(i)
            for k in due:
                try:
                    self.lines.values[i, k] = self.suite.terms[k].rule(melody)
                except Exception as error:
                    raise self._blame(i, k, f"it raised {type(error).__name__}: {error}") from error
                gained = settle(self.lines, suite, i, k)
                if not np.isfinite(gained):
                    raise self._blame(i, k, f"it returned {self.lines.values[i, k]}")
                self.rewards[i] += gained
            if self.finished[i] and self.lines.passed[i].all():
                self.rewards[i] += suite.bonus

    def _is_due(self, i: int, k: int) -> bool:
        """Whether term ``k`` speaks at the newest note of melody ``i``."""
        suite = self.arrays
        at_end = self.lines.frame[i, kernel.TIME] == self.lines.frame[i, kernel.END]
        return bool(not suite.of_piece[k] or at_end or (self._at_bar[i] and not suite.at_end[k]))

    def _culprit(self, error: Exception) -> Exception:
        """Which rule raised inside the compiled step: asked again, in Python, piece by piece."""
        for i in range(self.n):
            if self.lines.frame[i, kernel.LENGTH] == 0:
                continue
            melody = self.melody(i)
            for k, term in enumerate(self.suite):
                if not self._is_due(i, k):
                    continue
                try:
                    with np.errstate(all="raise"):  # compiled code raises where numpy's numbers would only warn
                        term.rule(melody)
                except Exception as again:
                    return self._blame(i, k, f"it raised {type(again).__name__}: {again}")
        return error

    def _blame(self, i: int, k: int, what: str) -> RuleError:
        from musicenv.render import to_abc

        melody = self.melody(i)
        return RuleError(
            f"rule {self.suite.names[k]!r} failed: {what}, at note {len(melody.pitch)} "
            f"(bar {melody.onset[-1] // melody.bar + 1}) of piece {i}: {to_abc(melody, one_line=True)}"
        )


@compiled
def prior_inputs(lines: Lines, rows: npt.NDArray[np.int64], out: npt.NDArray[np.int16]) -> None:
    """The prior's inputs (len(rows), N_FEATURES) for the next note of each of ``rows``."""
    for r in range(rows.size):
        i = rows[r]
        notes, frame = lines.notes[i], lines.frame[i]
        prior_features(
            notes[0],
            notes[1],
            notes[2],
            frame[kernel.LENGTH],
            frame[kernel.START],
            frame[kernel.END],
            frame[kernel.BAR],
            frame[kernel.METRE],
            frame[kernel.MODE],
            frame[kernel.STYLE],
            out[r],
        )


def frame_of(task: Task) -> list[int]:
    """The row of ``Lines.frame`` with which a piece begins."""
    where = [0, -task.pickup, -task.pickup, task.end, task.bar, BEAT_TICKS[task.metre_index], task.bars]
    what = [task.metre_index, task.mode_index, task.style_index, task.tonic]
    return [*where, *what, kernel.NO_PITCH, kernel.NO_PITCH, task.side, task.species]


def relative_opening(task: Task) -> list[tuple[int, int]]:
    """The opening of ``task`` as (relative pitch or REST, ticks); ValueError where a note is not possible there."""
    time, notes = -task.pickup, []
    for number, (sounding, duration) in enumerate(task.opening, start=1):
        pitch = REST if sounding is None else sounding - TRANSPOSITION[task.tonic]
        what = f"opening: note {number} (MIDI {sounding}, {duration} ticks)"
        if pitch != REST and not LOWEST <= pitch <= HIGHEST:
            shift = TRANSPOSITION[task.tonic]
            raise ValueError(
                f"{what} is outside MIDI {LOWEST + shift}..{HIGHEST + shift} for {task.key}; move it an octave"
            )
        if duration not in DURATIONS:
            raise ValueError(f"{what}: its duration is not one of {DURATIONS} ticks; split or round it")
        if not duration_is_legal(time, duration, task.bar, task.end):
            raise ValueError(f"{what} does not fit at tick {time}: it overruns the piece or breaks a triplet")
        notes.append((pitch, duration))
        time += duration
    if time >= task.end:
        raise ValueError(f"opening: its {len(notes)} notes fill all {task.bars} bars; shorten it or ask for more bars")
    return notes
