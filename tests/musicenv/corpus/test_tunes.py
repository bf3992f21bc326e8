"""From bars to tunes and parts: pick-ups, repeats, endings, changes of key, one way to write a metre."""

import numpy as np
import pytest

from musicenv.alphabet import REST
from musicenv.corpus import Tune, read_abc
from musicenv.corpus.tune import style_of, tunes_of


def tunes(music: str, metre: str = "2/4", key: str = "C", unit: str = "1/8", title: str = "A Tune") -> list[Tune]:
    (abc,) = read_abc(f"X:7\nT:{title}\nM:{metre}\nL:{unit}\nK:{key}\n{music}\n")
    return list(tunes_of(abc, "test", "file.abc"))


def tune(music: str, **fields: str) -> Tune:
    (only,) = tunes(music, **fields)
    return only


def test_a_part_lies_between_repeat_signs_and_has_its_own_downbeat():
    two = tune("|:G|c2e2|g3:|:e|f2d2|c3:|")
    assert [(part.start, part.stop, part.downbeat, part.end) for part in two.parts] == [(0, 4, 0, 42), (4, 8, 48, 90)]
    assert two.pickup == 6
    assert two.onset.tolist() == [-6, 0, 12, 24, 42, 48, 60, 72]
    assert two.duration.tolist() == [6, 12, 12, 18, 6, 12, 12, 18]
    assert two.fault == ""


def test_a_double_bar_ends_a_part():
    assert [part.stop for part in tune("c4|d4||e4|f4|]").parts] == [2, 4]


def test_of_two_endings_the_second_is_kept():
    both = tune("|:c4|d4|1 e4:|2 f4||g4|a4|]")
    assert both.pitch.tolist() == [72, 74, 77, 79, 81]
    assert [(part.downbeat, part.end) for part in both.parts] == [(0, 72), (72, 120)]


def test_a_replaced_ending_is_counted():
    (abc,) = read_abc("X:1\nM:2/4\nL:1/8\nK:C\n|:c4|d4|1 e2f2:|2 f4|]\n")
    list(tunes_of(abc, "test", "file.abc"))
    assert abc.unread["notes of endings that a later one replaces"] == 2


def test_an_upbeat_before_a_repeat_sign_belongs_to_the_part_behind_it():
    (part,) = tune("G2|:c4|d4:|").parts
    assert (part.start, part.downbeat, part.end) == (0, 0, 48)


def test_a_bar_cut_by_a_bar_line_is_whole():
    assert tune("c4|d2|e2|f4|]").parts[0].fault == ""


@pytest.mark.parametrize(
    ("music", "fault"),
    [
        ("c4|d3|e4|f4|]", "bars do not add up"),
        ("c4|d6|f4|]", "bars do not add up"),
        ("c4|]", "no longer than a bar"),
        ("z4|z4|]", "only rests"),
        ("c4|(5c/d/e/f/g/ c2-c/|c4|]", "bars do not add up"),
    ],
)
def test_why_a_part_is_not_kept(music, fault):
    assert tune(music).parts[0].fault == fault


def test_a_note_of_no_whole_number_of_ticks_is_marked():
    odd = tune("c/4d/4c/ c2 c2|d2d2d2|]", metre="3/4")
    assert odd.parts[0].fault == "lengths off the grid of ticks"
    assert odd.duration.tolist()[:3] == [0, 0, 3]


def test_a_change_of_key_ends_a_melody():
    one, other = tunes("c4|d4|]\nK:G\ne4|f4|]")
    assert (one.tonic, other.tonic) == (0, 7)
    assert (one.source, other.source) == ("file.abc X:7", "file.abc X:7/2")
    assert other.pitch.tolist() == [76, 78]
    assert one.parts[0].fault == other.parts[0].fault == ""


def test_a_change_of_metre_inside_a_part_spoils_the_part_but_not_the_next():
    one, other = tunes("c4|d4|\nM:3/4\ne6|f6||g6|a6|]")
    assert one.parts[0].fault == "key or metre changes inside it"
    assert [part.fault for part in other.parts] == ["key or metre changes inside it", ""]


def test_cut_time_is_four_four():
    assert tune("c8|d8|]", metre="C|").metre == "4/4"


def test_two_four_in_sixteenths_is_four_four_in_eighths():
    in_sixteenths = tune("c2cd efga|b8|]", unit="1/16")
    in_eighths = tune("c2cd efga|b8|]", metre="4/4", unit="1/8")
    assert in_sixteenths.metre == in_eighths.metre == "4/4"
    assert in_sixteenths.duration.tolist() == in_eighths.duration.tolist()
    assert tune("c2de|f4|]").metre == "2/4"


def test_dotted_sixteenths_are_written_so_that_ticks_suffice():
    dotted = tune("c>d e>f g4|c8|]", unit="1/16")
    assert (dotted.metre, dotted.duration.tolist()[:4]) == ("4/4", [9, 3, 9, 3])


def test_three_eight_is_three_four_and_six_four_six_eight():
    assert tune("c3|d3|]", metre="3/8").duration.tolist() == [36, 36]
    assert tune("c12|d12|]", metre="6/4").duration.tolist() == [36, 36]
    assert tune("c12|d12|]", metre="6/4").metre == "6/8"


def test_relative_pitch_puts_the_tonic_on_c_and_the_line_near_the_middle():
    in_d = tune("f2a2|d'4|z4|]", key="D")
    assert in_d.relative.tolist() == [64, 67, 72, REST]
    for other in (tune("F,2A,2|D4|z4|]", key="D"), tune("B2d2|g4|z4|]", key="G"), tune("b2d'2|g'4|z4|]", key="G")):
        assert other.relative.tolist() == in_d.relative.tolist()


def test_parts_inherit_the_octave_of_their_tune():
    two = tune("|:G2c2|e2c2:|:g2c'2|e'2c'2:|")
    assert np.all(two.relative[4:] - two.relative[:4] == 12)


@pytest.mark.parametrize(
    ("rhythm", "title", "metre", "style"),
    [
        ("Reel", "Miss Johnston's", "4/4", "reel"),
        ("double jig", "The Blooming Meadows", "6/8", "jig"),
        ("slipjig", "The Dusty Miller", "9/8", "slip jig"),
        ("jig", "Barney's Goat", "9/8", "slip jig"),
        (" highland fling", "Sink Him, Doddie", "4/4", "fling"),
        ("", "Quick Step. 25th Regt.", "2/4", "quickstep"),
        ("", "March of the 37th. Regt.", "4/4", "march"),
        ("", "The Fairest Maid", "6/8", "a collection"),
    ],
)
def test_the_style_is_the_dance_that_the_source_names(rhythm, title, metre, style):
    assert style_of(rhythm, [title], metre, "a collection") == style
