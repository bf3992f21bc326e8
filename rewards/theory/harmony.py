"""Key, modulation and implied harmony of a single line."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import REST, SIXTEENTH
from musicenv.jit import compiled
from musicenv.keys import PROFILES, SCALES
from musicenv.melody import Melody
from musicenv.task import BAR_TICKS, MODES
from rewards.rules import statistic
from rewards.tallies import Numbers, line_tally, tally
from rewards.theory.frame import complete_bars, too_short

TRIADS: Final = {
    "major": ((0, 4, 7), (2, 5, 9), (4, 7, 11), (5, 9, 0), (7, 11, 2), (9, 0, 4)),
    "minor": ((0, 3, 7), (3, 7, 10), (5, 8, 0), (7, 11, 2), (8, 0, 3), (10, 2, 5)),
    "dorian": ((0, 3, 7), (2, 5, 9), (3, 7, 10), (5, 9, 0), (7, 10, 2), (10, 2, 5)),
    "mixolydian": ((0, 4, 7), (2, 5, 9), (5, 9, 0), (7, 10, 2), (9, 0, 4), (10, 2, 5)),
    "phrygian": ((0, 3, 7), (1, 5, 8), (3, 7, 10), (5, 8, 0), (8, 0, 3), (10, 1, 5)),
    "lydian": ((0, 4, 7), (2, 6, 9), (4, 7, 11), (7, 11, 2), (9, 0, 4), (11, 2, 6)),
}
"""The six triads that accompany each mode."""

KEYS: Final = (0, 7, 5)
"""Tonics of the local keys in semitones above the home tonic: home, a fifth up and a fifth down.

The closely related keys are those whose signatures differ by one accidental at most (Piston, Harmony; Aldwell and
Schachter, Harmony and Voice Leading).  A line tells signatures apart, not relative keys, so that three stand for
all of them: in C major G stands for e minor too, F for d minor, C for a minor.
"""

MODULATION: Final = 1.5
"""What a change of key costs, in notes outside the scale: to leave and come home has to explain more than three notes.

