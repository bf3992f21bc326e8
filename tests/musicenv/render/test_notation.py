"""Written music looks as a musician would write it."""

import pytest

from musicenv.alphabet import REST
from musicenv.melody import melody_from_notes
from musicenv.render import Performance, key_name, to_abc, to_musicxml
from musicenv.render.notation import NATURALS, key_signature, spell, written_bars
from musicenv.task import TONICS, Task

MAJOR, MINOR, DORIAN, MIXOLYDIAN = range(4)
KEYS = [(tonic, mode) for tonic in range(12) for mode in range(4)]


def line(notes, **task):
    """The notes (relative pitch, ticks) as one line of ABC, without its metre and key."""
    pitch, duration = zip(*notes, strict=True)
    return to_abc(melody_from_notes(pitch, duration, Task(**task)), one_line=True).split("] ", 1)[1]


@pytest.mark.parametrize(
    ("tonic", "mode", "name", "sharps"),
    [
        ("G", MAJOR, "G", 1),
        ("E", DORIAN, "E", 2),
        ("A", MIXOLYDIAN, "A", 2),
        ("D", MINOR, "D", -1),
        ("Db", MINOR, "C#", 4),
        ("F#", MAJOR, "F#", 6),
        ("Eb", MINOR, "Eb", -6),
        ("Ab", DORIAN, "Ab", -6),
        ("Ab", MINOR, "G#", 5),
    ],
)
def test_key_signatures(tonic, mode, name, sharps):
    assert key_signature(TONICS.index(tonic), mode) == (name, sharps)


def test_no_key_has_more_than_six_signs():
    assert max(abs(key_signature(*key)[1]) for key in KEYS) == 6


@pytest.mark.parametrize(("tonic", "mode"), KEYS)
def test_every_pitch_is_spelled_as_itself_and_the_scale_without_accidentals(tonic, mode):
    _, sharps = key_signature(tonic, mode)
    scale = {MAJOR: 0, MINOR: 3, DORIAN: 10, MIXOLYDIAN: 5}[mode]
    for pitch in range(50, 91):
        letter, alter, octave = spell(pitch, tonic, mode)
        assert 12 * (octave + 1) + NATURALS[letter] + alter == pitch
        if (pitch - tonic - scale) % 12 in (0, 2, 4, 5, 7, 9, 11):
            signed = "FCGDAEB"[:sharps] if sharps > 0 else "BEADGCF"[:-sharps]
            assert alter == (0 if letter not in signed else 1 if sharps > 0 else -1)


def test_minor_raises_its_sixth_and_seventh_by_sharps():
    assert line([(79, 12), (81, 12), (83, 12), (84, 12)], key="A minor", bars=1) == "e2^f2 ^g2a2 |]"


def test_major_lowers_its_seventh_and_third_by_flats_and_raises_its_fourth_by_a_sharp():
    assert line([(70, 12), (63, 12), (66, 12), (67, 12)], bars=1) == "_B2_E2 ^F2G2 |]"


def test_an_accidental_is_written_once_a_bar_and_undone_where_it_no_longer_holds():
    notes = [(66, 6), (66, 6), (65, 6), (65, 30), (65, 48)]
    assert line(notes, bars=2) == "^FF=FF- F4 | F8 |]"


def test_a_sign_in_another_octave_leaves_no_doubt():
    assert line([(60, 12), (73, 12), (61, 12), (60, 12)], bars=1) == "C2^c2 ^C2=C2 |]"


def test_a_note_over_a_bar_line_is_tied():
    assert line([(60, 36), (62, 24), (64, 36)], bars=2) == "C6 D2- | D2E6 |]"


def test_a_rest_over_a_bar_line_is_two_rests():
    assert line([(60, 36), (REST, 24), (64, 36)], bars=2) == "C6 z2 | z2E6 |]"


def test_the_beats_of_compound_metres_stay_visible():
    assert line([(60, 6), (62, 24), (64, 6)], metre="6/8", bars=1) == "CD2- D2E |]"
    assert line([(60, 48), (64, 6)], metre="9/8", bars=1) == "C6- C2E |]"


def test_the_plain_syncopation_is_not_tied():
    assert line([(60, 6), (62, 12), (64, 6)], metre="2/4", bars=1) == "CD2 E |]"
    assert line([(60, 6), (62, 18)], metre="2/4", bars=1) == "CD- D2 |]"


def test_triplets_are_bracketed():
    assert line([(60, 4), (62, 4), (64, 4), (65, 12)], metre="2/4", bars=1) == "(3CDE F2 |]"
    assert line([(60, 8), (62, 4), (65, 12)], metre="2/4", bars=1) == "(3:2:2C2D F2 |]"
    assert line([(60, 8), (62, 8), (64, 8)], metre="2/4", bars=1) == "(3C2D2E2 |]"


def test_a_pickup_stands_before_the_first_bar_and_shortens_the_last():
    assert line([(67, 12), (60, 48), (62, 36)], pickup=12, bars=2) == "G2 | C8 | D6 |]"


def test_an_unfinished_melody_has_no_final_bar_line():
    assert line([(60, 48), (62, 12)], bars=4) == "C8 | D2"
    assert line([(60, 48)], bars=4) == "C8 |"


def test_a_tune_has_its_header_and_four_bars_a_line():
    melody = melody_from_notes([67, *[60] * 9], [6, *[36] * 8, 30], Task("6/8", "E dorian", 9, pickup=6))
    assert to_abc(melody, title="The\nHop", number=3).splitlines() == [
        "X:3",
        "T:The Hop",
        "M:6/8",
        "L:1/8",
        "K:Edor",
        "B | E6 | E6 | E6 | E6 |",
        "E6 | E6 | E6 | E6 |",
        "E5 |]".replace("E5", "E3- E2"),
    ]
    assert key_name(melody) == "E dorian"


def test_the_pickup_bar_of_the_score_has_no_number():
    text = to_musicxml(melody_from_notes([67, 60, 62], [12, 48, 36], Task(pickup=12, bars=2)))
    assert '<measure implicit="yes" number="0">' in text
    assert text.count('implicit="no"') == 2


def test_a_length_that_notation_does_not_know_is_one_clear_error():
    with pytest.raises(ValueError, match="5 ticks at tick 0"):
        written_bars(melody_from_notes([60, 62], [5, 43], Task(bars=1)))


def test_a_triplet_over_a_bar_line_is_one_clear_error():
    with pytest.raises(ValueError, match="8 ticks at tick 44"):
        written_bars(melody_from_notes([60, 60, 60], [36, 8, 8], Task(bars=2)))


def test_musicxml_plays_at_the_tempo_and_on_the_instrument_of_the_performance():
    melody = melody_from_notes([60], [36], Task("6/8", bars=1))
    text = to_musicxml(melody, performance=Performance("flute", tempo=90))
    assert "<midi-program>74</midi-program>" in text  # MusicXML counts from 1
    assert "<per-minute>90</per-minute>" in text
