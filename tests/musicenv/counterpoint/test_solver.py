"""The exact solver against trying everything, on tiny tasks, with rules in Python."""

import itertools

import numpy as np
import pytest

from mcts.merged_beam import beam_search
from musicenv.alphabet import LOWEST, N_PITCHES, REST, action_of
from musicenv.counterpoint.sets import known_tasks, members, regret, rules_hash
from musicenv.counterpoint.solver import melody_of, solve, viability
from musicenv.counterpoint.tasks import counterpoint
from rewards import counterpoint as rules
from rewards.judging import judge, prefixes
from rewards.rules import RuleError, rule

TINY = {1: (60, 65, 64, 62, 60), 2: (60, 64, 62, 60), 3: (60, 62, 60), 4: (60, 64, 62, 60)}
"""Cantus firmi for which every line can be tried."""


def rhythms(task):
    """The durations that each species allows."""
    if task.species == 4:
        inner = task.bars - 2
        for ties in itertools.product((True, False), repeat=inner):
            yield [24, *(ticks for tie in ties for ticks in ([48] if tie else [24, 24])), 24, 48]
    else:
        parts = (1, 2, 4)[task.species - 1]
        yield [48 // parts] * (parts * (task.bars - 1)) + [48]


def every_line(task, suite):
    """Actions, score and, of each note, how many others were as good a choice, of all legal lines; in plain Python."""
    hard = [term.rule for term in suite if term.rule.hard]
    found = {}

    def grow(actions, left):
        if not left:
            found[tuple(actions)] = None
            return
        for number in range(N_PITCHES):
            action = action_of(REST if number == 0 else number + LOWEST - 1, left[0])
            melody = list(prefixes(melody_of(task, [*actions, action]), suite))[-1]
            if all(rule(melody) >= 0 for rule in hard):
                grow([*actions, action], left[1:])

    for durations in rhythms(task):
        grow([], durations)
    scores = judge(suite, [melody_of(task, list(line)) for line in found]).returns
    return dict(zip(found, scores.tolist(), strict=True))


def uniform_mean(lines):
    """Expected score of lines whose every note is drawn evenly among those that lead to one of ``lines``."""
    total = 0.0
    for line, score in lines.items():
        chance = 1.0
        for k in range(len(line)):
            chance /= len({other[k] for other in lines if other[:k] == line[:k]})
        total += chance * score
    return total


@pytest.mark.parametrize(("species", "above"), [(1, True), (2, False), (3, True), (4, True)])
def test_the_solver_agrees_with_trying_every_line(species, above):
    task, suite = counterpoint(TINY[species], "C", species, above), rules.suite(species, form=True)
    lines = every_line(task, suite)
    solution = solve(task, suite)
    best = max(lines.values())
    assert solution.optimum == best
    assert solution.optima[0] == sum(score == best for score in lines.values())
    assert solution.uniform == pytest.approx(uniform_mean(lines))
    assert {tuple(solution.line(k)) for k in range(solution.optima[0])} == {
        line for line, score in lines.items() if score == best
    }
    # The notes from which a legal end can be reached, and what each loses.
    some = list(lines)[:: max(len(lines) // 20, 1)]
    for line, k in itertools.product(some, range(len(some[0]) - 1)):
        follows = {
            other[k]: max(s for o, s in lines.items() if o[: k + 1] == other[: k + 1])
            for other in lines
            if other[:k] == line[:k]
        }
        best = max(follows.values())
        state = solution.state(list(line[:k]))
        assert solution.regrets(state) == {action: best - score for action, score in follows.items()}
    assert beam_search(task, suite, 10_000)[0] == solution.optimum


def test_a_narrow_beam_finds_a_legal_line_and_a_wider_one_no_worse_than_it_says():
    task, suite = counterpoint((62, 65, 64, 62, 67, 65, 69, 67, 65, 64, 62), "D dorian", 1), rules.suite(1, form=True)
    for width, merged in ((1, False), (8, False), (64, True)):
        score, actions = beam_search(task, suite, width, merged)
        found = judge(suite, [melody_of(task, actions.tolist())])
        assert found.returns[0] == score <= solve(task, suite).optimum


def test_a_rule_that_declares_nothing_cannot_be_solved():
    @rule
    def whole_line(melody):
        return -float(len(melody.pitch))

    task = counterpoint(TINY[1], "C", 1)
    with pytest.raises(RuleError, match="'whole_line' declares no window"):
        solve(task, rules.suite(1) + whole_line)
    with pytest.raises(ValueError, match="species=0"):
        solve(type(task)(), rules.suite(1))


def test_a_cantus_without_any_legal_line_is_said_so():
    with pytest.raises(ValueError, match="no line at all"):
        viability(counterpoint((60, 71, 62, 60), "C", 4), rules.suite(4))


@pytest.mark.parametrize("name", ["form", "plain"])
def test_the_sets_ship_with_their_optima(name):
    tasks = known_tasks(name)
    assert len(tasks) == len(members(name)) == {"form": 48, "plain": 192}[name]
    rng = np.random.default_rng(0)
    for known in rng.permutation(np.array(list(tasks.values()), dtype=object))[:12]:
        assert known.rules == rules_hash(), "a rule has changed: run python -m experiments.solve"
        melody = melody_of(known.task, list(known.line))
        assert judge(known.suite, [melody]).returns[0] == known.optimum
        assert regret(known.optimum, known) == 0.0 and regret(known.uniform, known) == 1.0


def test_quick_shipped_tasks_are_solved_again():
    known = known_tasks("form")["fux_c-1-below"]
    solution = solve(known.task, known.suite)
    assert (solution.optimum, solution.optima[0], solution.uniform) == (known.optimum, known.optima, known.uniform)
