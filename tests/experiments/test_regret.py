"""The command that says how far agents are from the optimum."""

import json
import shutil

import numpy as np
import pytest

from agents.assignment import assignment
from agents.compose import compose, prior, uniform
from experiments import regret as command
from experiments import regret_page
from mcts.planners import PLANNERS, Budget, places_for, plan
from musicenv.counterpoint.sets import known_tasks, regret
from musicenv.counterpoint.solver import solve

QUICK = ["--species", "1", "--limit", "2", "--simulations", "16", "--pieces", "64"]


def result(folder):
    return json.loads((folder / "result.json").read_text())["figures"]["rows"]


@pytest.mark.parametrize("name", ["fux_d-1-above", "fux_c-2-below", "fux_a-4-above"])
def test_the_optimal_line_that_ships_has_no_regret(name):
    known = known_tasks("form")[name]
    batch = assignment(f"counterpoint:{name}").batch(1)
    batch.reset([np.random.default_rng(0)])
    score = 0.0
    for action in known.line:
        assert batch.masks[0, action]
        batch.step(np.array([action]))
        score += batch.rewards[0]
    assert batch.finished[0] and regret(score, known) == 0.0


def test_notes_drawn_evenly_have_a_regret_of_one():
    known = known_tasks("form")["fux_g-1-above"]
    returns = compose(assignment("counterpoint:fux_g-1-above").batch(256), uniform, 1024, seed=0).returns
    regrets = [regret(score, known) for score in returns]
    assert np.mean(regrets) == pytest.approx(1.0, abs=4 * np.std(regrets) / 32)


@pytest.mark.parametrize("planner", ["puct", "mcts", "nrpa"])
def test_a_planner_that_thinks_enough_finds_the_best_line_of_a_short_task(planner):
    options = {"cantus": (62, 65, 64, 65, 64, 62), "key": "D dorian"}
    assigned = assignment("counterpoint:fux_d-1-above", options)
    found = plan(assigned.batch(places_for(1)), prior(), PLANNERS[planner], Budget(256), 1, seed=0)
    assert found.returns[0] == solve(assigned.tasks[0], assigned.suite).optimum


def test_agents_stand_beside_each_other_and_a_stopped_run_goes_on(tmp_path, monkeypatch, capsys):
    run, measured = tmp_path / "run", []

    def interrupted(name, known, args, seconds=None):
        measured.append((name, known.name))
        if len(measured) == 4:
            raise KeyboardInterrupt
        return measure(name, known, args, seconds)

    measure = command.measure
    monkeypatch.setattr(command, "measure", interrupted)
    agents = ["merged-beam:64", "uniform", "prior", "greedy", "mcts"]
    with pytest.raises(SystemExit) as stopped:
        command.main(["--agents", *agents, *QUICK, "--as-long-as", "merged-beam:64", "--out", str(run)])
    assert stopped.value.code == 130
    assert f"--resume {run}" in capsys.readouterr().err
    command.main(["--resume", str(run)])
    assert len(measured) == len(set(measured)) + 1 == 11
    rows = {row["agent"]: row for row in result(run)}
    assert list(rows) == agents
    assert all(row["low"] <= row["regret"] <= row["high"] and row["tasks"] == 2 for row in rows.values())
    # Of equally likely notes greedy takes that which this processor rounds up, so its one line may be below
    # the prior's mean.
    assert rows["uniform"]["regret"] > max(rows["prior"]["regret"], rows["greedy"]["regret"])
    assert rows["greedy"]["regret"] >= rows["mcts"]["regret"] >= 0
    assert (run / "regret.png").stat().st_size > 0
    assert "uniform" in capsys.readouterr().out


def test_a_run_is_published(tmp_path, monkeypatch, capsys):
    command.main(["--agents", "merged-beam:8", "merged-beam:512", *QUICK, "--out", str(tmp_path / "run")])
    docs = tmp_path / "docs"
    (docs / "figures").mkdir(parents=True)
    (docs / "counterpoint.md").write_text("# Counterpoint\n<!-- begin regret -->\n<!-- end -->\nend\n")
    monkeypatch.setattr(regret_page, "DOCS", docs)
    monkeypatch.setattr(regret_page, "PAGE", docs / "counterpoint.md")
    command.main(["--publish", str(tmp_path / "run")])
    page = (docs / "counterpoint.md").read_text()
    assert "| `merged-beam:512` | " in page and page.endswith("end\n")
    assert (docs / "figures" / "regret" / "regret.png").exists()
    assert str(tmp_path) not in (docs / "figures" / "regret" / "1.json").read_text(), "no paths of this machine"
    shutil.copytree(tmp_path / "run", tmp_path / "stopped")
    (tmp_path / "stopped" / "result.json").unlink()
    shown = docs / "figures" / "regret" / "regret.png"
    shown.unlink()
    with pytest.raises(SystemExit):
        command.main(["--publish", str(tmp_path / "run"), str(tmp_path / "stopped")])
    assert "its run did not end" in capsys.readouterr().err
    assert not shown.exists(), "nothing is written before all runs are known to have ended"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--agents", "bach"], "agent 'bach' is not known; choose one of prior"),
        (["--agents", "merged-beam"], "give the width of the beam, as in merged-beam:512"),
        (["--agents", "mcts:ppo:no/such/{species}"], "no/such/1 is not a run folder"),
        (["--agents", "mcts", "--as-long-as", "merged-beam:8"], "name it first among --agents"),
        (["--species", "7"], "species 7 is not one of 1, 2, 3, 4"),
        (["--limit", "0"], "limit=0 is not possible"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing_behind(arguments, said, mistake):
    mistake(command.main, arguments, said)
