"""The alphabet: which number means which note, and which notes may come next.

An action is one note: a pitch or a rest, and a duration.  Pitches are MIDI numbers *relative to the tonic*: the
tonic is always C (60 or 72), whatever key the piece sounds in.  Times are ticks, 12 to the quarter note.

    action = pitch_index * len(DURATIONS) + duration_index
    pitch_index 0 is the rest, 1..30 are the relative pitches 55..84 (G3 to C6 with C as tonic)
"""

from __future__ import annotations

from typing import Final

import numpy as np

from musicenv.jit import inlined

TICKS_PER_QUARTER: Final = 12
SIXTEENTH: Final = 3

LOWEST: Final = 55
"""Lowest relative pitch (MIDI)."""
HIGHEST: Final = 84
"""Highest relative pitch (MIDI)."""
TONIC: Final = 60
"""Relative pitch of the tonic; every octave of it is a tonic too."""
REST: Final = 0
"""What stands in a pitch array where nothing sounds."""

DURATIONS: Final = (3, 4, 6, 8, 9, 12, 18, 24, 36, 48)
"""Durations in ticks: sixteenth, eighth triplet, eighth, quarter triplet, dotted eighth, quarter, dotted quarter, half,
dotted half, whole."""

N_PITCHES: Final = HIGHEST - LOWEST + 2
N_DURATIONS: Final = len(DURATIONS)
N_ACTIONS: Final = N_PITCHES * N_DURATIONS

_DURATIONS: Final = np.array(DURATIONS, dtype=np.int64)
_ON_GRID: Final = _DURATIONS % SIXTEENTH == 0
_TRIPLETS: Final = np.flatnonzero(~_ON_GRID)
_TRIPLET_BITS: Final = int((1 << _TRIPLETS).sum())
_WITHIN: Final = np.array(
    [np.sum((_ON_GRID & (left >= _DURATIONS)) << np.arange(N_DURATIONS)) for left in range(DURATIONS[-1] + 1)]
)
"""The durations on the sixteenth grid that are no longer than so many ticks, a bit for each."""

MASKS: Final = np.tile((np.arange(2**N_DURATIONS)[:, None] >> np.arange(N_DURATIONS) & 1).astype(np.int8), N_PITCHES)
"""(2**N_DURATIONS, N_ACTIONS) the mask of actions for each set of legal durations, a bit for each."""


def action_of(pitch: int, duration: int) -> int:
    """The action for a relative MIDI ``pitch`` (``REST`` for silence) held for ``duration`` ticks."""
    if duration not in DURATIONS:
        raise ValueError(f"duration {duration} ticks is not in the alphabet; choose one of {DURATIONS}")
    if pitch != REST and not LOWEST <= pitch <= HIGHEST:
        raise ValueError(f"relative pitch {pitch} is not in the alphabet; choose {LOWEST}..{HIGHEST} or REST")
    index = 0 if pitch == REST else pitch - LOWEST + 1
    return index * N_DURATIONS + DURATIONS.index(duration)


def note_of(action: int) -> tuple[int, int]:
    """``(relative pitch or REST, duration in ticks)`` of an action."""
    if not 0 <= action < N_ACTIONS:
        raise ValueError(f"action {action} is not in 0..{N_ACTIONS - 1}")
    index, duration = divmod(int(action), N_DURATIONS)
    return (REST if index == 0 else index + LOWEST - 1), DURATIONS[duration]


@inlined
def duration_is_legal(time: int, duration: int, bar: int, end: int) -> bool:
    """May a note that starts at ``time`` last ``duration`` ticks in a piece that ends at tick ``end``?

    On the sixteenth grid every duration may come that stays inside the piece; a triplet may begin on any eighth and
    has to be completed inside its bar.  Inside a triplet only triplet durations are legal until the grid is met again.
    So the rest of the piece can always be filled: no legal note leads to a state without legal notes.
    """
    after = time + duration
    if time % 3 == 0 and duration % 3 == 0:
        return after <= end
    if duration != 4 and duration != 8:
        return False
    if time % 3 == 0 and time % 6 != 0:
        return False
    # The triplet began at a multiple of 6; it meets the grid again where its distance from there is a multiple of 12.
    phase = 0 if time % 4 == 0 else 6
    if time % 3 == 0:
        phase = time % 12
    grid = after + (phase - after) % 12
    bar_end = time - time % bar + bar
    return grid <= bar_end and grid <= end


@inlined
def duration_of_species(species: int, time: int, duration: int, bar: int, end: int) -> bool:
    """Does a note at ``time`` last ``duration`` ticks in a species of counterpoint (1 to 4), in 4/4?

    Whole notes, half notes, quarters, and half notes that may be tied over the bar line if a bar is left before the
    last, which is a whole note in every species (Fux).
    """
    if time == end - bar or species == 1:
        return duration == bar
    if species == 4 and time % bar != 0 and time < end - bar - bar // 2:
        return duration == bar or duration == bar // 2
    return duration == (bar // 4 if species == 3 else bar // 2)


@inlined
def legal_durations(time: int, bar: int, end: int) -> int:
    """Which durations are legal at ``time``, a bit for each, as an index of ``MASKS``; ``bar`` and ``end`` in ticks."""
    if time % SIXTEENTH == 0:
        legal = int(_WITHIN[min(end - time, _WITHIN.size - 1)])
        # A triplet that begins on an eighth lasts a quarter; from another sixteenth none does.
        if time % 6 == 0 and min(end - time, bar - time % bar) >= TICKS_PER_QUARTER:
            legal |= _TRIPLET_BITS
        return legal
    legal = 0
    for triplet in _TRIPLETS:
        legal |= int(duration_is_legal(time, _DURATIONS[triplet], bar, end)) << int(triplet)
    return legal
