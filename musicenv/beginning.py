"""How a piece begins: its task as the kernel's row of numbers, its opening as notes relative to the tonic."""

from __future__ import annotations

from musicenv import kernel
from musicenv.alphabet import DURATIONS, HIGHEST, LOWEST, REST, duration_is_legal
from musicenv.task import BEAT_TICKS, TRANSPOSITION, Task


def frame_of(task: Task) -> list[int]:
    """The row of ``Lines.frame`` with which a piece begins."""
    where = [0, -task.pickup, -task.pickup, task.end, task.bar, BEAT_TICKS[task.metre_index], task.bars]
    what = [task.metre_index, task.mode_index, task.style_index, task.tonic]
    return [*where, *what, kernel.NO_PITCH, kernel.NO_PITCH, task.side, task.species]


def relative_opening(task: Task) -> list[tuple[int, int]]:
    """The opening of ``task`` as (relative pitch or REST, ticks); ValueError where a note is not possible there."""
    time, notes = -task.pickup, []
    for number, (sounding, duration) in enumerate(task.opening, start=1):
        pitch = REST if sounding is None else sounding - TRANSPOSITION[task.tonic]
        what = f"opening: note {number} (MIDI {sounding}, {duration} ticks)"
        if pitch != REST and not LOWEST <= pitch <= HIGHEST:
            shift = TRANSPOSITION[task.tonic]
            raise ValueError(
                f"{what} is outside MIDI {LOWEST + shift}..{HIGHEST + shift} for {task.key}; move it an octave"
            )
        if duration not in DURATIONS:
            raise ValueError(f"{what}: its duration is not one of {DURATIONS} ticks; split or round it")
        if not duration_is_legal(time, duration, task.bar, task.end):
            raise ValueError(f"{what} does not fit at tick {time}: it overruns the piece or breaks a triplet")
        notes.append((pitch, duration))
        time += duration
    if time >= task.end:
        raise ValueError(f"opening: its {len(notes)} notes fill all {task.bars} bars; shorten it or ask for more bars")
    return notes
