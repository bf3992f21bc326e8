"""The incumbents' curves: drawn for each planner, never falling, and put where they are shown."""

import json

import numpy as np
import pytest

from experiments import planner_curves
from experiments.planner_curves import MOMENTS
from musicenv.counterpoint.sets import known_tasks


def test_curves_never_fall_and_are_drawn(tmp_path, monkeypatch, capsys):
    out = tmp_path / "run"
    agents = ["best-of-n", "regenerate"]
    planner_curves.main(["--agents", *agents, "--pieces", "2", "--seconds", "0.4", "--out", str(out)])
    figures = json.loads((out / "planner_curves.json").read_text())
    assert len(figures["seconds"]) == MOMENTS
    assert list(figures["planners"]) == agents
    for found in figures["planners"].values():
        mean = np.array(found["mean"], dtype=float)
        known = mean[~np.isnan(mean)]
        assert known.size
        assert (np.diff(known) >= 0).all()
        assert found["notes_heard"] > 57, "at least a piece each"
    assert "bytes a stored position" in capsys.readouterr().out
    monkeypatch.setattr(planner_curves, "FIGURES", tmp_path)
    planner_curves.main(["--publish", str(out)])
    assert (tmp_path / "planner_curves.png").read_bytes()[:4] == b"\x89PNG"
    assert json.loads((tmp_path / "planner_curves.json").read_text()) == figures


def test_counterpoint_has_curves_of_its_own(tmp_path):
    task = "counterpoint:fux_d-1-above"
    argv = ["--task", task, "--agents", "value-beam", "--pieces", "2", "--seconds", "0.2"]
    planner_curves.main([*argv, "--out", str(tmp_path / "run")])
    found = json.loads((tmp_path / "run" / "planner_curves_counterpoint.json").read_text())
    assert found["planners"]["value-beam"]["mean"][-1] == known_tasks("form")["fux_d-1-above"].optimum


@pytest.mark.parametrize(
    ("argv", "what"),
    [
        (["--agents", "genius"], "planner 'genius' is not known"),
        (["--pieces", "33"], "choose at most 32"),
        (["--agents", "mcts", "--leaf", "oracle"], "leaf 'oracle' is not known"),
        (["--agents", "mcts", "--leaf", "critic"], "agent 'prior' has none"),
        (["--agents", "value-beam"], "planner 'value-beam' plans counterpoint alone"),
    ],
)
def test_what_cannot_be_planned_is_said_at_once(argv, what, capsys, tmp_path):
    with pytest.raises(SystemExit):
        planner_curves.main([*argv, "--out", str(tmp_path / "run")])
    assert what in capsys.readouterr().err
