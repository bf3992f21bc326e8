"""Many melodies composed side by side: the one place where notes, rules and the prior meet.

``Batch`` is what the Gymnasium environment (one piece), the vector environment, the SB3 bridge and planners all step.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from musicenv import kernel
from musicenv.alphabet import DURATIONS, N_ACTIONS, REST, SIXTEENTH, action_of
from musicenv.asking import ask, culprit, refusal
from musicenv.beginning import frame_of, relative_opening
from musicenv.finished import Finished, values_of
from musicenv.generation import load_kernel
from musicenv.kernel import (
    Beginnings,
    Lines,
    begin,
    begin_rows,
    copied,
    hear,
    new_lines,
    state_of,
)
from musicenv.listener import Listener
from musicenv.melody import Melody, relative_given
from musicenv.observation import bounds, layout, observe, observe_masks
from musicenv.packing import Packing, pack
from musicenv.pages import Pages
from musicenv.reference import block_of
from musicenv.refused import refused
from musicenv.sharing import AT_ONCE, SharedStep, new_post
from musicenv.step import OK
from musicenv.task import TUNE_MODES, Task
from musicenv.threads import Workers
from rewards.priors.stepping import SMALL_BATCH, UNTOLD
from rewards.rules import Suite

if TYPE_CHECKING:
    from rewards.priors import Prior


_WHOLE = np.dtype(np.int64)


class Batch:
    """``n`` melodies under one suite of rules and, maybe, one prior.

    After ``reset`` and each ``step``: ``observations`` (n, D) float32, ``masks`` (n, A) int8, ``terms`` (n, S), the
    weighted scores so far, ``rewards`` (n,) and ``finished`` (n,), into which no other step writes while somebody holds
    them, and ``ended``, how many have finished; ``lines`` holds the state itself.
    """

    def __init__(
        self,
        n: int,
        tasks: Sequence[Task],
        suite: Suite,
        prior: Prior | None,
        threads: int = 1,
        more: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """``threads`` share the n melodies; rules that run as Python are asked by one.  ``more`` blocks of the
        observation, by name and size, are left to ``complete``."""
        if suite.needs_prior and prior is None:
            raise ValueError("the reward reads the prior's likelihood, but prior=None; name a prior or another reward")
        self.n = n
        self.suite = suite
        self.prior = prior
        in_python = refused(suite)
        self.arrays = suite.arrays(in_python)
        self._python_terms = np.flatnonzero(in_python)
        self._asks_python = bool(self._python_terms.size)
        # Where rules run in Python, the bonus has to wait for them.
        self._kernel_arrays = self.arrays._replace(bonus=0.0) if self._asks_python else self.arrays
        self.compiled = load_kernel(suite, in_python)
        """The step of these rules."""
        told = {"hidden": prior.hidden_size, "log_probs": N_ACTIONS} if prior else {}
        self.layout = layout(len(suite), {**more, **told})
        self.bounds = bounds(self.layout)
        self._shape = (n,)
        self._all = np.arange(n)
        self.is_whole = not (self._asks_python or more)
        """Whether the compiled step is all there is to a step: no rule runs as Python, no subclass adds anything."""
        self.workers = Workers(threads)
        self._listener = Listener(prior, n, self.workers, self.layout["hidden"].start) if prior else None
        self._listens = 0 if prior is None or not self.is_whole else 2 if n <= SMALL_BATCH else 1
        """How far a step can go in hearing its notes, as ``musicenv.step.advance`` takes it."""
        self.ended = 0
        self.set_tasks(tasks)
        self._renew()

    def _make_pages(self) -> None:
        n = self.n
        seen = (n, self.bounds[0].size), (n, N_ACTIONS), (n, len(self.suite)), (n, self.packing.size)
        self._pages = Pages((n,), (n,), *seen)
        self._unwatched = Pages((n,), (n,), *[(0, 0)] * len(seen))

    def __deepcopy__(self, memo: dict[int, Any]) -> Batch:
        """It shares what never changes; compiled functions find its own arrays."""
        memo.update({id(shared): shared for shared in (self.prior, self.suite, self.compiled)})
        copied = memo[id(self)] = object.__new__(type(self))
        known_by_place = ("_pages", "_unwatched", "state", "block", "_advance")
        mine = {name: value for name, value in vars(self).items() if name not in known_by_place}
        vars(copied).update(copy.deepcopy(mine, memo))
        copied._make_pages()
        copied._lay_out()
        return copied

    def _renew(self) -> None:
        """Other arrays to write to."""
        self.rewards, self.finished, self.observations, self.masks, self.terms, self._room = self._pages.turn()[1]

    def set_tasks(self, tasks: Sequence[Task]) -> None:
        """The tasks that pieces are drawn from, from the next reset on; makes room where they are longer."""
        if self.prior is not None and any(task.mode_index >= len(TUNE_MODES) for task in tasks):
            raise ValueError(f"key: the prior knows {', '.join(TUNE_MODES)} only; choose one of them, or prior=None")
        openings = [relative_opening(task) for task in tasks]  # may raise: before anything is changed
        self.tasks, self._openings = list(tasks), openings
        self._longest_opening = max(len(opening) for opening in openings)
        self._begun = False
        frames = np.array([frame_of(task) for task in self.tasks], dtype=np.int64)
        capacity = max((task.end + task.pickup) // DURATIONS[0] for task in self.tasks)
        lines = [relative_given(task) for task in self.tasks]
        given = np.full((len(lines), max(line.size for line in lines)), REST, dtype=np.int16)
        for row, line in zip(given, lines, strict=True):
            row[: line.size] = line
        self._beginnings = Beginnings(frames, given, self.suite.unsummarised())
        if (
            not hasattr(self, "lines")
            or self.lines.notes.shape[2] < capacity
            or self.lines.given.shape[1] < given.shape[1]
        ):
            sixteenths = max(task.bars * task.bar for task in self.tasks) // SIXTEENTH
            sizes = given.shape[1], self._beginnings.summary.size, self.suite.tallies.size
            self.lines: Lines = new_lines(self.n, capacity, sixteenths, len(self.suite), *sizes)
            for i in range(self.n):
                begin(self.lines, i, frames[0])
            self.packing = Packing(self.lines, self.bounds[0].size)
            self._make_pages()
        # Where nothing has to be drawn, played or added, the step itself begins the next piece.
        self._goes_on = len(tasks) == 1 and not self._longest_opening and self.is_whole
        self._lay_out()

    def _lay_out(self) -> None:
        """Tell compiled functions where everything lies, after arrays were made or copied."""
        heard: dict[str, Any] = {}
        if self._listener is not None:
            heard = self._listener.arrays()
        if shares := self.workers.threads > 1 and self.n > AT_ONCE:
            heard["post"] = new_post(self.n)
        self.state = state_of(self.lines, self._kernel_arrays, beginnings=self._beginnings, **heard)
        self.block = block_of(self.state)
        """What compiled functions read it all from."""
        if self._listener is not None:
            self._listener.find(self.block)
        alone = partial(self.compiled.advance, self.block)
        self._advance = SharedStep(alone, self.state, self.workers) if shares else alone

    def get_state(self) -> dict[str, npt.NDArray[np.generic]]:
        """The state of all melodies and of the prior, as arrays by name (not copied)."""
        state = dict(self.lines._asdict())
        if self._listener is not None:
            state.update(self._listener.state.arrays)
        return state

    def set_state(self, state: dict[str, npt.NDArray[np.generic]]) -> None:
        """Go on from what ``get_state`` gave, and observe."""
        self._begun = True
        for name, array in self.get_state().items():
            array[...] = state[name]
        self._renew()
        self.observe(self._all)

    @property
    def log_probs(self) -> npt.NDArray[np.float32]:
        """(n, A) the prior's log p(next note) in nats, over all notes, legal or not."""
        if self._listener is None:
            raise ValueError("there is no prior in this environment; make it with prior='lstm'")
        return self._listener.state.log_probs

    def melody(self, i: int) -> Melody:
        """A copy of melody ``i``, which may have no note yet."""
        return copied(self.lines, i)

    def reset(self, generators: Sequence[np.random.Generator]) -> None:
        """Begin new pieces everywhere, each with a task drawn by its own generator, and observe."""
        self._begun = True
        self._renew()
        self.rewards[:], self.finished[:], self.ended = 0.0, False, 0
        self.restart(self._all, generators)
        self.listen(self._all, watched=False)
        self.observe(self._all)

    def step(self, actions: npt.ArrayLike) -> None:
        """Append one note to each melody, and observe what the prior has not heard yet; nothing is begun anew."""
        self.step_first(self._checked(actions))

    def _checked(self, actions: Any) -> npt.NDArray[np.int64]:
        """(n,) ``actions`` as compiled code takes them."""
        if (
            type(actions) is np.ndarray
            and actions.dtype is _WHOLE
            and actions.shape == self._shape
            and actions.flags.c_contiguous
        ):
            return actions
        given = np.asarray(actions)
        if given.dtype.kind in "iufb" and given.shape == self._shape:
            whole = np.ascontiguousarray(given, _WHOLE)
            if (whole == given).all():
                return whole
        raise ValueError(f"actions have shape {given.shape} and type {given.dtype}; give {self.n} whole numbers")

    def step_first(self, actions: npt.NDArray[np.int64], watched: bool = True) -> None:
        """Append one note to each of the first ``actions.size`` melodies; the others stay as they are, unobserved.

        ``actions`` are int64.  Where it is not ``watched``, these are not observed either: ``observe`` or
        ``observe_masks`` does it later.
        """
        self._step(actions, watched)
        if not self.is_whole:
            self._add(actions.size, watched)

    def step_and_listen(self, actions: npt.NDArray[np.int64]) -> None:
        """``step``, then let the prior hear the notes of the pieces that go on; ``actions`` (n,) are int64."""
        if self.n == 1 and self._listens:
            self._step(actions, True, 0, self._listens)
            return
        self.step_first(actions)
        self.listen(self._all if not self.ended else np.flatnonzero(~self.finished))

    def _step(self, actions: npt.NDArray[np.int64], watched: bool, begins: int = 0, listens: int = 0) -> None:
        """The compiled step, into arrays that nobody holds; ``begins`` and ``listens`` as it takes them."""
        if not self._begun:
            raise RuntimeError("step() before the first piece was begun; call reset() first")
        where, page = (self._pages if watched else self._unwatched).turn()
        try:
            code, i, k = self._advance(where, actions, begins, listens)
        except Exception as error:
            raise culprit(self, error) from error
        if code != OK:
            raise refusal(self, code, i, k, actions)
        self.ended = i
        if watched:  # as in ``_renew``, here once more: a call would take a hundredth of a step with the prior
            self.rewards, self.finished, self.observations, self.masks, self.terms, self._room = page
        else:
            self.rewards, self.finished = page[:2]

    def _add(self, m: int, watched: bool) -> None:
        """What the compiled step of the first ``m`` melodies left to do."""
        rows = self._all if m == self.n else self._all[:m]
        if self._asks_python:
            ask(self, self._python_terms, m)
        if not watched:
            return
        if self._asks_python:
            observe(self.block, rows, self.observations, self.masks, self.terms)
        self.complete(rows)

    def advance(self, actions: npt.ArrayLike, generators: Sequence[np.random.Generator]) -> Finished | None:
        """Step with SAME_STEP autoreset: finished pieces are handed out and followed by new ones; then observe."""
        notes = self._checked(actions)
        if self._goes_on:
            self._step(notes, True, 1, self._listens)
            if self._listens == 1 and self._listener is not None:
                self._listener.hear_all(self.observations)
            return Finished(self, self._room) if self.ended else None
        self.step_first(notes)
        final = None
        if self.ended:
            rows = self.finished.nonzero()[0]
            pack(self.block, rows, self.observations, self._room)
            final = Finished(self, self._room)
            self.restart(rows, generators)
            observe(self.block, rows, self.observations, self.masks, self.terms)
            self.complete(rows)
        self.listen(self._all)
        return final

    def restart(self, rows: npt.NDArray[np.int64], generators: Sequence[np.random.Generator]) -> None:
        """New pieces in ``rows``, with their openings."""
        drawn = np.zeros(rows.size, dtype=np.int64)
        if len(self.tasks) > 1:
            drawn[:] = [generators[i].integers(len(self.tasks)) for i in rows]
        begin_rows(self.block, rows, drawn)
        for k in range(self._longest_opening):
            opened = [
                (i, self._openings[task][k])
                for i, task in zip(rows, drawn, strict=True)
                if k < len(self._openings[task])
            ]
            self.listen(np.array([i for i, _ in opened], dtype=np.int64))
            for i, (pitch, duration) in opened:
                if self._listener is not None:
                    said = self._listener.state
                    hear(self.lines, i, action_of(pitch, duration), said.log_probs[i], said.entropy[i])
                if k > 0:
                    self.compiled.summarise(kernel.view(self.lines, i), self.lines.summary[i])
                kernel.append(self.lines, i, pitch, duration)

    def listen(self, rows: npt.NDArray[np.int64], watched: bool = True) -> None:
        """Let the prior hear the newest note of ``rows``, so that it tells what may come next.

        Where it is not ``watched``, observations do not show it; ``observe`` does it later.
        """
        if self._listener is not None:
            self._listener.hear(rows, self.observations if watched else UNTOLD)

    def observe(self, rows: npt.NDArray[np.int64], likely: bool = True) -> None:
        """Write observations and masks of ``rows``; not ``likely``: what may be likely next can be left out."""
        observe(self.block, rows, self.observations, self.masks, self.terms)
        if self._listener is not None:
            self._listener.tell(rows, self.observations)
        self.complete(rows, likely)

    def observe_masks(self, rows: npt.NDArray[np.int64]) -> None:
        """Write the masks of ``rows``, all that is needed to know what ``log_probs`` leave."""
        observe_masks(self.block, rows, self.masks)

    def complete(self, rows: npt.NDArray[np.int64], likely: bool = True) -> None:
        """For subclasses: add to the observations of ``rows``, or take from their masks; ``likely`` as in
        ``observe``."""

    def keys(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64] | None:
        """(r,) for subclasses: equal where no rule can tell the lines of ``rows`` apart any more; None: not known."""
        return None

    def task_of(self, i: int) -> Task | None:
        """For subclasses: the task of melody ``i``, where its lines have finite states; else None."""
        return None

    def values(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """(r, S) as ``Finished.values``."""
        return values_of(self.lines.values[rows], self.lines.scores[rows], self.arrays)
