"""How much of a piece is copied from the tunes that models were trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import REST
from musicenv.melody import Melody

Numbers = npt.NDArray[np.int64]

_END: Final = 0
"""Stands behind each tune: no run goes on over it."""
_INTERVALS: Final = 256
"""More than there are different intervals, in semitones, and _END."""


def _joined(melodies: Sequence[Melody]) -> tuple[Numbers, Numbers]:
    """All intervals as positive numbers, each tune followed by _END; and the index of the tune at each place."""
    lines, owners = [], []
    for k, melody in enumerate(melodies):
        sounding = melody.pitch[melody.pitch != REST].astype(np.int64)
        line = np.append(np.diff(sounding) + _INTERVALS // 2, _END)
        lines.append(line)
        owners.append(np.full(line.size, k))
    return np.concatenate(lines), np.concatenate(owners)


class Novelty:
    """Knows the tunes that were trained on, and what held-out tunes share with them."""

    def __init__(self, training: Sequence[Melody], held_out: Sequence[Melody]) -> None:
        self.training, _ = _joined(training)
        self.usual = float(np.quantile(self.longest_shared(held_out), 0.95))
        """Notes that 95 of 100 held-out pieces share with some training tune at most."""

    def longest_shared(self, melodies: Sequence[Melody]) -> Numbers:
        """(n,) notes of the longest run that each piece shares with a training tune, in any key; rests and durations
        are left out of account.

        Exact: runs of k + 1 intervals are named by the name of their first k and the last one, and what is not shared
        at one length is not asked at the next.
        """
        asked, owner = _joined(melodies)
        everything = np.concatenate([self.training, asked])
        ours = np.arange(everything.size) >= self.training.size
        longest = np.zeros(len(melodies), dtype=np.int64)
        begins = np.arange(everything.size)
        name = np.zeros(everything.size, dtype=np.int64)
        for length in range(int(np.bincount(owner).max())):
            following = everything[begins + length]
            inside = following != _END
            begins, name = begins[inside], name[inside] * _INTERVALS + following[inside]
            if not begins.size:
                break
            name = np.unique(name, return_inverse=True)[1]
            is_ours = ours[begins]
            shared = np.zeros((2, name.max() + 1), dtype=np.bool_)
            shared[0, name[~is_ours]] = shared[1, name[is_ours]] = True
            kept = (shared[0] & shared[1])[name]
            begins, name = begins[kept], name[kept]
            # length + 1 intervals lie between length + 2 notes.
            longest[owner[begins[ours[begins]] - self.training.size]] = length + 2
        return longest

    def figures(self, melodies: Sequence[Melody]) -> dict[str, float]:
        """``shared_notes``: mean of the longest shared run; ``copied``: share of the pieces in which it is longer
        than in 95 of 100 held-out ones.
        """
        longest = self.longest_shared(melodies)
        return {"shared_notes": float(longest.mean()), "copied": float((longest > self.usual).mean())}
