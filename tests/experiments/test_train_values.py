"""The command that learns what states of counterpoint are worth."""

import json

import numpy as np
import pytest

from experiments import compose, train_values
from experiments.runs import result_of

TINY = ["--species", "1", "--tasks", "4", "--states", "500", "--no-write"]


def test_melodies_have_no_such_states(mistake):
    mistake(compose.main, ["--agent", "value-beam"], "planner 'value-beam' plans counterpoint alone")


def test_learning_goes_on_where_it_was_stopped(tmp_path, monkeypatch, capsys):
    solved, tasks = train_values.solve, []

    def interrupted(task, rules):
        tasks.append(task)
        if len(tasks) == 3:
            raise KeyboardInterrupt
        return solved(task, rules)

    monkeypatch.setattr(train_values, "solve", interrupted)
    run, whole = tmp_path / "run", tmp_path / "whole"
    with pytest.raises(SystemExit) as stopped:
        train_values.main([*TINY, "--out", str(run)])
    assert stopped.value.code == 130
    assert f"--resume {run}" in capsys.readouterr().err
    train_values.main(["--resume", str(run)])
    assert len(tasks) == 5 and len(set(tasks)) == 4
    train_values.main([*TINY, "--out", str(whole)])
    with np.load(run / "values.npz") as one, np.load(whole / "values.npz") as other:
        assert (one["species_1"] == other["species_1"]).all()
    (row,) = result_of(run)["figures"]["table"]
    assert row["tasks"] == 4 and 0 < row["error"] < row["spread"]
    assert json.loads((run / "config.json").read_text())["arguments"]["tasks"] == 4


def test_mistakes_are_named(mistake):
    mistake(train_values.main, ["--species", "5"], "species=5 is not one of 1, 2, 3, 4")
    mistake(train_values.main, ["--tasks", "1"], "tasks=1 and states=20000 are too few")
