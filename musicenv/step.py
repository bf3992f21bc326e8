"""The step of a batch: append the note, ask the rules, tell whether the piece is finished.

``advance`` and ``appraise`` are compiled once for each set of rules, in a generated module in which ``note_rules``,
``bar_rules`` and ``end_rules`` ask the rules of that set (``musicenv.generation``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import LOWEST, N_ACTIONS, N_DURATIONS, REST
from musicenv.hearing import hear_rows, write_features
from musicenv.kernel import (
    _DURATIONS,
    END,
    LENGTH,
    TIME,
    Lines,
    append,
    ask_for_next,
    ask_for_statistics,
    begin_task,
    hear,
    is_read,
    legal_duration,
    passes_all,
    read_state,
    settle,
    view,
)
from musicenv.melody import Melody
from musicenv.observation import ask_for_observed, observe_one, silence
from musicenv.packing import pack_one
from musicenv.pages import read_page
from musicenv.reference import borrow, fetch, refer
from musicenv.sharing import AT_ONCE, HELPS, add, offer, offered, outcome, take, tell

OK, FAILED, FINISHED, NO_ACTION = range(4)
"""First value that ``advance`` returns: all went well; a note rule returned NaN or a statistic an infinity; a piece was
finished already; an action is not in the alphabet."""

AHEAD = 4
"""How many melodies before its turn the memory of one is asked for, where the prior's products have emptied the caches
since the last note."""
KEPT = 0
"""Replaced in the generated module: how many numbers the suite's tallies keep of a melody."""


def note_rules(melody: Melody, values: npt.NDArray[np.float64]) -> None:
    """Replaced in the generated module: the value of each note rule of the suite."""


def bar_rules(melody: Melody, values: npt.NDArray[np.float64], kept: npt.NDArray[np.float64]) -> None:
    """Replaced in the generated module: the value of each statistic that is read at bar lines; ``kept`` (K,) is what
    the tallies left at the reading before, and leave now."""


def end_rules(melody: Melody, values: npt.NDArray[np.float64], kept: npt.NDArray[np.float64]) -> None:
    """Replaced in the generated module: the value of each statistic that is read at the end alone, after
    ``bar_rules``."""


def summarise(melody: Melody, summary: npt.NDArray[np.int64]) -> None:
    """Replaced in the generated module: write into ``summary`` (F,) what the suite's summaries are after the newest
    note of ``melody``, whose own tell of the notes before."""


def play(
    lines: Lines,
    suite: Any,
    first: int,
    last: int,
    actions: npt.NDArray[np.int64],
    log_probs: npt.NDArray[np.float32],
    entropy: npt.NDArray[np.float32],
    listening: bool,
    rewards: npt.NDArray[np.float64],
    finished: npt.NDArray[np.bool_],
    at_bar: npt.NDArray[np.bool_],
) -> tuple[int, int, int]:
    """Append ``actions[i]`` to each melody i from ``first`` to ``last`` - 1, with its reward; what failed, as (code,
    melody, term), or ``(OK, ended, 0)`` with the number of pieces that ended.

    ``lines`` and ``suite`` are references; log_probs (n, A) of the prior before the note and their entropy (n,), read
    where ``listening``; rewards (n,); finished (n,); at_bar (n,) whether statistics were read: the note met or crossed
    one of the bar lines where they are.  What is alike is done for one melody after the other, so that its code stays
    in the cache.
    """
    lines = fetch(lines)
    ended, readings = 0, 0
    for i in range(first, last):
        if listening and i + AHEAD < last:
            ask_for_next(lines, i + AHEAD, log_probs, actions[i + AHEAD])
        frame, action = lines.frame[i], actions[i]
        if frame[TIME] >= frame[END]:
            return FINISHED, i, 0
        if action < 0 or action >= N_ACTIONS:
            return NO_ACTION, i, 0
        pitch, duration = action // N_DURATIONS, legal_duration(frame, action % N_DURATIONS)
        if listening:
            hear(lines, i, pitch * N_DURATIONS + duration, log_probs[i], entropy[i])
        if frame[LENGTH] > 0 and lines.summary.shape[1] > 0:
            summarise(refer(view(lines, i)), lines.summary[i])
        append(lines, i, pitch + LOWEST - 1 if pitch > 0 else REST, _DURATIONS[duration])
        rewards[i] = 0.0
        finished[i] = frame[TIME] == frame[END]
        at_bar[i] = finished[i] or is_read(frame, _DURATIONS[duration])
        ended += finished[i]
        readings += at_bar[i]
        if listening and at_bar[i]:
            ask_for_statistics(lines, i)
    for i in range(first, last if suite.note_terms.size > 0 else first):
        note_rules(refer(view(lines, i)), lines.values[i])
        rewards[i], failed = settle(lines, suite, i, suite.note_terms, rewards[i])
        if failed >= 0:
            return FAILED, i, failed
    for i in range(first, last if readings > 0 else first):
        if at_bar[i]:
            bar_rules(refer(view(lines, i)), lines.values[i], lines.tallies[i])
    for i in range(first, last if ended > 0 else first):
        if finished[i]:
            end_rules(refer(view(lines, i)), lines.values[i], lines.tallies[i])
    for i in range(first, last if readings > 0 else first):
        if at_bar[i]:
            due = suite.end_terms if finished[i] else suite.bar_terms
            rewards[i], failed = settle(lines, suite, i, due, rewards[i])
            if failed >= 0:
                return FAILED, i, failed
            if finished[i] and suite.bonus != 0.0 and passes_all(lines, suite, i):
                rewards[i] += suite.bonus
    return OK, ended, 0


