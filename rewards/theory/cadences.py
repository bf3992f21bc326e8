"""Beginnings and endings: the opening harmony, rest at the ends of phrases, the cadence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import REST, SIXTEENTH
from musicenv.melody import Melody
from musicenv.task import MODES
from rewards.rules import statistic
from rewards.tallies import Numbers, line_tally
from rewards.theory.frame import complete_bars, phrase_bars

THIRD = np.array([4 if mode in ("major", "mixolydian", "lydian") else 3 for mode in MODES], dtype=np.int64)


def _belongs(degrees: Callable[[int], tuple[int, ...]]) -> npt.NDArray[np.int64]:
    """(modes, 128) 1 for each pitch that is one of the ``degrees`` of a mode; not for REST."""
    table = [[pitch > REST and pitch % 12 in degrees(mode) for pitch in range(128)] for mode in range(len(MODES))]
    return np.array(table, dtype=np.int64)


_OF_TONIC: Final = _belongs(lambda mode: (0, THIRD[mode], 7))
_OF_DOMINANT: Final = _belongs(lambda mode: (2, 5, 7, 11) if MODES[mode] == "major" else (2, 5, 7, 10, 11))


@statistic(at_end=True)
def cadence(melody: Melody) -> float:
    """Class of the ending, 0..15: 1 if the last note is the tonic, plus 2 if it begins on a beat, plus 4 if it lasts a
    beat or more, plus 8 if it is approached by two semitones or less, or from the fifth of the scale.

    Source: the clausula of Fux, Gradus ad Parnassum (1725), and the step or dominant approach of folk tunes; a long
    final on the downbeat is *not* a habit of theirs.
    """
    last = melody.pitch.size - 1
    while last > 0 and melody.pitch[last] == REST:
        last -= 1
    pitch = melody.pitch[last]
    if melody.time < melody.end or pitch == REST:
        return np.nan if melody.time < melody.end else 0.0
    kind = 0
    if pitch % 12 == 0:
        kind += 1
    if melody.onset[last] % melody.beat == 0:
        kind += 2
    if melody.duration[last] >= melody.beat:
        kind += 4
    if last > 0 and melody.pitch[last - 1] != REST:
        before = melody.pitch[last - 1]
        if abs(pitch - before) <= 2 or before % 12 == 7:
            kind += 8
    return float(kind)


@statistic
def opening_on_the_triad(melody: Melody) -> float:
    """1 if a note of the tonic triad sounds on the first downbeat, else 0.

    Source: Gauldin, Harmonic Practice in Tonal Music; 88 % of real parts do, a tonic *first note* only 30 %.
    """
    if melody.time <= 0 or melody.grid.size == 0:
        return np.nan
    return float(_OF_TONIC[melody.mode, max(melody.grid[0], REST)])


@line_tally(2, kept=True)
def _phrase_ends(melody: Melody, kept: Numbers) -> None:
    """Notes and rests of complete phrases, and how many notes begin in the second half of their last bars."""
    length = phrase_bars(melody) * melody.bar
    last = complete_bars(melody) * melody.bar // length * length
    finish, k, notes = length, int(kept[0]), kept[1]
    while k < melody.pitch.size and melody.onset[k] < last:
        while melody.onset[k] >= finish:
            finish += length
        notes += 2 * (finish - melody.onset[k]) <= melody.bar and melody.pitch[k] != REST
        k += 1
    kept[0], kept[1] = k, notes


@statistic(tally=_phrase_ends)
def phrase_end_notes(melody: Melody, told: Numbers) -> float:
    """Mean number of notes that begin in the second half of a phrase's last bar: phrases come to rest.

    Source: phrase-final lengthening; Temperley, The Cognition of Basic Musical Structures (2001), ch. 3.
    """
    phrases = complete_bars(melody) // phrase_bars(melody)
    return told[1] / phrases if phrases else np.nan


@statistic(at_end=True)
def dominant_to_tonic(melody: Melody) -> float:
    """How well do the last two bars fit the dominant seventh and then the tonic triad?  The share of their sixteenths
    that belong to V7 before a point and to I after it, at the best such point; a mode without leading tone may take its
    seventh degree instead.

    Source: the authentic cadence, Gauldin, Harmonic Practice in Tonal Music.
    """
    if melody.time < melody.end:
        return np.nan
    first = max(melody.bars - 2, 0) * melody.bar // SIXTEENTH
    length = melody.grid.size - first
    if length <= 0:
        return np.nan
    # Of how many more sixteenths would the dominant account, if it reached so far?
    tonic, gained, most = 0, 0, 0
    for pitch in melody.grid[first:]:
        tonic += _OF_TONIC[melody.mode, max(pitch, REST)]
        gained += _OF_DOMINANT[melody.mode, max(pitch, REST)] - _OF_TONIC[melody.mode, max(pitch, REST)]
        most = max(most, gained)
    return (tonic + most) / length
