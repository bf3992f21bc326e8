"""Small changes to a finished piece, each with words for it: the neighbours among which a near miss is sought."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import numpy as np

from experiments.fakes import task_of
from musicenv.alphabet import DURATIONS, HIGHEST, LOWEST, REST, SIXTEENTH, duration_is_legal
from musicenv.melody import Melody, melody_from_notes

Notes = list[tuple[int, int]]
"""Relative pitch and ticks, laid end to end."""


class Edit(NamedTuple):
    """A changed piece."""

    melody: Melody
    what: str
    """What was done: "bar 3 an octave higher"."""


SHIFTS: Final = {
    1: "a semitone",
    2: "a tone",
    3: "a minor third",
    4: "a major third",
    5: "a fourth",
    6: "a tritone",
    7: "a fifth",
    12: "an octave",
}
"""Semitones -> the interval's name."""

LINES: Final[dict[str, Callable[[list[int]], list[int]]]] = {
    "on one note": lambda p: [p[0]] * len(p),
    "backwards": lambda p: p[::-1],
    "upside down": lambda p: [2 * p[0] - q for q in p],
    "with all intervals doubled": lambda p: [2 * q - p[0] for q in p],
    "in rising order": lambda p: sorted(p),
    "in falling order": lambda p: sorted(p, reverse=True),
    "with every second note repeating the one before": lambda p: [p[k - k % 2] for k in range(len(p))],
    "with every second note an octave higher": lambda p: [q + 12 * (k % 2) for k, q in enumerate(p)],
    "with every second note an octave lower": lambda p: [q - 12 * (k % 2) for k, q in enumerate(p)],
}
"""What can be done to the pitches of a stretch, rests left out."""


def edits(melody: Melody) -> Iterator[Edit]:
    """All changes that lead to a piece which the environment could compose, each piece once, the smallest first."""
    notes = list(zip(melody.pitch.tolist(), melody.duration.tolist(), strict=True))
    seen = {tuple(notes)}
    for what, changed in _changes(melody, notes):
        if tuple(changed) not in seen and _is_legal(changed, melody):
            seen.add(tuple(changed))
            pitch, duration = zip(*changed, strict=True)
            yield Edit(melody_from_notes(pitch, duration, task_of(melody), end=melody.end), what)


def _is_legal(notes: Notes, melody: Melody) -> bool:
    time = melody.start
    for pitch, ticks in notes:
        inside = pitch == REST or LOWEST <= pitch <= HIGHEST
        if not inside or ticks not in DURATIONS or not duration_is_legal(time, ticks, melody.bar, melody.end):
            return False
        time += ticks
    return time == melody.end


def _changes(melody: Melody, notes: Notes) -> Iterator[tuple[str, Notes]]:
    yield from _of_notes(melody, notes)
    yield from _of_bars(melody, notes)
    for length in (1, 2, 4, 8):
        for first in range(0, melody.bars - length + 1, length):
            yield from _of_stretch(melody, notes, first, first + length)


