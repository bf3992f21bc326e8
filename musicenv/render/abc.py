"""A melody as ABC notation (standard 2.1, https://abcnotation.com/wiki/abc:standard:v2.1)."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from musicenv.melody import Melody
from musicenv.render.notation import (
    BARS_A_LINE,
    LINE_OF_FIFTHS,
    Symbol,
    WrittenBar,
    default_title,
    key_signature,
    metre_name,
    voices,
    written_bars,
)

_UNIT: Final = 6
"""Ticks of the unit note length, an eighth."""
_MODES: Final = ("", "m", "dor", "mix", "phr", "lyd")
_LENGTHS: Final = {3: "/", 6: "", 9: "3/", 12: "2", 18: "3", 24: "4", 36: "6", 48: "8"}
_ACCIDENTALS: Final = {-2: "__", -1: "_", 0: "=", 1: "^", 2: "^^"}


def to_abc(melody: Melody, title: str = "", number: int = 1, one_line: bool = False) -> str:
    """The melody as a tune of ABC with its header; ``number`` is its place in a collection (``X:``).

    A line that it was composed against is another voice.  With ``one_line`` there is the melody alone, after metre and
    key in brackets: "[M:6/8][K:Edor] E2B B2A | ...".
    """
    bars = _bars(melody)
    if one_line:
        return " ".join([f"[M:{metre_name(melody)}][K:{_key(melody)}]", *bars])
    upbeat = 1 if melody.start < 0 else 0
    cuts = [0, *range(upbeat + BARS_A_LINE, len(bars), BARS_A_LINE), len(bars)]
    parts = [bars if voice is melody else _bars(voice) for voice in voices(melody)]
    lines = [
        (f"[V:{number}] " if len(parts) > 1 else "") + " ".join(part[begin:end])
        for begin, end in pairwise(cuts)
        for number, part in enumerate(parts, 1)
    ]
    title = " ".join(title.split()) or default_title(melody)
    header = [f"X:{number}", f"T:{title}", f"M:{metre_name(melody)}", "L:1/8", f"K:{_key(melody)}"]
    return "\n".join([*header, *lines]) + "\n"


def _key(melody: Melody) -> str:
    return key_signature(melody.key, melody.mode)[0] + _MODES[melody.mode]


def _bars(melody: Melody) -> list[str]:
    """The text of each bar with the bar line that ends it."""
    written = written_bars(melody)
    _, sharps = key_signature(melody.key, melody.mode)
    # Eighths are beamed by the beat; in 4/4 by the half bar, as tunes are printed.
    beam = 24 if metre_name(melody) == "4/4" else melody.beat
    texts = [_bar(bar, sharps, beam) for bar in written]
    ended = melody.time == melody.end
    full = melody.time % melody.bar == 0
    last = " |]" if ended else " |" if full else ""
    return [text + (" |" if k < len(texts) else last) for k, text in enumerate(texts, 1)]


def _bar(bar: WrittenBar, sharps: int, beam: int) -> str:
    signature = {letter: _signed(letter, sharps) for letter in LINE_OF_FIFTHS}
    # Readers differ in whether an accidental holds in the other octaves too; a sign is written where either would err.
    everywhere: dict[str, int] = {}
    here: dict[tuple[str, int], int] = {}
    text, time, group = "", bar.start, bar.start // beam
    for k, symbol in enumerate(bar.symbols):
        if k and time // beam != group and symbol.triplet not in ("inside", "stop"):
            text += " "
        group = time // beam
        if symbol.triplet == "start":
            text += _bracket(bar.symbols[k:])
        if symbol.letter:
            octave = (symbol.letter, symbol.octave)
            held = {everywhere.get(symbol.letter, signature[symbol.letter]), here.get(octave, signature[symbol.letter])}
            if held != {symbol.alter}:
                text += _ACCIDENTALS[symbol.alter]
                everywhere[symbol.letter] = here[octave] = symbol.alter
        text += _pitch(symbol) + _LENGTHS[symbol.value] + ("-" if symbol.tied else "")
        time += symbol.ticks
    return text


def _signed(letter: str, sharps: int) -> int:
    """Alteration of a letter in a signature of so many sharps (or, negative, flats)."""
    place = LINE_OF_FIFTHS.index(letter)
    return 1 if place < sharps else -1 if 6 - place < -sharps else 0


def _bracket(symbols: list[Symbol]) -> str:
    count = next((k for k, symbol in enumerate(symbols, 1) if symbol.triplet == "stop"), len(symbols))
    return "(3" if count == 3 else f"(3:2:{count}"


def _pitch(symbol: Symbol) -> str:
    """The letter with its octave: C, is below middle C, c the octave above, c' the one above that."""
    if not symbol.letter:
        return "z"
    if symbol.octave >= 5:
        return symbol.letter.lower() + "'" * (symbol.octave - 5)
    return symbol.letter + "," * (4 - symbol.octave)
