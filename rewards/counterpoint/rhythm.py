"""What is particular to each species: rests, dissonances, ties.

Sources: Fux, Gradus ad Parnassum (1725); Jeppesen, Counterpoint (1939), on the cambiata; Salzer and Schachter,
Counterpoint in Composition (1969).
"""

from __future__ import annotations

from musicenv.alphabet import REST
from musicenv.jit import compiled
from musicenv.melody import Melody
from rewards.rules import rule
from rewards.voices import begins_bar, downbeat, given_at, is_dissonant, is_step, moved, moved_before


@compiled
def _dissonant(melody: Melody, k: int) -> bool:
    """Whether the note ``k`` back, 1 being the newest, begins as a dissonance."""
    pitch = int(melody.pitch[-k])
    return pitch != REST and is_dissonant(pitch - given_at(melody, int(melody.onset[-k])))


@rule(hard=True, window=1)
def no_rest(melody: Melody) -> float:
    """In whole notes nothing rests (Fux, first species)."""
    return -1.0 if melody.pitch[-1] == REST else 0.0


@rule(hard=True, window=1)
def only_first_rest(melody: Melody) -> float:
    """Only the line's beginning may be a rest (Fux, second and third species)."""
    return -1.0 if melody.pitch[-1] == REST and melody.onset[-1] > 0 else 0.0


@rule(hard=True, window=1)
def begins_with_rest(melody: Melody) -> float:
    """A syncopated line begins with a half rest, and has no other (Fux, fourth species)."""
    return -1.0 if (melody.pitch[-1] == REST) != (melody.onset[-1] == 0) else 0.0


@rule(hard=True, window=3)
def passing_half(melody: Melody) -> float:
    """In half notes a dissonance passes: it is reached and left by step in one direction (Fux, second species)."""
    move, before = moved(melody), moved_before(melody)
    if _dissonant(melody, 1) and not is_step(move):
        return -1.0
    if len(melody.pitch) > 1 and _dissonant(melody, 2) and not (is_step(move) and move * before > 0):
        return -1.0
    return 0.0


@rule(hard=True, window=4)
def ornamental_quarter(melody: Melody) -> float:
    """In quarter notes a dissonance lies between consonances as a passing note, as a neighbour, or as the second note
    of a cambiata: down by step, down a third, up by step (Fux; Jeppesen)."""
    move, before = moved(melody), moved_before(melody)
    if _dissonant(melody, 1) and not is_step(move):
        return -1.0
    if len(melody.pitch) > 1 and _dissonant(melody, 2):
        cambiata = -2 <= before < 0 and move in (-3, -4) and melody.onset[-2] % melody.bar == melody.beat
        if _dissonant(melody, 1) or not (is_step(move) or cambiata):
            return -1.0
    if len(melody.pitch) > 2 and _dissonant(melody, 3) and before < -2 and not 0 < move <= 2:
        return -1.0
    return 0.0


@rule(hard=True, window=1)
def consonant_attack(melody: Melody) -> float:
    """In syncopations every note begins as a consonance, which prepares what it is tied to (Fux, fourth species)."""
    return -1.0 if _dissonant(melody, 1) else 0.0


@compiled
def _suspended(melody: Melody) -> bool:
    """Whether the note before the newest is dissonant on the downbeat over which it is held."""
    onset = int(melody.onset[-1])
    tick = onset - onset % melody.bar
    if len(melody.pitch) < 2 or melody.pitch[-2] == REST or not melody.onset[-2] < tick < onset:
        return False
    return is_dissonant(int(melody.pitch[-2]) - given_at(melody, tick))


@rule(hard=True, window=2)
def suspension(melody: Melody) -> float:
    """A tied note that is dissonant on the downbeat goes down by step (Fux, fourth species)."""
    return -1.0 if _suspended(melody) and not -2 <= moved(melody) < 0 else 0.0


@rule(hard=True, window=2)
def suspended_octaves(melody: Melody) -> float:
    """A suspension does not lead from octave to octave, which would be parallel without it (Fux, fourth species)."""
    if not _suspended(melody):
        return 0.0
    before = int(melody.pitch[-2]) - given_at(melody, int(melody.onset[-2]))
    here = int(melody.pitch[-1]) - given_at(melody, int(melody.onset[-1]))
    return -1.0 if before % 12 == 0 and here % 12 == 0 else 0.0


@rule(window=1)
def broken_tie(melody: Melody) -> float:
    """In syncopations a note that begins in the middle of a bar is tied over, but for the last one (Fux)."""
    if begins_bar(melody) or downbeat(melody) >= 0 or melody.time >= melody.end - melody.bar:
        return 0.0
    return -1.0
