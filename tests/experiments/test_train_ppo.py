"""The training command as people type it, at tiny sizes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from agents.compose import compose, prior
from agents.policy import policy_agent
from agents.training import Settings, build, load
from experiments.compose import main as compose_main
from experiments.pieces import read_pieces
from experiments.report import real_parts
from experiments.runs import result_of
from experiments.train_ppo import main
from musicenv.render import key_name
from musicenv.task import METRES, Task
from rewards.judging import judge
from rewards.named import suite_of

TINY = ["--steps", "1024", "--envs", "16", "--rollout", "16", "--pieces", "8", "--write", "1", "--best-of", "2"]
TINY += ["--timeline", "2"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    main([*TINY, "--out", str(folder)])
    return folder


def test_a_run_reports_and_writes_what_can_be_heard_and_seen(finished: Path) -> None:
    found = result_of(finished)
    assert found["command"] == "train_ppo"
    assert found["seed"] == 0
    for who in ("real", "uniform", "prior", "tuned", "best"):
        for figure in ("passes_all", "nll_judge", "judge_in_band", "ends_on_tonic", "repeated_8grams", "distinct"):
            assert np.isfinite(found["figures"][f"{figure}_{who}"]), (figure, who)
        assert 0 <= found["figures"][f"rule_cadence_{who}"] <= 1
    names = {Path(name).name for name in found["files"]}
    assert {"01.mid", "01.musicxml", "roll.png", "pieces.abc", "report.txt"} <= names
    assert all((finished / name).stat().st_size > 0 for name in found["files"])
    metrics = [json.loads(line) for line in (finished / "metrics.jsonl").read_text().splitlines()]
    assert metrics[-1]["notes"] == 1024
    assert "terms/cadence" in metrics[-1]
    assert list((finished / "tensorboard").iterdir())


def test_the_agent_can_be_heard_learning(finished: Path) -> None:
    pieces = read_pieces(finished / "pieces" / "timeline")
    assert [piece.facts["notes"] for piece in pieces] == [0, 512, 1024]
    assert all(piece.melody.time == piece.melody.end for piece in pieces)
    for library in ("midirenderer", "resvg_py", "soundfile", "verovio"):
        pytest.importorskip(library)
    for suffix in (".mid", ".abc", ".mp3", ".png"):
        assert len(list((finished / "pieces" / "timeline").glob(f"*{suffix}"))) == 3
    events = EventAccumulator(str(finished / "tensorboard")).Reload()
    assert [event.step for event in events.Audio("timeline/sound")] == [0, 512, 1024]
    assert [event.step for event in events.Images("timeline/score")] == [0, 512, 1024]


def test_a_tuned_agent_composes_by_name(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--agent", f"ppo:{finished}", "--pieces", "2", "--formats", "midi", "--key", "D dorian", "--bars", "4"]
    compose_main([*arguments, "--out", str(tmp_path / "own")])
    pieces = read_pieces(tmp_path / "own" / "pieces" / "tuned")
    assert [(p.melody.bars, key_name(p.melody)) for p in pieces] == [(4, "D dorian")] * 2
    with pytest.raises(SystemExit):
        compose_main([*arguments, "--reward", "theory"])
    assert "composes with the reward it was trained with" in capsys.readouterr().err


def test_a_finished_run_can_be_loaded_and_composes(finished: Path) -> None:
    trained = load(finished)
    pieces = compose(trained.batch, policy_agent(trained.model.policy), 4, seed=0)
    assert all(melody.time == melody.end for melody in pieces.melodies)
    with pytest.raises(ValueError, match="is not a run folder"):
        load(finished / "pieces")


@pytest.mark.parametrize("task", [{"bars": 16, "metre": "6/8"}, {"bars": 5, "metre": "9/8", "key": "D dorian"}])
def test_there_is_always_real_music_to_compare_with(task: dict[str, Any]) -> None:
    parts = real_parts([Task(**task)])
    assert len(parts) >= 10
    assert {METRES[part.metre] for part in parts} == {task["metre"]}


def test_a_resumed_run_keeps_its_own_arguments(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--resume", str(finished), "--steps", "9999"])
    assert "leave out --steps" in capsys.readouterr().err


def test_a_users_rule_is_reported_by_its_mean(tmp_path: Path) -> None:
    main([*TINY, "--reward", "theory+experiments.example_rules:swing=0.5", "--out", str(tmp_path / "swing")])
    figures = result_of(tmp_path / "swing")["figures"]
    assert figures["mean_swing_prior"] > 0
    assert figures["rule_swing_prior"] is None, "nothing can fail a rule without a curve"


def test_real_parts_are_told_from_uniform_play(finished: Path) -> None:
    figures = result_of(finished)["figures"]
    assert figures["suite_score_real"] > figures["suite_score_uniform"] + 5
    assert figures["passes_all_real"] > 0.5
    assert figures["passes_all_uniform"] == 0
    assert figures["nll_judge_uniform"] > 2 * figures["nll_judge_real"]


def test_the_same_seed_composes_the_same_pieces(finished: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    main([*TINY, "--timeline", "0", "--out", str(again)])  # which is why the timeline does not disturb training
    assert (again / "pieces" / "best" / "pieces.abc").read_text() == (
        finished / "pieces" / "best" / "pieces.abc"
    ).read_text()
    assert result_of(again)["figures"] == result_of(finished)["figures"]


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    steps = ["--steps", "40000", "--envs", "16", "--rollout", "16", "--pieces", "8", "--write", "1", "--best-of", "1"]
    steps += ["--timeline", "4"]
    command = [sys.executable, "-m", "experiments.train_ppo", *steps, "--out", str(folder)]
    # One thread: the test machine may be busy, and waiting threads would spin.
    process = subprocess.Popen(
        command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    for _ in range(1200):
        if (folder / "checkpoint.pt").exists() or process.poll() is not None:
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (folder / "checkpoint.pt").exists()
    assert not (folder / "result.json").exists()
    main(["--resume", str(folder)])
    notes = [json.loads(line)["notes"] for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert notes == sorted(set(notes))
    assert notes[-1] >= 40_000
    assert result_of(folder)["figures"]["pieces_tuned"] == 8
    moments = [piece.facts["notes"] for piece in read_pieces(folder / "pieces" / "timeline")]
    assert moments == [0, 10_240, 20_224, 30_208, 40_192]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--metre", "5/4"], "metre '5/4' is not one of"),
        (["--key", "H"], "key 'H' is not understood"),
        (["--reward", "melodious"], "reward 'melodious' is not known"),
        (["--prior", "nobody"], "prior 'nobody'"),
        (["--best-of", "0"], "best_of=0 is not possible; give at least 1"),
        (["--envs", "0"], "envs=0 is not possible"),
        (["--target-kl", "nan"], "target_kl=nan is not possible"),
        (["--resume", "no/such/run"], "is not a run folder"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing_behind(
    arguments: list[str], said: str, mistake: Callable[..., None]
) -> None:
    mistake(main, arguments, said)


def test_a_users_rule_is_heard_in_what_is_composed() -> None:
    """A few seconds of training with ``swing`` bring clearly more of it than the prior has."""
    swing = "experiments.example_rules:swing"
    part = build(Settings(bars=4, reward=swing, bonus=0.0, target_kl=4.0, envs=64, rollout=32))
    before = compose(part.batch, prior(), 128, seed=0)
    part.model.learn(64 * 32 * 20)
    after = compose(part.batch, policy_agent(part.model.policy), 128, seed=0)
    suite = suite_of(swing, has_prior=False)
    assert judge(suite, after.melodies).returns.mean() > 2 * judge(suite, before.melodies).returns.mean() + 1
