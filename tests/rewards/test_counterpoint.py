"""The rules of counterpoint on Fux's own solutions (facts, 1725) and on violations made from them."""

import re

import numpy as np
import pytest

from musicenv.alphabet import REST
from musicenv.counterpoint.tasks import cantus_firmi, counterpoint
from musicenv.melody import UNSET, melody_from_notes
from musicenv.task import TRANSPOSITION
from rewards import counterpoint as rules
from rewards.counterpoint import rhythm
from rewards.judging import judge, prefixes
from rewards.summaries import SUMMARIES

PLACES = {summary.name: place for place, summary in enumerate(SUMMARIES)}
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


def walks(species, above, seed):
    """A line of random notes near the given one, with a rest at its beginning or without."""
    rng = np.random.default_rng(seed)
    given = cantus_firmi()["fux_g"]
    task = counterpoint(given.pitches, given.key, species, above)
    values = durations(species, {1: 14, 2: 27, 3: 53, 4: 16}[species])
    pitch = np.clip(67 + rng.integers(-5, 6, len(values)).cumsum(), 55, 84)
    pitch[0] = REST if rng.random() < 0.5 else pitch[0]
    return melody_from_notes(pitch, values, task)


def blanked(melody, window, reads, rng):
    """The melody as its last ``window`` notes and the summaries ``reads`` tell it, all else being noise."""
    kept = [PLACES[name] for name in reads]
    summary = rng.integers(0, 2, melody.summary.size)
    summary[kept] = melody.summary[kept]
    names = ("pitch", "onset", "duration", "surprisal", "entropy")
    notes = {name: getattr(melody, name)[-window:] for name in names}
    return melody._replace(**notes, grid=np.full_like(melody.grid, UNSET), summary=summary)


@pytest.mark.parametrize("species", rules.SPECIES)
def test_a_rule_reads_no_more_than_it_declares(species):
    rng = np.random.default_rng(0)
    suite = rules.suite(species, form=True)
    for seed in range(6):
        for heard in prefixes(walks(species, seed % 2 == 0, seed), suite):
            for term in suite:
                if term.rule.kind == "note" or heard.time == heard.end:
                    other = blanked(heard, term.rule.window, term.rule.reads, rng)
                    assert term.rule(heard) == term.rule(other), term.rule.name
            for place in suite.summaries:
                summary = SUMMARIES[place]
                after = summary.update(heard)
                assert after == summary.update(blanked(heard, summary.window, summary.reads, rng)), summary.name
                assert 0 <= after < 2**summary.bits


def test_every_rule_of_counterpoint_declares_itself_and_pays_whole_numbers():
    for species in rules.SPECIES:
        for term in rules.suite(species, form=True):
            assert term.rule.window is not None
            assert term.weight == int(term.weight)
            assert term.rule.function.__doc__


VIOLATIONS = {
    # what is broken: species, above, Fux's figure, with one note changed: place -> name
    "crossing": (5, 2, "D4"),
    "spacing": (5, 3, "B5"),
    "opening": (5, 0, "B4"),
    "consonant_downbeat": (5, 2, "A4"),
    "diatonic": (5, 4, "A#4"),
    "direct_perfects": (5, 6, "E5"),
    "clausula": (5, 9, "A4"),
    "melodic_interval": (5, 4, "G5"),
    "inner_unison": (5, 1, "F4"),
    "no_rest": (5, 3, "r"),
    "passing_half": (36, 4, "G4"),
    "no_repeat": (36, 4, "B4"),
    "accented_perfects": (36, 7, "B4"),
    "only_first_rest": (36, 6, "r"),
    "ornamental_quarter": (58, 5, "D4"),
    "suspension": (77, 6, "C5"),
    "consonant_attack": (77, 3, "B3"),
    "begins_with_rest": (77, 0, "F4"),
    "compass": (77, 5, "G5"),
}


