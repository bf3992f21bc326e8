"""Examples in notation: two scores under each other, changed notes in red."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from experiments.rule_examples import Example
from musicenv.files import atomic_path
from musicenv.melody import Melody
from musicenv.render.extras import need
from musicenv.render.notation import written_bars
from musicenv.render.score import score_svg

WIDTH: Final = 760
LABEL: Final = 20
"""Pixels of the line above each of the two."""
SHADES: Final = 8
"""Of grey, and of red, in the palette."""
RED: Final = (208, 32, 32)


def notated(example: Example, path: Path) -> Path:
    """Write the passing piece, and below it the failing one, to a small PNG.  Needs the extra ``score``."""
    from PIL import Image, ImageDraw, ImageFont

    nothing = np.zeros(example.passing.pitch.size, dtype=np.bool_)
    changed = np.zeros(example.failing.pitch.size, dtype=np.bool_) if example.changed is None else example.changed
    pieces = ((example.passing, nothing), (example.failing, changed))
    drawn = [Image.open(BytesIO(_png(*piece))).convert("RGB") for piece in pieces]
    sheet = Image.new("RGB", (WIDTH, sum(LABEL + image.height for image in drawn)), "white")
    pen, font, top = ImageDraw.Draw(sheet), ImageFont.load_default(14), 0
    for label, image in zip(("passes", "fails"), drawn, strict=True):
        pen.text((4, top + 4), label, fill=(96, 96, 96), font=font)
        sheet.paste(image, (0, top + LABEL))
        top += LABEL + image.height
    palette = Image.new("P", (1, 1))
    palette.putpalette([*_shades((0, 0, 0)), *_shades(RED)])
    with atomic_path(path) as temporary:
        sheet.quantize(palette=palette, dither=Image.Dither.NONE).save(temporary, format="PNG", optimize=True)
    return path


def _shades(colour: tuple[int, int, int]) -> list[int]:
    """Red, green and blue of ``SHADES`` colours from white to ``colour``."""
    return np.linspace((255, 255, 255), colour, SHADES).round().astype(int).ravel().tolist()


def _png(melody: Melody, red: npt.NDArray[np.bool_]) -> bytes:
    """The score of a melody with some of its notes (n,) in red."""
    colour = "#" + bytes(RED).hex()
    svg = iter(re.split(r'(?=class="note")', score_svg(melody, width=WIDTH)))
    coloured = [next(svg)]
    for part, number in zip(svg, _notes_drawn(melody), strict=True):
        coloured.append(f'fill="{colour}" stroke="{colour}" {part}' if red[number] else part)
    resvg = need("resvg_py")
    return bytes(
        resvg.svg_to_bytes(svg_string="".join(coloured), width=WIDTH, background="white", skip_system_fonts=True)
    )


def _notes_drawn(melody: Melody) -> list[int]:
    """Which note of the melody each note head belongs to, rests left out: a tie has two or more."""
    symbols = [symbol for bar in written_bars(melody) for symbol in bar.symbols]
    starts = melody.start + np.cumsum([0, *(symbol.ticks for symbol in symbols)])[:-1]
    numbers = np.searchsorted(melody.onset, starts, side="right") - 1
    return [int(number) for number, symbol in zip(numbers, symbols, strict=True) if symbol.letter]
