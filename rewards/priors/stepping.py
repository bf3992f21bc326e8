"""A pretrained prior, played note by note: many pieces at once, each with its own state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import N_ACTIONS
from musicenv.reference import block_of
from rewards.priors import kernel
from rewards.priors.arrays import Said, Weights, fused, laid_out, workspace_for
from rewards.priors.features import N_FEATURES
from rewards.priors.shape import Shape
from rewards.priors.store import Arrays, read_weights, weights_path

Rows = npt.NDArray[np.int64]

SMALL_BATCH: Final = 16
"""Up to here one compiled call is faster than matrix products in torch (measured on one core)."""


_STEP: Final = 128
"""Rows by which a workspace grows."""

UNTOLD: Final = np.zeros((0, 0), dtype=np.float32)
"""Where nobody is told."""


@dataclass(frozen=True, eq=False)
class PriorState:
    """What the prior knows of n pieces: plain arrays with one row a piece."""

    memory: npt.NDArray[np.float32]
    """(n, layers, 2, H) the recurrent state: h and c of each layer."""
    log_probs: npt.NDArray[np.float32]
    """(n, N_ACTIONS) log p(next note | line so far) in nats, normalised over all actions, legal or not."""
    entropy: npt.NDArray[np.float32]
    """(n,) of these, in nats."""

    @property
    def hidden(self) -> npt.NDArray[np.float32]:
        """(n, H) h of the top layer after the last step: a summary of the line so far."""
        return self.memory[:, -1, 0]

    @property
    def arrays(self) -> dict[str, npt.NDArray[np.float32]]:
        """All of these, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def block(self) -> npt.NDArray[np.int64]:
        """Where compiled functions find them."""
        return block_of(Said(**self.arrays))

    def __getstate__(self) -> dict[str, Any]:
        return self.arrays  # a copy's lie elsewhere

    def copy_rows(self, to: Any, source: PriorState, rows: Any) -> None:
        """``self[to] = source[rows]`` in every array; both are anything that indexes rows."""
        for name, array in self.arrays.items():
            array[to] = getattr(source, name)[rows]

    def copy(self) -> PriorState:
        return PriorState(*(array.copy() for array in self.arrays.values()))


class _Prepared:
    """A ``Workspace`` for up to ``capacity`` rows and torch's views of it, made once: most steps are of as many."""

    def __init__(self, weights: Weights, capacity: int) -> None:
        from torch import from_numpy  # only here: playing a few pieces needs no torch

        self.capacity = capacity
        work = self._work = workspace_for(weights, capacity)
        self.block = block_of(work)
        self._whole = [from_numpy(array) for array in (work.inputs, work.following, work.gates, work.head)]
        self._views: dict[int, list[Any]] = {}

    def views(self, count: int) -> list[Any]:
        """The first ``count`` rows of inputs, following, gates and head."""
        found = self._views.get(count)
        if found is None:
            found = self._views[count] = [tensor[:count] for tensor in self._whole]
        return found


