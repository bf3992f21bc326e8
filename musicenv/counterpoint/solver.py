"""Exact solutions: the best line, how many there are, what every state is worth.

Dynamic programming over all states that can be reached (``musicenv.counterpoint.space``), backwards from the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import N_DURATIONS, N_PITCHES, note_of
from musicenv.counterpoint.moves import explore, load_states, restrict
from musicenv.counterpoint.space import FINISHED, Graph, Integers, Space, Table, new_space
from musicenv.jit import compiled
from musicenv.melody import Melody, melody_from_notes
from musicenv.task import Task
from rewards.rules import RuleError, Suite

MOST_STATES: Final = 20_000_000
"""Where exploring gives up: some 3 GB."""
Floats = npt.NDArray[np.float64]


def hard_rules(suite: Suite) -> Suite:
    """The rules of a suite that forbid."""
    return Suite(tuple(term for term in suite if term.rule.hard))


def unknown(space: Space) -> Table:
    """The table that knows no state."""
    return Table(space, np.zeros(0, np.int64), np.full(1, -1, np.int32), np.zeros(0, np.int64))


def _explored(task: Task, suite: Suite, table: Table | None) -> tuple[Space, Graph]:
    space = new_space(task, suite)
    graph: Graph = load_states(suite, explore, restrict).explore(space, table or unknown(space), MOST_STATES)
    if not graph.complete:
        raise RuleError(
            f"more than {MOST_STATES:,} states can be reached; let the rules read less, or shorten the task"
        )
    return space, graph


def viability(task: Task, suite: Suite) -> Table:
    """From which states a legal end can be reached, by which notes, under the hard rules of ``suite``.

    The tables last made are kept, so that all who ask share them.
    """
    return _viability(task, hard_rules(suite))


@lru_cache(maxsize=512)
def _viability(task: Task, hard: Suite) -> Table:
    space, graph = _explored(task, hard, None)
    value, _, _ = _backwards(np.argsort(graph.keys >> space.shift, kind="stable"), graph)
    if value[0] == -np.inf:
        raise ValueError("the hard rules leave no line at all against this cantus firmus; choose another, or species 1")
    bits = _viable_bits(graph, value, space.indices)
    return Table(space, graph.keys, graph.slots, bits)


@compiled
def _viable_bits(graph: Graph, value: Floats, indices: Integers) -> Integers:
    bits = np.zeros(value.size, np.int64)
    for s in range(value.size):
        for move in range(graph.first[s], graph.first[s + 1]):
            if graph.child[move] == FINISHED or value[graph.child[move]] > -np.inf:
                number, index = graph.action[move] // N_DURATIONS, graph.action[move] % N_DURATIONS
                d = 1 if indices.size > 1 and index == indices[1] and graph.child[move] != FINISHED else 0
                bits[s] |= 1 << N_PITCHES * d + number
    return bits


@compiled
def _backwards(order: Integers, graph: Graph) -> tuple[Floats, Integers, Floats]:
    """For each state what the best line adds from there, how many lines do, and the mean over lines whose every note is
    drawn evenly among those from which a legal end can be reached; ``order`` (n,) by time."""
    value, optima, mean = np.full(order.size, -np.inf), np.zeros(order.size, np.int64), np.zeros(order.size)
    for s in order[::-1]:
        total, ways = 0.0, 0
        for move in range(graph.first[s], graph.first[s + 1]):
            child = graph.child[move]
            rest = 0.0 if child == FINISHED else value[child]
            if rest == -np.inf:
                continue
            ways += 1
            total += graph.gain[move] + (0.0 if child == FINISHED else mean[child])
            if graph.gain[move] + rest > value[s]:
                value[s], optima[s] = graph.gain[move] + rest, 0
            if graph.gain[move] + rest == value[s]:
                optima[s] += 1 if child == FINISHED else optima[child]
        mean[s] = total / ways if ways else 0.0
    return value, optima, mean


@dataclass(frozen=True)
class Solution:
    """A task that was solved exactly."""

    task: Task
    suite: Suite
    graph: Graph
    value: Floats
    """(n,) what the best line still gains from each state."""
    optima: Integers
    """(n,) how many lines do."""
    mean: Floats
    """(n,) expected gain where each note is drawn evenly among those from which a legal end can be reached."""

    @property
    def optimum(self) -> float:
        """The best score of a whole line."""
        return float(self.value[0])

    @property
    def uniform(self) -> float:
        """Expected score of notes drawn evenly among those from which a legal end can be reached."""
        return float(self.mean[0])

    def line(self, first: int = 0) -> list[int]:
        """The actions of one optimal line; ``first`` numbers them from 0 to ``optima[0] - 1``."""
        state, line = 0, []
        while state != FINISHED:
            for move in self._moves(state):
                child = int(self.graph.child[move])
                if self._worth(move) == self.value[state]:
                    ways = 1 if child == FINISHED else int(self.optima[child])
                    if first < ways:
                        line.append(int(self.graph.action[move]))
                        state = child
                        break
                    first -= ways
            else:
                raise IndexError(f"there are {self.optima[0]} optimal lines")
        return line

    def state(self, actions: list[int]) -> int:
        """The state after ``actions``; ValueError where they lead to none from which a legal end can be reached."""
        state = 0
        for action in actions:
            found = [move for move in self._moves(state) if self.graph.action[move] == action]
            if not found or self.graph.child[found[0]] == FINISHED:
                raise ValueError(f"action {action} is illegal there, leads to no legal end, or ends the line")
            state = int(self.graph.child[found[0]])
        return state

    def regrets(self, state: int) -> dict[int, float]:
        """What each note that may follow loses against the best one, by action."""
        return {int(self.graph.action[m]): float(self.value[state] - self._worth(m)) for m in self._moves(state)}

    def _moves(self, state: int) -> range:
        return range(int(self.graph.first[state]), int(self.graph.first[state + 1]))

    def _worth(self, move: int) -> float:
        child = self.graph.child[move]
        return float(self.graph.gain[move] + (0.0 if child == FINISHED else self.value[child]))


def solve(task: Task, suite: Suite) -> Solution:
    """Solve ``task`` under ``suite``, whose rules declare what they read; weights have to be whole numbers to count
    optima exactly."""
    space, graph = _explored(task, suite, viability(task, suite))
    value, optima, mean = _backwards(np.argsort(graph.keys >> space.shift, kind="stable"), graph)
    return Solution(task, suite, graph, value, optima, mean)


def melody_of(task: Task, actions: list[int]) -> Melody:
    """The melody that ``actions`` compose."""
    notes = [note_of(action) for action in actions]
    return melody_from_notes([pitch for pitch, _ in notes], [ticks for _, ticks in notes], task)
