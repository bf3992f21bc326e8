"""Two voices at a glance: what rules and running summaries of counterpoint ask of a line and the one it is given."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import LOWEST, REST, SIXTEENTH
from musicenv.jit import compiled
from musicenv.keys import SCALES
from musicenv.melody import Melody
from musicenv.task import MODES

RAISED_SIXTH: Final = 9
RAISED_SEVENTH: Final = 11
"""In semitones above the tonic."""


def _degrees() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    degree = np.full((len(MODES), 12), -1, dtype=np.int64)
    raised = np.zeros((len(MODES), 12), dtype=np.bool_)
    for mode, of_mode in enumerate(MODES):
        scale = SCALES[of_mode][:7]
        degree[mode, list(scale)] = np.arange(7)
        for number, pitch in ((5, RAISED_SIXTH), (6, RAISED_SEVENTH)):
            if pitch not in scale and of_mode != "phrygian":  # whose cadence has its semitone above the tonic
                degree[mode, pitch], raised[mode, pitch] = number, True
    return degree, raised


DEGREE, RAISED = _degrees()
"""(modes, 12) degree 0..6 of each pitch class above the tonic, -1 outside; and whether it is a raised sixth or seventh,
which the cadence borrows."""


@compiled
def given_at(melody: Melody, tick: int) -> int:
    """Relative pitch of the given line at ``tick``."""
    return int(melody.given[tick // SIXTEENTH])


@compiled
def downbeat(melody: Melody) -> int:
    """Tick of the bar line at which the newest note begins, or over which it is held; -1 where there is none."""
    onset = int(melody.onset[-1])
    tick = -(-onset // melody.bar) * melody.bar
    return tick if tick < melody.time else -1


@compiled
def begins_bar(melody: Melody) -> bool:
    """Whether the newest note begins on a downbeat."""
    return bool(melody.onset[-1] % melody.bar == 0)


@compiled
def is_perfect(interval: int) -> bool:
    """Whether an interval in semitones is a unison, fifth or octave, or one of these and octaves."""
    return abs(interval) % 12 in (0, 7)


@compiled
def is_dissonant(interval: int) -> bool:
    """Whether two voices that are so many semitones apart are dissonant: seconds, fourths, tritones, sevenths."""
    return abs(interval) % 12 in (1, 2, 5, 6, 10, 11)


@compiled
def moved(melody: Melody) -> int:
    """Semitones from the note before to the newest; 0 beside a rest and for the first note."""
    if len(melody.pitch) < 2 or melody.pitch[-1] == REST or melody.pitch[-2] == REST:
        return 0
    return int(melody.pitch[-1]) - int(melody.pitch[-2])


@compiled
def moved_before(melody: Melody) -> int:
    """As ``moved``, one note earlier."""
    if len(melody.pitch) < 3 or melody.pitch[-2] == REST or melody.pitch[-3] == REST:
        return 0
    return int(melody.pitch[-2]) - int(melody.pitch[-3])


@compiled
def is_step(semitones: int) -> bool:
    """Whether a move is a second."""
    return 1 <= abs(semitones) <= 2


@compiled
def height(pitch: int) -> int:
    """A pitch of the alphabet as 1..30, from the lowest up."""
    return pitch - LOWEST + 1
