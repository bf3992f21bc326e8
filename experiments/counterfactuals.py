"""Which note loses what: each note of a piece tried otherwise, and what the rules would say."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from experiments.fakes import task_of
from musicenv.alphabet import HIGHEST, LOWEST, REST
from musicenv.appraisal import appraise
from musicenv.keys import SCALES
from musicenv.melody import Melody, melody_from_notes
from musicenv.task import MODES
from rewards.priors import Prior, hear
from rewards.rules import Suite

REACH: Final = 5
"""Semitones up and down within which a note is tried on the other degrees of the scale; and as a rest."""
MOST: Final = 3
"""Changes that are told of a note."""
LEAST: Final = 0.05
"""Reward that a change has to gain for a rule to be told."""


class Change(NamedTuple):
    """One note otherwise, and the rule that would gain most by it."""

    rule: int
    """Index of the suite's term."""
    gain: float
    """Weighted score that the rule would gain."""
    total: float
    """What all rules together would gain; negative where the others lose more."""
    pitch: int
    """The relative pitch that would gain it, or REST."""


def alternatives(melody: Melody, k: int) -> list[int]:
    """Relative pitches to try for note ``k``: of a rest, those around the note before it."""
    old = int(melody.pitch[k])
    until = melody.pitch[: k + 1]
    heard = until[until != REST]
    centre = int(heard[-1] if heard.size else melody.pitch[melody.pitch != REST][0])
    scale = SCALES[MODES[melody.mode]]
    near = range(max(centre - REACH, LOWEST), min(centre + REACH, HIGHEST) + 1)
    return [pitch for pitch in (REST, *near) if pitch != old and (pitch == REST or pitch % 12 in scale)]


class Told(NamedTuple):
    """What a suite of S terms says of a melody."""

    scores: npt.NDArray[np.float64]
    """(S,) weighted scores."""
    passed: npt.NDArray[np.bool_]
    """(S,)"""
    changes: list[list[Change]]
    """Of each note up to MOST rules that would gain by a change of its pitch alone, the greatest gain first."""


def tell(suite: Suite, melody: Melody, prior: Prior | None = None) -> Told:
    """Judge a melody and all that it would be with one pitch changed; ``prior`` hears them where a term needs it."""
    sounds = bool((melody.pitch != REST).any())
    tried = [(k, pitch) for k in range(melody.pitch.size) if sounds for pitch in alternatives(melody, k)]
    variants = [melody]
    task = task_of(melody)
    for k, pitch in tried:
        pitches = melody.pitch.copy()
        pitches[k] = pitch
        variants.append(melody_from_notes(pitches, melody.duration, task, end=melody.end))
    judged = appraise(suite, hear(prior, variants) if prior is not None else variants)
    gains = judged.scores[1:] - judged.scores[0]
    owner = np.array([k for k, _ in tried], dtype=np.int64)
    found: list[list[Change]] = []
    for k in range(melody.pitch.size):
        rows = np.flatnonzero(owner == k)
        best = gains[rows].argmax(axis=0) if rows.size else []
        by_rule = [
            Change(rule, float(gains[rows[row], rule]), float(gains[rows[row]].sum()), tried[rows[row]][1])
            for rule, row in enumerate(best)
        ]
        worth = [change for change in by_rule if change.gain >= LEAST]
        found.append(sorted(worth, key=lambda change: -change.gain)[:MOST])
    return Told(judged.scores[0], judged.passed[0], found)