class Prior:
    """A network's weights and the way to step them; holds no state of its own.

    One step per note: ``features`` before note i (``features.prior_features``) in, log p of note i out.
    """

    def __init__(self, shape: Shape, arrays: Arrays) -> None:
        self.shape = shape
        self.weights: Weights = fused(arrays, shape.columns, shape.offsets, shape.candidates)

    @cached_property
    def block(self) -> npt.NDArray[np.int64]:
        """Where compiled functions find the weights."""
        return block_of(self.weights)

    @cached_property
    def _layers(self) -> list[Any]:
        """The matrix of each layer, as torch's tensor."""
        from torch import from_numpy  # only here: playing a few pieces needs no torch

        weights, size = self.weights, self.shape.hidden
        rows = [size + (size if layer else self.shape.width) for layer in range(self.shape.layers)]
        return [from_numpy(weights.gates[layer, :n]) for layer, n in enumerate(rows)]

    @cached_property
    def _head(self) -> Any:
        """That of the head."""
        from torch import from_numpy

        return from_numpy(self.weights.head)

    def hears_alike(self, n: int, parts: Sequence[slice]) -> bool:
        """Whether ``n`` rows, more than ``SMALL_BATCH``, come out the same to the bit when ``parts`` of them are heard
        one by one: a library may add up in another order where rows are fewer."""
        from torch import Generator, mm, rand

        given = Generator().manual_seed(0)
        for matrix in (*self._layers, self._head):
            rows = rand(n, len(matrix), generator=given)
            whole = mm(rows, matrix)
            if not all(whole[part].equal(mm(rows[part], matrix)) for part in parts):
                return False
        return True

    def __getstate__(self) -> dict[str, Any]:
        return {"shape": self.shape, "weights": self.weights}  # a copy's weights lie elsewhere

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.shape, self.weights = state["shape"], laid_out(**state["weights"]._asdict())

    @property
    def hidden_size(self) -> int:
        return self.shape.hidden

    def state(self, n: int) -> PriorState:
        """State of ``n`` pieces before their first step."""
        return PriorState(
            np.zeros((n, self.shape.layers, 2, self.shape.hidden), dtype=np.float32),
            np.full((n, N_ACTIONS), -np.log(N_ACTIONS), dtype=np.float32),
            np.full(n, np.log(N_ACTIONS), dtype=np.float32),
        )

    def reset(self, state: PriorState, rows: Rows | None = None) -> None:
        """Begin new pieces in ``rows`` (int indices; None: all)."""
        rows = np.arange(state.entropy.size) if rows is None else rows
        kernel.forget(rows, state.memory, state.log_probs, state.entropy)

    def step(
        self,
        state: PriorState,
        features: npt.NDArray[np.int16],
        rows: Rows | None = None,
        told: npt.NDArray[np.float32] = UNTOLD,
        at: int = 0,
    ) -> None:
        """Advance ``rows`` (distinct int64 indices; None: all) by one note, in place.

        ``features`` is (len(rows), N_FEATURES) int16, one row for each of ``rows``.  ``told`` (n, any) float32, where
        it is given, has the hidden state from column ``at`` on, then the log-probabilities, at least ``kernel.LEAST``.
        """
        # One memory layout and type each: otherwise numba would compile the step anew for slices.
        features = np.ascontiguousarray(features, dtype=np.int16)
        rows = np.arange(state.entropy.size) if rows is None else np.ascontiguousarray(rows, dtype=np.int64)
        if features.shape != (rows.size, N_FEATURES):
            raise ValueError(f"features have shape {features.shape}; {rows.size} rows need {(rows.size, N_FEATURES)}")
        if rows.size <= SMALL_BATCH:
            into = state.memory, state.log_probs, state.entropy
            kernel.step_rows(self.block, features, rows, *into, told, at)
        else:
            self.step_many(state, features, rows, told, at)

    def step_many(
        self,
        state: PriorState,
        features: npt.NDArray[np.int16],
        rows: Rows,
        told: npt.NDArray[np.float32],
        at: int,
    ) -> None:
        """The same step with torch's matrix products, as many threads as torch is set to; all arrays are contiguous."""
        count, (multiply, set_threads), block, said = rows.size, self._torch, self.block, state.block
        set_threads()
        work = self._prepared(count)
        own = work.block
        inputs, following, gates, head = work.views(count)
        kernel.gather_in(own, block, said, features, rows)
        for layer, matrix in enumerate(self._layers):
            multiply(following if layer else inputs, matrix, out=gates)
            kernel.advance_in(own, block, said, rows, layer)
        multiply(inputs, self._head, out=head)
        kernel.speak_in(own, block, said, features, rows, told, at)
        self._free.append(work)

    def _prepared(self, count: int) -> _Prepared:
        """One that no other thread works in, for at least so many rows."""
        try:
            work = self._free.pop()
        except IndexError:
            work = None
        if work is not None and work.capacity >= count:
            return work
        return _Prepared(self.weights, -(-count // _STEP) * _STEP)

    @cached_property
    def _free(self) -> list[_Prepared]:
        # No threading.local: torch's tensors must not be freed by a thread that ends with the interpreter.
        return []

    @cached_property
    def _torch(self) -> tuple[Any, Any]:
        """The product of two matrices, and what has to be called first in each thread: there ``mm`` would take as many
        threads as there are processors, whatever torch is set to, until somebody asks how many it may."""
        from torch import get_num_threads, mm  # not addmm, which copies the bias into each row before

        return mm, get_num_threads


@lru_cache(maxsize=8)
def _loaded(path: Path, changed: int) -> Prior:
    return Prior(*read_weights(path))


def load_prior(name_or_path: str | Path = "lstm") -> Prior:
    """A shipped prior ("lstm", or "judge": another network for judging what the first was the reward of), or a file's.

    Loading the same file twice gives the same object.
    """
    path = weights_path(name_or_path).resolve()
    return _loaded(path, path.stat().st_mtime_ns)
