"""What can be asked of an environment of counterpoint."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from musicenv.counterpoint.tasks import cantus_firmi, counterpoint, made_cantus_firmi
from musicenv.options import ALL, OptionSet
from musicenv.task import Task
from rewards.counterpoint import suite as rules_of
from rewards.named import Reward, suite_of
from rewards.rules import Suite

MADE: Final = "made"
"""In place of a cantus firmus: those of our own."""


@dataclass(frozen=True)
class CounterpointOptions(OptionSet):
    """What can be asked of ``musicenv:Counterpoint-v0``, in ``gym.make`` and, but for species, in ``reset(options=)``.

    cantus: the name of a textbook cantus firmus (``musicenv.counterpoint.tasks.cantus_firmi``), several, "all", or
    "made" for some of our own (``made_cantus_firmi``), one of which is drawn for each piece; or MIDI pitches of one's
    own, a whole note each, in ``key``.  above: whether the line lies above the cantus, below it, or "both", one of
    which is drawn.
    """

    cantus: str | Sequence[str] | Sequence[int] = "fux_d"
    key: str = ""
    above: bool | str = True
    species: int = 1

    def tasks(self) -> list[Task]:
        """Every task that these options allow."""
        if self.above not in (True, False, "both"):
            raise ValueError(f"above={self.above!r} is not True, False or 'both'")
        sides = (True, False) if self.above == "both" else (bool(self.above),)
        lines = self._cantus_firmi()
        return [counterpoint(line, key, self.species, side) for (line, key), side in itertools.product(lines, sides)]

    def _cantus_firmi(self) -> list[tuple[Sequence[int], str]]:
        if self.cantus == MADE:
            return [(line, key) for line, key in made_cantus_firmi() if self.key in ("", key)]
        known = cantus_firmi()
        names = list(known) if self.cantus == ALL else [self.cantus] if isinstance(self.cantus, str) else self.cantus
        if not len(names):
            raise ValueError("cantus is empty; give a name, names, 'all', 'made', or MIDI pitches with key=")
        if not isinstance(names[0], str):
            if not self.key:
                raise ValueError("cantus: MIDI pitches need key=, such as key='D dorian'")
            return [([int(pitch) for pitch in names], self.key)]
        if unknown := [name for name in names if name not in known]:
            raise ValueError(f"cantus {unknown[0]!r} is not one of {', '.join(known)}; or give MIDI pitches with key=")
        return [(known[str(name)].pitches, self.key or known[str(name)].key) for name in names]

    def updated(self, options: Mapping[str, Any] | None) -> CounterpointOptions:
        if options and "species" in options:
            raise ValueError("species: its rules are part of the environment; choose it in gym.make")
        return super().updated(options)


def rules(reward: Reward, species: int, form: bool) -> Suite:
    """The rules of a species; with ``reward`` other than "default", its hard rules and that."""
    shipped = rules_of(species, form)
    if reward is None or reward == "default":
        return shipped
    return Suite(tuple(term for term in shipped if term.rule.hard)) + suite_of(reward, has_prior=False)
