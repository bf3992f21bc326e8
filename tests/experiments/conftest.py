"""What all commands have in common."""

from collections.abc import Callable
from pathlib import Path

import pytest


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
