"""The shape of the line: climax, range, pitches in use, continuity."""

from __future__ import annotations

import numpy as np

from musicenv.alphabet import REST
from musicenv.jit import compiled
from musicenv.melody import Melody
from rewards.rules import statistic
from rewards.tallies import Numbers, tally


@tally(134)
def _pitches(melody: Melody, k: int, told: Numbers) -> None:
    """The lowest and the highest pitch, the note that reaches it first, how many pitches are in use, the notes, those
    of the commonest pitch, and the notes of each pitch."""
    pitch = melody.pitch[k]
    if pitch == REST:
        return
    low, high = told[0], told[1]
    told[0] = pitch if low == 0 or pitch < low else low
    told[1], told[2] = (pitch, k) if pitch > high else (high, told[2])
    times = told[6 + pitch] + 1
    told[6 + pitch] = times
    told[3] += times == 1
    told[4] += 1
    told[5] = max(told[5], times)


@statistic(at_end=True, tally=_pitches)
def climax(melody: Melody, told: Numbers) -> float:
    """Place of the first highest note in the piece, 0 (start) to 1 (end).

    Source: the melodic arch, Huron (1996); Toch, The Shaping Forces in Music (1948).
    """
    if melody.time < melody.end:
        return np.nan
    return float((melody.onset[int(told[2])] - melody.start) / (melody.end - melody.start))


@statistic(at_end=True, tally=_pitches)
def highest_notes(melody: Melody, told: Numbers) -> float:
    """How many notes are the highest one.  A unique climax is a textbook rule, not a habit of this music (28 %)."""
    if melody.time < melody.end:
        return np.nan
    return float(told[6 + int(told[1])])


@statistic(at_end=True, tally=_pitches)
def pitch_range(melody: Melody, told: Numbers) -> float:
    """Semitones between the lowest and the highest note (Huron, Sweet Anticipation, ch. 5)."""
    if melody.time < melody.end:
        return np.nan
    return told[1] - told[0] if told[4] else np.nan


@statistic(at_end=True, tally=_pitches)
def distinct_pitches(melody: Melody, told: Numbers) -> float:
    """How many different pitches are in use."""
    return np.nan if melody.time < melody.end else told[3]


@statistic(at_end=True, tally=_pitches)
def recitation(melody: Melody, told: Numbers) -> float:
    """Share of the notes that are the commonest pitch: near 1 where a melody recites on one note."""
    return np.nan if melody.time < melody.end or told[4] == 0 else told[5] / told[4]


@tally(11)
def successions(melody: Melody, k: int, told: Numbers) -> None:
    """Of the pitches above middle C, where through a rest the last one goes on: their sum, that of their squares, of
    their products with those one, two and three notes before; the last three, newest first, and the first three."""
    newest = told[5]
    pitch = melody.pitch[k] - 60.0 if melody.pitch[k] != REST else newest
    told[0] += pitch
    told[1] += pitch * pitch
    for lag in range(3):
        told[2 + lag] += pitch * told[5 + lag]
    told[5], told[6], told[7] = pitch, newest, told[6]
    if k < 3:
        told[8 + k] = pitch


@compiled
def autocorrelation(told: Numbers, size: int, lag: int) -> float:
    """Autocorrelation of the pitches of ``size`` notes, of which ``successions`` told, at a lag of one to three."""
    if size <= lag + 1:
        return np.nan
    total, squares, products = told[0], told[1], told[1 + lag]
    head, tail = total, total
    for k in range(lag):
        head -= told[5 + k]
        tail -= told[8 + k]
    mean = total / size
    variance = squares - total * mean
    if variance < 1e-9:
        return np.nan
    return float((products - mean * (head + tail) + (size - lag) * mean * mean) / variance)


@statistic(at_end=True, tally=successions)
def autocorrelation_1(melody: Melody, told: Numbers) -> float:
    """Autocorrelation of pitch from note to note: real tunes .6.  The Sequence Tutor's rule 4 punishes it: wrongly."""
    return np.nan if melody.time < melody.end else autocorrelation(told, melody.pitch.size, 1)


@statistic(at_end=True, tally=successions)
def autocorrelation_2(melody: Melody, told: Numbers) -> float:
    """Autocorrelation of pitch over two notes: real tunes .4."""
    return np.nan if melody.time < melody.end else autocorrelation(told, melody.pitch.size, 2)
