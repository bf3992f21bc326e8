"""Cantus firmi, and the tasks that set a line of counterpoint against them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from musicenv.keys import SCALES
from musicenv.task import MODES, TRANSPOSITION, Task, parse_key

_CANTUS_FIRMI: Final = Path(__file__).with_name("cantus_firmi.json")
LONGEST: Final = 16
"""Notes of a cantus firmus."""
_BAR: Final = 48


@dataclass(frozen=True)
class CantusFirmus:
    """A given line in whole notes."""

    name: str
    author: str
    key: str
    pitches: tuple[int, ...]
    """MIDI, as printed."""
    sources: str
    """How well it is attested."""


@cache
def cantus_firmi() -> dict[str, CantusFirmus]:
    """The 24 cantus firmi of the textbooks by name: Fux, Jeppesen, Schenker, Salzer and Schachter, Davis and Lybbert,
    Schoenberg."""
    found = json.loads(_CANTUS_FIRMI.read_text(encoding="utf-8"))
    return {each["name"]: CantusFirmus(**{**each, "pitches": tuple(each["pitches"])}) for each in found}


def counterpoint(cantus: Sequence[int], key: str, species: int, above: bool = True) -> Task:
    """The task to write a line of a species (1 to 4) above or below a cantus firmus.

    ``cantus`` are sounding MIDI pitches, a whole note each, ``key`` is its mode.  It is moved by octaves so that it
    closes on the tonic in the octave that leaves most room for the line: relative pitch 60 below it, 72 above it.
    """
    tonic, mode = parse_key(key)
    if not 3 <= len(cantus) <= LONGEST:
        raise ValueError(f"cantus: {len(cantus)} notes are not in 3..{LONGEST}")
    if cantus[-1] % 12 != tonic:
        raise ValueError(f"cantus: it ends on MIDI {cantus[-1]}, not on the tonic of {key}; name the key that it is in")
    if outside := [p for p in cantus if (p - tonic) % 12 not in SCALES[MODES[mode]][:7]]:
        raise ValueError(f"cantus: MIDI {outside[0]} is not in the scale of {key}")
    if not 1 <= abs(cantus[-1] - cantus[-2]) <= 2:
        raise ValueError("cantus: its last note is not reached by step, so that there is no cadence to write")
    shift = (60 if above else 72) + TRANSPOSITION[tonic] - cantus[-1]
    given = tuple((int(pitch) + shift, _BAR) for pitch in cantus)
    return Task(key=key, bars=len(given), given=given, above=above, species=species)


def made_cantus(seed: int, key: str, notes: int = 10) -> tuple[int, ...]:
    """A cantus firmus of our own by the rules of the textbooks, as sounding MIDI pitches; each seed has its own.

    Whole notes from tonic to tonic within a tenth, mostly steps, leaps of a fourth and more answered by step the other
    way, one highest note, no repeated notes, no tritone or seventh between turning points, the last note reached by
    step from above (Jeppesen; Salzer and Schachter).
    """
    if not 8 <= notes <= LONGEST:
        raise ValueError(f"notes={notes} is not in 8..{LONGEST}")
    tonic, mode = parse_key(key)
    scale = [12 * octave + degree for octave in (-1, 0, 1) for degree in SCALES[MODES[mode]][:7]]
    rng = np.random.default_rng(seed)
    while True:
        line = [7]
        while len(line) < notes - 2:
            line.append(line[-1] + int(rng.choice((-4, -3, -2, -1, 1, 2, 3, 4), p=_MOVES)))
        line += [8, 7]
        if min(line) >= 3 and max(line) <= 13 and _is_singable([scale[place] for place in line]):
            return tuple(60 + TRANSPOSITION[tonic] + scale[place] for place in line)


@cache
def made_cantus_firmi() -> tuple[tuple[tuple[int, ...], str], ...]:
    """192 cantus firmi of our own and their keys: 32 in each of Fux's modes, of 8 to 14 notes."""
    return tuple((made_cantus(seed, key, 8 + seed % 7), key) for seed, key in enumerate(32 * _KEYS))


_KEYS: Final = ("D dorian", "E phrygian", "F lydian", "G mixolydian", "A minor", "C major")
_MOVES: Final = (0.03, 0.04, 0.1, 0.33, 0.33, 0.1, 0.04, 0.03)
_MELODIC: Final = (1, 2, 3, 4, 5, 7)


def _is_singable(line: list[int]) -> bool:
    """Whether a line in semitones keeps the rules of ``made_cantus``."""
    moves = [b - a for a, b in pairwise(line)]
    turns = [line[0], *(b for b, one, other in zip(line[1:], moves, moves[1:], strict=False) if one * other < 0), 0]
    return (
        max(line) - min(line) <= 16
        and line.count(max(line)) == 1
        and max(line) > 3
        and all(abs(move) in _MELODIC for move in moves)
        and all(abs(b) <= 2 and a * b < 0 for a, b in pairwise(moves) if abs(a) >= 5)
        and all(abs(b - a) not in (6, 10, 11) and abs(b - a) <= 12 for a, b in pairwise(turns))
        and 2 <= sum(abs(move) > 2 for move in moves) <= 4
        and not any(line[k : k + 2] == line[k + 2 : k + 4] for k in range(len(line) - 3))
    )
