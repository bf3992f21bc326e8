"""Rewards from the prior's surprisal s = -log p(note | line so far) and the entropy H of its distribution, in nats.

Raw log p is a bad reward: a scale or a single note is likelier than any tune.  Note by note, typicality |s - H| is the
same trap.  Averaged over the *piece* first, and held two-sided to what real parts show, it ranks real parts above
loops, scales, single notes and samples at low temperature.
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


SUITE: Final = (
    Entry(mean_excess_surprisal, "capped", 1.0),
    Entry(mean_surprisal, "capped", 1.0),
    Entry(surprisal_spread, "capped", 1.0),
)
"""What ``suite`` holds: typicality of the piece."""


def suite() -> Suite:
    """Typicality of the piece under the prior, with the shipped curves."""
    return calibrated(SUITE)
