"""A melody as a picture of its notes: time to the right, pitch upwards.  numpy alone."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import HIGHEST, LOWEST, REST, SIXTEENTH
from musicenv.keys import SCALES
from musicenv.melody import Melody
from musicenv.task import MODES

Image = npt.NDArray[np.uint8]

LANE: Final = 7
"""Pixels of a semitone."""
PIXELS_PER_TICK: Final = 2
MARGIN: Final = 6

BACKGROUND: Final = (250, 249, 245)
OUT_OF_KEY: Final = (237, 236, 231)
TONIC_LANE: Final = (252, 236, 205)
TO_COME: Final = 0.93
"""How much darker the bars are that are not composed yet."""
BEAT_LINE: Final = (222, 220, 213)
BAR_LINE: Final = (150, 147, 138)
GIVEN: Final = (160, 160, 168)
"""The line that the melody is composed against."""
CHROMATIC: Final = (30, 30, 30)
DEGREES: Final = (
    (217, 119, 6),
    (101, 163, 13),
    (13, 148, 136),
    (37, 99, 235),
    (124, 58, 237),
    (14, 116, 144),
    (220, 38, 38),
)
"""Colours of the seven degrees of the scale, from the tonic up; notes outside the scale are CHROMATIC."""


def degree_of(pitch: int, mode: int) -> int | None:
    """Degree 0..6 of a relative pitch in the scale of ``MODES[mode]``, which tells its colour; None outside of it."""
    scale = SCALES[MODES[mode]][:7]
    return scale.index(pitch % 12) if pitch % 12 in scale else None


def piano_roll(melody: Melody) -> Image:
    """``(height, width, 3)`` uint8 picture; its size depends on the task alone, not on what is composed.

    Lanes of the tonic are tinted, those outside the scale greyed; bar lines are dark, beat lines light.  A given line
    is grey.
    """
    lanes = HIGHEST - LOWEST + 1
    # A real tune may go on to the end of a bar that the task would have shortened, or over it.
    end = max(melody.end, melody.time)
    width = 2 * MARGIN + (end - melody.start) * PIXELS_PER_TICK + 1
    image = np.empty((2 * MARGIN + lanes * LANE, width, 3), np.uint8)
    image[:] = BACKGROUND
    for pitch in range(LOWEST, HIGHEST + 1):
        degree = degree_of(pitch, melody.mode)
        if not degree:
            image[_lane(pitch), MARGIN:-MARGIN] = OUT_OF_KEY if degree is None else TONIC_LANE
    to_come = image[MARGIN:-MARGIN, column(melody.time, melody) : width - MARGIN]
    to_come[:] = (to_come * TO_COME).astype(np.uint8)
    for line, colour in ((melody.beat, BEAT_LINE), (melody.bar, BAR_LINE)):
        first = -(-melody.start // line) * line
        for tick in range(first, end + 1, line):
            image[MARGIN:-MARGIN, column(tick, melody)] = colour
    for slot, pitch in enumerate(melody.given.tolist()):
        if pitch != REST:
            left = column(slot * SIXTEENTH, melody)
            edge = slot * SIXTEENTH % melody.bar == 0
            image[_lane(min(max(pitch, LOWEST), HIGHEST)), left + edge : left + SIXTEENTH * PIXELS_PER_TICK] = GIVEN
    for pitch, onset, ticks in zip(melody.pitch.tolist(), melody.onset.tolist(), melody.duration.tolist(), strict=True):
        if pitch == REST:
            continue
        degree = degree_of(pitch, melody.mode)
        fill = np.array(CHROMATIC if degree is None else DEGREES[degree])
        rows = _lane(min(max(pitch, LOWEST), HIGHEST))
        left, right = column(onset, melody), column(onset + ticks, melody)
        image[rows, left:right] = fill
        image[rows, left] = fill // 2  # the edge tells a repeated note from a held one
        image[rows, right - 1] = BACKGROUND
    return image


def _lane(pitch: int) -> slice:
    """Rows of a relative pitch."""
    top = MARGIN + (HIGHEST - pitch) * LANE
    return slice(top, top + LANE)


def column(tick: int, melody: Melody) -> int:
    return MARGIN + (tick - melody.start) * PIXELS_PER_TICK
