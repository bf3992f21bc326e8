"""What is to be composed: metre, key, style, length and opening.  Plain data, validated once, here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

METRES: Final = ("2/4", "3/4", "4/4", "6/8", "9/8")
BAR_TICKS: Final = (24, 36, 48, 36, 54)
BEAT_TICKS: Final = (12, 12, 12, 18, 18)
MODES: Final = ("major", "minor", "dorian", "mixolydian", "phrygian", "lydian")
TUNE_MODES: Final = MODES[:4]
"""Those that the tunes of the corpus are in, and so all that a prior knows."""
STYLES: Final = (
    "any",
    "reel",
    "jig",
    "slip jig",
    "hornpipe",
    "strathspey",
    "clog",
    "fling",
    "march",
    "quickstep",
    "planxty",
    "air",
    "waltz",
    "oneills1850",
    "ryansMammoth",
    "airdsAirs",
    "miscFolk",
)
"""Dance types, then the collections for tunes whose source names none; "any" leaves the style open."""

TONICS: Final = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
TRANSPOSITION: Final = (0, 1, 2, 3, 4, 5, 6, -5, -4, -3, -2, -1)
"""Semitones from the relative pitches (tonic C) to the sounding ones, by the tonic's pitch class."""

_LETTERS: Final = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_MODE_NAMES: Final = {
    "": 0,
    "major": 0,
    "maj": 0,
    "ionian": 0,
    "ion": 0,
    "m": 1,
    "minor": 1,
    "min": 1,
    "aeolian": 1,
    "aeo": 1,
    "dorian": 2,
    "dor": 2,
    "mixolydian": 3,
    "mix": 3,
    "phrygian": 4,
    "phr": 4,
    "lydian": 5,
    "lyd": 5,
}


def parse_key(key: str) -> tuple[int, int]:
    """``(tonic pitch class, mode index)`` of a key's name: "D", "F# minor", "Am", "E dorian", "Bbmix"."""
    match = re.fullmatch(r"\s*([A-Ga-g])([#b♯♭]?)\s*([A-Za-z]*)\s*", key)
    mode = None
    if match:
        mode = _MODE_NAMES.get(match[3] if match[3] in ("m", "") else match[3].lower())
    if match is None or mode is None:
        raise ValueError(
            f"key {key!r} is not understood; write a tonic and a mode, such as 'D', 'F# minor', 'E dorian'"
        )
    accidental = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}[match[2]]
    return (_LETTERS[match[1].upper()] + accidental) % 12, mode


@dataclass(frozen=True)
class Task:
    """One thing to compose.  Raises ValueError, naming the field and the remedy, where a value is not possible."""

    metre: str = "4/4"
    """One of METRES."""
    key: str = "C major"
    """Tonic and mode: any of the 12 tonics in one of MODES."""
    bars: int = 8
    """Bars up to the final barline."""
    style: str = "any"
    """One of STYLES."""
    pickup: int = 0
    """Ticks before the first downbeat, a multiple of 3 below one bar; the last bar is shorter by as much."""
    opening: tuple[tuple[int | None, int], ...] = ()
    """Notes to begin with: (sounding MIDI pitch or None for a rest, ticks)."""
    given: tuple[tuple[int | None, int], ...] = ()
    """The line against which this one is composed, from the first downbeat to the final barline: (sounding MIDI pitch
    or None, ticks), ticks in multiples of 3; empty where there is none."""
    above: bool = True
    """Whether this line lies above the given one, or below."""
    species: int = 0
    """Species of counterpoint, 1 to 4, which fixes the durations; 0 leaves them free."""

    def __post_init__(self) -> None:
        for name in ("bars", "pickup"):
            if not isinstance(getattr(self, name), int):
                raise ValueError(f"{name}={getattr(self, name)!r} is not a whole number")
        if self.metre not in METRES:
            raise ValueError(f"metre {self.metre!r} is not one of {', '.join(METRES)}")
        if self.style not in STYLES:
            raise ValueError(f"style {self.style!r} is not one of {', '.join(STYLES)}")
        if not 1 <= self.bars <= 256:
            raise ValueError(f"bars={self.bars} is not in 1..256")
        if self.pickup % 3 or not 0 <= self.pickup < self.bar:
            raise ValueError(f"pickup={self.pickup} is not a multiple of 3 ticks in 0..{self.bar - 3}")
        if self.bars * self.bar > 30_000:
            raise ValueError(f"bars={self.bars} in {self.metre} is longer than 30,000 ticks; ask for fewer bars")
        parse_key(self.key)
        if self.given and (
            sum(ticks for _, ticks in self.given) != self.end or any(ticks < 3 or ticks % 3 for _, ticks in self.given)
        ):
            raise ValueError(f"given: its notes have to last, in multiples of 3, the {self.end} ticks of the piece")
        if not isinstance(self.species, int) or not 0 <= self.species <= 4:
            raise ValueError(f"species={self.species!r} is not 0 (free), 1, 2, 3 or 4")
        if self.species and (not self.given or self.metre != "4/4" or self.pickup):
            raise ValueError(f"species={self.species} needs a given line, 4/4 and no pick-up")

    @property
    def metre_index(self) -> int:
        return METRES.index(self.metre)

    @property
    def bar(self) -> int:
        """Ticks of a bar."""
        return BAR_TICKS[self.metre_index]

    @property
    def end(self) -> int:
        """Tick of the final barline, counted from the first downbeat."""
        return self.bars * self.bar - self.pickup

    @property
    def tonic(self) -> int:
        """Pitch class of the tonic."""
        return parse_key(self.key)[0]

    @property
    def mode_index(self) -> int:
        return parse_key(self.key)[1]

    @property
    def side(self) -> int:
        """1 above a given line, -1 below it, 0 without one."""
        return 0 if not self.given else 1 if self.above else -1

    @property
    def style_index(self) -> int:
        return STYLES.index(self.style)