In real test parts 6 % of what is outside the home scale is so explained, in uniform play .6 %; in tunes 11 % and 3 %.
"""

CHANGE = 0.15
"""What a change of chord has to gain, in bars of sounding time."""


def _outside() -> npt.NDArray[np.int64]:
    """(modes, keys, 128) whether a pitch is outside the scale.

    The raised degrees of minor belong to the home key alone, or a local key would explain what is merely chromatic.
    """
    table = np.zeros((len(MODES), len(KEYS), 128), dtype=np.int64)
    for mode, of_mode in zip(MODES, table, strict=True):
        for key, row in zip(KEYS, of_mode, strict=True):
            scale = SCALES[mode] if key == 0 else SCALES[mode][:7]
            row[:] = [(pitch - key) % 12 not in scale for pitch in range(128)]
    return table


def _chords() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """(modes, chords, 3) the triads of all local keys, home's first, and (modes, keys, chords) whose they are.

    A mode with fewer chords than another is filled up with triads of no key.
    """
    owners: list[dict[tuple[int, ...], list[int]]] = [{} for _ in MODES]
    for mode, found in zip(MODES, owners, strict=True):
        for number, key in enumerate(KEYS):
            for triad in TRIADS[mode]:
                found.setdefault(tuple((tone + key) % 12 for tone in triad), []).append(number)
    size = max(len(found) for found in owners)
    triads, of_key = np.zeros((len(MODES), size, 3), dtype=np.int64), np.zeros((len(MODES), len(KEYS), size), np.bool_)
    for mode_index, found in enumerate(owners):
        for chord, (tones, numbers) in enumerate(found.items()):
            triads[mode_index, chord] = tones
            of_key[mode_index, numbers, chord] = True
    return triads, of_key


OUTSIDE: Final = _outside()
"""(modes, KEYS, 128) 1 where a relative pitch is outside the scale of the local key; REST, a tonic, never is."""
_TRIADS, _OF_KEY = _chords()
_HOME_TRIADS: Final = len(TRIADS["major"])
_N_TRIADS: Final = _TRIADS.shape[1]
_WIDTH: Final = 5
"""Bits of a number of sixteenths in a bar."""


def _belonging() -> npt.NDArray[np.int64]:
    """(modes, 128) for each pitch a 1 in the place, ``_WIDTH`` bits wide, of each triad that it belongs to, so that the
    sum over a bar holds the number of its sixteenths that belong to each triad; 0 for REST."""
    assert _N_TRIADS * _WIDTH < 64 and max(BAR_TICKS) // SIXTEENTH < 1 << _WIDTH
    belongs = (_TRIADS[:, :, :, None] == np.arange(128) % 12).any(axis=2)
    table = (belongs << _WIDTH * np.arange(_N_TRIADS)[:, None]).sum(axis=1)
    table[:, REST] = 0
    return np.asarray(table, dtype=np.int64)


_BELONGS: Final = _belonging()


@compiled
def notes_outside(melody: Melody) -> tuple[int, int]:
    """How many notes are outside the scale of the home key, and how many there are."""
    outside, notes = 0, 0
    for pitch in melody.pitch:
        notes += pitch != REST
        outside += OUTSIDE[melody.mode, 0, pitch]
    return outside, notes


@compiled
def local_keys(melody: Melody) -> tuple[float, npt.NDArray[np.int64]]:
    """The cheapest way through the keys by Viterbi, and (bars,) the index into ``KEYS`` of each bar.

    A note outside the local scale costs 1, a change of key at a barline ``MODULATION``.  The piece begins at home and,
    once it is finished, ends there.
    """
    keys = OUTSIDE.shape[1]
    outside = np.zeros((melody.bars, keys))
    bars = 1
    for k in range(melody.pitch.size):
        if melody.pitch[k] != REST:
            bar = min(max(melody.onset[k] // melody.bar, 0), melody.bars - 1)
            bars = max(bars, bar + 1)
            for key in range(keys):
                outside[bar, key] += OUTSIDE[melody.mode, key, melody.pitch[k]]
    finished = melody.time >= melody.end
    bars = melody.bars if finished else bars
    came_from = np.zeros((melody.bars, keys), dtype=np.int64)
    cost = np.full(keys, np.inf)
    cost[0] = outside[0, 0]
    for bar in range(1, bars):
        best = np.argmin(cost)
        moved = cost[best] + MODULATION
        for key in range(keys):
            came_from[bar, key] = key if cost[key] <= moved else best
            cost[key] = min(cost[key], moved) + outside[bar, key]
    last = 0 if finished else np.argmin(cost)
    path = np.zeros(melody.bars, dtype=np.int64)
    path[bars - 1] = last
    for bar in range(bars - 1, 0, -1):
        path[bar - 1] = came_from[bar, path[bar]]
    return cost[last], path


@tally(2)
def _outside_home(melody: Melody, k: int, counts: Numbers) -> None:
    """How many notes are outside the scale of the home key, and how many there are."""
    counts[0] += OUTSIDE[melody.mode, 0, melody.pitch[k]]
    counts[1] += melody.pitch[k] != REST


@statistic(tally=_outside_home)
def chromatic_notes(melody: Melody, counts: Numbers) -> float:
    """Share of the notes outside the scale of the local key, each modulation counting as one such note; in minor the
    raised sixth and seventh belong to the scale.
    """
    if too_short(melody):
        return np.nan
    outside, notes = counts[0], counts[1]
    if notes == 0:
        return np.nan
    # No modulation explains one note or none, and most pieces have no more.
    return float(outside / notes) if outside <= MODULATION else local_keys(melody)[0] / notes


@tally(12)
def _pitch_classes(melody: Melody, k: int, ticks: Numbers) -> None:
    """The time spent on each pitch class."""
    if melody.pitch[k] != REST:
        ticks[melody.pitch[k] % 12] += melody.duration[k]


@statistic(at_end=True, tally=_pitch_classes)
def key_correlation(melody: Melody, ticks: Numbers) -> float:
    """Correlation of the time spent on each pitch class with the key's profile.

    Source: Krumhansl and Kessler (1982); Krumhansl, Cognitive Foundations of Musical Pitch (1990), ch. 4.
    """
    if melody.time < melody.end:
        return np.nan
    total, squares, product = 0.0, 0.0, 0.0
    for degree in range(12):
        total += ticks[degree]
        squares += ticks[degree] * ticks[degree]
        product += ticks[degree] * PROFILES[melody.mode, degree]
    spread = squares - total * total / 12
    return product / np.sqrt(spread) if spread > 1e-9 else np.nan


@line_tally(2 + 2 * _N_TRIADS)
def _harmony(melody: Melody, told: Numbers) -> None:
    """One triad per bar, chosen by Viterbi: mean share of the sounding time that fits, share of bars that change, and
    for the search each triad's score and changes so far.

    A triad of the bar's local key is worth the share of its bar's sixteenths that belong to it; a change costs
    ``CHANGE``.
    """
    slots = melody.bar // SIXTEENTH
    bars = complete_bars(melody)
    score, changes = told[2 : 2 + _N_TRIADS], told[2 + _N_TRIADS :]
    modulates = notes_outside(melody)[0] > MODULATION
    keys = local_keys(melody)[1] if modulates else np.zeros(1, dtype=np.int64)
    chords = _N_TRIADS if modulates else _HOME_TRIADS
    for bar in range(bars):
        key = keys[bar] if modulates else 0
        total, belonging = 0, 0
        for pitch in melody.grid[bar * slots : min((bar + 1) * slots, melody.grid.size)]:
            total += pitch > REST
            belonging += _BELONGS[melody.mode, max(pitch, REST)]
        best = 0
        for chord in range(1, chords):
            if score[chord] > score[best]:
                best = chord
        moved_score, moved_changes = score[best] - CHANGE, changes[best] + 1.0
        for chord in range(chords):
            if bar > 0 and score[chord] < moved_score:
                score[chord], changes[chord] = moved_score, moved_changes
            if not _OF_KEY[melody.mode, key, chord]:
                score[chord] = -np.inf
            elif total > 0:
                score[chord] += (belonging >> _WIDTH * chord & (1 << _WIDTH) - 1) / total
    best = 0
    for chord in range(1, chords):
        if score[chord] > score[best]:
            best = chord
    told[0] = (score[best] + CHANGE * changes[best]) / max(bars, 1)
    told[1] = changes[best] / max(bars - 1, 1)


@statistic(at_end=True, tally=_harmony)
def implied_harmony(melody: Melody, told: Numbers) -> float:
    """Mean share of a bar's sounding time that belongs to its triad, in the best harmonisation with a triad a bar
    of the local key.

    Source: Temperley, The Cognition of Basic Musical Structures (2001), ch. 6; the path is found by Viterbi.
    """
    return np.nan if melody.time < melody.end else told[0]


@statistic(at_end=True, tally=_harmony)
def harmonic_rhythm(melody: Melody, told: Numbers) -> float:
    """Share of barlines at which that harmonisation changes its triad: neither a drone nor a new chord every bar."""
    return np.nan if melody.time < melody.end else told[1]
