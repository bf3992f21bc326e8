"""Fields of ABC notation: keys, metres and unit lengths (ABC standard 2.1, sections 3.1 and 4.6)."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from musicenv.alphabet import TICKS_PER_QUARTER

FINE: Final = 840
"""Parts of a tick.  Lengths are read as whole numbers of 1/10,080 of a quarter: exact for 128th notes and for every
tuplet up to ten."""
WHOLE: Final = 4 * TICKS_PER_QUARTER * FINE

LETTERS: Final = "ABCDEFG"
STEPS: Final = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
ALTERATION: Final = {"^^": 2, "^": 1, "=": 0, "_": -1, "__": -2}

_FIFTHS: Final = {"F": -1, "C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5}
_MODES: Final = {
    "maj": ("major", 0),
    "ion": ("major", 0),
    "min": ("minor", -3),
    "aeo": ("minor", -3),
    "dor": ("dorian", -2),
    "mix": ("mixolydian", -1),
    "phr": ("phrygian", -4),
    "lyd": ("lydian", 1),
    "loc": ("locrian", -5),
}
"""First three letters of a mode's name -> its name, and how many sharps more than major its signature has."""
SIGNATURE_MODES: Final = tuple(
    next((name for name, sharps in _MODES.values() if (7 * -sharps) % 12 == final), "major") for final in range(12)
)
"""Mode by the semitones from the major tonic of a key signature up to the final: 0 major, 9 minor, 2 dorian ..."""
_OPTIONS: Final = ("cle", "exp", "tre", "bas", "alt", "ten", "tra", "oct", "mid", "sta")
"""First letters of words that may follow the tonic without being a mode: clef=, exp, treble, transpose= ..."""


class AbcError(ValueError):
    """A text that cannot be read as ABC; the message names the place and the remedy."""


class Key(NamedTuple):
    """A key as the ``K:`` field gives it."""

    tonic: int
    """Pitch class, 0..11."""
    mode: str
    """Name of one of the seven church modes, "major" and "minor" among them."""
    signature: tuple[int, ...]
    """Semitones by which the letters A..G are altered."""


def signature(sharps: int) -> tuple[int, ...]:
    """Alterations of A..G for so many sharps (flats where negative)."""
    return tuple((sharps - _FIFTHS[letter] + 5) // 7 for letter in LETTERS)


def read_key(text: str) -> Key:
    """The key of a ``K:`` field: "G", "E Minor", "Dmix", "Dmix=c" (with an accidental of its own), "Hp" (bagpipe)."""
    text = text.split("%")[0].strip()
    if text[:2].lower() == "hp":
        return Key(9, "mixolydian", signature(2))
    if text.lower() in ("none", ""):
        return Key(0, "major", signature(0))
    match = re.match(r"([A-G])([#b]?)\s*([A-Za-z]*)", text)
    if not match:
        raise AbcError(f"key {text!r} is not understood; write a tonic and a mode, such as 'G' or 'E dorian'")
    letter, sign, word = match.groups()
    mode = {"": "maj", "m": "min"}.get(word.lower(), word[:3].lower())  # case does not count in a mode (section 4.6)
    if mode in _OPTIONS:
        mode = "maj"
    if mode not in _MODES:
        raise AbcError(f"key {text!r} is not understood; write its mode as 'maj', 'min', 'dor', 'mix', 'phr' or 'lyd'")
    name, sharps = _MODES[mode]
    alteration = {"": 0, "#": 1, "b": -1}[sign]
    letters = list(signature(_FIFTHS[letter] + 7 * alteration + sharps))
    for accidental, altered in re.findall(r"(\^\^?|__?|=)([A-Ga-g])", text[match.end() :]):
        letters[LETTERS.index(altered.upper())] = ALTERATION[accidental]
    return Key((STEPS[letter] + alteration) % 12, name, tuple(letters))


def read_metre(text: str) -> str:
    """The metre of an ``M:`` field, such as "6/8"; "C" is 4/4, "C|" is 2/2, and "none" where there is none."""
    text = text.split("%")[0].strip()
    common = {"C": "4/4", "C|": "2/2"}.get(text.upper())
    match = re.match(r"([1-9]\d*)\s*/\s*([1-9]\d*)", text)
    return common or (f"{match[1]}/{match[2]}" if match else "none")


def bar_length(metre: str) -> int:
    """Length of a bar in 1/FINE ticks; 0 without a metre."""
    if metre == "none":
        return 0
    beats, unit = metre.split("/")
    return WHOLE * int(beats) // int(unit)


def read_length(text: str) -> int:
    """The unit length of an ``L:`` field ("1/8") in 1/FINE ticks; 0 where it is not understood."""
    match = re.match(r"\s*([1-9]\d*)\s*(?:/\s*([1-9]\d*))?", text)
    return WHOLE * int(match[1]) // int(match[2] or 1) if match else 0


def default_length(metre: str) -> int:
    """The unit length where no ``L:`` gives it: a 16th in metres shorter than 3/4, else an eighth."""
    return WHOLE // 16 if 0 < bar_length(metre) < WHOLE * 3 // 4 else WHOLE // 8
