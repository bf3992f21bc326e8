"""Each rule on tunes that keep it and on tunes made to break it."""

import math

import numpy as np
import pytest

from experiments.fakes import fakes
from musicenv.corpus import Corpus
from rewards.theory import cadences, form, harmony, idiom, intervals, rhythm, shape

PERIOD = "c2 e2 g2 e2 | f2 a2 g4 | e2 c2 d2 f2 | a2 b2 g4 | c2 e2 g2 e2 | f2 a2 g4 | e2 g2 f2 d2 | B2 d2 c4"
"""A B C D, A B E F: a parallel period."""
LOOP = "c2 e2 g2 e2 |" * 8
SCALE = "cdef gabc' | bagf edcB |" * 4
DRONE = "c2 c2 c2 c2 |" * 8


@pytest.fixture(scope="module")
def washerwoman(corpus: Corpus):
    """The first part of The Irish Washerwoman (Aird), a jig: A B A' C."""
    return _part(corpus, "The Irish Washerwoman", "airdsAirs", 0)


@pytest.fixture(scope="module")
def edinburgh(corpus: Corpus):
    """The first part of The Flowers of Edinburgh (O'Neill), a reel."""
    return _part(corpus, "The Flowers Of Edinburgh", "oneills1850", 0)


@pytest.fixture(scope="module")
def garryowen(corpus: Corpus):
    """The first part of Garryowen (O'Neill), which ends on the second degree and leads back."""
    return _part(corpus, "Garryowen", "oneills1850", 0)


def _part(corpus, title, collection, number):
    found = [m for m, s in corpus.items(bars=8) if title in s.tune.title and s.tune.collection == collection]
    return found[number]


# Form


def test_the_answer_of_the_irish_washerwoman_begins_like_its_question(washerwoman):
    assert form.question_and_answer(washerwoman) == 1.0
    assert form.rhyme(washerwoman) < 0.2


def test_a_period_has_question_and_answer_but_no_loop(abc):
    period = abc(PERIOD, bars=8)
    assert form.question_and_answer(period) == 1.0
    assert form.literal_return(period) == pytest.approx(2 / 7)
    assert form.similarity_two_bars_apart(period) < 0.4
    assert form.rhythm_return(period) == pytest.approx(6 / 7)


def test_a_loop_returns_in_every_bar(abc):
    loop = abc(LOOP, bars=8)
    for rule in (form.literal_return, form.rhythm_return, form.similarity_of_neighbours, form.same_tail):
        assert rule(loop) == 1.0
    assert form.varied_return(loop) == 0.0
    assert form.half_bar_repetition(loop) == pytest.approx(14 / 15)


def test_a_sequence_is_a_varied_return_and_no_literal_one(abc):
    sequence = abc("CDEC E4 | DEFD F4 | EFGE G4 | FGAF A4 | GABG B4 | ABcA c4 | BcdB d4 | c8", bars=8)
    assert form.literal_return(sequence) == 0.0
    assert form.varied_return(sequence) >= 5 / 7


def test_question_and_answer_is_undefined_before_the_answer(abc, prefix):
    period = abc(PERIOD, bars=8)
    until = {bar: int(np.searchsorted(period.onset, bar * 48)) for bar in (4, 5)}
    assert math.isnan(form.question_and_answer(prefix(period, until[4])))
    assert form.question_and_answer(prefix(period, until[5])) == 1.0


def test_sixteen_bars_have_two_questions_and_two_answers(abc):
    theme = PERIOD + " | " + "e4 e4 | f4 f4 | g8 | g8 | a4 a4 | b4 b4 | c'8 | c'8"
    assert form.question_and_answer(abc(theme, bars=16)) == pytest.approx(0.5)


def test_four_bars_have_phrases_of_two(abc):
    assert form.question_and_answer(abc("c4 e4 | g8 | c4 e4 | c8", bars=4)) == 1.0


