"""Rules: the same in Python and compiled, added, scaled, named and checked."""

import types
import warnings
from pathlib import Path
from typing import Any, cast

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musicenv import kernel
from musicenv.alphabet import N_ACTIONS, action_of
from musicenv.batch import Batch
from musicenv.env import MelodyEnv
from musicenv.melody import melody_from_notes
from musicenv.options import Options
from musicenv.refused import SlowRuleWarning
from musicenv.task import Task
from rewards.judging import judge
from rewards.named import suite_of
from rewards.rules import Curve, Rule, RuleError, Suite, Term, rule, statistic


@rule
def rising(melody: Any) -> float:
    return 1.0 if len(melody.pitch) > 1 and melody.pitch[-1] > melody.pitch[-2] > 0 else 0.0


@statistic
def length(melody: Any) -> float:
    return float(len(melody.pitch))


@statistic(at_end=True)
def last_pitch(melody: Any) -> float:
    return float(melody.pitch[-1])


@rule
def counts_tonics(melody: Any) -> float:
    """numba refuses tolist; Python doesn't mind."""
    return float(melody.pitch.tolist().count(60) > 2)


def five_metres(values: list[float], fall: float = 0.0) -> Curve:
    ones = np.ones(5)
    return Curve(lo=ones * 0, step=ones * 10, table=np.tile(values, (5, 1)), threshold=ones * 0.5, fall=fall)


def play(batch: Batch, seed: int) -> tuple[list[Any], np.ndarray[Any, Any]]:
    """Random legal notes until each melody has ended once: the pieces and their returns."""
    rng = np.random.default_rng(seed)
    generators = [rng] * batch.n
    batch.reset(generators)
    returns, pieces = np.zeros(batch.n), [None] * batch.n
    while any(piece is None for piece in pieces):
        actions = np.array([rng.choice(np.flatnonzero(mask)) for mask in batch.masks])
        final = batch.advance(actions, generators)
        returns += [r if pieces[i] is None else 0.0 for i, r in enumerate(batch.rewards)]
        for r, i in enumerate(final.rows if final else []):
            if pieces[i] is None:
                pieces[i] = final.melody[r]  # type: ignore[union-attr]
    return pieces, returns


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10_000), metre=st.sampled_from(["4/4", "6/8", "9/8"]))
def test_the_compiled_step_pays_what_the_plain_rules_say(seed: int, metre: str) -> None:
    suite = 0.5 * rising + Suite((Term(length, 2.0, five_metres([0.0, 1.0, 0.2])), Term(last_pitch, 0.1))).with_bonus(
        3.0
    )
    pieces, returns = play(Batch(4, Options(bars=2, metre=metre).tasks(), suite, None), seed)
    assert judge(suite, pieces).returns == pytest.approx(returns)


def test_the_whole_theory_suite_is_the_same_compiled_and_in_python() -> None:
    suite = suite_of("theory", has_prior=False)
    pieces, returns = play(Batch(6, Options(metre=("4/4", "6/8", "3/4")).tasks(), suite, None), 0)
    assert judge(suite, pieces).returns == pytest.approx(returns, abs=1e-6)


def test_a_rule_that_numba_refuses_runs_as_python_and_says_what_it_costs() -> None:
    suite = counts_tonics + rising
    with pytest.warns(
        SlowRuleWarning, match=r"'counts_tonics' .*test_rules\.py:\d+\) runs as Python, about [\d.]+ us a call"
    ):
        batch = Batch(2, Options(bars=1).tasks(), suite, None)
    pieces, returns = play(batch, 1)
    assert judge(suite, pieces).returns == pytest.approx(returns)


def test_suites_add_and_scale() -> None:
    suite = 2 * (0.5 * rising + length) + last_pitch
    assert suite.names == ("rising", "length", "last_pitch")
    assert [term.weight for term in suite] == [1.0, 2.0, 1.0]
    assert sum([rising, length * 1.0]).names == ("rising", "length")  # type: ignore[union-attr, list-item]
    with pytest.raises(ValueError, match="'rising' is in the suite twice"):
        suite + rising