def _of_notes(melody: Melody, notes: Notes) -> Iterator[tuple[str, Notes]]:
    """One note or two are changed."""
    for k, (pitch, ticks) in enumerate(notes):
        place = f"in {_bars(melody, int(melody.onset[k]) // melody.bar)}"
        before, after = notes[:k], notes[k + 1 :]
        if pitch != REST:
            for sign, way in ((1, "higher"), (-1, "lower")):
                for shift, name in SHIFTS.items():
                    yield f"one note {place} {name} {way}", [*before, (pitch + sign * shift, ticks), *after]
            yield f"a rest for one note {place}", [*before, (REST, ticks), *after]
        yield f"one note {place} struck twice", [*before, (pitch, ticks // 2), (pitch, ticks - ticks // 2), *after]
        if after:
            joined = (pitch, ticks + after[0][1])
            yield f"one note {place} held over the next", [*before, joined, *after[1:]]
            yield f"two notes {place} exchanged", [*before, (after[0][0], ticks), (pitch, after[0][1]), *after[1:]]


def _of_bars(melody: Melody, notes: Notes) -> Iterator[tuple[str, Notes]]:
    """Bars are copied over others, or change places."""
    for length in (1, 2, 4):
        for source in range(0, melody.bars - length + 1, length):
            for target in range(0, melody.bars - length + 1, length):
                names = [_bars(melody, first, first + length) for first in (source, target)]
                one, other = ((first * melody.bar, (first + length) * melody.bar) for first in (source, target))
                yield f"{names[0]} in place of {names[1]}", _copied(melody, notes, one, other)
                if source < target:
                    swapped = _copied(melody, notes, one, other)
                    yield f"{names[0]} and {names[1]} exchanged", _copied(melody, notes, other, one, onto=swapped)


def _of_stretch(melody: Melody, notes: Notes, first: int, last: int) -> Iterator[tuple[str, Notes]]:
    """Bars ``first``..``last - 1`` change as a whole."""
    name, bar = _bars(melody, first, last), melody.bar
    each = name if last - first == 1 else "each bar" if last - first == melody.bars else f"each of {name}"
    inside = [k for k, onset in enumerate(melody.onset) if first * bar <= onset < last * bar and notes[k][0] != REST]
    if not inside:
        return
    line = [notes[k][0] for k in inside]

    def sung(pitches: list[int]) -> Notes:
        changed = dict(zip(inside, pitches, strict=True))
        return [(changed.get(k, pitch), ticks) for k, (pitch, ticks) in enumerate(notes)]

    for what, change in LINES.items():
        yield f"{name} {what}", sung(change(line))
    for sign, way in ((1, "higher"), (-1, "lower")):
        for shift, interval in SHIFTS.items():
            yield f"{name} {interval} {way}", sung([p + sign * shift for p in line])
        for degree in sorted({p % 12 for p in line}):
            yield (
                f"one degree of the scale in {name} a semitone {way}",
                sung([p + sign * (p % 12 == degree) for p in line]),
            )
    yield f"{name} silent", sung([REST] * len(line))
    yield f"{name} with a rest for every second note", sung([REST if k % 2 else p for k, p in enumerate(line)])
    for ticks, value in ((3, "sixteenths"), (6, "eighths"), (12, "quarters"), (18, "dotted quarters"), (24, "halves")):
        yield f"{name} in even {value}", _stepped(melody, notes, first, last, ticks)
    yield f"{name} held, a note each", _stepped(melody, notes, first, last, bar)
    yield f"{name} an eighth later", _delayed(melody, notes, first, last)
    half = bar // 3 if bar == 3 * melody.beat else bar // 2
    for source in range(melody.bars):
        ending = ((source + 1) * bar - half, (source + 1) * bar)
        yield f"the end of {_bars(melody, source)} as that of {each}", _at_each(melody, notes, ending, first, last, bar)
    if bar == 2 * half:
        opening = notes
        for number in range(first, last):
            span = (number * bar, number * bar + half)
            opening = _copied(melody, notes, span, (span[1], (number + 1) * bar), onto=opening)
        yield f"{each} made of its first half twice", opening


def _at_each(melody: Melody, notes: Notes, source: tuple[int, int], first: int, last: int, bar: int) -> Notes:
    out = notes
    for number in range(first, last):
        end = (number + 1) * bar
        out = _copied(melody, notes, source, (end - (source[1] - source[0]), end), onto=out)
    return out


def _span(melody: Melody, notes: Notes, begin: int, end: int) -> tuple[int, int]:
    """First note at tick ``begin`` and the one after the last before ``end``; (0, 0) where a note crosses either."""
    times = [melody.start]
    for _, ticks in notes:
        times.append(times[-1] + ticks)
    return (times.index(begin), times.index(end)) if begin in times and end in times else (0, 0)


def _copied(
    melody: Melody, notes: Notes, source: tuple[int, int], target: tuple[int, int], onto: Notes | None = None
) -> Notes:
    """What ``notes`` has between two ticks in place of what ``onto`` has between two others, unless a note crosses."""
    onto = notes if onto is None else onto
    a, b = _span(melody, notes, *source)
    c, d = _span(melody, onto, *target)
    return [*onto[:c], *notes[a:b], *onto[d:]] if b and d else onto


def _stepped(melody: Melody, notes: Notes, first: int, last: int, step: int) -> Notes:
    """What sounds every ``step`` ticks of the bars, each for as long."""
    end = min(last * melody.bar, melody.end)
    a, b = _span(melody, notes, first * melody.bar, end)
    if not b or (end - first * melody.bar) % step:
        return notes
    heard = [(int(melody.grid[tick // SIXTEENTH]), step) for tick in range(first * melody.bar, end, step)]
    return [*notes[:a], *heard, *notes[b:]]


def _delayed(melody: Melody, notes: Notes, first: int, last: int) -> Notes:
    """The bars an eighth later: the note before them is held on, their last one cut off."""
    a, b = _span(melody, notes, first * melody.bar, min(last * melody.bar, melody.end))
    if not a or not b:
        return notes
    pitch, ticks = notes[b - 1]
    ending = [(pitch, ticks - 6)] if ticks > 6 else []
    return [*notes[: a - 1], (notes[a - 1][0], notes[a - 1][1] + 6), *notes[a : b - 1], *ending, *notes[b:]]


def _bars(melody: Melody, first: int, last: int | None = None) -> str:
    """Name of bars ``first``..``last - 1``, numbered from 1; the pick-up lies before bar 0."""
    last = first + 1 if last is None else last
    if first < 0:
        return "the pick-up"
    if last - first == melody.bars:
        return "the whole piece"
    return f"bar {first + 1}" if last == first + 1 else f"bars {first + 1}-{last}"


def changed_notes(melody: Melody, original: Melody) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """(n,) which notes of ``melody`` are not in ``original``: another pitch, place or length."""
    columns = [zip(m.pitch.tolist(), m.onset.tolist(), m.duration.tolist(), strict=True) for m in (original, melody)]
    known = set(columns[0])
    return np.array([note not in known for note in columns[1]], dtype=np.bool_)
