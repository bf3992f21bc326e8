"""Melodies to speak about."""

from collections.abc import Callable

import numpy as np
import pytest

from musicenv.melody import Melody


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
