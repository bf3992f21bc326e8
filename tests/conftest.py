"""What all tests share."""

import os
import tempfile
from collections.abc import Callable, Iterator

# One thread: what tests compute is small, and on a busy machine threads wait for each other.
os.environ["OMP_NUM_THREADS"] = "1"

import pytest
from hypothesis import settings

from musicenv.alphabet import REST
from musicenv.corpus import Corpus, load, read_notes
from musicenv.melody import Melody, melody_from_notes
from musicenv.task import Task

# No deadline: the first example may compile.  The same examples each time: a red run can be run again.
settings.register_profile("musicenv", deadline=None, derandomize=True, database=None)
settings.load_profile("musicenv")


@pytest.fixture(scope="session", autouse=True)
def _temporary_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Where SB3 puts its logs if not told otherwise: a folder for each training."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("temporary")))
        yield


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    return load(progress=False)


@pytest.fixture(scope="session")
def abc() -> Callable[..., Melody]:
    """A melody from ABC notes in C, one eighth a letter: ``abc("c2 d2 e4 | ...", bars=8, metre="4/4", pickup=0)``."""

    def read(text: str, *, bars: int, metre: str = "4/4", pickup: int = 0, key: str = "C major") -> Melody:
        notes = read_notes(text)
        task = Task(metre=metre, key=key, bars=bars, pickup=pickup)
        pitch = [REST if note is None else note for note, _ in notes]
        return melody_from_notes(pitch, [length for _, length in notes], task)

    return read