def test_a_bonus_is_for_pieces_that_pass_everything() -> None:
    few_notes = Suite((Term(length, 1.0, five_metres([1.0, 0.0])),), bonus=5.0)
    task = Task(bars=1)
    short = melody_from_notes([60, 62], [24, 24], task)
    long = melody_from_notes([60, 62] * 8, [3] * 16, task)
    assert judge(few_notes, [short, long]).returns == pytest.approx([0.8 + 5.0, 0.0])


def test_a_statistic_that_is_not_defined_is_neutral() -> None:
    @statistic
    def undefined(melody: Any) -> float:
        return np.nan

    judged = judge(undefined * 3.0, [melody_from_notes([60], [48], Task(bars=1))])
    assert judged.returns[0] == 0.0
    assert judged.passed.all()


def test_suites_are_found_by_name() -> None:
    theory = suite_of("theory", has_prior=False)
    assert suite_of({"theory": 2.0}, has_prior=False).terms[0].weight == 2 * theory.terms[0].weight
    assert suite_of("theory.cadence=3", has_prior=False).names == ("cadence",)
    assert len(suite_of(None, has_prior=True)) > len(theory)


def test_a_users_rule_is_found_by_module_and_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_own_rules.py").write_text(
        "from rewards.rules import rule\n\n@rule\ndef high(melody):\n    return 1.0 if melody.pitch[-1] > 72 else 0.0\n"
        "\ndef plain(melody):\n    return 0.0\n"
    )
    monkeypatch.chdir(tmp_path)
    suite = suite_of("my_own_rules:high=0.5", has_prior=False)
    assert suite.names == ("high",)
    assert suite.terms[0].weight == 0.5
    pieces, returns = play(Batch(2, Options(bars=1).tasks(), suite, None), 2)
    assert returns == pytest.approx([0.5 * (piece.pitch > 72).sum() for piece in pieces])
    with pytest.raises(ValueError, match="is a function, not a rule; put @rule"):
        suite_of("my_own_rules:plain", has_prior=False)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("melodious", "is not known; choose default, theory"),
        ("theory.melodious", "theory has no term 'melodious'"),
        ("theory=much", "'much' is not a weight"),
        ("no_such_module:rule", "there is no module 'no_such_module'"),
        ("rewards.rules:no_such_rule", "has no 'no_such_rule'"),
        ({}, "the reward is empty"),
        ({"theory": "a"}, "'a' is not a weight"),
        ("theory=nan", "nan is not a weight"),
        (max, "is a plain function, not a rule; put @rule"),
    ],
)
def test_a_reward_that_is_not_there_is_named(name: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        suite_of(name, has_prior=False)


@pytest.mark.parametrize(
    "body",
    [
        "return 1.0 if melody.pitch[-1] > LIMIT else 0.0",
        "return 1.0 if len([p for p in melody.pitch[-1:] if p > LIMIT]) > 0 else 0.0",
        "return 1.0 if melody.pitch[-1] > constant else 0.0",
        "return 1.0 if melody.pitch[-1] > scalar else 0.0",
        "return 1.0 if melody.pitch[-1] > module.constant else 0.0",
        "return helper(melody.pitch[-1])",
    ],
)
def test_an_edited_rule_is_compiled_again(body: str) -> None:
    """The cached step must not outlive the rule: same file, same name, another constant somewhere."""

    def high(limit: int) -> Rule:
        module = types.ModuleType("constants")
        module.constant = limit  # type: ignore[attr-defined]
        scope = {"__name__": "mine", "constant": limit, "scalar": np.int64(limit), "module": module, "numba": numba}
        exec(f"@numba.njit\ndef helper(p):\n    return 1.0 if p > {limit} else 0.0\n", scope)
        exec(f"def high(melody):\n    {body.replace('LIMIT', str(limit))}\n", scope)
        return rule(cast(Any, scope["high"]))

    for limit in (60, 80):
        pieces, returns = play(Batch(2, Options(bars=1).tasks(), high(limit) * 1.0, None), 3)
        assert returns == pytest.approx([float((piece.pitch > limit).sum()) for piece in pieces])


def test_when_a_statistic_is_paid_is_part_of_the_step() -> None:
    for at_end in (True, False):
        paid: list[float] = []
        batch = Batch(1, Options(bars=2).tasks(), Rule(length.function, "piece", "length", at_end) * 1.0, None)
        batch.reset([np.random.default_rng(0)])
        for _ in range(2):
            batch.step(np.array([action_of(60, 48)]))
            paid.append(batch.rewards[0])
        assert paid == ([0.0, 2.0] if at_end else [1.0, 1.0])


def test_each_reward_is_what_the_plain_rules_gained_by_the_note() -> None:
    """A reference in plain Python: rules at each note, statistics at bar lines and at the end, the bonus last."""
    terms = (Term(length, 2.0, five_metres([0.0, 1.0, 0.2], fall=0.7)), Term(last_pitch, 0.1))
    suite = (0.5 * rising + Suite(terms)).with_bonus(3.0)
    batch = Batch(1, Options(bars=3, metre="3/4", pickup=6).tasks(), suite, None)
    rng = np.random.default_rng(4)
    batch.reset([rng])
    told, paid = np.zeros(len(suite)), 0.0
    while not batch.finished[0] or paid == 0.0:
        before = batch.lines.frame[0, kernel.TIME]
        batch.step(np.array([rng.choice(np.flatnonzero(batch.masks[0]))]))
        batch.observe(np.arange(1))
        melody = batch.melody(0)
        ended = melody.time == melody.end
        at_bar = ended or before // melody.bar != melody.time // melody.bar
        now = told.copy()
        for k, term in enumerate(suite):
            if term.rule.kind == "note":
                now[k] += term.weight * term.score(melody)
            elif ended or (at_bar and not term.rule.at_end):
                now[k] = term.weight * term.score(melody)
        bonus = 3.0 if ended and now[1] / 2.0 >= 0.5 else 0.0
        assert batch.rewards[0] == pytest.approx(now.sum() - told.sum() + bonus)
        told, paid = now, 1.0
        if ended:
            break


@rule
def returns_nothing(melody: Any) -> float:  # type: ignore[return]
    len(melody.pitch)


@rule
def returns_a_pair(melody: Any) -> float:
    return (1.0, 2.0)  # type: ignore[return-value]


@pytest.mark.parametrize("bad", [returns_nothing, returns_a_pair])
def test_a_rule_that_returns_no_number_is_named(bad: Rule) -> None:
    with pytest.raises(RuleError, match=rf"rule '{bad.name}' returns .*, not a number"):
        Batch(1, Options(bars=1).tasks(), bad * 1.0, None)


def test_no_warning_where_every_rule_compiles() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        batch = Batch(1, Options(bars=1).tasks(), rising * 1.0, None)
    assert not batch.arrays.in_python.any()
    assert batch.masks.shape == (1, N_ACTIONS)


def test_a_rule_that_was_typed_into_no_module_is_a_rule() -> None:
    typed: dict[str, Any] = {}
    exec("def on_c(melody):\n    return float(melody.pitch[-1] == 60)", typed)
    assert typed["on_c"].__module__ in (None, "builtins")
    with pytest.warns(SlowRuleWarning, match="on_c"):  # numba compiles nothing that has no module
        env = MelodyEnv(prior=None, reward=rule(typed["on_c"]))
    env.reset(seed=0)
    assert [env.step(np.int64(action_of(pitch, 12)))[1] for pitch in (60, 62)] == [1.0, 0.0]
