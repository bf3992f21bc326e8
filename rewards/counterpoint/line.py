"""The line by itself: scale, intervals, leaps, outline, climax.

Sources: Fux, Gradus ad Parnassum (1725); Jeppesen, Counterpoint (1939); Salzer and Schachter, Counterpoint in
Composition (1969).  Sizes are those of the letters, not of the keyboard: an augmented second is no third.
"""

from __future__ import annotations

from typing import Final

from musicenv.alphabet import REST
from musicenv.jit import compiled
from musicenv.melody import Melody
from rewards.rules import rule, statistic
from rewards.summaries import (
    FOURTH,
    LONGEST_RUN,
    RUN,
    TURNING,
    climax_in_place,
    climaxes,
    degrees,
    highest,
    leaps,
    lowest,
    run,
)
from rewards.voices import DEGREE, RAISED, RAISED_SEVENTH, RAISED_SIXTH, height, is_step, moved, moved_before

TENTH: Final = 16
"""Semitones."""
THIRD: Final = 3
"""Semitones from which a move is a leap."""
WANTED_LEAPS: Final = 3


@compiled
def _letters(melody: Melody) -> int:
    """How many letters the newest note lies above the one before; both belong to the scale."""
    here, there = int(melody.pitch[-1]), int(melody.pitch[-2])
    above = 7 * (here // 12) + DEGREE[melody.mode, here % 12]
    return int(above - 7 * (there // 12) - DEGREE[melody.mode, there % 12])


@rule(hard=True, window=1)
def diatonic(melody: Melody) -> float:
    """All notes belong to the mode; raised sixths and sevenths have their place in the last bar but one (Fux)."""
    pitch = int(melody.pitch[-1])
    if pitch == REST:
        return 0.0
    cadence = melody.end - 2 * melody.bar <= melody.onset[-1] < melody.end - melody.bar
    fits = DEGREE[melody.mode, pitch % 12] >= 0 and (cadence or not RAISED[melody.mode, pitch % 12])
    return 0.0 if fits else -1.0


@rule(hard=True, window=2)
def raised_sixth(melody: Melody) -> float:
    """A raised sixth leads up to the raised seventh (Salzer and Schachter, melodic minor)."""
    if len(melody.pitch) < 2 or melody.pitch[-2] % 12 != RAISED_SIXTH or not RAISED[melody.mode, RAISED_SIXTH]:
        return 0.0
    return 0.0 if melody.pitch[-2] == REST or moved(melody) == RAISED_SEVENTH - RAISED_SIXTH else -1.0


@rule(hard=True, window=2)
def melodic_interval(melody: Melody) -> float:
    """The line moves by seconds, thirds, perfect fourths and fifths, minor sixths upwards and octaves (Fux)."""
    move = moved(melody)
    if move == 0:
        return 0.0
    letters = abs(_letters(melody))
    fits = (
        (letters == 1 and 1 <= abs(move) <= 2)
        or (letters == 2 and 3 <= abs(move) <= 4)
        or (letters == 3 and abs(move) == 5)
        or (letters == 4 and abs(move) == 7)
        or (letters == 5 and move == 8)
        or (letters == 7 and abs(move) == 12)
    )
    return 0.0 if fits else -1.0


@rule(hard=True, window=2)
def no_repeat(melody: Melody) -> float:
    """In shorter notes than whole ones none is repeated (Fux, second species)."""
    return -1.0 if len(melody.pitch) > 1 and melody.pitch[-1] == melody.pitch[-2] else 0.0


@rule(hard=True, window=1, reads=("lowest", "highest"))
def compass(melody: Melody) -> float:
    """The line stays within a tenth (Jeppesen; Salzer and Schachter)."""
    return -1.0 if highest(melody) - lowest(melody) > TENTH else 0.0


@rule(window=2)
def repeat(melody: Melody) -> float:
    """In whole notes a repeated one is a small fault (Salzer and Schachter)."""
    return -1.0 if len(melody.pitch) > 1 and melody.pitch[-1] == melody.pitch[-2] != REST else 0.0


@rule(window=2)
def leap_size(melody: Melody) -> float:
    """The line goes by step where it can: a third is -1, a fourth -3, a fifth -4, more -6 (the order is Fux's)."""
    size = abs(moved(melody))
    if size < THIRD:
        return 0.0
    return -1.0 if size <= 4 else -3.0 if size == FOURTH else -4.0 if size <= 7 else -6.0


@rule(window=3)
def leap_recovery(melody: Melody) -> float:
    """A leap of a fourth or a fifth (-5), or of more (-8), is answered by a step the other way (Jeppesen)."""
    leap, move = moved_before(melody), moved(melody)
    if abs(leap) < FOURTH or (is_step(move) and leap * move < 0):
        return 0.0
    return -5.0 if abs(leap) <= 7 else -8.0


@rule(window=3)
def consecutive_leaps(melody: Melody) -> float:
    """Two leaps in one direction do not follow each other (Jeppesen)."""
    leap, move = moved_before(melody), moved(melody)
    return -1.0 if abs(leap) >= THIRD and abs(move) >= THIRD and leap * move > 0 else 0.0


@compiled
def _is_harsh(interval: int) -> bool:
    """Whether a line outlines a tritone, a seventh, or more than an octave."""
    size = abs(interval)
    return size in (6, 10, 11) or size > 12


@rule(window=3)
def leaps_outline(melody: Melody) -> float:
    """Two leaps in one direction do not span a tritone, a seventh or more than an octave (Jeppesen)."""
    leap, move = moved_before(melody), moved(melody)
    in_one_way = abs(leap) >= THIRD and abs(move) >= THIRD and leap * move > 0
    return -1.0 if in_one_way and _is_harsh(leap + move) else 0.0


@rule(window=3)
def return_to_note(melody: Melody) -> float:
    """A note is not left and taken up again at once (Salzer and Schachter)."""
    return -1.0 if moved(melody) != 0 and moved(melody) == -moved_before(melody) else 0.0


@rule(window=4)
def oscillation(melody: Melody) -> float:
    """Two notes do not alternate twice (Salzer and Schachter)."""
    if len(melody.pitch) < 4 or melody.pitch[-1] == melody.pitch[-2]:
        return 0.0
    same = melody.pitch[-1] == melody.pitch[-3] and melody.pitch[-2] == melody.pitch[-4]
    return -1.0 if same and REST not in (melody.pitch[-1], melody.pitch[-2]) else 0.0


@rule(window=2, reads=("run",))
def long_run(melody: Melody) -> float:
    """The line does not go on in one direction for more than five moves (Salzer and Schachter)."""
    return -1.0 if moved(melody) != 0 and run(melody) // 3 >= LONGEST_RUN else 0.0


@rule(window=2, reads=("turning", "run"))
def outline(melody: Melody) -> float:
    """Between two notes at which the line turns there is no tritone, seventh, or more than an octave (Jeppesen)."""
    turns = moved(melody) * (melody.summary[RUN] % 3 - 1) < 0
    if not turns or melody.summary[TURNING] == 0:
        return 0.0
    return -1.0 if _is_harsh(height(int(melody.pitch[-2])) - int(melody.summary[TURNING])) else 0.0


@statistic(at_end=True, window=1, reads=("highest", "climaxes"))
def unique_climax(melody: Melody) -> float:
    """The highest note is heard once (Jeppesen; Salzer and Schachter)."""
    return -1.0 if climaxes(melody) != 1 else 0.0


@statistic(at_end=True, window=1, reads=("highest", "climax_in_place"))
def climax_place(melody: Melody) -> float:
    """The highest note is first heard in the third quarter: ours, to make the tasks of form hard."""
    return 0.0 if climax_in_place(melody) else -1.0


@statistic(at_end=True, window=1, reads=("degrees",))
def missing_degrees(melody: Melody) -> float:
    """How many degrees of the scale the line never touches, negative: ours, as above."""
    heard, found = degrees(melody), 0
    for degree in range(7):
        found += heard >> degree & 1
    return float(found - 7)


@statistic(at_end=True, window=2, reads=("leaps",))
def missing_leaps(melody: Melody) -> float:
    """How many of three leaps of a fourth or more are missing, negative: ours, as above."""
    return float(leaps(melody) - WANTED_LEAPS)


@statistic(at_end=True, window=1, reads=("lowest", "highest"))
def narrow(melody: Melody) -> float:
    """The line spans an octave or more: ours, as above."""
    return -1.0 if highest(melody) - lowest(melody) < 12 else 0.0
