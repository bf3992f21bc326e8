"""The body of an ABC tune: from signs to bars of notes."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from typing import Final, NamedTuple

from musicenv.alphabet import REST
from musicenv.corpus.abc_fields import (
    ALTERATION,
    LETTERS,
    STEPS,
    AbcError,
    Key,
    bar_length,
    read_key,
    read_length,
    read_metre,
)


class Note(NamedTuple):
    """One note or rest as it is written."""

    pitch: int
    """Sounding MIDI pitch, ``REST`` (0) for a rest."""
    length: int
    """1/FINE ticks."""
    tied: bool
    """Does a tie lead from here to the next note?"""


@dataclass
class Bar:
    """The notes between two bar lines, or between a bar line and a change of key or metre."""

    key: Key
    metre: str
    ending: str = ""
    """Number of the ending that begins here ("1", "2", "1,3"), or ""."""
    closes: bool = False
    """Does a repeat sign, a double bar or the name of a new part stand at its end?"""
    notes: list[Note] = field(default_factory=list)

    @property
    def length(self) -> int:
        """1/FINE ticks."""
        return sum(note.length for note in self.notes)


@dataclass
class AbcTune:
    """One tune as it is written; repeats are not written out."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    """Contents of the header by field letter."""
    bars: list[Bar] = field(default_factory=list)
    unread: Counter[str] = field(default_factory=Counter)
    """What was left out, by reason."""
    fault: str = ""
    """Why the tune could not be read at all, or ""."""

    def first(self, letter: str) -> str:
        """First content of a header field, or ""."""
        return self.fields.get(letter, [""])[0]


_NOTE: Final = r"(?:\^\^?|__?|=)?[~.]*[A-Ga-g][,']*\d*/*\d*"
_ENDING: Final = r"\d+(?:[,-]\d+)*"
_TOKEN: Final = re.compile(
    "|".join(
        (
            rf"(?P<note>{_NOTE})",
            r"(?P<space>[\s`)*$\\@]+|\((?!\d))",
            r"(?P<broken>>+|<+)",
            rf"(?P<barline>(?:\[\|\]?|[|\]:])+(?:{_ENDING})?)",
            r"(?P<tuplet>\(\d+(?::\d*){0,2})",
            r'(?P<text>"[^"]*")',
            r"(?P<grace>\{[^}]*\})",
            r"(?P<rest>[zxXZ]\d*/*\d*)",
            r"(?P<tie>-)",
            r"(?P<inline>\[[A-Za-z]:[^\]]*\])",
            rf"(?P<ending>\[{_ENDING})",
            r"(?P<chord>\[[^\]\[|:]*[A-Ga-g][^\]\[|:]*\]\d*/*\d*)",
            rf"(?P<old_chord>\+(?:{_NOTE})+\+)",
            r"(?P<decoration>![^!|\s]{1,20}!|\+[^+|\s]{1,20}\+|[~.H-WYh-w]|!|y\d*)",
            r"(?P<other>.)",
        )
    )
)
_NOTE_PARTS: Final = re.compile(r"(\^\^?|__?|=)?[~.]*([A-Ga-g])([,']*)(\d*/*\d*)")
_LENGTH_PARTS: Final = re.compile(r"(\d*)(/*)(\d*)")
_COMPOUND: Final = ("3/8", "6/8", "9/8", "12/8", "6/4", "9/4")
_LONGEST: Final = 4
"""Signs of one number of a length: nothing lasts 10,000 units."""
_TUPLET_TIME: Final = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}
"""``(p`` without ``:q`` puts p notes into the time of so many; other p into that of 3 in compound metres, else of 2."""


@cache
def _length(text: str) -> tuple[int, int]:
    """Numerator and denominator of a written length: "", "3", "3/2", "/", "//", "/4"."""
    match = _LENGTH_PARTS.match(text)
    number, slashes, below = match.groups() if match else ("", "", "")
    if max(len(number), len(slashes), len(below)) > _LONGEST:
        raise AbcError(f"length {text[:12]!r}... is no note's; write a number such as '2' or '3/2'")
    return int(number or 1), int(below or 2 ** len(slashes)) or 1


@cache
def _note_parts(text: str) -> tuple[str, str, str, tuple[int, int]]:
    """Accidental, letter, octave marks and length of a written note."""
    match = _NOTE_PARTS.match(text)
    if match is None:
        raise AbcError(f"{text!r} is not a note; write a letter A..G or a..g")
    accidental, letter, marks, length = match.groups()
    return accidental or "", letter, marks, _length(length)


class Reader:
    """Reads the body of one tune line by line; the bars appear in ``tune``."""

    def __init__(self, tune: AbcTune, key: Key, metre: str, unit: int) -> None:
        self.tune = tune
        self.key = key
        self.metre = metre
        self.unit = unit
        self.voices: list[str] = []
        self.voice = ""
        self.bar = Bar(key, metre)
        self.altered: dict[str, int] = {}
        self.newest = ("", "", 0)
        self.carried = ("", "", 0)
        self.broken_rhythm = (1, 1)
        self.tuplet_left = (1, 1, 0)

    def line(self, text: str) -> None:
        """Read one line of music."""
        for match in _TOKEN.finditer(text):
            kind, token = match.lastgroup or "other", match[0]
            if kind == "inline":
                self.field(token[1], token[3:-1])
            elif self.voices and self.voice != self.voices[0]:
                self.tune.unread["notes of further voices"] += kind in ("note", "chord")
            elif kind not in ("space", "text", "decoration"):
                getattr(self, kind)(token)
        if bar_length(self.metre) == self.bar.length != 0:
            self.close_bar()

    def close_bar(self, closes: bool = False) -> None:
        """End the bar here.  A bar without notes is no bar; its repeat sign belongs to the bar before."""
        bars = self.tune.bars
        if self.bar.notes:
            bars.append(self.bar)
            self.bar = Bar(self.key, self.metre)
            self.altered = {}
            self.carried = self.newest if bars[-1].notes[-1].tied else ("", "", 0)
        else:
            self.bar.key, self.bar.metre = self.key, self.metre
        if closes and bars:
            bars[-1].closes = True

    def field(self, letter: str, text: str) -> None:
        """Take in a field inside the tune."""
        if letter == "V":
            self.voice = (text.split() or [""])[0]
            if self.voice not in self.voices:
                self.voices.append(self.voice)
        elif self.voices and self.voice != self.voices[0]:
            return
        elif letter == "K" and text.strip():
            self.key = read_key(text)
        elif letter == "M":
            self.metre = read_metre(text)
        elif letter == "L":
            self.unit = read_length(text) or self.unit
        elif letter == "P":
            self.close_bar(closes=True)
        if (self.bar.key, self.bar.metre) != (self.key, self.metre):
            self.close_bar()

    def add(self, pitch: int, length: tuple[int, int]) -> None:
        """Append a note or rest that is written with this length."""
        above, below = length[0] * self.broken_rhythm[0], length[1] * self.broken_rhythm[1]
        self.broken_rhythm = (1, 1)
        time, notes, left = self.tuplet_left
        if left:
            above, below = above * time, below * notes
            self.tuplet_left = (time, notes, left - 1)
        ticks, remainder = divmod(self.unit * above, below)
        self.tune.unread["lengths rounded to 1/10,080 of a quarter"] += remainder != 0
        self.bar.notes.append(Note(pitch, ticks, False))

    def pitch(self, accidental: str, letter: str, marks: str) -> int:
        """Sounding MIDI pitch of a note; its accidental is remembered for the rest of the bar."""
        place = (letter, marks)
        step = letter.upper()
        if accidental:
            alteration = self.altered[step] = ALTERATION[accidental]
        elif step in self.altered:
            alteration = self.altered[step]
        elif self.carried[:2] == place:
            alteration = self.carried[2]
        else:
            alteration = self.key.signature[LETTERS.index(step)]
        self.carried = ("", "", 0)
        self.newest = (letter, marks, alteration)
        octave = letter.islower() + marks.count("'") - marks.count(",")
        return 60 + STEPS[step] + 12 * octave + alteration

    def note(self, token: str) -> None:
        accidental, letter, marks, length = _note_parts(token)
        self.add(self.pitch(accidental, letter, marks), length)

    def chord(self, token: str) -> None:
        """Of a chord the highest note; the chord lasts as long as its first note, times the length behind it."""
        inside, behind = token[1:].rsplit("]", 1)
        self._chord(re.sub(r'"[^"]*"|![^!]*!', "", inside), _length(behind))

    def old_chord(self, token: str) -> None:
        """ABC 1.6 wrote chords as ``+CEG+``."""
        self._chord(token[1:-1], (1, 1))

    def _chord(self, inside: str, behind: tuple[int, int]) -> None:
        parts = [_note_parts(match[0]) for match in re.finditer(_NOTE, inside)]
        pitches, places = [], []
        for accidental, letter, marks, _ in parts:
            pitches.append(self.pitch(accidental, letter, marks))
            places.append(self.newest)
        top = max(pitches)
        self.newest = places[pitches.index(top)]
        self.tune.unread["lower notes of chords"] += len(parts) - 1
        self.tune.unread["chords of unequal lengths (the first note's counts)"] += len({part[3] for part in parts}) > 1
        first = parts[0][3]
        self.add(top, (first[0] * behind[0], first[1] * behind[1]))
        if "-" in inside:
            self.tie("-")

    def rest(self, token: str) -> None:
        length = _length(token[1:])
        if token[0] in "ZX" and not self.bar.notes:
            for _ in range(length[0]):
                self.bar.notes.append(Note(REST, bar_length(self.metre), False))
                self.close_bar()
        elif token != "x":
            self.add(REST, length)

    def tie(self, _: str) -> None:
        notes = self.bar.notes or (self.tune.bars[-1].notes if self.tune.bars else [])
        if notes:
            notes[-1] = notes[-1]._replace(tied=True)
            if not self.bar.notes:
                self.carried = self.newest

    def broken(self, signs: str) -> None:
        """``a>b``: a takes half of b; ``a>>b``: three quarters of it; ``<``: the other way."""
        notes = self.bar.notes or (self.tune.bars[-1].notes if self.tune.bars else [])
        if not notes:
            self.tune.unread["broken rhythm without a note before it"] += 1
            return
        whole = 2 ** len(signs)
        first, second = (2 * whole - 1, 1) if signs[0] == ">" else (1, 2 * whole - 1)
        notes[-1] = notes[-1]._replace(length=notes[-1].length * first // whole)
        self.broken_rhythm = (second, whole)

    def tuplet(self, token: str) -> None:
        """``(p:q:r``: p notes in the time of q, for the next r notes."""
        number, into, count, *_ = [*token[1:].split(":"), "", ""]
        notes = int(number)
        if notes < 2:
            self.tune.unread["tuplets of fewer than two notes"] += 1
            return
        time = _TUPLET_TIME.get(notes, 3 if self.metre in _COMPOUND else 2)
        self.tuplet_left = (int(into or time), notes, int(count or notes))

    def barline(self, token: str) -> None:
        signs = token.rstrip("0123456789,-")
        if signs == ":" and not self.bar.notes:
            signs = "|:"  # a repeat sign torn apart by a line's end
        if signs in (":", "]"):
            self.tune.unread[f"stray {signs!r}"] += 1
            return
        self.close_bar(closes=signs != "|")
        if token != signs:
            self.ending(token[len(signs) :])

    def ending(self, token: str) -> None:
        self.close_bar()
        self.bar.ending = token.lstrip("[")

    def grace(self, token: str) -> None:
        self.tune.unread["grace notes"] += len(re.findall(_NOTE, token))

    def other(self, token: str) -> None:
        self.tune.unread[f"sign {token!r}"] += 1


def join_ties(notes: list[Note]) -> list[Note]:
    """Notes with tied ones of equal pitch made into one."""
    joined: list[Note] = []
    for note in notes:
        if joined and joined[-1].tied and joined[-1].pitch == note.pitch != REST:
            joined[-1] = Note(note.pitch, joined[-1].length + note.length, note.tied)
        else:
            joined.append(note)
    return joined
