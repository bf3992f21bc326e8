"""What the agent sees: one flat float32 vector with a named layout, and the mask of legal actions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import DURATIONS, LOWEST, N_DURATIONS, N_PITCHES, REST
from musicenv.jit import compiled
from musicenv.kernel import BAR, END, HIGH, KEY, LENGTH, LOW, METRE, MODE, START, STYLE, TIME, Lines, duration_fits
from musicenv.task import METRES, STYLES, TONICS, TUNE_MODES

HISTORY: Final = 8
"""Notes whose pitch and duration are given as numbers."""
LOOKBACK: Final = (1, 2, 4, 8)
"""Bars ago at which the same place is looked up."""
_MIDDLE: Final = 70.0
_OCTAVE: Final = 12.0
_BAR_CAP: Final = 8
_PLACES: Final = 18

FEATURES: Final = {
    "pitch": N_PITCHES,
    "duration": N_DURATIONS,
    "history": 3 * HISTORY,
    "place": _PLACES + 2,
    "bar": 2 * _BAR_CAP + 3,
    "metre": len(METRES),
    "mode": len(TUNE_MODES),
    "key": len(TONICS),
    "style": len(STYLES),
    "range": 2,
    "lookback": 5 * len(LOOKBACK),
    "legal": N_DURATIONS,
}
"""Name and size of each block, in order.

