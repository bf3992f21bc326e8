"""What the ABC reader hears in a line of notation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicenv.corpus import read_abc, read_notes
from musicenv.corpus.abc_fields import AbcError, read_key, read_length, read_metre


def bars(music: str, key: str = "C", metre: str = "4/4", header: str = "") -> list[list[int]]:
    """MIDI pitches of each bar."""
    tune = next(read_abc(f"X:1\n{header}M:{metre}\nL:1/8\nK:{key}\n{music}\n"))
    assert tune.fault == ""
    return [[note.pitch for note in bar.notes] for bar in tune.bars]


def pitches(music: str, key: str = "C") -> list[int | None]:
    return [pitch for pitch, _ in read_notes(music, key)]


def ticks(music: str, metre: str = "4/4") -> list[int]:
    return [duration for _, duration in read_notes(music, metre=metre)]


def test_a_fragment_gives_sounding_pitches_and_ticks():
    assert read_notes("D2 F2 A4", key="D") == [(62, 12), (66, 12), (69, 24)]
    assert read_notes("z2 c'C,") == [(None, 12), (84, 6), (48, 6)]
    assert read_notes("G A/B/", unit="1/4") == [(67, 12), (69, 6), (71, 6)]


@pytest.mark.parametrize(
    ("key", "pitches_of_c_to_b"),
    [
        ("C", [60, 62, 64, 65, 67, 69, 71]),
        ("G", [60, 62, 64, 66, 67, 69, 71]),
        ("E Minor", [60, 62, 64, 66, 67, 69, 71]),
        ("Ador", [60, 62, 64, 66, 67, 69, 71]),
        ("D mixolydian", [60, 62, 64, 66, 67, 69, 71]),
        ("Bb", [60, 62, 63, 65, 67, 69, 70]),
        ("F#m", [61, 62, 64, 66, 68, 69, 71]),
        ("Eb", [60, 62, 63, 65, 67, 68, 70]),
    ],
)
def test_a_key_signature_alters_its_letters_in_every_octave(key, pitches_of_c_to_b):
    assert pitches("CDEFGAB", key) == pitches_of_c_to_b
    assert pitches("cdefgab", key) == [pitch + 12 for pitch in pitches_of_c_to_b]


def test_keys_with_accidentals_of_their_own_and_bagpipes():
    assert read_key("Dmix=c").signature == read_key("Dmix").signature
    assert pitches("cf", "D exp _b") == [73, 78]
    assert pitches("fcg", "Hp") == [78, 73, 79]
    assert read_key("Hp")[:2] == (9, "mixolydian")
    assert read_key("EM") == read_key("Em"), "case does not count in a mode"


def test_an_unknown_mode_is_one_clear_error():
    with pytest.raises(AbcError, match="key 'Bn' is not understood; write its mode as 'maj'"):
        read_key("Bn")
    tune = next(read_abc("X:1\nK:Bn\nABc|\n"))
    assert "Bn" in tune.fault


def test_an_accidental_holds_to_the_bar_line_in_every_octave():
    assert bars("^FGFf|FGFf") == [[66, 67, 66, 78], [65, 67, 65, 77]]
    assert bars("^F=FF|_B__B^^C", "F") == [[66, 65, 65], [70, 69, 62]]


def test_a_tie_carries_an_accidental_over_the_bar_line():
    assert bars("^f4-|f2f2") == [[78], [78, 77]]


def test_an_accidental_survives_a_line_end_inside_the_bar():
    assert bars("^cd\nc2|c") == [[73, 74, 73], [72]]


def test_broken_rhythm_lengthens_one_note_at_the_cost_of_the_other():
    assert ticks("A>B") == [9, 3]
    assert ticks("A<B") == [3, 9]
    assert ticks("A2>>B2") == [21, 3]
    assert ticks("A > B") == [9, 3]


@pytest.mark.parametrize("between", ["(A>B)", ".A>.B", "A>~B", "A>{c}B", 'A>"4"B', "A>!trill!B", "uA>vB", "A>HB"])
def test_signs_beside_broken_rhythm_change_nothing(between):
    assert read_notes(between) == [(69, 9), (71, 3)]


def test_tuplets():
    assert ticks("(3ABc d") == [4, 4, 4, 6]
    assert ticks("(3A2B2c2") == [8, 8, 8]
    assert ticks("(2AB c", "6/8") == [9, 9, 6]
    assert ticks("(4A2B2c2d2 e", "6/8") == [9, 9, 9, 9, 6]
    assert ticks("(3:2:2A2B c") == [8, 4, 6]
    assert ticks("(3::A>Bc") == [6, 2, 4]
    assert ticks("((3ABc)") == [4, 4, 4]


def test_equal_pitches_are_tied_and_different_ones_only_slurred():
    assert read_notes("A2-A B-c") == [(69, 18), (71, 6), (72, 6)]
    assert read_notes("A2-|A2") == [(69, 24)]


def test_grace_notes_ornaments_and_chord_symbols_leave_no_trace():
    assert read_notes('"Am"{gag}A2 ~B2 Tc2 !fermata!d2 "_slow"e2') == read_notes("A2B2c2d2e2")


def test_of_a_chord_the_highest_note_is_sung():
    assert read_notes("[Ace]2 [g2B2D2G,2]") == [(76, 12), (79, 12)]
    assert read_notes("+CEG+ A") == [(67, 6), (69, 6)]
    assert read_notes("[c2-A2-][c2A2]") == [(72, 24)]


def test_the_first_of_several_voices_is_read():
    text = "X:1\nM:4/4\nL:1/8\nK:D\n[V:1] a3b a2d2|\n[V:2] f3g f2f2|\n[V:1] g8|\n[V:2] e8|\n"
    tune = next(read_abc(text))
    assert [[note.pitch for note in bar.notes] for bar in tune.bars] == [[81, 83, 81, 74], [79]]
    assert tune.unread["notes of further voices"] == 5


def test_x_without_a_number_has_no_length_and_z_is_a_rest():
    assert read_notes("A2 Hx||") == [(69, 12)]
    assert read_notes("A2 x2 z") == [(69, 12), (None, 12), (None, 6)]


def test_bars_repeats_and_endings_are_structure():
    tune = next(read_abc("X:1\nM:2/4\nL:1/8\nK:C\n|:A4|B4|1 c4:|2 d4||e4|]\n"))
    assert [bar.ending for bar in tune.bars] == ["", "", "1", "2", ""]
    assert [bar.closes for bar in tune.bars] == [False, False, True, True, True]


def test_the_name_of_a_part_begins_one():
    tune = next(read_abc("X:1\nM:2/4\nL:1/8\nK:C\nP:A\nA4|B4|\nP:B\nc4|d4|\n"))
    assert [bar.closes for bar in tune.bars] == [False, True, False, True]


def test_a_repeat_sign_torn_by_a_line_end_closes_the_part():
    tune = next(read_abc("X:1\nM:2/4\nL:1/8\nK:C\nA4|B4|\n: c4|d4:|\n"))
    assert [bar.closes for bar in tune.bars] == [False, True, False, True]


def test_a_line_torn_inside_a_note_or_chord_is_mended():
    assert bars("A\n/B/ c3|[df\n] e3") == [[69, 71, 72], [77, 76]]


def test_a_bar_line_forgotten_at_a_line_end_is_heard_where_the_bar_is_full():
    assert bars("^c8\nc8|") == [[73], [72]]


def test_key_and_metre_may_change_on_a_line_or_inline():
    tune = next(read_abc("X:1\nM:4/4\nL:1/8\nK:C\nf8|\nK:G\nf8|[M:3/4]f6|[K:F][L:1/4]f3|\n"))
    assert [bar.notes[0].pitch for bar in tune.bars] == [77, 78, 78, 77]
    assert [bar.metre for bar in tune.bars] == ["4/4", "4/4", "3/4", "3/4"]
    assert {bar.length for bar in tune.bars[2:]} == {36 * 840}


def test_traces_of_e_mail_are_read_as_what_they_were():
    assert bars("A2=20\nB2 =\n=3Dc2|", "A") == [[69, 71, 72]]


def test_the_unit_length_follows_the_metre_where_it_is_not_given():
    tunes = [next(read_abc(f"X:1\nM:{metre}\nK:C\nA|\n")) for metre in ("2/4", "3/4", "C", "6/8")]
    assert [tune.bars[0].length // 840 for tune in tunes] == [3, 6, 6, 6]
    assert [read_metre(text) for text in ("C", "C|", "6/8", "none", "9/8 % slip")] == [
        "4/4",
        "2/2",
        "6/8",
        "none",
        "9/8",
    ]
    assert read_length("1/16") == 3 * 840


def test_what_is_not_understood_is_counted_and_named():
    tune = next(read_abc("X:1\nM:4/4\nL:1/8\nK:C\nA{ga}B ? [ce]2|\n"))
    assert tune.unread["grace notes"] == 2
    assert tune.unread["sign '?'"] == 1
    assert tune.unread["lower notes of chords"] == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("D2 ?", r"sign '\?'"),
        ("", "has no notes"),
        ("A//", "1.50 ticks"),
    ],
)
def test_a_fragment_that_is_not_understood_is_an_error_with_a_remedy(text, message):
    with pytest.raises(AbcError, match=message):
        read_notes(text)


@given(st.text(alphabet="ABCDEFGabcdefgz^_=',/123<>()[]{}|:-\"!~. \\\n%xZVKM", max_size=60))
def test_no_text_breaks_the_reader(text):
    for tune in read_abc(f"X:1\nM:4/4\nL:1/8\nK:C\n{text}\n"):
        assert all(note.length >= 0 for bar in tune.bars for note in bar.notes)
