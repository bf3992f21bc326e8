"""Histograms of a melody: what distances, classifiers and diversity compare pieces by.

The choice follows MGEval (Yang and Lerch 2020, On the evaluation of generative models in music), with contour and the
return of bars added.  Pitches are relative to the tonic, so that the key does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from experiments.judges.figures import repeated_ngrams
from musicenv.alphabet import DURATIONS, REST, SIXTEENTH
from musicenv.melody import Melody

Floats = npt.NDArray[np.float64]

_OCTAVE: Final = 12
_MOST: Final = 16
"""Notes a bar; more are counted as this many."""
_LIKENESS: Final = (0.25, 0.5, 0.75, 1.0)
"""Where the classes of likeness of a bar to an earlier one begin; below the first lies one more class."""


def _shares(values: npt.NDArray[np.int64], size: int) -> Floats:
    """(size,) how often each of 0..size-1 comes, as shares; zeros where there is nothing to count."""
    counts = np.bincount(values, minlength=size).astype(np.float64)
    return np.asarray(counts / max(counts.sum(), 1.0))


def _sounding(melody: Melody) -> npt.NDArray[np.int64]:
    return np.asarray(melody.pitch[melody.pitch != REST], dtype=np.int64)


def pitch_class(melody: Melody) -> Floats:
    """(12,) share of the notes on each pitch class, counted from the tonic."""
    return _shares(_sounding(melody) % _OCTAVE, _OCTAVE)


def interval(melody: Melody) -> Floats:
    """(25,) share of the intervals from an octave down to an octave up, in semitones; larger ones count as octaves."""
    steps = np.clip(np.diff(_sounding(melody)), -_OCTAVE, _OCTAVE)
    return _shares(steps + _OCTAVE, 2 * _OCTAVE + 1)


def duration(melody: Melody) -> Floats:
    """(10,) share of the notes and rests of each duration of the alphabet; others count as the next shorter one."""
    place = np.searchsorted(DURATIONS, melody.duration, side="right") - 1
    return _shares(np.maximum(place, 0), len(DURATIONS))


def note_density(melody: Melody) -> Floats:
    """(17,) share of the bars in which 0, 1, ... 16 or more notes begin."""
    onsets = melody.onset[(melody.pitch != REST) & (melody.onset >= 0)]
    per_bar = np.bincount(onsets // melody.bar, minlength=-(-melody.end // melody.bar))
    return _shares(np.minimum(per_bar, _MOST), _MOST + 1)


def contour(melody: Melody) -> Floats:
    """(9,) share of each pair of successive directions (down, level, up) of the line: bigrams of Parsons' code."""
    direction = np.sign(np.diff(_sounding(melody))) + 1
    return _shares(3 * direction[:-1] + direction[1:], 9)


def bar_repetition(melody: Melody) -> Floats:
    """(5,) share of the bars, from the second on, that are like some earlier bar in 0-25 %, ... 75-99 % or all of their
    sixteenths: the same pitch sounds there.
    """
    slots = melody.bar // SIXTEENTH
    whole = melody.grid.size // slots
    bars = melody.grid[: whole * slots].reshape(whole, slots)
    best = np.array([(bars[:k] == bars[k]).mean(axis=1).max() for k in range(1, whole)])
    return _shares(np.searchsorted(_LIKENESS, best, side="right"), len(_LIKENESS) + 1)


HISTOGRAMS: Final[dict[str, Callable[[Melody], Floats]]] = {
    "pitch_class": pitch_class,
    "interval": interval,
    "duration": duration,
    "note_density": note_density,
    "contour": contour,
    "bar_repetition": bar_repetition,
}
"""Each sums to 1, or is zero where a melody has nothing to count (no bar but one, no note that sounds)."""


def features(melodies: Sequence[Melody]) -> Floats:
    """(n, F) all histograms, then the number of notes, range, mean and deviation of pitch in semitones, first and last
    pitch class as one-hots, and the share of notes in repeated 8-grams.
    """
    return np.array([_features(melody) for melody in melodies])


def _features(melody: Melody) -> Floats:
    sounding = _sounding(melody)
    if not sounding.size:
        sounding = np.array([REST])
    ends = np.zeros((2, _OCTAVE))
    ends[0, sounding[0] % _OCTAVE] = ends[1, sounding[-1] % _OCTAVE] = 1.0
    single = [len(melody.pitch), np.ptp(sounding), sounding.mean(), sounding.std(), repeated_ngrams(melody)]
    return np.concatenate([*(histogram(melody) for histogram in HISTOGRAMS.values()), ends.ravel(), single])
