"""A tune of the corpus, and how it comes from bars: parts, time line, style.

Metres are written in one way.  2/2 is 4/4; a tune in 2/4 that moves in sixteenths, or needs 32nds, is written in 4/4
with doubled values: one collection prints its reels in 2/4 and sixteenths, another the same reels in 4/4 and eighths.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import DURATIONS, HIGHEST, LOWEST, REST, TONIC
from musicenv.corpus.abc_body import AbcTune, Bar, Note, join_ties
from musicenv.corpus.abc_fields import FINE, bar_length
from musicenv.keys import ON_MAJOR_SCALE, fit, parallel_keys

EIGHTH: Final = 6 * FINE
MIDDLE: Final = 70
"""Relative MIDI pitch near which the median of a tune is laid."""


class Part(NamedTuple):
    """A section of a tune between repeat signs or double bars; a first ending is replaced by the last one."""

    start: int
    """Index of its first note."""
    stop: int
    """Index behind its last note."""
    downbeat: int
    """Tick of its own first downbeat on the tune's time line; notes before it are its pick-up."""
    end: int
    """Tick at which its last note ends, on the tune's time line."""
    fault: str
    """Why it is not kept as a melody, or ""."""


@dataclass(frozen=True, eq=False)
class Tune:
    """One tune in one key and metre, repeats not written out.  Times in ticks, 12 to the quarter, from the downbeat.

    Where key or metre change within a source, each stretch is a tune of its own.
    """

    pitch: npt.NDArray[np.int16]
    """(n,) sounding MIDI pitch, ``REST`` (0) for a rest."""
    onset: npt.NDArray[np.int32]
    """(n,) ticks, rounded; negative in the pick-up."""
    duration: npt.NDArray[np.int32]
    """(n,) ticks; 0 where the length is no whole number of ticks (the part's fault says so)."""
    metre: str
    """Such as "6/8"; "none" where there is none."""
    tonic: int
    """Pitch class, 0..11."""
    mode: str
    """"major", "minor", "dorian", "mixolydian", "phrygian", "lydian" or "locrian"."""
    parts: tuple[Part, ...]
    style: str
    """Dance type where the source names one, else the collection."""
    collection: str
    title: str
    source: str
    """File and reference number, such as "book1.abc X:12"; "/2" behind it is the tune's second stretch."""
    family: int = -1
    """Number of the family of variants; tunes of a family are on one side of the split."""
    split: str = ""
    """"train", "validation" or "test"."""

    @property
    def pickup(self) -> int:
        """Ticks before the first downbeat."""
        return -int(self.onset[0])

    @property
    def end(self) -> int:
        """Tick at which the last note ends."""
        return int(self.onset[-1] + self.duration[-1])

    @cached_property
    def relative(self) -> npt.NDArray[np.int16]:
        """(n,) pitches with C as tonic; see ``relative_pitch``."""
        return relative_pitch(self.pitch, self.tonic)

    @property
    def fault(self) -> str:
        """Why the whole tune is not kept as a melody, or ""."""
        for part in self.parts:
            if part.fault:
                return f"a part: {part.fault}"
        bar = bar_length(self.metre) // FINE
        if any(part.downbeat % bar for part in self.parts):
            return "parts do not join to whole bars"
        return ""


def relative_pitch(pitch: npt.NDArray[np.int16], tonic: int) -> npt.NDArray[np.int16]:
    """(n,) sounding pitches moved so that C is the tonic, to the octave where most are in the alphabet and the median
    is nearest 70; rests stay."""
    sounding = pitch[pitch != REST].astype(np.int64)
    if not sounding.size:
        return pitch
    median = float(np.median(sounding))

    def badness(shift: int) -> tuple[int, float]:
        moved = sounding + shift
        return int(((moved < LOWEST) | (moved > HIGHEST)).sum()), abs(median + shift - MIDDLE)

    nearest = TONIC - tonic + 12 * round((MIDDLE - TONIC + tonic - median) / 12)
    shift = min((nearest, nearest - 12, nearest + 12), key=badness)
    return np.where(pitch == REST, REST, pitch + shift).astype(np.int16)


