"""What the prior knows before a note: the whole input of one LSTM step, as a vector of small numbers.

One function writes it, for training and for playing alike, so the two can't differ.  Repetition is half of a tune:
therefore the input says what sounded at this place of earlier bars (*lookback*), and how far the notes just before
agree with the notes that led there.  Where the end is four or eight bars away, it says on what the phrase as long as
that has just ended, for whoever copies a phrase to the last note ends as it did.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import DURATIONS, HIGHEST, LOWEST, N_DURATIONS, N_PITCHES, REST
from musicenv.jit import compiled
from musicenv.lookback import note_at
from musicenv.task import BAR_TICKS, METRES, STYLES, TUNE_MODES

NOTHING: Final = N_PITCHES
"""Pitch value where no note is: before the first note, or before the beginning of the piece."""
SPANS: Final = (1, 2, 3, 4, 6, 8, 12, 16)
"""Lookback distances in bars; the half bar (one beat in 3/4 and 9/8) stands before them."""
AGREEMENT: Final = 15
"""Agreement is counted up to this many notes."""
N_BARS: Final = 32
"""Bar numbers beyond are folded back by 16, so that the place in a period of 2, 4, 8 or 16 bars stays visible."""

HELD: Final = N_DURATIONS + 1
# A length is: 0..9 a note that begins here, 10 one with another duration; 11..21 a note held over from before, by the
# duration that remains; 22 no note.
N_LENGTHS: Final = 2 * HELD + 1

_NOTE: Final = (("pitch", N_PITCHES + 1), ("length", N_LENGTHS), ("agreement", AGREEMENT + 1))
_LOOKBACKS: Final = ("half", *(str(span) for span in SPANS))

CARDINALITY: Final = {
    "last pitch": N_PITCHES + 1,
    "last length": N_LENGTHS,
    "place": sum(BAR_TICKS),
    "bar": N_BARS + 1,
    "bars left": N_BARS + 1,
    "ticks left": max(BAR_TICKS) + 1,
    "mode": len(TUNE_MODES),
    "style": len(STYLES),
    "end 4": N_PITCHES + 1,
    "end 8": N_PITCHES + 1,
    **{f"{where} {what}": size for where in _LOOKBACKS for what, size in _NOTE},
}
"""Name of each feature and the number of values it takes, in the order of the vector."""
FEATURES: Final = tuple(CARDINALITY)
N_FEATURES: Final = len(FEATURES)
CANDIDATES: Final = tuple(FEATURES.index(f"{where} pitch") for where in _LOOKBACKS)
"""Where in the vector each earlier note stands that may be copied: pitch, then length, then agreement."""
BARS_LEFT: Final = FEATURES.index("bars left")
STYLE: Final = FEATURES.index("style")

_LENGTH_OF = np.full(max(DURATIONS) + 1, N_DURATIONS, dtype=np.int16)
_LENGTH_OF[list(DURATIONS)] = np.arange(N_DURATIONS)
_PLACE_OFFSET = np.concatenate([[0], np.cumsum(BAR_TICKS)[:-1]]).astype(np.int16)
_SPANS = np.array(SPANS, dtype=np.int64)
_HALF_BAR = np.array([{"2/4": 12, "3/4": 12, "4/4": 24, "6/8": 18, "9/8": 18}[metre] for metre in METRES])
_N_LOOKBACKS = len(_LOOKBACKS)
_PHRASES = np.array((4, 8), dtype=np.int64)
N_SEARCHES: Final = _N_LOOKBACKS + _PHRASES.size
"""Places of the line that are looked up for one vector: the lookbacks in their order, then the ends of phrases."""
_FIRST_LOOKBACK = CANDIDATES[0]
_TICKS_LEFT = max(BAR_TICKS)


@compiled
def _pitch_index(pitch: int) -> int:
    """Index of a relative pitch (MIDI); pitches beyond the alphabet are folded into it by octaves."""
    if pitch == REST:
        return 0
    while pitch < LOWEST:
        pitch += 12
    while pitch > HIGHEST:
        pitch -= 12
    return pitch - LOWEST + 1


@compiled
def _length(ticks: int) -> int:
    return _LENGTH_OF[ticks] if ticks < _LENGTH_OF.size else N_DURATIONS


@compiled
def _fold(bars: int) -> int:
    return bars if bars <= N_BARS else N_BARS - 15 + (bars - N_BARS - 1) % 16


@compiled
def _agreement(pitch: npt.NDArray[np.int16], duration: npt.NDArray[np.int16], i: int, j: int) -> int:
    """How many notes before ``i`` and before ``j`` (j < i) are the same in pitch and duration, up to AGREEMENT."""
    count = 0
    while (
        count < AGREEMENT
        and j > count
        and pitch[i - 1 - count] == pitch[j - 1 - count]
        and duration[i - 1 - count] == duration[j - 1 - count]
    ):
        count += 1
    return count


@compiled
def prior_features(
    pitch: npt.NDArray[np.int16],
    onset: npt.NDArray[np.int16],
    duration: npt.NDArray[np.int16],
    n: int,
    start: int,
    end: int,
    bar: int,
    metre: int,
    mode: int,
    style: int,
    near: npt.NDArray[np.int64],
    out: npt.NDArray[np.int16],
) -> None:
    """Write into ``out`` (N_FEATURES,) the input of the step that predicts note ``n`` from the ``n`` notes before it.

    ``pitch`` (relative MIDI), ``onset`` and ``duration`` (ticks) hold at least ``n`` notes; ``start`` and ``end`` are
    the ticks where the piece begins and ends, ``bar`` the ticks of a bar; ``metre``, ``mode`` and ``style`` are
    indices of ``musicenv.task``.  ``near`` (N_SEARCHES,) is where each search begins, any notes from 0 on, and then
    what it found.
    """
    time = start
    out[0] = NOTHING
    out[1] = N_LENGTHS - 1
    if n > 0:
        time = onset[n - 1] + duration[n - 1]
        out[0] = _pitch_index(pitch[n - 1])
        out[1] = _length(duration[n - 1])
    left = max(end - time, 0)
    number = time // bar
    out[2] = _PLACE_OFFSET[metre] + time - number * bar
    out[3] = _fold(number + 1)
    out[4] = _fold(left // bar)
    out[5] = min(left, _TICKS_LEFT)
    out[6] = mode
    out[7] = style
    for k in range(_PHRASES.size):
        last = end - _PHRASES[k] * bar - 1
        out[8 + k] = NOTHING
        if n > 0 and onset[0] <= last < time:
            j = note_at(onset, n, last, near[_N_LOOKBACKS + k])
            near[_N_LOOKBACKS + k] = j
            out[8 + k] = _pitch_index(pitch[j])
    where = _FIRST_LOOKBACK
    target = time - _HALF_BAR[metre]
    for k in range(_N_LOOKBACKS):
        if n == 0 or target < onset[0]:
            out[where] = NOTHING
            out[where + 1] = N_LENGTHS - 1
            out[where + 2] = 0
        else:
            j = note_at(onset, n, target, near[k])
            near[k] = j
            out[where] = _pitch_index(pitch[j])
            if onset[j] == target:
                out[where + 1] = _length(duration[j])
                out[where + 2] = _agreement(pitch, duration, n, j)
            else:
                out[where + 1] = HELD + _length(onset[j] + duration[j] - target)
                out[where + 2] = 0
        where += 3
        if k + 1 < _N_LOOKBACKS:
            target = time - bar * _SPANS[k]


@compiled
def piece_features(
    pitch: npt.NDArray[np.int16],
    onset: npt.NDArray[np.int16],
    duration: npt.NDArray[np.int16],
    start: int,
    end: int,
    bar: int,
    metre: int,
    mode: int,
    style: int,
) -> npt.NDArray[np.int16]:
    """``prior_features`` before every note of a whole piece: (n, N_FEATURES) int16."""
    out = np.empty((pitch.size, N_FEATURES), dtype=np.int16)
    near = np.zeros(N_SEARCHES, dtype=np.int64)
    for n in range(pitch.size):
        prior_features(pitch, onset, duration, n, start, end, bar, metre, mode, style, near, out[n])
    return out
