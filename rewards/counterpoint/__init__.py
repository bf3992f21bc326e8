"""Species counterpoint: what is forbidden, what is better avoided, and what a whole line should have.

Costs are whole numbers, so that sums are exact and ties are ties on every machine.  Every rule declares what it reads,
so that the exact solver (``musicenv.counterpoint``) uses the very same functions.
"""

from __future__ import annotations

from typing import Final

from rewards.counterpoint import line, rhythm, together
from rewards.rules import Rule, Suite, Term

SPECIES: Final = (1, 2, 3, 4)
FORBIDDEN: Final = 100.0
"""What it costs to break a hard rule where no mask prevents it: more than the best line of any known task loses."""

_HARD: Final = (
    line.diatonic,
    line.raised_sixth,
    line.melodic_interval,
    line.compass,
    together.crossing,
    together.spacing,
    together.opening,
    together.clausula,
    together.inner_unison,
    together.direct_perfects,
)
_HARD_OF_SPECIES: Final[dict[int, tuple[Rule, ...]]] = {
    1: (rhythm.no_rest, together.consonant_downbeat),
    2: (
        rhythm.only_first_rest,
        line.no_repeat,
        together.consonant_downbeat,
        together.accented_perfects,
        rhythm.passing_half,
    ),
    3: (rhythm.only_first_rest, line.no_repeat, together.consonant_downbeat, rhythm.ornamental_quarter),
    4: (
        rhythm.begins_with_rest,
        line.no_repeat,
        rhythm.consonant_attack,
        rhythm.suspension,
        rhythm.suspended_octaves,
    ),
}
_SOFT: Final = {
    line.leap_size: 1.0,
    line.leap_recovery: 1.0,
    line.consecutive_leaps: 4.0,
    line.leaps_outline: 8.0,
    line.return_to_note: 1.0,
    line.oscillation: 5.0,
    line.long_run: 3.0,
    line.outline: 6.0,
    line.unique_climax: 12.0,
    together.similar_motion: 2.0,
    together.overlap: 5.0,
    together.inner_perfect: 3.0,
    together.running_imperfects: 6.0,
}
_SOFT_OF_SPECIES: Final = {1: {line.repeat: 1.0}, 4: {rhythm.broken_tie: 6.0}}
_FORM: Final = {line.missing_degrees: 6.0, line.missing_leaps: 8.0, line.climax_place: 12.0, line.narrow: 10.0}


def suite(species: int, form: bool = False) -> Suite:
    """The rules of a species (1 to 4); with ``form``, those besides that are paid at the end and make tasks hard."""
    if species not in SPECIES:
        raise ValueError(f"species={species!r} is not one of {', '.join(map(str, SPECIES))}")
    hard = dict.fromkeys(_HARD + _HARD_OF_SPECIES[species], FORBIDDEN)
    weights = hard | _SOFT | _SOFT_OF_SPECIES.get(species, {}) | (_FORM if form else {})
    return Suite(tuple(Term(rule, weight) for rule, weight in weights.items()))
