"""A run can be repeated from its folder, and a mistake is one line."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from experiments.runs import Run, UserError, command, format_table, machine, open_run, start_run, user_input
from musicenv.files import atomic_path, write_atomic
from musicenv.task import Task


@dataclass
class Arguments:
    """Compose something."""

    steps: int = 3
    """How many steps."""
    seed: int = 0
    """Seed of everything random."""
    layers: tuple[int, ...] = (64, 64)
    """Widths."""
    out: Path | None = None
    """Folder of the run."""
    resume: Path | None = None
    """Run to go on with."""
    task: Task = field(default_factory=Task)
    """What to compose."""


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Run, "latest", None)


def test_a_run_records_what_it_was_asked_and_what_came_of_it():
    run = start_run("compose", Arguments(seed=7, task=Task(key="E dorian")))
    assert run.folder.parent == Path("runs/compose")
    assert json.loads((run.folder / "config.json").read_text())["arguments"]["task"]["key"] == "E dorian"

    piece = write_atomic(run.folder / "pieces" / "best.mid", b"MThd")
    result = json.loads(run.finish({"score": np.float32(0.5), "pieces": np.int64(2)}, [piece]).read_text())

    assert set(result) == {"command", "arguments", "seed", "versions", "machine", "figures", "files"}
    assert result["seed"] == 7
    assert result["figures"] == {"score": 0.5, "pieces": 2}
    assert result["files"] == ["pieces/best.mid"]
    assert result["versions"]["numpy"] == np.__version__


def test_the_machine_is_described_by_kind_not_by_name():
    assert set(machine()) == {"processor", "cores", "memory_gib", "system"}
    assert machine()["cores"] >= 1


def test_two_runs_of_the_same_second_have_their_own_folders():
    folders = {start_run("compose", Arguments()).folder for _ in range(3)}
    assert len(folders) == 3


def test_arguments_read_back_as_they_were():
    arguments = Arguments(layers=(8, 16, 32), out=Path("here"), task=Task(metre="6/8", opening=((62, 12), (None, 6))))
    start_run("compose", arguments, arguments.out)
    assert open_run(Path("here"), "compose").arguments_as(Arguments) == arguments


def test_a_run_of_an_older_version_names_the_argument_that_is_gone():
    start_run("compose", Arguments(), Path("old"))
    config = json.loads(Path("old/config.json").read_text())
    config["arguments"]["gone"] = 1
    write_atomic("old/config.json", json.dumps(config))
    with pytest.raises(UserError, match="gone"):
        open_run(Path("old")).arguments_as(Arguments)


def test_metrics_survive_a_kill_and_rewind_to_a_checkpoint():
    run = start_run("compose", Arguments())
    for step in range(4):
        run.log({"step": step, "reward": np.float64(step) / 2, "undefined": float("nan")})
    with (run.folder / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "rew')
    again = open_run(run.folder)
    assert [line["step"] for line in again.metrics()] == [0, 1, 2, 3]
    assert again.metrics()[0]["undefined"] is None
    again.rewind("step", 1)
    again.log({"step": 2, "reward": 0.0})
    assert [line["step"] for line in again.metrics()] == [0, 1, 2]


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"command": "compose"}'])
def test_a_folder_without_a_run_is_one_clear_error(content):
    Path("folder").mkdir()
    if content is not None:
        Path("folder/config.json").write_text(content)
    with pytest.raises(UserError, match="folder is not a run folder"):
        open_run(Path("folder"))


def test_a_run_of_another_command_is_not_resumed():
    run = start_run("pretrain", Arguments())
    with pytest.raises(UserError, match="a run of pretrain, not of compose"):
        open_run(run.folder, "compose")


def test_no_run_is_written_over():
    start_run("compose", Arguments(), Path("mine"))
    with pytest.raises(UserError, match="--resume mine"):
        start_run("compose", Arguments(), Path("mine"))


def test_a_mistake_is_one_line_and_exit_2(capsys):
    def body(arguments: Arguments) -> None:
        with user_input():
            Task(bars=0)

    with pytest.raises(SystemExit) as exit_:
        command(Arguments, body)([])
    assert exit_.value.code == 2
    assert capsys.readouterr().err == "error: bars=0 is not in 1..256\n"


def test_a_bug_keeps_its_traceback():
    with pytest.raises(ValueError, match="bars=0"):
        command(Arguments, lambda arguments: Task(bars=0))([])


def test_ctrl_c_says_how_to_resume(capsys):
    def body(arguments: Arguments) -> None:
        start_run("compose", arguments, arguments.out)
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as exit_:
        command(Arguments, body)(["--out", "mine"])
    assert exit_.value.code == 130
    assert "python -m experiments.compose --resume mine" in capsys.readouterr().err


def test_help_shows_the_docstring_of_each_field(capsys):
    with pytest.raises(SystemExit) as exit_:
        command(Arguments, lambda arguments: None)(["--help"])
    assert exit_.value.code == 0
    shown = capsys.readouterr().out
    assert "How many steps." in shown
    assert "Compose something." in shown


def test_tables_line_up():
    table = format_table([["prior", 0.7123, 12345], ["tuned agent", float("nan"), None]], ["who", "passes", "notes"])
    assert table.splitlines() == [
        "who          passes   notes",
        "-----------  ------  ------",
        "prior         0.712  12,345",
        "tuned agent       -       -",
    ]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = write_atomic(tmp_path / "figures.json", "old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("ne")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