_DANCES: Final = (
    ("slip jig", r"slip ?jigs?"),
    ("strathspey", r"strathspey|strathsy"),
    ("quickstep", r"quick ?step"),
    ("hornpipe", r"hornpipe"),
    ("fling", r"fling"),
    ("clog", r"clog"),
    ("reel", r"reel"),
    ("jig", r"(?:double )?jigg?|slide|giga?"),
    ("march", r"march"),
    ("planxty", r"planxty"),
    ("waltz", r"waltz"),
    ("air", r"air"),
)
"""Dance types and how sources spell them; the first that is found counts."""


def style_of(rhythm: str, titles: list[str], metre: str, collection: str) -> str:
    """Dance named by the ``R:`` field, else by a title, else the collection.  A jig in 9/8 is a slip jig."""
    for text in (rhythm, *titles):
        for style, spelling in _DANCES:
            if re.search(rf"\b(?:{spelling})\b", text.lower()):
                return "slip jig" if style == "jig" and metre == "9/8" else style
    return collection


def tunes_of(abc: AbcTune, collection: str, file: str) -> Iterator[Tune]:
    """The tunes of one ABC tune, one for each stretch in one key and metre; ``abc.unread`` counts what is left out."""
    titles = abc.fields.get("T", [])
    title = re.sub(r"^\"|\"$", "", titles[0]).strip() if titles else "untitled"
    stretches = [list(bars) for _, bars in groupby(abc.bars, key=lambda bar: (bar.key, bar.metre))]
    for number, bars in enumerate(stretches, 1):
        cut = (number > 1, number < len(stretches) and not bars[-1].closes)
        if number > 1 and stretches[number - 2][-1].closes:
            cut = (False, cut[1])
        name = f"{file} X:{abc.first('X')}" + (f"/{number}" if number > 1 else "")
        metre = bars[0].metre
        style = style_of(abc.first("R"), titles, metre, collection)
        sections = _sections(bars)
        abc.unread["notes of endings that a later one replaces"] += _notes([bars]) - _notes(sections)
        tune = _tune(sections, cut, (style, collection, title, name))
        heard = heard_key(tune)
        abc.unread["keys that the notes contradict, heard instead"] += heard != (tune.tonic, tune.mode)
        yield replace(tune, tonic=heard[0], mode=heard[1])


def heard_key(tune: Tune) -> tuple[int, str]:
    """Tonic and mode of a tune: those of its source, unless that gave the signature alone.

    Transcribers write "K:D" for a tune in B minor or A mixolydian.  So where most of the parts end on the tonic of
    another mode with the same signature, and all the notes fit that key better too, the tune is in that key.
    """
    if tune.mode not in ON_MAJOR_SCALE:
        return tune.tonic, tune.mode
    ends: Counter[int] = Counter()
    for part in tune.parts:
        sounding = [int(pitch) % 12 for pitch in tune.pitch[part.start : part.stop] if pitch != REST]
        ends.update(sounding[-1:])
    ticks = np.bincount(tune.pitch % 12, tune.duration * (tune.pitch != REST), 12)
    here = fit(ticks, tune.tonic, tune.mode)
    for mode, tonic in parallel_keys(tune.tonic, tune.mode).items():
        most = ends[tonic] > ends[tune.tonic] and 2 * ends[tonic] >= ends.total()
        if most and fit(ticks, tonic, mode) > here:
            return tonic, mode
    return tune.tonic, tune.mode


def _sections(bars: list[Bar]) -> list[list[Bar]]:
    """Bars of each part; of several endings the last."""
    sections: list[list[Bar]] = []
    current: list[Bar] = []
    stem: list[Bar] | None = None
    for bar, following in zip(bars, [*bars[1:], None], strict=True):
        if bar.ending:
            if stem is None:
                stem = list(current)
            else:
                current = list(stem)
        current.append(bar)
        if bar.closes and not (stem is not None and following is not None and following.ending):
            sections.append(current)
            current, stem = [], None
    if current:
        sections.append(current)
    for number in range(len(sections) - 2, -1, -1):
        if len(sections[number]) == 1 and _is_upbeat(sections[number][0]) and not _is_upbeat(sections[number + 1][0]):
            sections[number : number + 2] = [sections[number] + sections[number + 1]]
    return sections


