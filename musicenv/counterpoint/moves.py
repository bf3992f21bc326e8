"""Which notes may follow a state, where they lead and what the rules pay for them.

The functions below are compiled once for each suite (``load_states``), with ``is_allowed`` and ``score`` calling the
suite's own rules on a melody that shows only what they declare.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import DURATIONS, N_DURATIONS, N_PITCHES
from musicenv.counterpoint.space import (
    FINISHED,
    MOVES,
    WHOLE,
    WHOLE_INDEX,
    Graph,
    Integers,
    Space,
    Table,
    grown,
    pack,
    place,
    shown,
    slot_of,
    unpack,
)
from musicenv.generation import decorator_of, generated, source_of, summarise_source
from musicenv.jit import kernel_folder
from musicenv.kernel import BAR, END, LENGTH, TIME, Lines, duration_fits, view
from musicenv.melody import Melody
from rewards.rules import Suite

TICKS: Final = np.array(DURATIONS, dtype=np.int64)
IMPOSSIBLE: Final = -50.0
"""Nats, of notes that a mask forbids."""


def is_allowed(melody: Melody) -> bool:
    """Replaced in the generated module: whether no hard rule forbids the newest note."""
    return True


def score(melody: Melody, weight: npt.NDArray[np.float64]) -> float:
    """Replaced in the generated module: what all rules together pay for the newest note."""
    return 0.0


def summarise(melody: Melody, summary: Integers) -> None:
    """Replaced in the generated module: see ``musicenv.generation``."""


def permitted(space: Space, known: int, table: Table) -> int:
    """Bits of the notes that may follow the state in ``space``: bit ``31 d + p`` for duration d and pitch p (0 a rest).

    Those from which a legal end can be reached, where ``table`` knows them; else those that no hard rule forbids.
    """
    time, end = space.frame[TIME], space.frame[END]
    if table.keys.size:
        hard = pack(table.space, space.pitch[:known], space.duration[:known], time, space.summary)
        at = table.slots[slot_of(hard, table.keys, table.slots)]
        return table.bits[at] if at >= 0 else 0
    bits = 0
    last = time == end - space.frame[BAR]
    for d in range(space.ticks.size):
        ticks = WHOLE if last else space.ticks[d]
        if not duration_fits(space.frame, ticks) or (last and d > 0):
            continue
        for number in range(N_PITCHES):
            place(space, known, number, ticks)
            if is_allowed(shown(space, known + 1, time + ticks)):
                bits |= 1 << 31 * d + number
    return bits


def expand(
    space: Space, key: int, table: Table, keys: Integers, gains: npt.NDArray[np.float64], actions: Integers
) -> int:
    """Write the states that may follow ``key`` into ``keys`` (MOVES,), FINISHED at the end, with what rules pay for
    each and the action that leads there; how many there are."""
    known = unpack(space, key)
    time, end = space.frame[TIME], space.frame[END]
    bits = permitted(space, known, table)
    found = 0
    for d in range(space.ticks.size):
        last = time == end - space.frame[BAR]
        ticks = WHOLE if last else space.ticks[d]
        for number in range(N_PITCHES):
            if not bits >> 31 * d + number & 1:
                continue
            place(space, known, number, ticks)
            melody = shown(space, known + 1, time + ticks)
            gains[found] = score(melody, space.weight)
            actions[found] = number * N_DURATIONS + (WHOLE_INDEX if last else space.indices[d])
            keys[found] = FINISHED
            if not last:
                summarise(melody, space.after)
                keys[found] = pack(space, melody.pitch, melody.duration, time + ticks, space.after)
            found += 1
    return found


def key_of(space: Space, lines: Lines, i: int) -> int:
    """The key of unfinished melody ``i`` of a batch of the same task.

    The suite of the batch has at least the rules of the space.
    """
    n = lines.frame[i, LENGTH]
    if n == 0:
        return pack(space, lines.notes[i, 0, :0], lines.notes[i, 2, :0], 0, space.initial)
    summarise(view(lines, i), space.after)
    return pack(space, lines.notes[i, 0, :n], lines.notes[i, 2, :n], lines.frame[i, TIME], space.after)


def enter(space: Space, lines: Lines, i: int) -> int:
    """Write unfinished melody ``i`` of a batch into ``space``, as ``key_of`` reads it; how many notes are known."""
    return unpack(space, key_of(space, lines, i))


def tell_apart(space: Space, lines: Lines, rows: Integers, keys: Integers) -> None:
    """Write the keys of ``rows`` of a batch into those rows of ``keys`` (n,); finished lines have none."""
    for i in rows:
        if lines.frame[i, TIME] < lines.frame[i, END]:
            keys[i] = key_of(space, lines, i)


def restrict(space: Space, lines: Lines, rows: Integers, table: Table, masks: npt.NDArray[np.int8]) -> None:
    """Take from ``masks`` (n, A), for ``rows`` of a batch, the notes that are not ``permitted``.

    Where an illegal note was played already, no table knows the line, and its mask stays as it is.
    """
    for i in rows:
        if lines.frame[i, TIME] >= lines.frame[i, END]:
            continue
        bits = permitted(space, enter(space, lines, i), table)
        if bits == 0:
            continue
        last = lines.frame[i, TIME] == space.frame[END] - space.frame[BAR]
        for number in range(N_PITCHES):
            for d in range(1 if last else space.ticks.size):
                if not bits >> 31 * d + number & 1:
                    masks[i, number * N_DURATIONS + (WHOLE_INDEX if last else space.indices[d])] = 0


def foretell(
    space: Space,
    lines: Lines,
    rows: Integers,
    table: Table,
    restricts: bool,
    scale: float,
    masks: npt.NDArray[np.int8],
    out: npt.NDArray[np.float32],
) -> None:
    """``restrict``, where it is to, and write log p (nats) of the next note into ``rows`` of ``out`` (n, A).

    Each note that ``masks`` (n, A) leaves is in proportion to exp(what the rules that do not forbid pay at once /
    ``scale``).  After the last note all are alike.
    """
    if restricts:
        restrict(space, lines, rows, table, masks)
    for i in rows:
        if lines.frame[i, TIME] >= lines.frame[i, END]:
            out[i] = -np.log(masks.shape[1])
            continue
        known = enter(space, lines, i)
        top, total = -np.inf, 0.0
        for action in range(masks.shape[1]):
            if not masks[i, action]:
                continue
            number, ticks = action // N_DURATIONS, TICKS[action % N_DURATIONS]
            place(space, known, number, ticks)
            worth = score(shown(space, known + 1, space.frame[TIME] + ticks), space.weight) / scale
            out[i, action] = worth
            total = total * np.exp(min(top - worth, 0.0)) + np.exp(min(worth - top, 0.0))
            top = max(top, worth)
        out[i] -= top + np.log(total)
        for action in range(masks.shape[1]):
            if not masks[i, action]:
                out[i, action] = IMPOSSIBLE


def explore(space: Space, table: Table, limit: int) -> Graph:
    """All states that can be reached, up to ``limit`` of them, and the moves between them."""
    size = 1 << 12
    keys, slots = np.empty(size, np.int64), np.full(2 * size, -1, np.int32)
    first = np.empty(size + 1, np.int64)
    room = 8 * size
    child, gain, action = np.empty(room, np.int32), np.empty(room, np.float32), np.empty(room, np.int16)
    new, gains, actions = np.empty(MOVES, np.int64), np.empty(MOVES, np.float64), np.empty(MOVES, np.int64)
    keys[0] = pack(space, space.pitch[:0], space.duration[:0], 0, space.initial)
    slots[slot_of(keys[0], keys[:0], slots)] = 0
    count, moves, head = 1, 0, 0
    while head < count and count <= limit:
        first[head] = moves
        found = expand(space, keys[head], table, new, gains, actions)
        head += 1
        if count + MOVES > size:
            size *= 2
            keys, first = grown(keys, size), grown(first, size + 1)
            slots = np.full(2 * size, -1, np.int32)
            for k in range(count):
                slots[slot_of(keys[k], keys, slots)] = k
        if moves + MOVES > room:
            room *= 2
            child, gain, action = grown(child, room), grown(gain, room), grown(action, room)
        for k in range(found):
            child[moves] = FINISHED
            if new[k] != FINISHED:
                slot = slot_of(new[k], keys, slots)
                if slots[slot] < 0:
                    slots[slot] = count
                    keys[count] = new[k]
                    count += 1
                child[moves] = slots[slot]
            gain[moves], action[moves] = gains[k], actions[k]
            moves += 1
    first[head] = moves
    return Graph(keys[:head], slots, first[: head + 1], child[:moves], gain[:moves], action[:moves], head == count)


def load_states(suite: Suite, *functions: Callable[..., Any]) -> Any:
    """A module with ``functions``, and those of this one that they call, for a suite: compiled or from the cache.

    They may be ``explore`` and ``restrict`` or such as call ``expand`` in their turn.
    """
    name = "_".join([*(f"{f.__name__}_{kernel_folder(f.__module__).name}" for f in functions), suite.fingerprint()])
    if name in sys.modules:
        return sys.modules[name]
    if not any(kernel_folder(name).rglob(f"{name}*.nbi")):
        print(f"compiling {len(suite)} rules of counterpoint (once; cached) ...", file=sys.stderr, flush=True)
    return generated(kernel_folder(__name__) / f"{name}.py", suite, lambda: _generate(suite, functions))


def _generate(suite: Suite, functions: tuple[Callable[..., Any], ...]) -> str:
    decorator = decorator_of(suite)
    lines = ['"""Generated: functions of musicenv/counterpoint/moves.py with the rules of one suite."""', ""]
    lines += ["import numba", ""]
    lines += [f"from {name} import *" for name in dict.fromkeys([__name__, *(f.__module__ for f in functions)])]
    lines += ["from musicenv.jit import compiled", "", decorator, "def is_allowed(melody):"]
    lines += [f"    if rule_{k}(melody) < 0.0:\n        return False" for k, term in enumerate(suite) if term.rule.hard]
    lines += ["    return True", "", decorator, "def score(melody, weight):", "    total = 0.0"]
    soft = [(k, term.rule) for k, term in enumerate(suite) if not term.rule.hard]
    lines += [f"    total += weight[{k}] * rule_{k}(melody)" for k, rule in soft if not rule.at_end]
    lines += ["    if melody.time == melody.end:"]
    lines += [f"        total += weight[{k}] * rule_{k}(melody)" for k, rule in soft if rule.at_end]
    lines += ["        return total", "    return total", "", decorator, *summarise_source(suite)]
    for function in (permitted, expand, key_of, enter, *functions):
        lines += source_of(function, decorator)
    return "\n".join([*lines, ""])
