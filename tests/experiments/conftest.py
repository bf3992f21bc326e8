"""What all commands have in common."""

from collections.abc import Callable
from pathlib import Path

import pytest

from experiments.listen import main as listen
from experiments.pieces import Piece, write_piece, write_pieces
from experiments.runs import start_run
from experiments.timeline import FOLDER
from experiments.train_ppo import Args
from musicenv.melody import Melody, melody_from_notes
from musicenv.task import Task

TWINKLE = [60, 60, 67, 67, 69, 69, 67, 65, 65, 64, 64, 62, 62, 60]
LENGTHS = [12, 12, 12, 12, 12, 12, 24] * 2


def _twinkle(last: int = 60, key: str = "C") -> Melody:
    return melody_from_notes([*TWINKLE[:-1], last], LENGTHS, Task("4/4", key, bars=4))


@pytest.fixture(scope="session")
def twinkle() -> Callable[..., Melody]:
    """Makes its first four bars, ending on the relative pitch ``last``, in a ``key``."""
    return _twinkle


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of two groups and a timeline."""
    for library in ("midirenderer", "soundfile", "verovio"):
        pytest.importorskip(library, reason="the page needs the extras audio and score")
    folder = tmp_path_factory.mktemp("page") / "run"
    start_run("train_ppo", Args(), folder)
    groups = {"real": [Piece(_twinkle())], "tuned": [Piece(_twinkle(62, "E"), {"score": -1.25})]}
    write_pieces(folder / "pieces", groups, [])
    for notes, melody in enumerate((_twinkle(70), _twinkle(62), _twinkle())):
        write_piece(folder / FOLDER / f"{notes:02d}", Piece(melody, {"notes": 1000 * notes}), [])
    listen([str(folder)])
    return folder / "listen.html"


@pytest.fixture
def mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[list[str]], None], list[str], str], None]:
    """Asserts that a command ends with one line that says what is wrong, and leaves nothing behind."""

    def check(main: Callable[[list[str]], None], arguments: list[str], said: str) -> None:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 2
        message = capsys.readouterr().err.strip()
        assert said in message
        assert len(message.splitlines()) == 1
        assert not list(tmp_path.iterdir())

    return check
