"""Variants of a tune are one family, and families are on one side of the split."""

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from musicenv.alphabet import REST
from musicenv.corpus import read_abc
from musicenv.corpus.families import agreement, families, interval_runs, sounding_places, split_of
from musicenv.corpus.tune import Tune, tunes_of

SOLDIERS_JOY = """X:1
T:The Soldier's Joy
M:C|
L:1/8
K:D
FG|AFDF AFDF|A2d2d2cB|AFDF AFDF|G2E2E2FG|AFDF AFDF|A2d2d2de|fafd egec|d2d2d2:|
|:de|fdfd fagf|edcd efge|fdfd fagf|edcBA2de|fdfd fagf|ecAc efge|fafd egec|d2d2d2:|
"""
WITH_ORNAMENTS = """X:2
T:Payday in the Army
M:2/4
L:1/16
K:C
EF|GECE GE(3CDE|G2c2c2BA|G2CE GECE|F2D2D2EF|GECE G2CE|G2c2c2cd|egec dfdB|c2c2c2:|
"""


def tunes(*texts: str, collection: str = "test") -> list[Tune]:
    return [tune for text in texts for abc in read_abc(text) for tune in tunes_of(abc, collection, "file.abc")]


def moved(tune: Tune, semitones: int) -> Tune:
    pitch = np.where(tune.pitch == REST, REST, tune.pitch + semitones).astype(np.int16)
    return replace(tune, pitch=pitch, tonic=(tune.tonic + semitones) % 12, source=f"moved {semitones}")


def test_a_transposition_is_of_the_family():
    (tune,) = tunes(SOLDIERS_JOY)
    assert families([tune, moved(tune, 5), moved(tune, -3)]) == [0, 0, 0]


def test_a_variant_in_another_key_and_notation_that_has_one_of_the_parts_is_of_the_family():
    assert families(tunes(SOLDIERS_JOY, WITH_ORNAMENTS)) == [0, 0]


def test_a_tune_with_its_bars_in_another_order_is_still_found_by_its_runs():
    shuffled = """X:3
T:Scrambled
M:C|
L:1/8
K:D
A2d2d2de|fafd egec|d2d2d2FG|AFDF AFDF|G2E2E2FG|AFDF AFDF|A2d2d2cB|AFDF AFDF|]
"""
    assert len(set(families(tunes(SOLDIERS_JOY, shuffled)))) == 1


def test_different_tunes_are_different_families(corpus):
    titles = ("Soldier's Joy", "The Boys of Bluehill", "St. Patrick's Day", "The Minstrel Boy")
    different = [corpus.find(title)[0] for title in titles]
    assert len(set(families(different))) == len(different)


def test_stretches_of_one_source_are_one_family():
    two = tunes("X:1\nT:Two Keys\nM:2/4\nL:1/8\nK:C\nc4|e4|g4|c4|]\nK:G\nd2f2|a2f2|d2B2|G4|]\n")
    assert len(two) == 2
    assert families(two) == [0, 0]


@pytest.mark.parametrize(
    ("oneill", "other", "collection"),
    [
        ("Larry O'Gaff", "Larry O'Gaff", "ryansMammoth"),
        ("Jenny's Wedding", "Jenny's Wedding", "ryansMammoth"),
        ("The Three Little Drummers", "THREE LITTLE DRUMMERS", "ryansMammoth"),
        ("Cherish the Ladies", "CHERISH THE LADIES", "ryansMammoth"),
        ("St. Patrick's Day", "St. Patricks Day in the morning", "airdsAirs"),
        ("Eileen Aroon", "Aileen Aroon", "airdsAirs"),
        ("The Brown Haired Boy", "The yellow hair'd Laddie", "airdsAirs"),
        ("The Rambling Laborer", "The Girl I Left Behind Me", "ryansMammoth"),
    ],
)
def test_known_variants_in_two_prints_are_one_family(corpus, oneill, other, collection):
    ours = {tune.family for tune in corpus.find(oneill) if tune.collection == "oneills1850"}
    theirs = {tune.family for tune in corpus.find(other) if tune.collection == collection}
    assert ours & theirs


def test_a_family_is_on_one_side_of_the_split(corpus):
    sides = defaultdict(set)
    for tune in corpus.tunes:
        sides[tune.family].add(tune.split)
    assert all(len(found) == 1 for found in sides.values())
    sizes = np.bincount([tune.family for tune in corpus.tunes])
    assert sizes.max() < 60, "no chain of likenesses swallows the corpus"
    assert 3000 < len(sides) < 3700


def test_no_test_part_is_a_transposed_copy_of_a_training_part(corpus):
    def shapes(split):
        return {np.diff(m.pitch[m.pitch != REST]).astype(np.int8).tobytes() for m in corpus.melodies(split, bars=8)}

    assert not shapes("train") & shapes("test")
    assert not shapes("train") & shapes("validation")


def test_runs_of_intervals_do_not_change_with_key_repeated_notes_or_rests():
    line = np.array([62, 66, 69, 74, 73, 71, 69, 66], dtype=np.int16)
    assert np.array_equal(interval_runs(line), interval_runs(line + 7))
    assert np.array_equal(interval_runs(line), interval_runs(np.repeat(line, 2)))
    assert np.array_equal(interval_runs(line), interval_runs(np.insert(line, 3, REST)))
    assert interval_runs(line[:5]).size == 0


def test_agreement_looks_through_key_and_shifts_by_bars():
    (tune,) = tunes(SOLDIERS_JOY)
    places = sounding_places(tune, tune.parts[0])
    assert places.size == 8 * 8 - 2
    assert agreement(places, ((places + 5) % 12).astype(np.int8), 8, 28) == 1.0
    assert agreement(places[16:], places, 8, 28) == 1.0
    random = np.random.default_rng(0).integers(0, 12, 62).astype(np.int8)
    assert agreement(places, random, 8, 28) < 0.5


def test_the_split_is_fixed_by_the_name_alone():
    names = [f"oneills1850/1625-1700.abc X:{number}" for number in (1642, 1643, 1654)]
    assert [split_of(name) for name in names] == ["validation", "train", "train"]
    shares = np.unique([split_of(f"tune {k}") for k in range(4000)], return_counts=True)
    assert shares[0].tolist() == ["test", "train", "validation"]
    assert np.allclose(shares[1] / 4000, [0.1, 0.8, 0.1], atol=0.02)
