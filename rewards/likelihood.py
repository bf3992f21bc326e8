"""Rewards from the prior's surprisal s = -log p(note | line so far) and the entropy H of its distribution, in nats.

Raw log p is a bad reward: a scale or a single note is likelier than any tune.  Note by note, typicality |s - H| is the
same trap.  Averaged over the *piece* first, and held two-sided to what real parts show, it ranks real parts above
samples at low temperature and single notes; what loops and scales lack besides is a second half that still says
something, few notes that are foreseen, and places where much is possible beside places where little is.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from musicenv.melody import Melody
from rewards.calibration import Entry, calibrated
from rewards.rules import Suite, rule, statistic
from rewards.theory.frame import too_short


@rule
def log_likelihood(melody: Melody) -> float:
    """log p of the newest note, in nats: the Sequence Tutor's reward (Jaques et al., 2017), kept for comparison."""
    return -float(melody.surprisal[-1])


@statistic
def mean_surprisal(melody: Melody) -> float:
    """Nats per note of the piece under the prior."""
    return np.nan if too_short(melody) else float(melody.surprisal.mean())


@statistic
def mean_excess_surprisal(melody: Melody) -> float:
    """Mean of s - H: 0 for a sample of the prior (typical set: Cover and Thomas, Elements of Information Theory)."""
    return np.nan if too_short(melody) else float((melody.surprisal - melody.entropy).mean())


@statistic
def surprisal_spread(melody: Melody) -> float:
    """Standard deviation of s over the notes: music is neither all expected nor all surprising."""
    return np.nan if too_short(melody) else float(melody.surprisal.std())


FORESEEN: Final = 0.3
"""Nats below which a note hardly says anything new."""


@statistic(at_end=True)
def foreseen_notes(melody: Melody) -> float:
    """Share of the notes of less than ``FORESEEN`` nats: a loop is foreseen from its second turn on."""
    if melody.time < melody.end or np.isnan(melody.surprisal).any():
        return np.nan
    return float((melody.surprisal < FORESEEN).mean())


@statistic(at_end=True)
def late_surprisal(melody: Melody) -> float:
    """Nats per note of the second half of the piece: music has something left to say."""
    if melody.time < melody.end:
        return np.nan
    total, notes = 0.0, 0
    for k in range(melody.pitch.size):
        if 2 * melody.onset[k] >= melody.end:
            total += melody.surprisal[k]
            notes += 1
    return total / notes if notes else np.nan


@statistic(at_end=True)
def entropy_spread(melody: Melody) -> float:
    """Standard deviation of H over the notes: a tune has places where it is bound and places where it is free; a scale
    has none.
    """
    return np.nan if melody.time < melody.end else float(melody.entropy.std())


SUITE: Final = (
    Entry(mean_excess_surprisal, "capped", 1.0),
    Entry(mean_surprisal, "capped", 1.0),
    Entry(surprisal_spread, "capped", 1.0),
    Entry(foreseen_notes, "ratio", 1.0),
    Entry(late_surprisal, "ratio", 1.0),
    Entry(entropy_spread, "ratio", 1.0),
)
"""What ``suite`` holds: typicality of the piece."""


def suite() -> Suite:
    """Typicality of the piece under the prior, with the shipped curves."""
    return calibrated(SUITE)
