"""The rules of counterpoint on Fux's own solutions (facts, 1725) and on violations made from them."""

import re

import pytest

from musicenv.alphabet import REST
from musicenv.counterpoint.tasks import cantus_firmi, counterpoint
from musicenv.melody import melody_from_notes
from musicenv.task import TRANSPOSITION
from rewards import counterpoint as rules
from rewards.judging import judge

FUX = {
    # figure (as numbered by Mann): cantus, species, above, the line
    5: ("fux_d", 1, True, "A4 A4 G4 A4 B4 C5 C5 B4 D5 C#5 D5"),
    6: ("fux_d", 1, False, "D3 D3 A3 F3 E3 D3 F3 C4 D4 C#4 D4"),
    11: ("fux_e", 1, True, "B4 C5 F4 G4 A4 C5 B4 E5 D5 E5"),
    12: ("fux_e", 1, False, "E3 A3 D3 E3 F3 F3 C4 C4 D4 E4"),
    13: ("fux_f", 1, True, "F4 E4 C4 F4 F4 G4 A4 G4 C4 F4 E4 F4"),
    35: ("fux_d", 2, False, "r D3 D4 A3 C4 A3 B3 A3 G3 B3 D4 E4 F4 C4 E4 B3 D4 D3 A3 C#4 D4"),
    36: ("fux_e", 2, True, "r B4 C5 B4 A4 B4 C5 G4 A4 B4 C5 A4 B4 D5 E5 D5 C5 D5 E5"),
    45: ("fux_c", 2, False, "r C3 C4 B3 A3 D4 B3 G3 C4 B3 A3 C4 E4 D4 C4 A3 D4 A3 C4 C3 G3 B3 C4"),
    56: (
        "fux_d",
        3,
        False,
        "D3 E3 F3 G3 A3 D3 A3 B3 C4 B3 G3 A3 B3 A3 G3 F3 E3 E4 B3 C4 D4 A3 D3 E3 F3 G3 A3 B3 C4 D4 E4 C4 "
        "D4 A3 D3 D4 C#4 A3 B3 C#4 D4",
    ),
    58: (
        "fux_e",
        3,
        False,
        "E3 F3 G3 E3 A3 G3 F3 E3 D3 E3 F3 G3 A3 E3 A3 G3 F3 E3 D3 E3 F3 G3 A3 B3 C4 D4 E4 D4 C4 C3 C4 B3 "
        "A3 D4 A3 D4 E4",
    ),
    74: ("fux_d", 4, False, "r D3 D4 C4 B3 E4 D4 F4 E4 D4 C#4 D4"),
    76: ("fux_e", 4, False, "r E3 A3 G3 F3 D3 D4 C4 E4 D4 E4"),
    77: ("fux_f", 4, True, "r F4 E4 C4 F4 A4 G4 F4 E4 A4 F4 E4 F4"),
}


def midi(name):
    letter, sharp, octave = re.fullmatch(r"([A-G])(#?)(\d)", name).groups()
    return 12 * (int(octave) + 1) + {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}[letter] + len(sharp)


def durations(species, notes):
    if species == 4:
        return [24, *[48] * (notes - 3), 24, 48]
    return [48 // (1, 2, 4)[species - 1]] * (notes - 1) + [48]


def written(cantus, species, above, line):
    """A line of note names against a textbook cantus, as the environment has it."""
    given = cantus_firmi()[cantus]
    task = counterpoint(given.pitches, given.key, species, above)
    names = line.split()
    notes = [None if name == "r" else midi(name) for name in names]
    shift = task.given[-1][0] - given.pitches[-1]  # the cantus is some octaves from where Fux writes it
    relative = [REST if note is None else note + shift - TRANSPOSITION[task.tonic] for note in notes]
    return melody_from_notes(relative, durations(species, len(names)), task)


def faults(melody, species):
    """Names of the hard rules that are broken."""
    suite = rules.suite(species)
    values = judge(suite, [melody]).values[0]
    return [term.rule.name for term, value in zip(suite, values, strict=True) if term.rule.hard and value < 0]


@pytest.mark.parametrize("figure", FUX)
def test_fux_breaks_no_hard_rule(figure):
    cantus, species, above, line = FUX[figure]
    assert faults(written(cantus, species, above, line), species) == []
