"""From a sketch to one melody in the alphabet: voice, metre, pick-up, key, grid."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import HIGHEST, LOWEST, REST, SIXTEENTH
from musicenv.corpus.tune import SAME_METRE, relative_pitch
from musicenv.keys import SCALES
from musicenv.reading.key import estimate_key
from musicenv.reading.problem import Unreadable
from musicenv.reading.quantise import quantise
from musicenv.reading.rhythm import find_beats
from musicenv.reading.sketch import Note, Sketch, choose, count, skyline
from musicenv.task import BAR_TICKS, METRES, MODES, TONICS, TRANSPOSITION, parse_key

_SAME: Final = {**SAME_METRE, "4/8": ("2/4", 2.0), "8/8": ("4/4", 1.0), "4/2": ("4/4", 0.5), "12/8": ("6/8", 1.0)}
"""Metre -> ours, and the factor of its note values; two bars of 6/8 stand for one of 12/8."""
_NEAREST_MODE: Final = {
    "lydian": "major",
    "phrygian": "minor",
    "locrian": "minor",
    "ionian": "major",
    "aeolian": "minor",
}
_FOREIGN: Final = 0.2
"""Share of the time outside its scale from which on a key signature is not believed: many programs write C major."""
_PLAYED: Final = 4000
"""Notes of a performance whose beat is looked for: 256 bars of a tune have some 2,500."""
_LONGEST_REST: Final = 6.0
"""Ticks by which a played note may end early and still be held: people let go of notes before the next one."""


@dataclass
class Fitted:
    """A melody as plain lists, which travel between processes."""

    pitch: list[int]
    """Relative MIDI pitch, REST for a rest."""
    duration: list[int]
    """Ticks."""
    metre: str
    key: str
    pickup: int
    bars: int
    end: int
    """Tick of the final barline."""
    title: str
    tempo: float
    """Estimated beats per minute of a performance; NaN of a score."""
    error_mean: float
    error_max: float
    """Ticks by which the onsets were moved onto the grid."""
    notices: list[str] = field(default_factory=list)


def fit(sketch: Sketch, track: int | str | None, key: str | None, metre: str | None, tempo: float | None) -> Fitted:
    """The melody of a sketch.  ``key`` and ``metre`` overrule what the file says; Unreadable where it cannot be one."""
    sketch.check()
    notices = list(sketch.notices)
    voice, said = choose(sketch.voices, track)
    notices += [said] if said else []
    # MIDI 0 is what stands for a rest here; an octave higher it is the same note.
    line, dropped = skyline([note if note.pitch != REST else note._replace(pitch=12) for note in voice.notes])
    if dropped:
        notices.append(f"left out since a higher note sounds (skyline): {dropped} of {count(len(voice.notes), 'note')}")
    pickup, speed, error = sketch.pickup, float("nan"), None
    if sketch.seconds:
        if len(line) > _PLAYED:
            notices.append(f"it has more than {count(_PLAYED, 'note')}; the rest is left out")
            line = line[:_PLAYED]
        found = find_beats(line, metre, tempo)
        line, speed, pickup, error = found.notes, found.tempo, None, found.error
        if metre is None:
            notices.append(f"the metre is taken for {found.metre}; another one with metre=")
        metre = found.metre
    else:
        line, metre, pickup = _in_one_metre(sketch, line, metre, notices)
    bar = BAR_TICKS[METRES.index(metre)]
    line, start = _from_first_downbeat(line, bar, pickup)
    end = _end(line, start, bar)
    if end > _longest(bar):
        notices.append(f"it is longer than {_longest(bar) // bar} bars; the rest is left out")
        end = _longest(bar)
        line = [note for note in line if note.start < end - SIXTEENTH]
    laid = quantise(line, start, bar, end, _LONGEST_REST if sketch.seconds else SIXTEENTH)
    error = laid.error if error is None else error
    if laid.lost:
        notices.append(f"left out for being too near the next one: {count(laid.lost, 'note')}")
    if laid.shortened:
        notices.append(f"ending early, in a rest, since no one value has its length: {count(laid.shortened, 'note')}")
    key = _key(sketch, line, key, notices)
    tonic, _ = parse_key(key)
    pitch = _in_range(np.array(laid.pitch, dtype=np.int16), tonic, notices)
    bars = -(-end // bar)
    return Fitted(
        pitch, laid.duration, metre, key, -start, bars, end, sketch.title, speed,
        float(error.mean()), float(error.max()), notices,
    )  # fmt: skip


def _in_one_metre(
    sketch: Sketch, line: list[Note], asked: str | None, notices: list[str]
) -> tuple[list[Note], str, float | None]:
    """The longest stretch in one metre, in ours: notes from its beginning, metre, pick-up."""
    if asked is not None:
        return line, asked, sketch.pickup
    last = max(note.end for note in line)
    metres = [(start, name) for start, name in sketch.metres if start < last]
    if not metres:
        notices.append("the file names no metre; it is taken for 4/4; another one with metre=")
        return line, "4/4", sketch.pickup
    pickup = sketch.pickup
    changes = [metres[0]]
    for start, name in metres[1:]:
        if name != changes[-1][1]:
            changes.append((start, name))
    # A first metre that lasts less than a bar of the next one is how programs write a pick-up.
    if len(changes) > 1 and 0 < changes[1][0] - changes[0][0] < _bar_ticks(changes[1][1]):
        pickup = changes[1][0] - changes[0][0]
        changes = [(changes[0][0], changes[1][1]), *changes[2:]]
    starts = [0.0, *(start for start, _ in changes[1:]), last]
    k = max(range(len(changes)), key=lambda k: starts[k + 1] - starts[k])
    if len(changes) > 1:
        notices.append(f"the metre changes; the longest stretch, in {changes[k][1]}, is read")
        line = [note for note in line if starts[k] <= note.start < starts[k + 1]]
        if not line:
            raise Unreadable("its longest stretch in one metre has no notes", "name the metre with metre=")
    name, factor = _SAME.get(changes[k][1], (changes[k][1], 1.0))
    if name not in METRES:
        raise Unreadable(
            f"it is in {name}, which is not among {', '.join(METRES)}", "have it read in one of these with metre="
        )
    if name != changes[k][1]:
        notices.append(f"{changes[k][1]} is written as {name}")
    moved = [Note(n.pitch, (n.start - starts[k]) * factor, (n.end - starts[k]) * factor) for n in line]
    return moved, name, None if pickup is None or k else pickup * factor


def _bar_ticks(metre: str) -> float:
    beats, unit = metre.split("/")
    return 48 * int(beats) / int(unit)


def _from_first_downbeat(line: list[Note], bar: int, pickup: float | None) -> tuple[list[Note], int]:
    """The notes with times from the first downbeat, and minus the pick-up.

    Silent bars before the first note are left out.  Where nothing tells the pick-up, a first note in the second half
    of its bar begins one.
    """
    first = line[0].start
    given = round((pickup or 0.0) / SIXTEENTH) * SIXTEENTH % bar
    silent = int((first - given + 1) // bar) * bar  # whole bars, as counted from the first downbeat
    downbeat = given + silent if silent >= 0 else given
    offset = first - downbeat
    if pickup is None and offset > bar / 2 - 1:
        downbeat += bar
        offset -= bar
    moved = [Note(n.pitch, n.start - downbeat, n.end - downbeat) for n in line]
    start = max(round(min(offset, 0.0) / SIXTEENTH) * SIXTEENTH, SIXTEENTH - bar)
    return moved, start


def _end(line: list[Note], start: int, bar: int) -> int:
    """The final barline: a full bar, or one shortened by the pick-up where the line ends by then."""
    last = max(max(note.end for note in line), line[-1].start + SIXTEENTH)
    bars = max(int(np.ceil((last - SIXTEENTH / 2) / bar)), 1)
    shortened = bars * bar + start
    return shortened if max(last - SIXTEENTH / 2, line[-1].start + SIXTEENTH) <= shortened else bars * bar


def _longest(bar: int) -> int:
    return min(256, 30_000 // bar) * bar


def _key(sketch: Sketch, line: list[Note], asked: str | None, notices: list[str]) -> str:
    """The key asked for, else the file's, else the likeliest."""
    if asked is not None:
        return _named(asked)
    if sketch.key:
        name, mode = sketch.key.split()
        nearest = _NEAREST_MODE.get(mode, mode)
        if nearest != mode:
            notices.append(f"{sketch.key} is written as {name} {nearest}")
        return _named(f"{name} {nearest}")
    pitch = np.array([note.pitch for note in line])
    time = np.array([note.end - note.start for note in line])
    if sketch.sharps is not None:
        key = estimate_key(pitch, time, sketch.sharps, sketch.minor)
        tonic, mode_index = parse_key(key)
        foreign = ~np.isin((pitch - tonic) % 12, SCALES[MODES[mode_index]])
        if time[foreign].sum() < _FOREIGN * time.sum():
            return key
        notices.append("many notes are outside its key signature, which is not believed")
    key = estimate_key(pitch, time)
    notices.append(f"the key is taken for {key}; another one with key=")
    return key


