"""The exact solver against trying everything, on tiny tasks, with rules in Python."""

import itertools

import numpy as np
import pytest

from mcts.merged_beam import beam_search
from musicenv.alphabet import LOWEST, N_PITCHES, REST, action_of
from musicenv.counterpoint.batch import CounterpointBatch
from musicenv.counterpoint.branch import branch_and_bound
from musicenv.counterpoint.sets import known_tasks, members, regret, rules_hash
from musicenv.counterpoint.solver import melody_of, solve, viability
from musicenv.counterpoint.tasks import counterpoint
from rewards import counterpoint as rules
from rewards.counterpoint.whole import heard_before
from rewards.judging import judge
from rewards.rules import RuleError, Suite, rule
from rewards.summaries import updated

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


@rule(hard=True, window=1)
def in_the_middle(melody):
    """So few notes that all lines can be tried."""
    return 0.0 if melody.pitch[-1] == 0 or 67 <= melody.pitch[-1] <= 72 else -1.0


def every_line(task, suite):
    """Actions and score of all legal lines, by the rules in plain Python."""
    hard = [term.rule for term in suite if term.rule.hard]
    lines = []

    def grow(actions, summary, left):
        if not left:
            lines.append(tuple(actions))
            return
        for number in range(N_PITCHES):
            longer = [*actions, action_of(REST if number == 0 else number + LOWEST - 1, left[0])]
            melody = melody_of(task, longer)._replace(summary=summary)
            if all(rule(melody) >= 0 for rule in hard):
                grow(longer, updated(melody, suite.summaries), left[1:])

    for durations in rhythms(task):
        grow([], suite.unsummarised(), durations)
    scores = judge(suite, [melody_of(task, list(line)) for line in lines]).returns
    return dict(zip(lines, scores.tolist(), strict=True))


def uniform_mean(lines):
    """Expected score of lines whose every note is drawn evenly among those that lead to one of ``lines``."""
    follows = {}
    for notes, k in itertools.product(lines, range(max(map(len, lines)))):
        if k < len(notes):
            follows.setdefault(notes[:k], set()).add(notes[k])
    chances = {notes: np.prod([1 / len(follows[notes[:k]]) for k in range(len(notes))]) for notes in lines}
    return sum(chances[notes] * score for notes, score in lines.items())


@pytest.mark.parametrize(("species", "above"), [(1, True), (2, False), (3, True), (4, True)])
def test_the_solver_agrees_with_trying_every_line(species, above):
    task, suite = counterpoint(TINY[species], "C", species, above), rules.suite(species, form=True)
    suite += in_the_middle if species == 3 else Suite(())
    lines = every_line(task, suite)
    solution = solve(task, suite)
    best = max(lines.values())
    assert solution.optimum == best
    assert solution.optima[0] == sum(score == best for score in lines.values())
    assert solution.uniform == pytest.approx(uniform_mean(lines))
    assert {tuple(solution.line(k)) for k in range(solution.optima[0])} == {
        notes for notes, score in lines.items() if score == best
    }
    # The notes from which a legal end can be reached, and what each loses against the best.
    for notes, k in itertools.product(list(lines)[:: max(len(lines) // 8, 1)], range(len(next(iter(lines))) - 1)):
        follows = {}
        for other, score in lines.items():
            if other[:k] == notes[:k]:
                follows[other[k]] = max(score, follows.get(other[k], score))
        regrets = {action: max(follows.values()) - score for action, score in follows.items()}
        assert solution.regrets(solution.state(list(notes[:k]))) == regrets
    assert beam_search(task, suite, 10_000)[0] == solution.optimum


def test_rules_that_read_the_whole_line_are_bounded_by_those_that_do_not():
    @rule
    def new_pitches(melody):
        return -float(np.count_nonzero(melody.pitch[:-1] == melody.pitch[-1]))

    task, suite = counterpoint(TINY[1], "C", 1), rules.suite(1) + 3.0 * new_pitches
    lines = every_line(task, suite)
    proved = branch_and_bound(task, suite)
    assert proved.score == max(lines.values()) == lines[proved.line]
    assert proved.nodes < len(lines)
    with pytest.raises(RuleError, match="1 lines were looked at without a proof"):
        branch_and_bound(task, suite, most_nodes=1)
    with pytest.raises(RuleError, match="pays instead of costing"):
        branch_and_bound(task, rules.suite(1) + -1.0 * new_pitches)


def test_no_pattern_comes_twice():
    known = known_tasks("plain")["fux_g-1-below"]
    proved = branch_and_bound(known.task, known.suite + 5.0 * heard_before)
    assert known.uniform < proved.score <= known.optimum
    melody = melody_of(known.task, list(proved.line))
    assert judge(known.suite + 5.0 * heard_before, [melody]).returns[0] == proved.score


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
        viability(counterpoint((60, 95, 62, 60), "C", 1), rules.suite(1))


@pytest.mark.parametrize("name", ["form", "plain"])
def test_the_sets_ship_with_their_optima(name):
    tasks = known_tasks(name)
    assert len(tasks) == len(members(name)) == {"form": 48, "plain": 192}[name]
    rng = np.random.default_rng(0)
    for known in rng.permutation(np.array(list(tasks.values()), dtype=object))[:12]:
        assert known.rules == rules_hash(), "a rule has changed: run python -m experiments.solve"
        melody = melody_of(known.task, list(known.line))
        assert judge(known.suite, [melody]).returns[0] == known.optimum
        assert known.optimum > -rules.FORBIDDEN
        assert regret(known.optimum, known) == 0.0 and regret(known.uniform, known) == 1.0


def test_quick_shipped_tasks_are_solved_again():
    known = known_tasks("form")["fux_c-1-below"]
    solution = solve(known.task, known.suite)
    assert (solution.optimum, solution.optima[0], solution.uniform) == (known.optimum, known.optima, known.uniform)


def test_a_batch_tells_lines_apart_as_the_solver_does():
    task, suite = counterpoint(TINY[1], "C", 1), rules.suite(1)
    solution, batch, made = solve(task, suite), CounterpointBatch(1, [task], suite, "viable"), []
    batch.reset([np.random.default_rng(0)])
    for action in solution.line()[:-1]:
        batch.step(np.array([action]))
        made.append(action)
        assert batch.keys(np.arange(1))[0] == solution.graph.keys[solution.state(made)]
