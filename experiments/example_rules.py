"""Rules to start from: copy this file, change a rule, and train with ``--reward default+my_rules:NAME=WEIGHT``."""

from __future__ import annotations

from musicenv.melody import Melody
from rewards.rules import rule, statistic


@rule
def swing(melody: Melody) -> float:
    """A short note off the beat after one three times as long: the dotted rhythm of hornpipes and strathspeys."""
    if len(melody.pitch) < 2 or melody.onset[-1] % melody.beat == 0:
        return 0.0
    return 1.0 if melody.duration[-2] == 3 * melody.duration[-1] else 0.0


@statistic
def arch(melody: Melody) -> float:
    """1 where the highest note of the piece so far stands exactly in its middle, 0 where at an end."""
    place = melody.onset[melody.pitch.argmax()] - melody.start
    return float(1.0 - abs(2.0 * place / (melody.end - melody.start) - 1.0))
