"""From times as they are to durations of the alphabet."""

from __future__ import annotations

from typing import Final, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import DURATIONS, REST, SIXTEENTH, duration_is_legal
from musicenv.reading.sketch import Note

_QUARTER: Final = 12
_TRIPLET_GAIN: Final = 0.5
"""Ticks by which triplets have to fit the onsets of a quarter better, in the mean, to be read."""


class Quantised(NamedTuple):
    """Notes and rests end to end, in durations of the alphabet."""

    pitch: list[int]
    """Sounding MIDI pitch, REST for a rest."""
    duration: list[int]
    """Ticks."""
    error: npt.NDArray[np.float64]
    """(notes,) how far each onset was moved, in ticks."""
    lost: int
    """Notes that another one on the same tick replaces."""
    shortened: int
    """Notes whose length the alphabet has not; a rest follows them."""


def quantise(notes: list[Note], start: int, bar: int, end: int, shortest_rest: float) -> Quantised:
    """Lay a line of notes (times in ticks from the first downbeat) on the grid from ``start`` to ``end``.

    A gap shorter than ``shortest_rest`` ticks belongs to the note before it.  All that comes out is legal in a piece
    with bars of ``bar`` ticks that ends at ``end``.
    """
    onset = np.array([note.start for note in notes])
    straight = (np.round(onset / SIXTEENTH) * SIXTEENTH).astype(np.int64)
    laid = _lay(notes, _with_triplets(onset, straight, start, bar, end), start, bar, end, shortest_rest)
    return laid or cast(Quantised, _lay(notes, straight, start, bar, end, shortest_rest))  # sixteenths always fit


def _lay(
    notes: list[Note], ticks: npt.NDArray[np.int64], start: int, bar: int, end: int, shortest_rest: float
) -> Quantised | None:
    """The notes with these onsets; None where no legal durations lead from one to the next."""
    # Of two notes on one tick the longer one is kept.
    kept: dict[int, int] = {}
    for k, tick in enumerate(ticks.tolist()):
        if start <= tick < end and (tick not in kept or _length(notes[k]) > _length(notes[kept[tick]])):
            kept[tick] = k
    places = sorted(kept)
    pitch: list[int] = []
    duration = list(_pieces(start, places[0] if places else end, bar, end))
    pitch += [REST] * len(duration)
    shortened = 0
    for tick, following in zip(places, [*places[1:], end], strict=True):
        note = notes[kept[tick]]
        stop = tick + _length(note)
        sounds = following if following - stop < shortest_rest else _inside(stop, tick, following)
        pieces = _pieces(tick, sounds, bar, end) or _pieces(tick, following, bar, end)
        shortened += len(pieces) > 1
        pieces = pieces + _pieces(tick + sum(pieces), following, bar, end)
        pitch += [note.pitch] + [REST] * (len(pieces) - 1)
        duration += pieces
        if tick + sum(pieces) != following or not pieces:
            return None
    error = np.abs(ticks - np.array([note.start for note in notes]))
    return Quantised(pitch, duration, error, len(notes) - len(kept), shortened)


def _length(note: Note) -> float:
    return note.end - note.start


def _with_triplets(
    onset: npt.NDArray[np.float64], straight: npt.NDArray[np.int64], start: int, bar: int, end: int
) -> npt.NDArray[np.int64]:
    """(n,) the tick of each onset: that on the grid of sixteenths, or in a quarter where they fit better, of triplets.

    ``straight`` (n,) are the ticks on the grid of sixteenths.
    """
    ticks = straight.copy()
    for offset in (0, 6):  # a triplet of eighths or quarters begins on an eighth
        thirds = (np.round((onset - offset) / 4) * 4 + offset).astype(np.int64)
        cell = (np.floor((thirds - offset) / _QUARTER)).astype(np.int64)
        for number in np.unique(cell):
            inside = cell == number
            begin = number * _QUARTER + offset
            whole = begin >= start and begin % bar <= bar - _QUARTER and begin + _QUARTER <= end
            off_beat = inside & ((thirds - begin) % _QUARTER != 0)
            gain = np.abs(straight - onset)[inside].sum() - np.abs(thirds - onset)[inside].sum()
            if whole and off_beat.any() and gain > _TRIPLET_GAIN * off_beat.sum() and (ticks == straight)[inside].all():
                ticks[inside] = thirds[inside]
    return ticks


def _inside(stop: float, tick: int, following: int) -> int:
    """The end of a note on the grid of sixteenths, or of the triplet that it begins in; at least one step long."""
    step = 4 if tick % SIXTEENTH else SIXTEENTH
    return min(tick + max(round((stop - tick) / step), 1) * step, following)


def _pieces(start: int, stop: int, bar: int, end: int) -> list[int]:
    """Legal durations from ``start`` to ``stop``, the longest first ones; [] where there are none."""
    reached: dict[int, list[int]] = {start: []}
    stack = [start]
    while stack:
        time = stack.pop()
        if time == stop:
            return reached[time]
        # Ascending, so that the longest is tried first.
        for duration in DURATIONS:
            after = time + duration
            if after <= stop and after not in reached and duration_is_legal(time, duration, bar, end):
                reached[after] = [*reached[time], duration]
                stack.append(after)
    return []
