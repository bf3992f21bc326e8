"""How the prior of a batch hears its melodies: few in one compiled call, many in matrix products that threads share."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from musicenv.hearing import listen_to, prior_inputs, tell_all
from musicenv.threads import Workers, parts_of
from rewards.priors.features import N_FEATURES
from rewards.priors.stepping import SMALL_BATCH

if TYPE_CHECKING:
    from rewards.priors import Prior

HEARD_AT_ONCE: Final = 128
"""Melodies that the prior hears at once, in one thread, at least: enough for its matrix products."""
HEARD_IN: Final = 4
"""Parts of a large batch that threads can share: each costs some Python, and what is heard depends on no thread."""
HEARD_WHOLE: Final = 2048
"""Up to here one thread hears all at once."""

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


def _parts_heard(n: int) -> list[slice]:
    """Parts in which the prior hears many."""
    return parts_of(n, max(HEARD_AT_ONCE, n // HEARD_IN))


class Listener:
    """A prior and what it knows of ``n`` melodies; what it says of the next note it writes into their observations."""

    def __init__(self, prior: Prior, n: int, workers: Workers, told_at: int) -> None:
        """``told_at`` as in ``musicenv.kernel.State``."""
        self.prior, self.n, self._told_at = prior, n, told_at
        self.state = prior.state(n)
        self._workers, self._all = workers, np.arange(n)
        self._features = np.empty((n, N_FEATURES), dtype=np.int16)

    def arrays(self) -> dict[str, Any]:
        """What the step needs to know of it, by the names of ``musicenv.kernel.state_of``."""
        said = self.state.memory, self.state.log_probs, self.state.entropy
        return {"said": said, "weights": self.prior.block, "features": self._features, "told_at": self._told_at}

    def find(self, block: Ints) -> None:
        """Where compiled functions find the melodies."""
        self._block = block

    @cached_property
    def _hears_whole(self) -> bool:
        """Whether one thread hears all melodies in one, which is faster where nothing else comes out."""
        if self.n < 2 * HEARD_AT_ONCE:
            return True
        if self._workers.threads > 1 or self.n > HEARD_WHOLE:
            return False
        return self.prior.hears_alike(self.n, _parts_heard(self.n))

    def hear_all(self, told: Floats) -> None:
        """Hear the newest note of all melodies, more than ``SMALL_BATCH``, of which the step has written the features,
        and write into their observations ``told`` (n, D)."""
        if self._hears_whole:
            self.prior.step_many(self.state, self._features, self._all, told, self._told_at)
        else:
            self._workers.map(
                lambda part: self._hear(self._all[part], told, self._features[part]), _parts_heard(self.n)
            )

    def hear(self, rows: Ints, told: Floats) -> None:
        """The same of any ``rows``; where ``told`` is empty, observations do not show it."""
        if rows.size <= SMALL_BATCH:
            listen_to(self._block, rows, told)
        elif rows.size < 2 * HEARD_AT_ONCE or (rows.size == self.n and self._hears_whole):
            self._hear(rows, told)
        else:
            self._workers.map(lambda part: self._hear(rows[part], told), _parts_heard(rows.size))

    def _hear(self, rows: Ints, told: Floats, features: npt.NDArray[np.int16] | None = None) -> None:
        if features is None:
            features = np.empty((rows.size, N_FEATURES), dtype=np.int16)
            prior_inputs(self._block, rows, features)
        self.prior.step_many(self.state, features, rows, told, self._told_at)

    def tell(self, rows: Ints, told: Floats) -> None:
        """Write into the observations of ``rows`` what the prior said last."""
        tell_all(self._block, rows, told)
