"""Expert iteration as people start it, at tiny sizes."""

import json
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.expert import Expert, ExpertSettings
from agents.named import named
from experiments import train_expert
from experiments.compose import main as compose_main
from experiments.pieces import read_pieces
from experiments.runs import result_of
from experiments.train_expert import Args, main

TINY = ["--steps", "2500", "--envs", "8", "--updates", "2", "--pieces", "8", "--write", "1"]
TINY += ["--best-of", "2", "--timeline", "2"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    main([*TINY, "--out", str(folder)])
    return folder


def test_a_run_reports_as_ppo_does_and_counts_the_notes_of_its_searches(finished: Path) -> None:
    found = result_of(finished)
    assert found["command"] == "train_expert"
    for who in ("real", "uniform", "prior", "tuned", "best"):
        assert np.isfinite(found["figures"][f"passes_all_{who}"])
    assert {"01.mid", "roll.png", "report.txt"} <= {Path(name).name for name in found["files"]}
    metrics = [json.loads(line) for line in (finished / "metrics.jsonl").read_text().splitlines()]
    assert metrics[-1]["notes"] >= 2500 > metrics[-2]["notes"]
    for line in metrics:
        assert line["decided"] < line["notes"] <= 2 * line["decided"] + 1, "two notes tried for each that is decided"
        assert line["score"] <= line["incumbent"] + 1e-4, "the incumbent is at least the piece that was decided on"
    moments = [piece.facts["notes"] for piece in read_pieces(finished / "pieces" / "timeline")]
    assert len(moments) == 3
    assert moments[0] == 0


def test_the_command_learns_with_the_settings_that_the_learner_has() -> None:
    settings = ExpertSettings()
    assert {field.name: getattr(Args(), field.name) for field in fields(settings)} == asdict(settings)


def test_what_has_learned_composes_and_guides_planners_by_name(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sampled = ["--agent", f"expert:{finished}", "--pieces", "2", "--formats", "midi"]
    compose_main([*sampled, "--key", "D dorian", "--out", str(tmp_path / "own")])
    planned = ["--agent", f"mcts:expert:{finished}", "--leaf", "critic", "--simulations", "4", "--pieces", "2"]
    compose_main([*planned, "--formats", "midi", "--out", str(tmp_path / "planned")])
    assert [piece.melody.bars for piece in read_pieces(tmp_path / "planned" / "pieces" / "mcts")] == [8, 8]
    with pytest.raises(SystemExit):
        compose_main(["--agent", f"ppo:{finished}"])
    assert "is not a run folder of train_ppo" in capsys.readouterr().err
    with pytest.raises(ValueError, match="needs a run folder of train_expert: write expert:RUN"):
        named("expert")


def test_a_run_stopped_by_ctrl_c_and_resumed_is_the_unbroken_run(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, seen = Expert.iterate, []

    def stopped(self: Expert, *arguments: Any) -> Any:
        seen.append(self.notes)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return whole(self, *arguments)

    folder = tmp_path / "stopped"
    with monkeypatch.context() as patch:
        patch.setattr(Expert, "iterate", stopped)
        patch.setattr(train_expert, "PAUSE", 0.0)  # a checkpoint after each iteration
        with pytest.raises(SystemExit) as stop:
            main([*TINY, "--out", str(folder)])
    assert stop.value.code == 130
    assert f"python -m experiments.train_expert --resume {folder}" in capsys.readouterr().err
    main(["--resume", str(folder)])
    assert result_of(folder)["figures"] == result_of(finished)["figures"]
    assert (folder / "metrics.jsonl").read_text() == (finished / "metrics.jsonl").read_text()
    assert (folder / "pieces" / "best" / "pieces.abc").read_text() == (
        finished / "pieces" / "best" / "pieces.abc"
    ).read_text()


def test_counterpoint_is_learned_by_the_same_command(tmp_path: Path) -> None:
    arguments = ["--task", "counterpoint:fux_d-1-above", "--steps", "400", "--envs", "8", "--updates", "2"]
    main([*arguments, "--pieces", "8", "--write", "1", "--timeline", "0", "--out", str(tmp_path / "line")])
    figures = result_of(tmp_path / "line")["figures"]
    assert figures["suite_score_best"] > figures["suite_score_uniform"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--simulations", "0"], "simulations=0 is not possible"),
        (["--metre", "5/4"], "metre '5/4' is not one of"),
        (["--window", "0"], "window=0 is not possible"),
        (["--resume", "no/such/run"], "is not a run folder"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing_behind(
    arguments: list[str], said: str, mistake: Callable[..., None]
) -> None:
    mistake(main, arguments, said)
