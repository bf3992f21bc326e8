"""The command that solves the tasks of counterpoint."""

import json

import numpy as np
import pytest

from experiments import solve
from experiments.runs import result_of
from musicenv.counterpoint.sets import known_tasks

QUICK = [("fux_d", 1, True), ("fux_d", 1, False)]


def test_a_check_solves_shipped_tasks_again(tmp_path, capsys):
    seed = next(s for s in range(100) if np.random.default_rng(s).permutation(48)[0] < 12)  # one of the first species
    solve.main(["--sets", "form", "--check", "1", "--seed", str(seed), "--out", str(tmp_path / "run")])
    figures = result_of(tmp_path / "run")["figures"]
    assert figures == {"tasks": 48, "checked": 1, "disagreements": 0}
    assert "disagreements" in capsys.readouterr().out


def test_an_interrupted_run_goes_on_with_the_next_task(tmp_path, monkeypatch, capsys):
    calls = []

    def interrupted(cantus, species, above, form):
        calls.append((cantus, species, above))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return solved(cantus, species, above, form)

    solved = solve.solved
    monkeypatch.setattr(solve, "members", lambda name: QUICK)
    monkeypatch.setattr(solve, "solved", interrupted)
    run = tmp_path / "run"
    with pytest.raises(SystemExit) as stopped:
        solve.main(["--sets", "form", "--no-write", "--out", str(run)])
    assert stopped.value.code == 130
    assert f"--resume {run}" in capsys.readouterr().err
    solve.main(["--resume", str(run)])
    assert calls == [QUICK[0], QUICK[1], QUICK[1]]
    written = json.loads((run / "form_tasks.json").read_text())
    assert [each["name"] for each in written] == ["fux_d-1-above", "fux_d-1-below"]
    for each in written:
        known = known_tasks("form")[each["name"]]
        assert (each["optimum"], each["optima"]) == (known.optimum, known.optima)
    regrets = result_of(run)["figures"]["table"][0]
    assert regrets["greedy"] >= regrets["merged_512"] >= 0


def test_mistakes_are_named(mistake):
    mistake(solve.main, ["--sets", "hard"], "set 'hard' is not one of form, plain")
    mistake(solve.main, ["--check", "-1"], "check=-1 is negative")
