"""Lines of counterpoint as states: what declared rules can tell apart, packed into one whole number.

Two lines that end at the same time with the same last notes and the same running summaries have the same future, so
that they are one state.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import DURATIONS, LOWEST, N_PITCHES, REST
from musicenv.beginning import frame_of
from musicenv.jit import compiled
from musicenv.kernel import BAR, BARS, BEAT, END, KEY, METRE, MODE, SIDE, START, STYLE, TIME
from musicenv.melody import UNSET, Melody, relative_given
from musicenv.task import Task
from rewards.rules import RuleError, Suite
from rewards.summaries import SUMMARIES, initial_values

FINISHED: Final = -1
"""In place of the key of a state: the piece is finished."""
DURATIONS_OF_SPECIES: Final = {1: (48,), 2: (24,), 3: (12,), 4: (24, 48)}
"""Ticks of the notes of each species, but for the last one, which is whole."""
WHOLE: Final = 48
WHOLE_INDEX: Final = DURATIONS.index(WHOLE)
TIME_UNIT: Final = 12
"""Ticks; every note begins on a quarter."""
MOVES: Final = 2 * N_PITCHES
"""How many notes can follow at most."""
Integers = npt.NDArray[np.int64]


class Space(NamedTuple):
    """How the lines of one task are packed, and room to unpack one."""

    notes: int
    """How many of the last notes are kept."""
    ticks: Integers
    """(D,) the durations of notes."""
    indices: Integers
    """(D,) their places in the alphabet."""
    duration_bits: int
    shift: int
    """How far the time lies from the right end of a key."""
    places: Integers
    """(f,) the summaries that are kept, and their bits."""
    bits: Integers
    initial: Integers
    """(F,) all summaries of a line without notes."""
    weight: npt.NDArray[np.float64]
    """(S,) of each term."""
    frame: Integers
    """(N_FRAME,) of the task; its time is that of the state that is unpacked."""
    given: npt.NDArray[np.int16]
    """(end // 3,)"""
    pitch: npt.NDArray[np.int16]
    """(notes + 1,) and so on: the last notes, and room for one more."""
    onset: npt.NDArray[np.int16]
    duration: npt.NDArray[np.int16]
    unheard: npt.NDArray[np.float32]
    """(notes + 1,) NaN"""
    grid: npt.NDArray[np.int16]
    """(end // 3,) UNSET: what sounded earlier is no rule's business unless a summary tells it."""
    summary: Integers
    """(F,)"""
    after: Integers
    """(F,) room for the summaries with one more note."""


class Table(NamedTuple):
    """Which notes lead to a legal end, for every state that can be reached under the hard rules; empty for unknown."""

    space: Space
    keys: Integers
    """(n,)"""
    slots: npt.NDArray[np.int32]
    """Hash table of the keys (``slot_of``)."""
    bits: Integers
    """(n,) as ``permitted`` has them."""


class Graph(NamedTuple):
    """n states and the m moves between them; those of state s are ``first[s] .. first[s + 1]``, and 0 is the start."""

    keys: Integers
    """(n,)"""
    slots: npt.NDArray[np.int32]
    """Hash table of the keys (``slot_of``)."""
    first: Integers
    """(n + 1,)"""
    child: npt.NDArray[np.int32]
    """(m,) the state that a move leads to, or FINISHED."""
    gain: npt.NDArray[np.float32]
    """(m,) what rules pay for it; exact for whole numbers."""
    action: npt.NDArray[np.int16]
    """(m,)"""
    complete: bool
    """Whether these are all."""


@compiled
def slot_of(key: int, keys: Integers, slots: npt.NDArray[np.int32]) -> int:
    """Where in the hash table ``slots`` the number of ``key`` stands, or the empty place (-1) where it belongs."""
    mixed = (key ^ (key >> 31)) * 0x1E3779B97F4A7C15
    slot = (mixed ^ (mixed >> 29)) & (slots.size - 1)
    while slots[slot] >= 0 and keys[slots[slot]] != key:
        slot = (slot + 1) & (slots.size - 1)
    return slot


@compiled
def grown(array: Any, size: int) -> Any:
    """A copy with room for ``size`` elements."""
    out = np.empty(size, array.dtype)
    out[: array.size] = array
    return out


def new_space(task: Task, suite: Suite) -> Space:
    """The states of the lines of ``task`` under ``suite``, whose rules have to declare what they read."""
    if not task.species:
        raise ValueError("species=0 leaves the durations free; exact states are for counterpoint of species 1 to 4")
    if open_ended := [term.rule.name for term in suite if term.rule.window is None]:
        raise RuleError(f"rule {open_ended[0]!r} declares no window, so that its lines have no finite states")
    if early := [term.rule.name for term in suite if term.rule.kind == "piece" and not term.rule.at_end]:
        raise RuleError(f"statistic {early[0]!r} is read at bar lines; exact states are for rules and at_end=True")
    ticks = np.array(DURATIONS_OF_SPECIES[task.species], dtype=np.int64)
    windows = [term.rule.window or 1 for term in suite] + [SUMMARIES[place].window for place in suite.summaries]
    notes = max(windows) - 1
    bits = np.array([SUMMARIES[place].bits for place in suite.summaries], dtype=np.int64)
    duration_bits = ticks.size - 1
    needed = int(bits.sum()) + notes * (5 + duration_bits) + (task.end // TIME_UNIT).bit_length()
    if needed > 63:
        raise RuleError(f"what the rules read of a line takes {needed} bits, and 63 is all there is; declare less")
    given = relative_given(task)
    return Space(
        notes=notes,
        ticks=ticks,
        indices=np.array([DURATIONS.index(d) for d in ticks], dtype=np.int64),
        duration_bits=duration_bits,
        shift=needed - (task.end // TIME_UNIT).bit_length(),
        places=np.array(suite.summaries, dtype=np.int64),
        bits=bits,
        initial=initial_values(),
        weight=suite.arrays().weight,
        frame=np.array(frame_of(task), dtype=np.int64),
        given=given,
        pitch=np.zeros(notes + 1, dtype=np.int16),
        onset=np.zeros(notes + 1, dtype=np.int16),
        duration=np.zeros(notes + 1, dtype=np.int16),
        unheard=np.full(notes + 1, np.nan, dtype=np.float32),
        grid=np.full(given.size, UNSET, dtype=np.int16),
        summary=initial_values(),
        after=initial_values(),
    )


@compiled
def pack(space: Space, pitch: Any, duration: Any, time: int, summary: Integers) -> int:
    """The key of a line that ends at ``time`` with these last notes (any number) and these summaries."""
    key = time // TIME_UNIT
    for back in range(space.notes):
        k = pitch.size - 1 - back
        key <<= 5 + space.duration_bits
        if k >= 0:
            key |= (1 if pitch[k] == REST else pitch[k] - LOWEST + 2) << space.duration_bits
            if space.duration_bits and duration[k] == space.ticks[1]:
                key |= 1
    for f in range(space.places.size):
        key = key << space.bits[f] | summary[space.places[f]]
    return key


@compiled
def unpack(space: Space, key: int) -> int:
    """Write a state into the room of ``space``; how many notes are known of it."""
    for f in range(space.places.size - 1, -1, -1):
        space.summary[space.places[f]] = key & (1 << space.bits[f]) - 1
        key >>= space.bits[f]
    known = 0
    size = 5 + space.duration_bits
    for _ in range(space.notes):
        note = key & (1 << size) - 1
        key >>= size
        if note >> space.duration_bits:
            number = (note >> space.duration_bits) - 1
            space.pitch[known] = REST if number == 0 else number + LOWEST - 1
            space.duration[known] = space.ticks[note & (1 << space.duration_bits) - 1]
            known += 1
    space.frame[TIME] = key * TIME_UNIT
    time = space.frame[TIME]
    for k in range(known - 1, -1, -1):
        time -= space.duration[k]
        space.onset[k] = time
    return known


@compiled
def shown(space: Space, notes: int, time: int) -> Melody:
    """The melody of the first ``notes`` notes in the room of ``space``, which ends at ``time``."""
    frame = space.frame
    return Melody(
        space.pitch[:notes],
        space.onset[:notes],
        space.duration[:notes],
        space.unheard[:notes],
        space.unheard[:notes],
        space.grid,
        space.given,
        space.summary,
        time,
        frame[START],
        frame[END],
        frame[BAR],
        frame[BEAT],
        frame[BARS],
        frame[METRE],
        frame[MODE],
        frame[STYLE],
        frame[KEY],
        frame[SIDE],
    )


@compiled
def place(space: Space, known: int, number: int, ticks: int) -> None:
    """Write a note, of pitch number 0 (a rest) to 30, after the ``known`` ones in ``space``."""
    space.pitch[known] = REST if number == 0 else number + LOWEST - 1
    space.onset[known] = space.frame[TIME]
    space.duration[known] = ticks
