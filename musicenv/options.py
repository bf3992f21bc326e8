"""From the options of ``gym.make`` to tasks, suite and prior: every environment reads them here."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from musicenv.task import METRES, STYLES, TONICS, TUNE_MODES, Task
from rewards.named import Reward, suite_of
from rewards.rules import Suite

if TYPE_CHECKING:
    from rewards.priors import Prior

ALL = "all"
"""Option value that stands for every metre, key or style, one of which is drawn for each piece."""
_CHOICES: dict[str, tuple[str, ...]] = {
    "metre": METRES,
    "style": STYLES,
    "key": tuple(f"{tonic} {mode}" for mode in TUNE_MODES for tonic in TONICS),
}
Opening = str | Sequence[tuple[int | None, int]]


@dataclass(frozen=True)
class OptionSet(ABC):
    """What can be asked of an environment: options by name, and the tasks that they allow."""

    @abstractmethod
    def tasks(self) -> list[Task]:
        """Every task that these options allow."""

    def updated(self, options: Mapping[str, Any] | None) -> Self:
        """These options with ``options`` (by name) on top."""
        if not options:
            return self
        if unknown := sorted(set(options) - set(self.__dataclass_fields__)):
            raise ValueError(f"option {unknown[0]!r} is not one of {', '.join(self.__dataclass_fields__)}")
        return replace(self, **options)


@dataclass(frozen=True)
class Options(OptionSet):
    """What can be asked of an environment, in ``gym.make`` and again in ``reset(options=...)``.

    metre, key and style take one value, a sequence of values or "all": then each piece draws one.  ``opening`` is ABC
    text ("D2 F2 A4", unit an eighth, read in the key) or (sounding MIDI pitch or None, ticks) pairs.
    """

    bars: int = 8
    metre: str | Sequence[str] = "4/4"
    key: str | Sequence[str] = "C major"
    style: str | Sequence[str] = "any"
    pickup: int = 0
    opening: Opening = ()

    def tasks(self) -> list[Task]:
        """Every task that these options allow."""
        choices = [self._choices(name) for name in ("metre", "key", "style")]
        return [
            Task(metre, key, self.bars, style, self.pickup, self._notes(key))
            for metre, key, style in itertools.product(*choices)
        ]

    def _choices(self, name: str) -> Sequence[str]:
        value = getattr(self, name)
        if value == ALL:
            return _CHOICES[name]
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, Sequence) or not values or not all(isinstance(each, str) for each in values):
            raise ValueError(f"{name}={value!r} is not understood; give a name, a sequence of names, or 'all'")
        return values

    def _notes(self, key: str) -> tuple[tuple[int | None, int], ...]:
        if isinstance(self.opening, str):
            from musicenv.corpus.abc import read_notes

            return tuple(read_notes(self.opening, key=key, strict=True)) if self.opening.strip() else ()
        for note in self.opening:
            if not isinstance(note, Sequence) or len(note) != 2 or not isinstance(note[1], int):
                raise ValueError(
                    f"opening: {note!r} is not a note; give (MIDI pitch or None, ticks) pairs, or ABC text"
                )
        return tuple((pitch, ticks) for pitch, ticks in self.opening)


def resolve(reward: Reward, prior: Prior | str | None) -> tuple[Suite, Prior | None]:
    """Suite and prior by name or as they are."""
    if isinstance(prior, str):
        from rewards.priors import load_prior

        prior = load_prior(prior)
    return suite_of(reward, has_prior=prior is not None), prior