def test_same_tails_are_counted_where_the_rest_of_the_bar_differs(abc):
    tails = abc("c2e2 g2a2 | d2f2 g2a2 | e2g2 g2a2 | f2a2 g2a2 | c4 g2a2 | d4 g2a2 | e4 g2a2 | c8", bars=8)
    assert form.same_tail(tails) == pytest.approx(7 / 8)
    assert form.literal_return(tails) == 0.0


# Beginnings and endings


def test_the_flowers_of_edinburgh_ends_in_full_cadence(edinburgh):
    assert cadences.cadence(edinburgh) == 1 + 2 + 4 + 8
    assert cadences.opening_on_the_triad(edinburgh) == 1.0


def test_garryowen_does_not_end_on_its_tonic(garryowen):
    assert int(cadences.cadence(garryowen)) & 1 == 0


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        ("g8 | d4 c4", 15),  # by step, on a beat, half a bar long
        ("g8 | g4 c4", 15),  # from the fifth
        ("g8 | a4 c4", 7),  # by a leap from elsewhere
        ("g8 | d7 c", 9),  # off the beat and short
        ("g8 | c4 d4", 14),  # not the tonic
        ("c8 | z8", 7),  # the last note that sounds counts; nothing before it
    ],
)
def test_the_class_of_a_cadence(abc, ending, kind):
    assert cadences.cadence(abc(ending, bars=2)) == kind


def test_a_cadence_is_undefined_before_the_end(abc, prefix):
    assert math.isnan(cadences.cadence(prefix(abc(PERIOD, bars=8), 5)))


@pytest.mark.parametrize(
    ("first", "key", "on_triad"), [("e", "C major", 1), ("_e", "C minor", 1), ("e", "C minor", 0), ("d", "C major", 0)]
)
def test_the_opening_asks_for_the_triad_of_the_mode(abc, first, key, on_triad):
    assert cadences.opening_on_the_triad(abc(f"{first}8 | c8", bars=2, key=key)) == on_triad


def test_phrases_that_rest_have_fewer_notes_at_their_ends(abc):
    assert cadences.phrase_end_notes(abc(PERIOD, bars=8)) == 1.0
    assert cadences.phrase_end_notes(abc(SCALE, bars=8)) == 4.0


def test_dominant_and_tonic_fill_the_last_two_bars_of_a_period(abc):
    assert cadences.dominant_to_tonic(abc(PERIOD[: PERIOD.rindex("e2 g2")] + "g2 f2 d2 B2 | d2 B2 c4", bars=8)) == 1.0
    assert cadences.dominant_to_tonic(abc("a8 |" * 8, bars=8)) == 0.0


# Intervals


def test_steps_and_leaps(abc):
    assert intervals.steps(abc(SCALE, bars=8)) > 0.9
    assert intervals.longest_scale(abc(SCALE, bars=8)) >= 8
    assert intervals.unisons(abc(DRONE, bars=8)) == 1.0
    assert intervals.longest_unison(abc(DRONE, bars=8)) == 32
    octaves = abc("c c' c c' c c' c c' |" * 8, bars=8)
    assert intervals.leaps(octaves) == 1.0
    assert intervals.turns(octaves) == 1.0
    assert intervals.leap_pairs(octaves) > 0.95


def test_a_leap_is_answered_by_a_step_the_other_way(abc):
    assert intervals.leap_resolution(abc("c4 c'2 b2 | c8", bars=2)) == 1.0
    assert intervals.leap_resolution(abc("c4 a2 b2 | c8", bars=2)) == 0.0
    assert math.isnan(intervals.leap_resolution(abc("c4 d4 | c8", bars=2)))


def test_forbidden_intervals_are_tritones_sevenths_and_beyond_the_octave(abc):
    assert intervals.forbidden_intervals(abc("f4 b4 | c8", bars=2)) == 1.0  # tritone, major seventh
    assert intervals.forbidden_intervals(abc("c4 c'4 | g8", bars=2)) == 0.0


def test_a_rest_breaks_an_interval(abc):
    assert intervals.leaps(abc("c4 z4 | c'4 b4", bars=2)) == 0.0