def _notes(sections: list[list[Bar]]) -> int:
    return sum(len(bar.notes) for bars in sections for bar in bars)


def _is_upbeat(bar: Bar) -> bool:
    return bar.length < bar_length(bar.metre)


def _add_up(lengths: list[int], bar: int) -> bool:
    """Do the bar lines meet every downbeat?  A bar may be cut by a bar line of its own; the last may be short."""
    filled = 0
    for length in lengths:
        filled += length
        if filled > bar:
            return False
        filled %= bar
    return True


def _part_fault(bars: list[Bar], notes: list[Note], cut: bool) -> str:
    """Why a part is not kept, or ""."""
    bar = bar_length(bars[0].metre)
    lengths = [b.length for b in bars]
    if not bar:
        return "no metre"
    if cut:
        return "key or metre changes inside it"
    if not _add_up(lengths[1:] if lengths[0] < bar else lengths, bar):
        return "bars do not add up"
    if any(note.length % FINE for note in notes):
        return "lengths off the grid of ticks"
    if all(note.pitch == REST for note in notes):
        return "only rests"
    if sum(lengths) <= bar:
        return "no longer than a bar"
    return ""


SAME_METRE: Final[dict[str, tuple[str, float]]] = {
    "2/2": ("4/4", 1),
    "3/8": ("3/4", 2),
    "3/2": ("3/4", 0.5),
    "6/4": ("6/8", 0.5),
    "9/4": ("9/8", 0.5),
}
"""Metre -> the metre in which it is written here, and the factor of its note values."""


def _rewritten(metre: str, lengths: list[int]) -> tuple[str, float]:
    """Metre and factor of note values in which notes of these lengths (1/FINE ticks) are written."""
    if metre == "2/4":
        short = sum(length < EIGHTH for length in lengths)
        odd = any(length % FINE or length // FINE not in DURATIONS for length in lengths)
        return ("4/4", 2) if odd or 2 * short > len(lengths) else (metre, 1)
    return SAME_METRE.get(metre, (metre, 1))


def _tune(sections: list[list[Bar]], cut: tuple[bool, bool], names: tuple[str, str, str, str]) -> Tune:
    """Lay the parts end to end on one time line."""
    pitch: list[int] = []
    times: list[int] = []
    lengths: list[int] = []
    parts: list[Part] = []
    first = sections[0][0]
    joined = [[note for note in join_ties([n for bar in bars for n in bar.notes]) if note.length] for bars in sections]
    metre, factor = _rewritten(first.metre, [note.length for notes in joined for note in notes])
    joined = [[note._replace(length=int(note.length * factor)) for note in notes] for notes in joined]
    time = -int(_pickup(sections[0]) * factor)
    for number, (bars, notes) in enumerate(zip(sections, joined, strict=True)):
        broken = (number == 0 and cut[0]) or (number == len(sections) - 1 and cut[1])
        start, downbeat = len(pitch), time + int(_pickup(bars) * factor)
        for note in notes:
            pitch.append(note.pitch)
            times.append(time)
            lengths.append(note.length)
            time += note.length
        fault = _part_fault(bars, notes, broken)
        parts.append(Part(start, len(pitch), round(downbeat / FINE), round(time / FINE), fault))
    duration, off_grid = np.divmod(np.array(lengths), FINE)
    return Tune(
        pitch=np.array(pitch, dtype=np.int16),
        onset=np.round(np.array(times) / FINE).astype(np.int32),
        duration=np.where(off_grid, 0, duration).astype(np.int32),
        metre=metre,
        tonic=first.key.tonic,
        mode=first.key.mode,
        parts=tuple(parts),
        style=names[0],
        collection=names[1],
        title=names[2],
        source=names[3],
    )


def _pickup(bars: list[Bar]) -> int:
    """Length of a part's pick-up, in 1/FINE ticks as written: that of a first bar that is not full."""
    length = bars[0].length
    return length if length < bar_length(bars[0].metre) and len(bars) > 1 else 0
