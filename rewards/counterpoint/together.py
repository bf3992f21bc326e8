"""The two voices at once: consonance, perfect intervals, motion against each other, opening and close.

Sources: Fux, Gradus ad Parnassum (1725), as translated by Mann, The Study of Counterpoint (1965); Jeppesen,
Counterpoint (1939); Salzer and Schachter, Counterpoint in Composition (1969).
"""

from __future__ import annotations

from typing import Final

from musicenv.alphabet import REST
from musicenv.jit import compiled
from musicenv.melody import Melody
from rewards.rules import rule
from rewards.summaries import imperfects
from rewards.voices import begins_bar, downbeat, given_at, is_dissonant, is_perfect, is_step, moved

TWELFTH: Final = 19
"""Semitones."""
THIRDS_OR_SIXTHS: Final = 3
"""How many in a row are not too many."""


@compiled
def _meets(melody: Melody) -> tuple[int, int]:
    """Intervals of the newest note with the given line where it begins, and on the downbeat over which it is held;
    positive on the side on which the line belongs."""
    pitch, onset, tick = int(melody.pitch[-1]), int(melody.onset[-1]), downbeat(melody)
    first = melody.side * (pitch - given_at(melody, onset))
    return first, first if tick <= onset else melody.side * (pitch - given_at(melody, tick))


@compiled
def _inner_downbeat(melody: Melody) -> int:
    """The newest note's interval on a downbeat that is neither the first nor the last; -1 where it has none."""
    tick = downbeat(melody)
    if melody.pitch[-1] == REST or tick <= 0 or tick >= melody.end - melody.bar:
        return -1
    return abs(int(melody.pitch[-1]) - given_at(melody, tick))


@compiled
def _both_moved(melody: Melody) -> int:
    """What the given line moved, in semitones, when the newest note was reached from the one before; 0 where one of the
    two stood still."""
    onset = int(melody.onset[-1])
    if onset < melody.bar or moved(melody) == 0:
        return 0
    return given_at(melody, onset) - given_at(melody, onset - 1)


@rule(hard=True, window=1)
def crossing(melody: Melody) -> float:
    """The voices do not cross (Fux; Salzer and Schachter)."""
    first, held = _meets(melody)
    return -1.0 if melody.pitch[-1] != REST and (first < 0 or held < 0) else 0.0


@rule(hard=True, window=1)
def spacing(melody: Melody) -> float:
    """The voices are at most a twelfth apart (Salzer and Schachter: a tenth, exceptionally a twelfth)."""
    first, held = _meets(melody)
    return -1.0 if melody.pitch[-1] != REST and (first > TWELFTH or held > TWELFTH) else 0.0


@rule(hard=True, window=2)
def opening(melody: Melody) -> float:
    """The first note is a unison, octave or fifth above the given line, or a unison or octave below it (Fux)."""
    if melody.pitch[-1] == REST or (len(melody.pitch) > 1 and melody.pitch[-2] != REST):
        return 0.0
    interval = abs(int(melody.pitch[-1]) - given_at(melody, int(melody.onset[-1])))
    fits = interval % 12 == 0 or (melody.side > 0 and interval % 12 == 7)
    return 0.0 if fits else -1.0


@rule(hard=True, window=2)
def clausula(melody: Melody) -> float:
    """Both voices reach the last unison or octave by step from opposite sides, just one of them by a semitone (Fux)."""
    if melody.time < melody.end:
        return 0.0
    last, move = int(melody.pitch[-1]), moved(melody)
    given = given_at(melody, melody.end - 1)
    theirs = given - given_at(melody, melody.end - melody.bar - 1)
    fits = last != REST and (last - given) % 12 == 0 and is_step(move) and is_step(theirs) and move * theirs < 0
    return 0.0 if fits and (abs(move) == 1) != (abs(theirs) == 1) else -1.0


@rule(hard=True, window=1)
def inner_unison(melody: Melody) -> float:
    """No downbeat but the first and the last is a unison (Fux; Jeppesen)."""
    return -1.0 if _inner_downbeat(melody) == 0 else 0.0


@rule(hard=True, window=1)
def consonant_downbeat(melody: Melody) -> float:
    """A note that begins on a downbeat is consonant (Fux)."""
    if melody.pitch[-1] == REST or not begins_bar(melody):
        return 0.0
    return -1.0 if is_dissonant(_meets(melody)[0]) else 0.0


@rule(hard=True, window=2)
def direct_perfects(melody: Melody) -> float:
    """A perfect interval is not reached in similar motion, so that neither parallel nor hidden ones occur (Fux)."""
    if not is_perfect(_meets(melody)[0]):
        return 0.0
    return -1.0 if moved(melody) * _both_moved(melody) > 0 else 0.0


@rule(hard=True, window=3)
def accented_perfects(melody: Melody) -> float:
    """In half notes two downbeats in a row are not both fifths or both octaves, unless a leap of a fourth or more comes
    between (Fux, second species)."""
    if len(melody.pitch) < 3 or not begins_bar(melody) or melody.pitch[-3] == REST:
        return 0.0
    onset = int(melody.onset[-1])
    here = abs(int(melody.pitch[-1]) - given_at(melody, onset))
    there = abs(int(melody.pitch[-3]) - given_at(melody, onset - melody.bar))
    excused = abs(int(melody.pitch[-2]) - int(melody.pitch[-3])) >= 5
    return -1.0 if is_perfect(here) and (here - there) % 12 == 0 and not excused else 0.0


@rule(window=2)
def similar_motion(melody: Melody) -> float:
    """Contrary and oblique motion are better than similar motion (Fux)."""
    return -1.0 if moved(melody) * _both_moved(melody) > 0 else 0.0


@rule(window=2)
def overlap(melody: Melody) -> float:
    """A voice does not go beyond where the other one just was (Salzer and Schachter)."""
    if _both_moved(melody) == 0:
        return 0.0
    onset, side = int(melody.onset[-1]), melody.side
    reached = side * (int(melody.pitch[-1]) - given_at(melody, onset - 1))
    left = side * (int(melody.pitch[-2]) - given_at(melody, onset))
    return -1.0 if reached < 0 or left < 0 else 0.0


@rule(window=1)
def inner_perfect(melody: Melody) -> float:
    """Inside the piece, imperfect consonances are better on downbeats than perfect ones (Fux)."""
    interval = _inner_downbeat(melody)
    return -1.0 if interval >= 0 and is_perfect(interval) else 0.0


@rule(window=1, reads=("imperfects",))
def running_imperfects(melody: Melody) -> float:
    """No more than three thirds, or three sixths, in a row on downbeats (Jeppesen; Salzer and Schachter)."""
    is_counted = downbeat(melody) >= 0 and melody.pitch[-1] != REST
    return -1.0 if is_counted and imperfects(melody) % 4 >= THIRDS_OR_SIXTHS else 0.0
