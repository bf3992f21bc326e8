"""The melody as a rule reads it: plain arrays and numbers, the same in Python and in compiled code."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import REST, SIXTEENTH
from musicenv.task import BAR_TICKS, BEAT_TICKS, TRANSPOSITION, Task

UNSET = -1
"""What stands in ``Melody.grid`` for the time that has not been composed yet."""


class Melody(NamedTuple):
    """A melody so far, with its frame.  All times in ticks (12 to the quarter) from the first downbeat.

    The newest note is ``pitch[-1]``; there is always at least one.  Pitches are relative to the tonic, which is C (60,
    72, 84), so that a rule written once holds in all keys.
    """

    pitch: npt.NDArray[np.int16]
    """(n,) relative MIDI pitch of each note, ``REST`` (0) for a rest."""
    onset: npt.NDArray[np.int16]
    """(n,) tick at which each note begins; notes of the pick-up have negative onsets."""
    duration: npt.NDArray[np.int16]
    """(n,) ticks."""
    surprisal: npt.NDArray[np.float32]
    """(n,) -log p(note | line so far) under the prior, in nats; NaN without a prior."""
    entropy: npt.NDArray[np.float32]
    """(n,) entropy of the prior's distribution before each note, in nats; NaN without a prior."""
    grid: npt.NDArray[np.int16]
    """(end // 3,) relative pitch that sounds at each sixteenth from the first downbeat; REST in silence, UNSET (-1)
    where nothing is composed yet."""
    given: npt.NDArray[np.int16]
    """(end // 3,) relative pitch of the given line at each sixteenth, REST where it is silent; (0,) where no task of a
    batch has one."""
    summary: npt.NDArray[np.int64]
    """(F,) running summaries of the notes before the newest (``rewards.summaries``); (0,) where no rule reads one."""
    time: int
    """Tick at which the newest note ends; the piece is finished where ``time == end``."""
    start: int
    """Tick at which the piece begins: 0, or minus the pick-up."""
    end: int
    """Tick of the final barline."""
    bar: int
    """Ticks of a bar."""
    beat: int
    """Ticks of a beat: 12 in simple metres, 18 in compound ones."""
    bars: int
    """Number of bars to be composed, the last of them shortened by the pick-up."""
    metre: int
    """Index into ``task.METRES``."""
    mode: int
    """Index into ``task.MODES``."""
    style: int
    """Index into ``task.STYLES``."""
    key: int
    """Pitch class on which the tonic sounds, 0..11."""
    side: int
    """1 where the line lies above the given one, -1 below it, 0 without a given line."""


ARRAYS = ("pitch", "onset", "duration", "surprisal", "entropy", "grid", "given", "summary")
"""The fields of a melody that are arrays."""


def melody_from_notes(
    pitch: npt.ArrayLike,
    duration: npt.ArrayLike,
    task: Task,
    *,
    end: int | None = None,
    surprisal: npt.ArrayLike | None = None,
    entropy: npt.ArrayLike | None = None,
    summary: npt.ArrayLike = (),
) -> Melody:
    """A melody from its relative pitches and durations in ticks, laid end to end from ``-task.pickup``.

    ``end`` overrides the final barline of the task, for real tunes whose last bar is not shortened by the pick-up;
    ``summary`` (F,) is what ``rewards.summaries`` makes of all but the last note, where rules read it.
    """
    pitches = np.asarray(pitch, dtype=np.int16)
    durations = np.asarray(duration, dtype=np.int16)
    if pitches.shape != durations.shape or pitches.ndim != 1 or pitches.size == 0:
        raise ValueError("a melody needs as many durations as pitches, and at least one note")
    times = -task.pickup + np.concatenate([[0], np.cumsum(durations)]).astype(np.int64)
    final = task.end if end is None else end
    if times[-1] > np.iinfo(np.int16).max:
        raise ValueError(f"a melody of {times[-1]} ticks is too long; at most {np.iinfo(np.int16).max}")
    grid = np.full(max(final, 0) // SIXTEENTH, UNSET, dtype=np.int16)
    for note, begins, ends in zip(pitches, times[:-1], times[1:], strict=True):
        grid[max(-(-begins // SIXTEENTH), 0) : max(-(-ends // SIXTEENTH), 0)] = note
    missing = np.full(pitches.size, np.nan, dtype=np.float32)
    return Melody(
        pitch=pitches,
        onset=times[:-1].astype(np.int16),
        duration=durations,
        surprisal=missing if surprisal is None else np.asarray(surprisal, dtype=np.float32),
        entropy=missing if entropy is None else np.asarray(entropy, dtype=np.float32),
        grid=grid,
        given=relative_given(task),
        summary=np.asarray(summary, dtype=np.int64),
        time=int(times[-1]),
        start=-task.pickup,
        end=final,
        bar=BAR_TICKS[task.metre_index],
        beat=BEAT_TICKS[task.metre_index],
        bars=task.bars,
        metre=task.metre_index,
        mode=task.mode_index,
        style=task.style_index,
        key=task.tonic,
        side=task.side,
    )


def relative_given(task: Task) -> npt.NDArray[np.int16]:
    """``Melody.given`` of a task: (end // 3,), or (0,) where there is no given line."""
    shift = TRANSPOSITION[task.tonic]
    pitches = [REST if sounding is None else sounding - shift for sounding, _ in task.given]
    return np.repeat(np.array(pitches, dtype=np.int16), [ticks // SIXTEENTH for _, ticks in task.given])


def sounding_pitch(melody: Melody) -> list[int | None]:
    """MIDI pitches as they sound in the melody's key; None for a rest."""
    shift = TRANSPOSITION[melody.key]
    return [None if p == REST else int(p) + shift for p in melody.pitch]