def _named(key: str) -> str:
    """The key as it is spelt here."""
    tonic, mode = parse_key(key)
    return f"{TONICS[tonic]} {MODES[mode]}"


def _in_range(pitch: npt.NDArray[np.int16], tonic: int, notices: list[str]) -> list[int]:
    """Relative pitches inside the alphabet: as they sound, or in the octave where most fit and the others moved."""
    sounding = pitch != REST
    moved = np.where(sounding, pitch - TRANSPOSITION[tonic], REST)
    if ((moved[sounding] < LOWEST) | (moved[sounding] > HIGHEST)).any():
        moved = relative_pitch(pitch, tonic)
    octaves = int(moved[sounding][0] + TRANSPOSITION[tonic] - pitch[sounding][0]) // 12
    if octaves:
        notices.append(f"all of it is moved {'up' if octaves > 0 else 'down'} by {count(abs(octaves), 'octave')}")
    outside = sounding & ((moved < LOWEST) | (moved > HIGHEST))
    if outside.any():
        notices.append(f"moved by octaves into the range of the alphabet: {count(int(outside.sum()), 'note')}")
        low = LOWEST + (moved - LOWEST) % 12
        high = HIGHEST - (HIGHEST - moved) % 12
        moved = np.where(outside, np.where(moved < LOWEST, low, high), moved)
    return [int(p) for p in moved]