@pytest.mark.parametrize("broken", VIOLATIONS)
def test_one_wrong_note_breaks_the_rule(broken):
    figure, place, name = VIOLATIONS[broken]
    cantus, species, above, line = FUX[figure]
    names = line.split()
    names[place] = name
    assert broken in faults(written(cantus, species, above, " ".join(names)), species)


def test_a_suspension_does_not_hide_octaves():
    line = written("fux_d", 4, True, "r A4 C5 E5 D5 D5 C5 B4 A4 D5 C#5 D5")
    assert "suspended_octaves" in faults(line, 4)


def test_a_raised_sixth_leads_up():
    notes = ["A4"] * 20
    assert "raised_sixth" in faults(written("fux_a", 2, True, " ".join([*notes, "F#5", "E5", "A5"])), 2)
    assert "raised_sixth" not in faults(written("fux_a", 2, True, " ".join([*notes, "F#5", "G#5", "A5"])), 2)


def costs(line, cantus="fux_d", species=1, above=True):
    """What the soft rules say of a line: name -> sum of scores."""
    suite = rules.suite(species, form=True)
    values = judge(suite, [written(cantus, species, above, line)]).values[0]
    return {term.rule.name: value for term, value in zip(suite, values, strict=True) if not term.rule.hard}


def test_what_fux_pays_for():
    found = costs(FUX[5][3])  # A A G A B C C B D C# D over D F E D G F A G F E D
    assert found["repeat"] == -2  # A A, C C
    assert found["leap_size"] == -1  # B-D, a third
    assert found["return_to_note"] == -2  # A G A and D C# D
    assert found["unique_climax"] == -1  # D is heard twice
    assert found["narrow"] == -1  # G to D, a fifth
    assert found["missing_leaps"] == -3
    assert found["missing_degrees"] == -2  # E and F
    assert found["inner_perfect"] == -2  # A over D, C over F; the first bar does not count
    assert found["similar_motion"] == -4  # into bars 3, 5, 8 and 10
    assert found["overlap"] == 0


def test_leaps_are_answered():
    assert costs("A4 D5 C5 D5 E5 D5 C5 B4 D5 C#5 D5")["leap_recovery"] == 0
    assert costs("A4 D5 E5 D5 E5 D5 C5 B4 D5 C#5 D5")["leap_recovery"] == -5
    assert costs("A4 A5 C5 D5 E5 D5 C5 B4 D5 C#5 D5")["leap_recovery"] == -8


def test_leaps_in_one_way_outline_no_seventh():
    found = costs("A4 D5 G5 F5 E5 D5 C5 B4 D5 C#5 D5")
    assert (found["consecutive_leaps"], found["leaps_outline"]) == (-1, -1)
    assert costs("A4 C5 E5 F5 E5 D5 C5 B4 D5 C#5 D5")["leaps_outline"] == 0


def test_turning_points_outline_no_tritone():
    assert costs("A4 F4 G4 A4 B4 A4 C5 B4 D5 C#5 D5")["outline"] == -1  # F up to B
    assert costs("A4 F4 G4 A4 C5 A4 C5 B4 D5 C#5 D5")["outline"] == 0


def test_a_run_of_six_moves_is_too_long():
    assert costs("D4 E4 F4 G4 A4 B4 C5 B4 D5 C#5 D5")["long_run"] == -1
    assert costs("D4 E4 F4 G4 A4 B4 A4 B4 D5 C#5 D5")["long_run"] == 0


def test_thirds_are_not_run_together():
    assert costs("F4 A4 G4 F4 B4 A4 C5 B4 A4 C#5 D5")["running_imperfects"] < -4


def test_syncopations_are_tied():
    melody = written("fux_d", 4, True, "r A4 C5 E5 D5 D5 C5 B4 A4 D5 C#5 D5")
    broken = melody_from_notes(
        [*melody.pitch[:2], melody.pitch[1], *melody.pitch[2:]],
        [24, 24, 24, *melody.duration[2:]],
        counterpoint(cantus_firmi()["fux_d"].pitches, "D dorian", 4),
    )
    assert [judge(rhythm.broken_tie * 1.0, [line]).returns[0] for line in (melody, broken)] == [0, -1]
