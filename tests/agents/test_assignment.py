"""From a task's name to a batch: melodies and counterpoint are made the same way for whoever composes."""

from pathlib import Path

import numpy as np
import pytest

from agents.assignment import assignment
from agents.compose import compose, prior
from agents.named import agent_of, named
from agents.policy import policy_agent
from agents.training import Settings, build
from musicenv.batch import Batch
from musicenv.counterpoint.batch import TEMPERATURE, CounterpointBatch
from musicenv.counterpoint.moves import IMPOSSIBLE
from musicenv.counterpoint.sets import OF_FORM, known_tasks
from musicenv.counterpoint.space import MOVES
from musicenv.counterpoint.tasks import cantus_firmi, made_cantus_firmi


def test_melody_is_what_is_composed_unless_a_task_says_otherwise():
    found = assignment(options={"bars": 4, "key": "all"}, reward="theory", prior=None)
    assert type(found.batch(1)) is Batch
    assert {task.bars for task in found.tasks} == {4} and len(found.tasks) == 48
    assert (found.suite.bonus, assignment(reward="theory", prior=None, bonus=3.0).suite.bonus) == (35.0, 3.0)


@pytest.mark.parametrize("name", ["form", "plain"])
def test_a_task_that_is_solved_goes_by_its_name(name):
    for known in list(known_tasks(name).values())[::7]:
        found = assignment(f"counterpoint:{known.name}" + ("-plain" if name == "plain" else ""))
        assert found.tasks == (known.task,)
        assert found.suite.names == known.suite.names
        assert found.suite.bonus == 0.0


def test_several_cantus_firmi_and_sides():
    assert len(assignment("counterpoint:all-1-both").tasks) == 2 * len(cantus_firmi())
    assert len(assignment("counterpoint:fux_d,fux_e-2-above").tasks) == 2


def test_what_is_trained_on_is_not_what_is_tested_on():
    made = {line for line, _ in made_cantus_firmi()}
    assert len(made) == len(made_cantus_firmi()) == 192
    assert len(assignment("counterpoint:made-3-both").tasks) == 384
    shapes = {tuple(np.diff(line)) for line in made}
    assert not shapes & {tuple(np.diff(cantus_firmi()[name].pitches)) for name in OF_FORM}


@pytest.mark.parametrize("species", [1, 4])
def test_the_prior_of_counterpoint_is_what_a_note_is_paid_at_once(species):
    batch = assignment(f"counterpoint:fux_e-{species}-below").batch(MOVES)
    rng = np.random.default_rng(0)
    batch.reset([rng] * MOVES)
    while not batch.finished[0]:
        before = {name: array.copy() for name, array in batch.get_state().items()}
        log_probs, moves = batch.log_probs[0].copy(), np.flatnonzero(batch.masks[0])
        batch.step(np.resize(moves, MOVES))  # each place tries another note
        paid = batch.rewards[: moves.size]
        expected = paid / TEMPERATURE - np.log(np.exp(paid / TEMPERATURE).sum())
        np.testing.assert_allclose(log_probs[moves], expected, atol=1e-4)
        assert (np.delete(log_probs, moves) == IMPOSSIBLE).all()
        batch.set_state(before)
        batch.step(np.full(MOVES, rng.choice(moves)))


def test_a_policy_begins_as_that_prior_and_plays_what_is_allowed():
    batch = assignment("counterpoint:fux_d,fux_e-4-both").batch(8)
    trained = build(Settings(task="counterpoint:fux_d,fux_e-4-both", envs=8, rollout=8))
    rng = np.random.default_rng(0)
    batch.reset([rng] * 8)
    for _ in range(20):
        np.testing.assert_allclose(np.exp(policy_agent(trained.model.policy)(batch)), np.exp(prior()(batch)), atol=1e-5)
        assert (np.isfinite(prior()(batch)) == (batch.masks > 0)).all()
        batch.advance(np.array([rng.choice(np.flatnonzero(mask)) for mask in batch.masks]), [rng] * 8)


def test_after_the_last_note_the_log_probabilities_are_still_such():
    batch = assignment("counterpoint:fux_d-1-above").batch(1)
    batch.reset([np.random.default_rng(0)])
    for action in known_tasks("form")["fux_d-1-above"].line:
        batch.step(np.array([action]))
    assert batch.finished[0]
    assert np.exp(batch.log_probs[0]).sum() == pytest.approx(1.0)


def test_lines_cost_less_after_some_training():
    settings = Settings(task="counterpoint:fux_d-1-above", envs=32, rollout=32, value_scale=20.0, seed=1)
    trained = build(settings)
    assert isinstance(trained.batch, CounterpointBatch)
    assert settings.nats == pytest.approx(0.4 * 11)
    before = compose(trained.batch, prior(), 128, seed=0)
    np.testing.assert_allclose(before.kl, 0.0, atol=1e-5)
    trained.model.learn(8_000)
    after = compose(trained.batch, policy_agent(trained.model.policy), 128, seed=0)
    assert after.returns.mean() > before.returns.mean() + 5.0
    assert 0.0 < after.kl.mean() < 10.0


def test_a_run_older_than_tasks_is_of_melodies(tmp_path: Path):
    from experiments.runs import start_run
    from experiments.train_ppo import Args

    run = start_run("train_ppo", Args(bars=4), tmp_path / "run")
    text = (run.folder / "config.json").read_text()
    (run.folder / "config.json").write_text(text.replace('"task": "melody",', ""))
    from agents.training import settings_of

    assert settings_of(run.folder, Settings) == Settings(bars=4)


@pytest.mark.parametrize(
    ("task", "options", "said"),
    [
        ("fugue", {}, "task 'fugue' is not known; choose melody or counterpoint:CANTUS-SPECIES-SIDE"),
        ("melody:fux_d", {}, "'fux_d' means nothing after melody"),
        ("counterpoint", {}, "write CANTUS-SPECIES-SIDE, such as fux_d-2-above"),
        ("counterpoint:fux_d-2-beside", {}, "write CANTUS-SPECIES-SIDE"),
        ("counterpoint:fux_q-2-above", {}, "cantus 'fux_q' is not one of fux_d"),
        ("counterpoint:fux_d-5-above", {}, "species=5 is not one of 1, 2, 3, 4"),
        ("counterpoint:fux_d-1-above", {"bars": 4}, "option 'bars' is not one of cantus, key, above, species"),
    ],
)
def test_a_mistake_is_named(task, options, said):
    with pytest.raises(ValueError, match=said):
        assignment(task, options)


def test_an_agent_composes_what_it_is_asked_for():
    agent, batch = agent_of("uniform", 2, task="counterpoint:fux_c-1-below")
    pieces = compose(batch, agent, 2, seed=1)
    assert [melody.bars for melody in pieces.melodies] == [12, 12] and (pieces.returns < 0).all()
    assert named("prior").batch(1, "theory").layout.keys() >= {"hidden", "log_probs"}
