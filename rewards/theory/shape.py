"""The shape of the line: climax, range, pitches in use, continuity."""

from __future__ import annotations

import numpy as np

from musicenv.alphabet import LOWEST, REST
from musicenv.jit import compiled
from musicenv.melody import Melody
from rewards.rules import statistic


@statistic(at_end=True)
def climax(melody: Melody) -> float:
    """Place of the first highest note in the piece, 0 (start) to 1 (end).

    Source: the melodic arch, Huron (1996); Toch, The Shaping Forces in Music (1948).
    """
    if melody.time < melody.end:
        return np.nan
    top = 0
    for k in range(melody.pitch.size):
        if melody.pitch[k] > melody.pitch[top]:
            top = k
    return float((melody.onset[top] - melody.start) / (melody.end - melody.start))


@statistic(at_end=True)
def highest_notes(melody: Melody) -> float:
    """How many notes are the highest one.  A unique climax is a textbook rule, not a habit of this music (28 %)."""
    if melody.time < melody.end:
        return np.nan
    top, times = REST, 0
    for pitch in melody.pitch:
        top = max(top, pitch)
    for pitch in melody.pitch:
        times += pitch == top
    return float(times)


@statistic(at_end=True)
def pitch_range(melody: Melody) -> float:
    """Semitones between the lowest and the highest note (Huron, Sweet Anticipation, ch. 5)."""
    if melody.time < melody.end:
        return np.nan
    low, high = 127, 0
    for pitch in melody.pitch:
        if pitch != REST:
            low, high = min(low, pitch), max(high, pitch)
    return float(high - low) if high else np.nan


@statistic(at_end=True)
def distinct_pitches(melody: Melody) -> float:
    """How many different pitches are in use."""
    if melody.time < melody.end:
        return np.nan
    used = 0
    for pitch in melody.pitch:
        if pitch != REST:
            used |= 1 << ((int(pitch) - LOWEST) & 63)
    count = 0
    while used:
        used &= used - 1
        count += 1
    return float(count)


@statistic(at_end=True)
def recitation(melody: Melody) -> float:
    """Share of the notes that are the commonest pitch: near 1 where a melody recites on one note."""
    if melody.time < melody.end:
        return np.nan
    counts = np.zeros(128, dtype=np.int64)
    notes, most = 0, 0
    for pitch in melody.pitch:
        if pitch != REST:
            notes += 1
            counts[pitch] += 1
            most = max(most, counts[pitch])
    return most / notes if notes else np.nan


@compiled
def autocorrelation(melody: Melody, lag: int) -> float:
    """Autocorrelation of the pitches of the notes so far at a lag in notes; through a rest the last pitch goes on."""
    size = melody.pitch.size
    if size <= lag + 1:
        return np.nan
    line = np.empty(size, dtype=np.int64)
    last = 0
    for k in range(size):
        if melody.pitch[k] != REST:
            last = melody.pitch[k] - 60
        line[k] = last
    total, squares, products, head = 0, 0, 0, 0
    for k in range(size):
        total += line[k]
        squares += line[k] * line[k]
    for k in range(size - lag):
        products += line[k] * line[k + lag]
        head += line[k]
    tail = total
    for k in range(lag):
        tail -= line[k]
    mean = total / size
    variance = squares - total * mean
    if variance < 1e-9:
        return np.nan
    return (products - mean * (head + tail) + (size - lag) * mean * mean) / variance


@statistic(at_end=True)
def autocorrelation_1(melody: Melody) -> float:
    """Autocorrelation of pitch from note to note: real tunes .6.  The Sequence Tutor's rule 4 punishes it: wrongly."""
    return np.nan if melody.time < melody.end else autocorrelation(melody, 1)


@statistic(at_end=True)
def autocorrelation_2(melody: Melody) -> float:
    """Autocorrelation of pitch over two notes: real tunes .4."""
    return np.nan if melody.time < melody.end else autocorrelation(melody, 2)
