"""A piano roll that plays: an animated GIF whose cursor moves in time with the sound."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from musicenv.files import atomic_path
from musicenv.melody import Melody
from musicenv.render.performance import Performance
from musicenv.render.roll import MARGIN, column, piano_roll

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

FRAME: Final = 0.08
"""Seconds between frames, where the piece is not so long that there would be more than MOST_FRAMES."""
MOST_FRAMES: Final = 600
HOLD: Final = 1.5
"""Seconds that the last frame stays before the animation begins again: the tail of the sound."""
CURSOR: Final = (20, 20, 20)
CURSOR_WIDTH: Final = 2
"""Pixels."""


def piano_roll_gif(melody: Melody, path: Path, performance: Performance | None = None) -> Path:
    """Write the piano roll as an animated GIF; the cursor goes at the tempo of the performance.

    A frame stores only what the cursor changed: 8 bars are 50 kB and take a second.
    """
    how = performance or Performance()
    seconds = how.seconds(melody)
    # GIF counts hundredths of a second: a whole number of them keeps the cursor from drifting away from the sound.
    step = max(FRAME, ceil(100 * seconds / MOST_FRAMES) / 100)
    times = np.arange(0, seconds, step)
    ticks = melody.start + times * how.ticks_per_second(melody)
    first, *others = _frames(melody, [round(tick) for tick in ticks])
    durations = [round(1000 * step)] * len(others) + [round(1000 * HOLD)]
    with atomic_path(path) as temporary:
        first.save(temporary, format="GIF", save_all=True, append_images=others, duration=durations, loop=0)
    return path


def _frames(melody: Melody, ticks: list[int]) -> Iterator[Picture]:
    """The roll with its cursor at each tick, all with one palette."""
    from PIL import Image as Pictures

    roll = piano_roll(melody)
    colours, flat = np.unique(roll.reshape(-1, 3), axis=0, return_inverse=True)
    still = flat.reshape(roll.shape[:2]).astype(np.uint8)
    palette = [*colours.ravel().tolist(), *CURSOR]
    for tick in ticks:
        pixels = still.copy()
        left = column(tick, melody)
        pixels[MARGIN:-MARGIN, left : left + CURSOR_WIDTH] = len(colours)
        frame = Pictures.fromarray(pixels, mode="P")
        frame.putpalette(palette)
        yield frame