pitch, duration: one-hot of the newest note (zeros before the first); history: (pitch - 70)/12, whether it sounds and
duration/12 quarters of the last 8 notes, newest first; place: one-hot sixteenth in the bar, whether off the sixteenth
grid, place in the bar 0..1; bar: one-hot bar number mod 8, one-hot bars left (capped at 8), ticks left in the
last bar / bar (1 before it), share of the piece composed; metre, mode, key, style: one-hot; range:
lowest and highest so far, (pitch - 70)/12; lookback: for 1, 2, 4 and 8 bars ago at this place (pitch - 70)/12, whether
it sounds, whether it begins here, ticks to its end / 12, and whether the newest note copied what stood there; legal:
which durations may come next.
"""
_OFFSETS: Final = np.concatenate([[0], np.cumsum(list(FEATURES.values()))]).astype(np.int64)
N_FEATURES: Final = int(_OFFSETS[-1])
_LOOKBACK: Final = np.array(LOOKBACK, dtype=np.int64)
_TICKS: Final = np.array(DURATIONS, dtype=np.int64)


def layout(
    terms: int = 0, hidden: int = 0, actions: int = 0, more: Mapping[str, int] = MappingProxyType({})
) -> dict[str, slice]:
    """Where each block lies: the FEATURES, ``terms`` (scores so far), the prior's ``log_probs`` and ``hidden``, and
    ``more`` blocks, by name and size."""
    sizes = {**FEATURES, "terms": terms, "log_probs": actions, "hidden": hidden, **more}
    out, begin = {}, 0
    for name, size in sizes.items():
        if size:
            out[name] = slice(begin, begin + size)
            begin += size
    return out


@compiled
def note_at(lines: Lines, i: int, tick: int) -> int:
    """Index of the note that sounds at ``tick``, or -1; binary search over the onsets."""
    onset = lines.notes[i, 1]
    low, high = 0, lines.frame[i, LENGTH]
    while low < high:
        middle = (low + high) // 2
        if onset[middle] <= tick:
            low = middle + 1
        else:
            high = middle
    return low - 1


@compiled
def observe(
    lines: Lines,
    rows: npt.NDArray[np.int64],
    out: npt.NDArray[np.float32],
    mask: npt.NDArray[np.int8],
) -> None:
    """Write the FEATURES and the scores of the terms into ``out[rows]`` and the legal actions into ``mask[rows]``."""
    for i in rows:
        x = out[i]
        frame = lines.frame[i]
        n, time, bar = frame[LENGTH], frame[TIME], frame[BAR]
        terms = lines.scores.shape[1]
        x[: N_FEATURES + terms] = 0.0
        pitch, ticks = lines.notes[i, 0], lines.notes[i, 2]
        if n > 0:
            x[_OFFSETS[0] + (pitch[n - 1] - LOWEST + 1 if pitch[n - 1] != REST else 0)] = 1.0
            for k in range(_TICKS.size):
                if _TICKS[k] == ticks[n - 1]:
                    x[_OFFSETS[1] + k] = 1.0
        at = _OFFSETS[2]
        for k in range(min(n, HISTORY)):
            if pitch[n - 1 - k] != REST:
                x[at + 3 * k] = (pitch[n - 1 - k] - _MIDDLE) / _OCTAVE
                x[at + 3 * k + 1] = 1.0
            x[at + 3 * k + 2] = ticks[n - 1 - k] / 12.0
        place = time % bar
        at = _OFFSETS[3]
        x[at + place // 3] = 1.0
        x[at + _PLACES] = place % 3 != 0
        x[at + _PLACES + 1] = place / bar
        at = _OFFSETS[4]
        left = frame[END] - time
        x[at + (time // bar) % _BAR_CAP] = 1.0
        x[at + _BAR_CAP + min((left + bar - 1) // bar, _BAR_CAP)] = 1.0
        x[at + 2 * _BAR_CAP + 1] = min(left / bar, 1.0)
        x[at + 2 * _BAR_CAP + 2] = (time - frame[START]) / (frame[END] - frame[START])
        x[_OFFSETS[5] + frame[METRE]] = 1.0
        if frame[MODE] < len(TUNE_MODES):
            x[_OFFSETS[6] + frame[MODE]] = 1.0
        x[_OFFSETS[7] + frame[KEY]] = 1.0
        x[_OFFSETS[8] + frame[STYLE]] = 1.0
        if frame[LOW] > 0:
            x[_OFFSETS[9]] = (frame[LOW] - _MIDDLE) / _OCTAVE
            x[_OFFSETS[9] + 1] = (frame[HIGH] - _MIDDLE) / _OCTAVE
        at = _OFFSETS[10]
        for k in range(_LOOKBACK.size):
            _look_back(lines, i, _LOOKBACK[k] * bar, x[at + 5 * k : at + 5 * k + 5])
        at = _OFFSETS[11]
        for d in range(N_DURATIONS):
            legal = duration_fits(frame, _TICKS[d])
            x[at + d] = legal
            for p in range(N_PITCHES):
                mask[i, p * N_DURATIONS + d] = legal
        for k in range(terms):
            x[N_FEATURES + k] = min(max(lines.scores[i, k], -5.0), 5.0)


@compiled
def _look_back(lines: Lines, i: int, ticks_ago: int, out: npt.NDArray[np.float32]) -> None:
    n = lines.frame[i, LENGTH]
    there = lines.frame[i, TIME] - ticks_ago
    pitch, onset, duration = lines.notes[i, 0], lines.notes[i, 1], lines.notes[i, 2]
    j = note_at(lines, i, there)
    if j < 0 or j >= n:
        return
    if pitch[j] != REST:
        out[0] = (pitch[j] - _MIDDLE) / _OCTAVE
        out[1] = 1.0
    out[2] = onset[j] == there
    out[3] = min((onset[j] + duration[j] - there) / 12.0, 4.0)
    before = note_at(lines, i, onset[n - 1] - ticks_ago)
    if before >= 0:
        out[4] = (
            pitch[before] == pitch[n - 1]
            and onset[before] == onset[n - 1] - ticks_ago
            and (duration[before] == duration[n - 1])
        )


def bounds(where: Mapping[str, slice]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Least and greatest value of each component of an observation of this layout."""
    size = max(part.stop for part in where.values())
    low, high = np.zeros(size, dtype=np.float32), np.ones(size, dtype=np.float32)
    limits: dict[str, tuple[float, float]] = {
        "history": (-1.25, 4.0),
        "range": (-1.25, 1.25),
        "lookback": (-1.25, 4.0),
        "terms": (-5.0, 5.0),
        "log_probs": (-50.0, 0.0),
        "hidden": (-1.0, 1.0),
        "given": (-4.0, 4.0),
    }
    for name, (least, greatest) in limits.items():
        if name in where:
            low[where[name]], high[where[name]] = least, greatest
    return low, high
