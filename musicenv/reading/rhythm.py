"""Beat, metre and downbeat of a performance, from the onsets of its notes.

Readings are followed through the notes (Viterbi): each is a place in the bar with a running tempo.  A reading is likely
where the times between onsets are near those that real tunes have at this place of the bar (``rhythm_model``), at a
tempo that people play.  After Cemgil and Kappen, Monte Carlo methods for tempo tracking and rhythm quantization (2003).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from musicenv.reading.rhythm_model import VALUES, rhythm_model
from musicenv.reading.sketch import Note
from musicenv.task import BEAT_TICKS, METRES

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_TEMPI: Final = np.geomspace(40.0, 220.0, 40)
"""Beats per minute that are tried."""
_USUAL_TEMPO: Final = {12: 108.0, 18: 96.0}
"""Of quarters and of dotted quarters, and ..."""
_TEMPO_SPREAD: Final = 0.35
"""... the standard deviation of the logarithm (base 2) of people's tempi about it."""
_JITTER: Final = (0.015, 0.06)
"""Standard deviation of the time between two onsets: seconds, and share of that time."""
_FAR: Final = 30.0
"""Most that one interval can cost, in nats: people stop to breathe."""
_FOLLOW: Final = 0.3
"""How fast the running tempo follows, per beat."""


class Beats(NamedTuple):
    """A performance in ticks."""

    notes: list[Note]
    """With times in ticks from a downbeat; the first onset may be anywhere in its bar."""
    metre: str
    tempo: float
    """Beats per minute, the mean over the performance."""
    error: Floats
    """(n,) ticks by which the time before each onset differs from its value at the running tempo; 0 for the first."""


def find_beats(line: list[Note], metre: str | None, tempo: float | None = None) -> Beats:
    """Lay a line (times in seconds) on ticks; among all metres, or in the given one.

    ``tempo``: beats per minute, if known; a beat is a quarter, in 6/8 and 9/8 a dotted quarter.
    """
    onset = np.array([note.start for note in line])
    onset = np.maximum.accumulate(onset)
    readings = [_read(onset, name, tempo) for name in ([metre] if metre else METRES)]
    _, name, ticks, found, error = min(readings, key=lambda reading: reading[0])
    between = np.diff(onset)
    beat = BEAT_TICKS[METRES.index(name)]
    speed = np.append(np.diff(ticks) / np.maximum(between, 1e-6), 0.0)  # ticks a second
    speed[-1] = np.median(speed[:-1]) if len(speed) > 1 else beat * found / 60
    notes = [
        Note(note.pitch, float(tick), float(tick + max((note.end - note.start) * fast, 1.0)))
        for note, tick, fast in zip(line, ticks, speed, strict=True)
    ]
    return Beats(notes, name, found, error)


def _read(onset: Floats, metre: str, tempo: float | None) -> tuple[float, str, Ints, float, Floats]:
    """Cheapest reading in a metre: cost in nats, metre, (n,) ticks of the onsets, beats per minute, (n,) errors."""
    model = rhythm_model(metre)
    beat = BEAT_TICKS[METRES.index(metre)]
    tempi = _TEMPI if tempo is None else tempo * np.geomspace(0.9, 1.1, 9)
    period = np.repeat((60.0 / tempi / beat)[:, None], model.tick.size, axis=1)  # seconds a tick (K, P)
    unusual = 0.5 * (np.log2(tempi / (tempo or _USUAL_TEMPO[beat])) / _TEMPO_SPREAD) ** 2
    cost = model.metre + model.first[None, :] + unusual[:, None]
    back: list[tuple[Ints, Ints, Floats]] = []
    rows = np.arange(tempi.size)[:, None]
    for gap in np.diff(onset):
        deviation = _JITTER[0] + _JITTER[1] * gap
        expected = period[:, model.source] * VALUES  # (K, P, D)
        total = cost[:, model.source] + model.value + np.minimum(0.5 * ((gap - expected) / deviation) ** 2, _FAR)
        way = total.argmin(axis=2)
        source = model.source[np.arange(model.tick.size), way]
        cost = np.take_along_axis(total, way[:, :, None], axis=2)[:, :, 0]
        came = period[rows, source]
        follow = _FOLLOW * np.minimum(VALUES[way] / beat, 1.0)
        period = came * np.clip(1 + follow * (gap / VALUES[way] / came - 1), 0.85, 1.18)
        back.append((source, way, np.abs(gap / came - VALUES[way])))
    cost = cost + model.last
    row, place = (int(k) for k in np.unravel_index(int(cost.argmin()), cost.shape))
    best, steps, errors = float(cost[row, place]), [], []
    for source, way, error in reversed(back):
        steps.append(int(VALUES[way[row, place]]))
        errors.append(float(error[row, place]))
        place = int(source[row, place])
    ticks = int(model.tick[place]) + np.concatenate([[0], np.cumsum(steps[::-1])]).astype(np.int64)
    lasted = float(onset[-1] - onset[0])
    mean = 60.0 * float(ticks[-1] - ticks[0]) / beat / lasted if lasted > 0 else float(tempi[row])
    return best, metre, ticks, mean, np.array([0.0, *errors[::-1]])