def play_and_observe(
    state: Any,
    page: Any,
    first: int,
    last: int,
    actions: npt.NDArray[np.int64],
    begins: int,
    listens: int,
) -> tuple[int, int, int]:
    """One part of ``advance``: melodies ``first`` to ``last`` - 1, whose state fits into the second cache level."""
    rewards, finished, room = page.rewards, page.finished, page.room
    observations, masks, terms = page.observations, page.masks, page.terms
    told = play(
        state.lines,
        state.suite,
        first,
        last,
        actions,
        state.log_probs,
        state.entropy,
        state.told_at > 0,
        rewards,
        finished,
        state.at_bar,
    )
    if told[0] != OK:
        return told
    for i in range(first, last if observations.size > 0 else first):
        if state.told_at > 0 and i + AHEAD < last:
            ask_for_observed(state, observations[i + AHEAD])
        observe_one(state, i, observations[i], masks[i], terms[i])
        if finished[i] and state.told_at > 0:
            silence(observations[i], state.told_at, state.log_probs.shape[1])
    for i in range(first, last if begins > 0 and told[1] > 0 else first):
        if finished[i]:
            pack_one(state.lines, i, observations[i], room[add(state.packed, 0, 1)])
            begin_task(state, i, 0)
            observe_one(state, i, observations[i], masks[i], terms[i])
    for i in range(first, last if listens > 0 else first):
        if begins > 0 or not finished[i]:
            write_features(state, i, state.features[i])
    return told


def advance(
    block: npt.NDArray[np.int64],
    page: npt.NDArray[np.int64],
    actions: npt.NDArray[np.int64],
    begins: int,
    listens: int,
) -> tuple[int, int, int]:
    """Append ``actions[i]`` to each melody i of the ``State`` in ``block``, of the first so many, and observe them.

    What ``play`` tells.  The arrays of the ``Page`` in ``page`` are those of the whole batch; where its observations
    are empty nothing is observed.  Where it ``begins``, pieces that ended are packed into the page's room, in any
    order, and the next ones begun and observed.  Where it ``listens``, the prior's features are written for the pieces
    that go on; with 2, which is for few, it hears them if all do.

    With ``HELPS`` for ``begins`` it takes parts of the steps that another thread makes, until there are none for some
    time (``musicenv.sharing``).
    """
    state, helps = read_state(block), begins == HELPS
    post = borrow(state.post)
    if not helps:
        state.packed[0] = 0
    shared = helps or (post.size > 0 and actions.size > AT_ONCE)
    if shared and not helps:
        offer(post, page, actions, begins, listens)
    part, ended = 0, 0
    while True:
        if shared:
            part = take(post, helps)
            if part < 0:
                break
            page, actions, begins, listens = offered(post)
        first, last = part * AT_ONCE, min(part * AT_ONCE + AT_ONCE, actions.size)
        if first >= last:
            break
        out, notes = read_page(page), borrow(actions)
        told = play_and_observe(state, out, first, last, notes, begins, listens)
        if shared:
            tell(post, part, told)
        elif told[0] != OK:
            return told
        ended += told[1]
        part += 1
    if shared and not helps:
        return outcome(post, state.told_at > 0)  # the prior's hearing, too, needs the helpers
    if listens == 2 and (begins > 0 or ended == 0):
        hear_rows(block, state.features[: actions.size], np.arange(actions.size), read_page(page).observations)
    return OK, ended, 0


def appraise(
    lines: Lines,
    suite: Any,
    rows: npt.NDArray[np.int64],
    scores: npt.NDArray[np.float64],
    passes: npt.NDArray[np.bool_],
) -> None:
    """Judge finished melodies by the statistics of the suite: into ``scores`` (r,) their sums for ``rows`` (r,), into
    ``passes`` (r,) whether all are passed.  A score is NaN where a statistic is infinite."""
    state, rules = refer(lines), refer(suite)
    for r in range(rows.size):
        i = rows[r]
        melody, kept = refer(view(state, i)), np.zeros(KEPT)
        bar_rules(melody, state.values[i], kept)
        end_rules(melody, state.values[i], kept)
        for k in rules.end_terms:
            state.scores[i, k] = 0.0
        scores[r], failed = settle(state, rules, i, rules.end_terms, 0.0)
        if failed >= 0:
            scores[r] = np.nan
        passes[r] = passes_all(state, rules, i)
