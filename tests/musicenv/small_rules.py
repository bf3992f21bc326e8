"""Two rules that compile at once, for tests that look at the environment and not at what it pays."""

from typing import Any

from rewards.rules import rule, statistic


@rule
def steps_please(melody: Any) -> float:
    if len(melody.pitch) < 2 or melody.pitch[-1] == 0 or melody.pitch[-2] == 0:
        return 0.0
    return 1.0 if 0 < abs(melody.pitch[-1] - melody.pitch[-2]) <= 2 else -0.25


@statistic
def notes_a_bar(melody: Any) -> float:
    return len(melody.pitch) * melody.bar / max(melody.time - melody.start, 1)


SMALL = 0.5 * steps_please + notes_a_bar * 0.1
