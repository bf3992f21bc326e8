"""A melody as it is written down: bars of spelled notes, ties, triplets.  What ABC, MusicXML and the score share."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final, Literal, NamedTuple

import numpy as np

from musicenv.alphabet import SIXTEENTH, TICKS_PER_QUARTER
from musicenv.melody import Melody, sounding_pitch
from musicenv.task import METRES, MODES, TONICS

WRITABLE: Final = (48, 36, 24, 18, 12, 9, 6, 3)
"""Ticks of the note values that one symbol can show, without and with a dot."""

BARS_A_LINE: Final = 4

LINE_OF_FIFTHS: Final = "FCGDAEB"
"""Letters in the order of the circle of fifths; C is position 0."""
NATURALS: Final = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
"""Semitones above C."""

_SIGNATURE: Final = (0, -3, -2, -1, -4, 1)
"""Sharps in the signature of each of MODES, less those of the major key on the same tonic."""
_FLATTEST: Final = (-3, -5, -5, -4, -5, -3)
"""By mode, how many fifths below the tonic chromatic notes are spelled; eleven fifths from there make all twelve.

So major has b3, b7, #4, #1 and #5 for its chromatic notes; minor, whose signature reaches to b6, raises its sixth and
seventh degree by sharps.  (The window on the line of fifths: Longuet-Higgins 1976; Temperley 2001, ch. 5.)
"""


class Symbol(NamedTuple):
    """One written note or rest."""

    letter: str
    """A to G, or "" for a rest."""
    alter: int
    """Semitones by which the letter is raised (sharps) or lowered (flats)."""
    octave: int
    """Scientific: the octave that begins with middle C is 4."""
    ticks: int
    """How long it sounds."""
    value: int
    """Ticks of the note value that is written: ``ticks``, or 3/2 of it inside a triplet."""
    tied: bool
    """Is it tied to the next symbol?"""
    triplet: Literal["", "start", "inside", "stop"] = ""
    """Its place in a triplet."""

    @property
    def midi(self) -> int:
        """Sounding MIDI pitch."""
        return 12 * (self.octave + 1) + NATURALS[self.letter] + self.alter


class WrittenBar(NamedTuple):
    """The symbols between two bar lines."""

    start: int
    """Tick of its first symbol from the first downbeat; negative in the pick-up."""
    symbols: list[Symbol]

    @property
    def ticks(self) -> int:
        return sum(symbol.ticks for symbol in self.symbols)


@cache
def key_signature(tonic: int, mode: int) -> tuple[str, int]:
    """``(name of the tonic, sharps)`` for a pitch class and an index into MODES; flats are negative.

    Of two spellings the one with fewer signs: minor on pitch class 1 is C# minor (4 sharps), not Db minor (8 flats).
    """
    positions = [position for position in range(-11, 12) if (7 * position - tonic) % 12 == 0]
    usual = next(p for p in positions if _name(p) == TONICS[tonic])
    position = min(positions, key=lambda p: (abs(p + _SIGNATURE[mode]), p != usual))
    return _name(position), position + _SIGNATURE[mode]


def key_name(melody: Melody) -> str:
    """The key as a musician says it: "F# minor"."""
    return f"{key_signature(melody.key, melody.mode)[0]} {MODES[melody.mode]}"


def metre_name(melody: Melody) -> str:
    return METRES[melody.metre]


def default_title(melody: Melody) -> str:
    return f"Melody in {key_name(melody)}"


@cache
def spell(pitch: int, tonic: int, mode: int) -> tuple[str, int, int]:
    """``(letter, alteration, octave)`` of a sounding MIDI pitch in a key."""
    _, sharps = key_signature(tonic, mode)
    flattest = _FLATTEST[mode]
    fifths = (7 * (pitch - tonic) - flattest) % 12 + flattest
    position = sharps - _SIGNATURE[mode] + fifths
    letter, alter = LINE_OF_FIFTHS[(position + 1) % 7], (position + 1) // 7
    return letter, alter, (pitch - alter - NATURALS[letter]) // 12 - 1


def voices(melody: Melody) -> list[Melody]:
    """A melody and the line that it was composed against, the higher first, up to the end of the bar that is reached;
    the melody alone where there is none."""
    if melody.side == 0:
        return [melody]
    time = min(-(-melody.time // melody.bar) * melody.bar, melody.end)
    slots = melody.given[: time // SIXTEENTH].tolist()
    begins = [k for k in range(len(slots)) if k * SIXTEENTH % melody.bar == 0 or (k > 0 and slots[k] != slots[k - 1])]
    onset = np.array(begins, dtype=np.int16) * SIXTEENTH
    given = melody._replace(
        pitch=melody.given[begins],
        onset=onset,
        duration=np.diff(np.append(onset, time)).astype(np.int16),
        time=time,
        side=0,
    )
    return [melody, given] if melody.side > 0 else [given, melody]


def written_bars(melody: Melody) -> list[WrittenBar]:
    """The melody as bars of symbols; notes are tied over bar lines and where one symbol cannot show them.

    The first bar is the pick-up, if there is one.  Raises ValueError for times that neither the sixteenth grid nor
    triplets can show.
    """
    bars: list[WrittenBar] = []
    for onset, symbol in _symbols(melody):
        if not bars or onset // melody.bar != bars[-1].start // melody.bar:
            bars.append(WrittenBar(onset, []))
        bars[-1].symbols.append(symbol)
    return bars


def _symbols(melody: Melody) -> Iterator[tuple[int, Symbol]]:
    """Each symbol with its onset in ticks."""
    group: list[tuple[int, Symbol]] = []
    for pitch, onset, ticks in zip(
        sounding_pitch(melody), melody.onset.tolist(), melody.duration.tolist(), strict=True
    ):
        letter, alter, octave = ("", 0, 0) if pitch is None else spell(pitch, melody.key, melody.mode)
        if not group and onset % SIXTEENTH == 0 and ticks % SIXTEENTH == 0:
            time, end = onset, onset + ticks
            while time < end:
                part = _longest(time, end, melody)
                tied = letter != "" and time + part < end
                yield time, Symbol(letter, alter, octave, part, part, tied)
                time += part
            continue
        value = ticks * 3 // 2
        crosses = onset // melody.bar != (onset + ticks - 1) // melody.bar
        if ticks % 2 or value not in WRITABLE or crosses:
            raise ValueError(
                f"a note of {ticks} ticks at tick {onset} cannot be written; "
                "notes are multiples of 3 ticks, or triplets of 2, 4, 8 or 16 ticks inside one bar"
            )
        group.append((onset, Symbol(letter, alter, octave, ticks, value, False, "inside" if group else "start")))
        if (onset + ticks) % SIXTEENTH == 0:
            yield from _closed(group)
            group = []
    yield from _closed(group)


def _closed(group: list[tuple[int, Symbol]]) -> Iterator[tuple[int, Symbol]]:
    for k, (onset, symbol) in enumerate(group):
        yield onset, symbol._replace(triplet="stop") if 0 < k == len(group) - 1 else symbol


def _longest(time: int, end: int, melody: Melody) -> int:
    """The longest note value for a note that lasts from ``time`` to ``end``, such that the beats stay readable."""
    position = time % melody.bar
    ticks = min(end - time, melody.bar - position)
    to_beat = melody.beat - position % melody.beat
    simple = melody.beat == TICKS_PER_QUARTER
    if to_beat == melody.beat:
        fits = [value for value in WRITABLE if value <= to_beat or simple or value % melody.beat == 0]
    elif simple and ticks == end - time == melody.beat == to_beat * 2:
        fits = [melody.beat]  # the plain syncopation of eighth, quarter, eighth
    else:
        fits = [value for value in WRITABLE if value <= to_beat]
    return next(value for value in fits if value <= ticks)


def _name(position: int) -> str:
    alter = (position + 1) // 7
    return LINE_OF_FIFTHS[(position + 1) % 7] + ("#" * alter if alter > 0 else "b" * -alter)
