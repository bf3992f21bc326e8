"""The recommended suite: statistics of music theory, each with the form of its curve and its weight.

The choice and the weights come from a study of real eight-bar parts against fakes and under attack: every rule keeps a
least weight, and costs the same where it is failed, since a rule without weight is simply violated; no total is capped,
each rule is.  The opening weighs more
than in that study: annealing gave it up for the likeness of an answer.
"""

from __future__ import annotations

from typing import Final

from rewards.calibration import Entry, calibrated
from rewards.rules import Suite
from rewards.theory.cadences import cadence, dominant_to_tonic, opening_on_the_triad, phrase_end_notes
from rewards.theory.form import (
    half_bar_repetition,
    literal_return,
    phrase_similarity,
    question_and_answer,
    rhyme,
    rhythm_return,
    same_tail,
    similarity_of_neighbours,
    similarity_two_bars_apart,
    varied_return,
)
from rewards.theory.harmony import chromatic_notes, harmonic_rhythm, implied_harmony, key_correlation
from rewards.theory.idiom import melodic_idiom, rhythmic_idiom
from rewards.theory.intervals import (
    forbidden_intervals,
    interval_entropy,
    leap_pairs,
    leap_resolution,
    leaps,
    longest_scale,
    longest_unison,
    steps,
    turns,
    unisons,
)
from rewards.theory.rhythm import (
    accent,
    beats_struck,
    density,
    downbeats_struck,
    duration_entropy,
    rests,
    syncopation,
)
from rewards.theory.shape import (
    autocorrelation_1,
    autocorrelation_2,
    climax,
    distinct_pitches,
    highest_notes,
    pitch_range,
    recitation,
)

SUITE: Final = (
    Entry(cadence, "ratio", 1.0),
    Entry(question_and_answer, "ratio", 1.0),
    Entry(rhyme, "ratio", 0.6),
    Entry(phrase_similarity, "ratio", 0.2),
    Entry(similarity_two_bars_apart, "density", 0.3),
    Entry(similarity_of_neighbours, "capped", 0.1),
    Entry(literal_return, "ratio", 0.25),
    Entry(varied_return, "ratio", 0.25),
    Entry(rhythm_return, "capped", 0.1),
    Entry(half_bar_repetition, "capped", 0.3),
    Entry(same_tail, "capped", 0.3),
    Entry(melodic_idiom, "capped", 0.5),
    Entry(rhythmic_idiom, "capped", 0.5),
    Entry(chromatic_notes, "capped", 0.3),
    Entry(climax, "capped", 0.4),
    Entry(highest_notes, "capped", 0.1),
    Entry(opening_on_the_triad, "ratio", 0.6),
    Entry(implied_harmony, "capped", 0.2),
    Entry(harmonic_rhythm, "capped", 0.1),
    Entry(dominant_to_tonic, "capped", 0.1),
    Entry(duration_entropy, "capped", 0.2),
    Entry(syncopation, "capped", 0.2),
    Entry(leap_resolution, "capped", 0.1),
    Entry(leap_pairs, "capped", 0.1),
    Entry(forbidden_intervals, "capped", 0.1),
    Entry(steps, "capped", 0.1),
    Entry(leaps, "capped", 0.1),
    Entry(unisons, "capped", 0.1),
    Entry(longest_unison, "capped", 0.1),
    Entry(recitation, "capped", 0.1),
    Entry(pitch_range, "capped", 0.1),
    Entry(turns, "capped", 0.1),
    Entry(longest_scale, "capped", 0.1),
    Entry(phrase_end_notes, "capped", 0.1),
    Entry(accent, "capped", 0.1),
    Entry(beats_struck, "capped", 0.1),
    Entry(downbeats_struck, "capped", 0.1),
    Entry(density, "capped", 0.1),
    Entry(autocorrelation_1, "capped", 0.1),
    Entry(autocorrelation_2, "capped", 0.1),
    Entry(interval_entropy, "capped", 0.1),
    Entry(distinct_pitches, "capped", 0.1),
    Entry(key_correlation, "capped", 0.1),
    Entry(rests, "capped", 0.1),
)
"""What ``suite`` holds, in the order of its terms."""


def suite() -> Suite:
    """The recommended suite, with the shipped curves."""
    return calibrated(SUITE)