def test_the_irish_washerwoman_leaps_more_than_it_steps(washerwoman):
    assert intervals.steps(washerwoman) < 0.4
    assert intervals.forbidden_intervals(washerwoman) == 0.0


# Shape


def test_the_climax_is_the_first_top_note(abc):
    arch = abc("c8 | e8 | g8 | c'8 | g8 | c'8 | d8 | c8", bars=8)
    assert shape.climax(arch) == pytest.approx(3 / 8)
    assert shape.highest_notes(arch) == 2
    assert shape.pitch_range(arch) == 12
    assert shape.distinct_pitches(arch) == 5


def test_reciting_on_one_note_is_seen(abc, washerwoman):
    assert shape.recitation(abc("c2 c2 c2 d2 |" * 8, bars=8)) == 0.75
    assert shape.recitation(washerwoman) < 0.3


def test_autocorrelation_is_that_of_numpy(edinburgh):
    line = edinburgh.pitch - edinburgh.pitch.mean()
    for lag, rule in ((1, shape.autocorrelation_1), (2, shape.autocorrelation_2)):
        assert rule(edinburgh) == pytest.approx(float((line[lag:] * line[:-lag]).sum() / (line**2).sum()))


# Rhythm


def test_syncopation_is_holding_over_a_beat_or_a_barline(abc):
    assert rhythm.syncopation(abc("c d2 e2 f2 g | c8", bars=2)) == pytest.approx(3 / 6)
    assert rhythm.syncopation(abc("c6 d2- | d4 c4", bars=2)) == pytest.approx(1 / 3)
    assert rhythm.syncopation(abc(PERIOD, bars=8)) == 0.0


def test_in_compound_time_the_beat_is_a_dotted_quarter(abc):
    jig = abc("c2e gfe | d3 c3", bars=2, metre="6/8")
    assert rhythm.syncopation(jig) == 0.0
    assert rhythm.beats_struck(jig) == 1.0
    assert rhythm.accent(jig) > 0


def test_density_rests_and_durations(abc):
    assert rhythm.density(abc(SCALE, bars=8)) == 8.0
    assert rhythm.rests(abc("c4 z4 |" * 8, bars=8)) == 0.5
    assert rhythm.duration_entropy(abc(SCALE, bars=8)) == 0.0
    assert rhythm.duration_entropy(abc("c4 d2 e2 | f4 g2 a2", bars=2)) == pytest.approx(
        -np.log(1 / 3) / 3 - 2 / 3 * np.log(2 / 3)
    )


def test_thin_rhythm_leaves_beats_unstruck(abc):
    thin = abc("c8 |" * 8, bars=8)
    assert rhythm.beats_struck(thin) == 0.25
    assert rhythm.downbeats_struck(thin) == 1.0


# Key and harmony


def test_the_raised_sixth_and_seventh_belong_to_minor_and_not_to_dorian(abc):
    ascent = "g2 a2 =b2 c'2 | c8"
    assert harmony.chromatic_notes(abc(ascent, bars=2, key="C minor")) == 0.0
    assert harmony.chromatic_notes(abc(ascent, bars=2, key="C dorian")) == pytest.approx(1 / 5)
    assert harmony.chromatic_notes(abc("c2 ^c2 d2 e2 | c8", bars=2)) == pytest.approx(1 / 5)


def test_harmony_finds_a_triad_for_each_bar(abc):
    chords = abc("c2e2g4 | f2a2c'4 | g2b2d4 | c2e2g4 | c4e4 | f4a4 | g4b4 | c8", bars=8)
    assert harmony.implied_harmony(chords) == 1.0
    assert harmony.harmonic_rhythm(chords) == pytest.approx(6 / 7)
    assert harmony.harmonic_rhythm(abc(LOOP, bars=8)) == 0.0
    assert harmony.implied_harmony(abc("cdcd cdcd |" * 8, bars=8)) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("title", "keys"),
    [
        ("Centennial -- Hornpipe", "HHHHHHHDDDDDDDDH"),  # the second part is in the dominant
        ("Old Ironsides", "HHHHHHHHDDDDDDDH"),
        ("CAMP MEETING -- JIG", "HHHHHHHHHHHHHHHHSSSSSSSH"),  # the third part is in the subdominant
    ],
)
def test_tunes_that_modulate_are_followed_and_come_home(corpus, title, keys):
    (tune,) = [m for m, s in corpus.items(unit="tunes") if title in s.tune.title and "No.2" not in s.tune.title]
    assert "".join("HDS"[key] for key in harmony.local_keys(tune)[1]) == keys
    outside, notes = harmony.notes_outside(tune)
    assert outside >= 10
    assert harmony.chromatic_notes(tune) * notes <= outside / 2


