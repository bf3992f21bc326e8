"""Rules asked in Python, melody by melody: those that numba refuses, and all of them where one failed in a step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import N_ACTIONS
from musicenv.kernel import END, LENGTH, TIME, settle
from musicenv.step import FAILED, FINISHED, NO_ACTION
from rewards.rules import RuleError

if TYPE_CHECKING:
    from musicenv.batch import Batch


def ask(batch: Batch, terms: npt.NDArray[np.int64], n: int) -> None:
    """Score ``terms`` in the first ``n`` melodies, as the step scores the others."""
    suite, lines = batch.arrays, batch.lines
    for i in range(n):
        due = [k for k in terms.tolist() if _is_due(batch, i, k)]
        if not due:
            continue
        melody = batch.melody(i)
        for k in due:
            try:
                lines.values[i, k] = batch.suite.terms[k].rule(melody)
            except Exception as error:
                raise _blame(batch, i, k, f"it raised {type(error).__name__}: {error}") from error
            batch.rewards[i], failed = settle(lines, suite, i, np.array([k]), batch.rewards[i])
            if failed >= 0:
                raise _blame(batch, i, k, f"it returned {lines.values[i, k]}")
        if batch.finished[i] and lines.passed[i].all():
            batch.rewards[i] += suite.bonus


def refusal(batch: Batch, code: int, i: int, k: int, actions: npt.NDArray[np.int64]) -> Exception:
    """Why the compiled step, which told ``code``, could not append ``actions[i]``."""
    if code == FAILED:
        return _blame(batch, i, k, f"it returned {batch.lines.values[i, k]}")
    if code == FINISHED:
        return RuntimeError("step() after the final barline: the piece is finished; call reset() first")
    assert code == NO_ACTION
    return ValueError(f"action {actions[i]} is not in 0..{N_ACTIONS - 1}; choose one that action_masks() allows")


def culprit(batch: Batch, error: Exception) -> Exception:
    """Which rule raised inside the compiled step: asked again, in Python, piece by piece."""
    for i in range(batch.n):
        if batch.lines.frame[i, LENGTH] == 0:
            continue
        melody = batch.melody(i)
        for k, term in enumerate(batch.suite):
            if not _is_due(batch, i, k):
                continue
            try:
                with np.errstate(all="raise"):  # compiled code raises where numpy's numbers would only warn
                    term.rule(melody)
            except Exception as again:
                return _blame(batch, i, k, f"it raised {type(again).__name__}: {again}")
    return error


def _is_due(batch: Batch, i: int, k: int) -> bool:
    """Whether term ``k`` speaks at the newest note of melody ``i``."""
    suite = batch.arrays
    at_end = batch.lines.frame[i, TIME] == batch.lines.frame[i, END]
    return bool(not suite.of_piece[k] or at_end or (batch.state.at_bar[i] and not suite.at_end[k]))


def _blame(batch: Batch, i: int, k: int, what: str) -> RuleError:
    from musicenv.render import to_abc

    melody = batch.melody(i)
    return RuleError(
        f"rule {batch.suite.names[k]!r} failed: {what}, at note {len(melody.pitch)} "
        f"(bar {melody.onset[-1] // melody.bar + 1}) of piece {i}: {to_abc(melody, one_line=True)}"
    )
