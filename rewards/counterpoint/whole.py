"""Rules that read the whole line, and so are in no suite: ``musicenv.counterpoint.branch`` finds optima under them."""

from __future__ import annotations

from musicenv.melody import Melody
from rewards.rules import rule


@rule
def heard_before(melody: Melody) -> float:
    """Four notes do not come again (Jeppesen, against sequences)."""
    n = len(melody.pitch)
    for k in range(n - 4):
        if (
            melody.pitch[k] == melody.pitch[n - 4]
            and melody.pitch[k + 1] == melody.pitch[n - 3]
            and melody.pitch[k + 2] == melody.pitch[n - 2]
            and melody.pitch[k + 3] == melody.pitch[n - 1]
        ):
            return -1.0
    return 0.0
