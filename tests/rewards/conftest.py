"""Melodies to speak about."""

from collections.abc import Callable

import numpy as np
import pytest

from musicenv.alphabet import REST
from musicenv.corpus import Corpus, load, read_notes
from musicenv.melody import Melody, melody_from_notes
from musicenv.task import Task


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


@pytest.fixture(scope="session")
def prefix() -> Callable[[Melody, int], Melody]:
    """The first notes of a melody in the same frame: what a rule sees while it is composed."""

    def cut(melody: Melody, notes: int) -> Melody:
        time = int(melody.onset[notes - 1] + melody.duration[notes - 1])
        grid = melody.grid.copy()
        grid[max(-(-time // 3), 0) :] = -1
        pitch, onset, duration = melody.pitch[:notes], melody.onset[:notes], melody.duration[:notes]
        silence = np.full(notes, np.nan, dtype=np.float32)
        return melody._replace(
            pitch=pitch, onset=onset, duration=duration, surprisal=silence, entropy=silence, grid=grid, time=time
        )

    return cut
