"""The corpus as melodies in relative pitch, and the account of what it keeps and what not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import DURATIONS, HIGHEST, LOWEST, REST, SIXTEENTH, duration_is_legal
from musicenv.corpus.tune import Part, Tune
from musicenv.jit import compiled
from musicenv.melody import Melody, melody_from_notes
from musicenv.task import BAR_TICKS, METRES, STYLES, TONICS, TUNE_MODES, Task

Split = Literal["train", "validation", "test"]
Unit = Literal["parts", "tunes"]


_IN_ALPHABET: Final[npt.NDArray[np.bool_]] = np.isin(np.arange(max(DURATIONS) + 2), DURATIONS)


class Source(NamedTuple):
    """Where a melody comes from."""

    tune: Tune
    part: int | None
    """Index into ``tune.parts``; None where the melody is the whole tune."""

    @property
    def section(self) -> Part:
        """The notes of the tune that make the melody."""
        if self.part is not None:
            return self.tune.parts[self.part]
        return Part(0, self.tune.pitch.size, 0, self.tune.end, self.tune.fault)


class Corpus:
    """Tunes, and the melodies in them.  Made by ``load``."""

    def __init__(self, tunes: list[Tune], unread: dict[str, Counter[str]]) -> None:
        self.tunes = tunes
        self.unread = unread
        """What the readers left out: collection -> reason -> count."""
        self._melodies: dict[Unit, list[tuple[Melody, Source]]] = {}

    def __repr__(self) -> str:
        return f"Corpus({len(self.tunes)} tunes, {sum(tune.pitch.size for tune in self.tunes)} notes)"

    def find(self, title: str) -> list[Tune]:
        """Tunes whose title contains this text, in either case."""
        return [tune for tune in self.tunes if title.lower() in tune.title.lower()]

    def melodies(
        self, split: Split | None = None, unit: Unit = "parts", bars: int | None = None, metre: str | None = None
    ) -> list[Melody]:
        """Melodies wholly inside the alphabet, the five metres and the four modes; of equal ones the first.

        ``split`` None takes all three sides; ``unit`` "parts" gives sections, "tunes" whole tunes with each section
        once; ``bars`` and ``metre`` keep only melodies of that length and metre.  Pitches are relative to the tonic.
        """
        return [melody for melody, _ in self.items(split, unit, bars, metre)]

    def items(
        self, split: Split | None = None, unit: Unit = "parts", bars: int | None = None, metre: str | None = None
    ) -> list[tuple[Melody, Source]]:
        """As ``melodies``, each with the tune and part it comes from."""
        if split not in (None, "train", "validation", "test"):
            raise ValueError(f"split {split!r} is not known; choose 'train', 'validation', 'test' or None")
        if unit not in ("parts", "tunes"):
            raise ValueError(f"unit {unit!r} is not known; choose 'parts' or 'tunes'")
        if metre is not None and metre not in METRES:
            raise ValueError(f"metre {metre!r} is not one of {', '.join(METRES)}")
        if unit not in self._melodies:
            self._melodies[unit] = list(self._kept(unit))
        return [
            (melody, source)
            for melody, source in self._melodies[unit]
            if split in (None, source.tune.split)
            and bars in (None, melody.bars)
            and metre in (None, METRES[melody.metre])
        ]

    def _kept(self, unit: Unit) -> Iterator[tuple[Melody, Source]]:
        """All melodies that are kept."""
        seen: set[tuple[bytes, bytes, str, int]] = set()
        for source in self._sources(unit):
            tune, section = source.tune, source.section
            if reason(source):
                continue
            pitch, duration = tune.relative[section.start : section.stop], tune.duration[section.start : section.stop]
            pickup = section.downbeat - int(tune.onset[section.start])
            name = (pitch.tobytes(), duration.tobytes(), tune.metre, pickup)
            if name in seen:
                continue
            seen.add(name)
            end = section.end - section.downbeat
            length = -(-end // BAR_TICKS[METRES.index(tune.metre)])
            style = tune.style if tune.style in STYLES else "any"
            key = f"{TONICS[tune.tonic]} {tune.mode}"
            task = Task(metre=tune.metre, key=key, bars=length, style=style, pickup=pickup)
            yield melody_from_notes(pitch, duration, task, end=end), source

    def _sources(self, unit: Unit) -> Iterator[Source]:
        for tune in self.tunes:
            if unit == "tunes":
                yield Source(tune, None)
            else:
                yield from (Source(tune, number) for number in range(len(tune.parts)))

    def coverage(self) -> float:
        """Share of the notes whose duration and relative pitch are in the alphabet, whatever their metre and mode."""
        inside = sum(int((durations_inside(tune) & pitches_inside(tune)).sum()) for tune in self.tunes)
        return inside / sum(tune.pitch.size for tune in self.tunes)

    def report(self) -> str:
        """Table of what is kept and of what is not, by reason: readers, notes, parts and whole tunes."""
        lines = [f"{'collection':<16}{'tunes':>8}{'notes':>10}{'coverage':>10}"]
        for name in self.unread:
            own = Corpus([tune for tune in self.tunes if tune.collection == name], {})
            notes = sum(tune.pitch.size for tune in own.tunes)
            if notes:
                lines.append(f"{name:<16}{len(own.tunes):>8}{notes:>10}{own.coverage():>10.2%}")
        notes = sum(tune.pitch.size for tune in self.tunes)
        lines.append(f"{'all':<16}{len(self.tunes):>8}{notes:>10}{self.coverage():>10.2%}")
        units: tuple[Unit, Unit] = ("parts", "tunes")
        for unit in units:
            kept = self.melodies(unit=unit)
            reasons = Counter(reason(source) for source in self._sources(unit))
            equal = reasons.pop("", 0) - len(kept)
            notes = sum(melody.pitch.size for melody in kept)
            lines += ["", f"{unit}: {len(kept)} kept, with {notes} notes; not kept:", f"{equal:>8}  equal to another"]
            lines += [f"{count:>8}  {name}" for name, count in reasons.most_common()]
        total: Counter[str] = sum(self.unread.values(), Counter())
        lines += ["", "left out by the readers:"] + [f"{count:>8}  {name}" for name, count in (+total).most_common()]
        return "\n".join(lines)


def pitches_inside(tune: Tune) -> npt.NDArray[np.bool_]:
    """(n,) is the relative pitch in the alphabet?"""
    pitch = tune.relative
    inside: npt.NDArray[np.bool_] = (pitch == REST) | ((pitch >= LOWEST) & (pitch <= HIGHEST))
    return inside


def durations_inside(tune: Tune) -> npt.NDArray[np.bool_]:
    """(n,) is the duration in the alphabet?"""
    inside: npt.NDArray[np.bool_] = _IN_ALPHABET[np.clip(tune.duration, 0, _IN_ALPHABET.size - 1)]
    return inside


def reason(source: Source) -> str:
    """Why a part or tune is not kept as a melody, or "": its fault, or what lies outside alphabet, metres or modes."""
    tune, section = source.tune, source.section
    if section.fault:
        return section.fault
    if tune.metre not in METRES:
        return f"metre {tune.metre}"
    if tune.mode not in TUNE_MODES:
        return f"mode {tune.mode}"
    notes = slice(section.start, section.stop)
    if not pitches_inside(tune)[notes].all():
        return "pitches outside the alphabet"
    strange = ~durations_inside(tune)[notes]
    if strange.any():
        return f"duration of {tune.duration[notes][strange][0]} ticks"
    bar = BAR_TICKS[METRES.index(tune.metre)]
    if not _legal(tune.onset[notes] - section.downbeat, tune.duration[notes], bar, section.end - section.downbeat):
        return "durations off the beat, where the alphabet has none"
    return "" if section.end - section.downbeat <= 256 * bar else "longer than 256 bars"


@compiled
def _legal(onset: npt.NDArray[np.int32], duration: npt.NDArray[np.int32], bar: int, end: int) -> bool:
    """Could the environment compose these durations?"""
    for k in range(onset.size):
        if not duration_is_legal(onset[k], duration[k], bar, end):
            return False
    return onset[0] % SIXTEENTH == 0 and end % SIXTEENTH == 0
