"""Beam search over states of counterpoint: lines that no rule can tell apart any more are one."""

from __future__ import annotations

import numpy as np

from mcts.values import N_FEATURES, UNKNOWN, Weights, value_of
from musicenv.counterpoint.moves import expand, load_states
from musicenv.counterpoint.solver import viability
from musicenv.counterpoint.space import (
    FINISHED,
    MOVES,
    TIME_UNIT,
    Integers,
    Space,
    Table,
    grown,
    new_space,
    pack,
    slot_of,
)
from musicenv.kernel import END
from musicenv.task import Task
from rewards.rules import Suite


def beam(
    space: Space, spare: Space, table: Table, width: int, merged: bool, weights: Weights
) -> tuple[float, Integers]:
    """Return and actions of the best line that a beam of ``width`` states finds; lines that end at the same time
    compete, and with ``merged`` only the best of those that are one state.

    They compete by what they gained and, unless ``weights`` is UNKNOWN, by what their states are worth; ``spare`` is
    another space of the same task, whose room is overwritten.
    """
    size = 4
    while size < 4 * width:
        size *= 2
    times = space.frame[END] // TIME_UNIT
    head, room = np.full(times + 1, -1, np.int64), 1 << 12
    keys, total, earlier = np.empty(room, np.int64), np.empty(room, np.float64), np.empty(room, np.int64)
    hope, cases = np.zeros(room, np.float64), np.empty(N_FEATURES, np.int64)
    taken, follows = np.empty(room, np.int64), np.empty(room, np.int64)
    new, gains, actions = np.empty(MOVES, np.int64), np.empty(MOVES, np.float64), np.empty(MOVES, np.int64)
    keys[0] = pack(space, space.pitch[:0], space.duration[:0], 0, space.initial)
    total[0], earlier[0], taken[0], follows[0], head[0] = 0.0, -1, -1, -1, 0
    count = 1
    for time in range(times):
        waiting = 0
        node = head[time]
        while node >= 0:
            waiting += 1
            node = follows[node]
        nodes = np.empty(waiting, np.int64)
        node = head[time]
        for k in range(waiting - 1, -1, -1):
            nodes[k] = node
            node = follows[node]
        nodes = nodes[np.argsort(-hope[nodes], kind="mergesort")]
        slots, kept = np.full(size, -1, np.int32), 0
        chosen = np.empty(width, np.int64)
        for node in nodes:
            if kept == width:
                break
            slot = slot_of(keys[node], keys, slots)
            if merged and slots[slot] >= 0:
                continue
            slots[slot] = node
            chosen[kept] = node
            kept += 1
        for node in chosen[:kept]:
            found = expand(space, keys[node], table, new, gains, actions)
            if count + MOVES > room:
                room *= 2
                keys, total, earlier = grown(keys, room), grown(total, room), grown(earlier, room)
                taken, follows, hope = grown(taken, room), grown(follows, room), grown(hope, room)
            for k in range(found):
                at = times if new[k] == FINISHED else new[k] >> space.shift
                keys[count], total[count] = new[k], total[node] + gains[k]
                hope[count] = total[count]
                if weights.size > 0 and new[k] != FINISHED:
                    hope[count] += value_of(spare, new[k], weights, cases)
                earlier[count], taken[count], follows[count] = node, actions[k], head[at]
                head[at] = count
                count += 1
    best = head[times]
    node = best
    while node >= 0:
        best = node if total[node] >= total[best] else best
        node = follows[node]
    length, node = 0, best
    while node > 0:
        length += 1
        node = earlier[node]
    line, node = np.empty(length, np.int64), best
    for k in range(length - 1, -1, -1):
        line[k] = taken[node]
        node = earlier[node]
    return total[best] if best >= 0 else -np.inf, line


def beam_search(
    task: Task, suite: Suite, width: int, merged: bool = True, weights: Weights = UNKNOWN
) -> tuple[float, Integers]:
    """Score and actions of the best line that a beam finds, among notes from which a legal end can be reached."""
    if width < 1:
        raise ValueError(f"width={width} is too small; a beam keeps at least 1 line")
    found: tuple[float, Integers] = load_states(suite, beam).beam(
        new_space(task, suite), new_space(task, suite), viability(task, suite), width, merged, weights
    )
    return found