def test_a_phrase_in_the_dominant_costs_its_two_changes_of_key(abc):
    home, away = "c2e2 g2e2 | f2a2 g2f2 |", "d2^f2 a2^f2 | g2b2 a2^f2 | g2^f2 e2d2 | d2^f2 g4 |"
    there_and_back = abc(f"{home} {away} g2f2 e2d2 | B2d2 c4", bars=8)
    assert harmony.local_keys(there_and_back)[1].tolist() == [0, 0, 1, 1, 1, 1, 0, 0]
    assert harmony.chromatic_notes(there_and_back) == pytest.approx(2 * harmony.MODULATION / there_and_back.pitch.size)
    never_home = abc(f"{home} {home} {away}", bars=8)
    assert harmony.chromatic_notes(never_home) == pytest.approx((2 * harmony.MODULATION + 1) / never_home.pitch.size)


def test_secondary_dominants_belong_to_the_harmony_of_the_dominant(abc):
    """D major, the dominant's dominant, is a triad of the piece only where the piece is in the dominant."""
    two_of_two = "d2^f2 a2^f2 | d2^f2 a2^f2 |"
    assert harmony.implied_harmony(abc(f"c2e2g4 | {two_of_two} c8", bars=4)) == 1.0
    assert harmony.implied_harmony(abc("c2e2g4 | d2^f2a4 | d2a2d4 | c8", bars=4)) < 1.0


def test_a_chromatic_passing_note_is_no_modulation(abc):
    passing = abc("c2e2 g2e2 | f2^f2 g2e2 | " * 4, bars=8)
    assert not harmony.local_keys(abc("c2e2 g2e2 | f2^f2 g2e2 | c2e2 g2e2 | c8", bars=4))[1].any()
    assert harmony.chromatic_notes(passing) == pytest.approx(4 / 32)


def test_chance_hardly_gains_by_modulation(corpus):
    """Of what lies outside the home scale, keys explain far more in real tunes than in random notes."""

    def explained(pieces):
        outside = np.array([harmony.notes_outside(piece)[0] for piece in pieces])
        return 1 - sum(harmony.local_keys(piece)[0] for piece in pieces) / outside.sum()

    real = corpus.melodies("test", unit="tunes")
    uniform = fakes("uniform", real, 60, seed=0)
    assert explained(real) > 0.08
    assert explained(uniform) < 0.05


def test_a_tune_correlates_with_its_own_key(edinburgh, abc):
    assert harmony.key_correlation(edinburgh) > 0.8
    assert harmony.key_correlation(abc("^c2 ^d2 ^f2 ^g2 |" * 8, bars=8)) < 0


# Idiom


def test_tunes_are_more_idiomatic_than_the_same_notes_shuffled(washerwoman, edinburgh):
    rng = np.random.default_rng(0)
    for tune in (washerwoman, edinburgh):
        other = tune._replace(pitch=rng.permutation(tune.pitch))
        assert idiom.melodic_idiom(tune) > idiom.melodic_idiom(other) + 0.5


def test_even_eighths_are_more_idiomatic_in_a_reel_than_in_a_jig(abc):
    assert idiom.rhythmic_idiom(abc("cdef gabc' |" * 8, bars=8)) > -1.0
    assert idiom.rhythmic_idiom(abc("c2 d2 e2 |" * 8, bars=8, metre="6/8")) < -1.5
