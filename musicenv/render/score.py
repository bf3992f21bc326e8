"""Melodies as engraved scores: MusicXML drawn by verovio, turned into pixels by resvg (extra ``score``)."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Final

import numpy as np

from musicenv.files import write_atomic
from musicenv.melody import Melody
from musicenv.render.extras import need
from musicenv.render.musicxml import to_musicxml
from musicenv.render.notation import BARS_A_LINE
from musicenv.render.performance import Performance
from musicenv.render.roll import Image
from musicenv.render.sheet import save_sheet, with_captions

STAFF_SPACE: Final = 9.0
_OPTIONS: Final = {
    "adjustPageHeight": True,
    "breaks": "encoded",
    "footer": "none",
    "header": "none",
    "minLastJustification": 0.5,
    "mnumInterval": 0,
    "pageHeight": 20000,
    "pageMarginBottom": 20,
    "pageMarginLeft": 20,
    "pageMarginRight": 20,
    "pageMarginTop": 20,
    "spacingStaff": 6,
    "spacingSystem": 4,
    "svgRemoveXlink": True,
}


def score_png(
    melodies: Melody | Sequence[Melody],
    path: Path,
    captions: Sequence[str] | None = None,
    columns: int = 1,
    width: int = 1000,
) -> Path:
    """Write the scores of one or several melodies to a PNG; ``captions`` default to key, metre and style.

    ``width`` is that of one piece in pixels.  Needs the extra ``score``.
    """
    pieces, texts = with_captions(melodies, captions)
    return save_sheet([engrave(piece, width) for piece in pieces], texts, path, columns)


def score_svg(
    melody: Melody,
    path: Path | None = None,
    width: int = 1000,
    number: int = 1,
    performance: Performance | None = None,
    bars_a_line: int = BARS_A_LINE,
    tempo_mark: bool = True,
) -> str:
    """A melody's score as SVG text, ``width`` pixels wide; written to ``path`` too, if given.

    ``number`` (1 or more) tells the scores of one page apart: no id in the SVG of one is in that of another.  The space
    between two lines of the staff is STAFF_SPACE pixels.  ``bars_a_line`` and ``tempo_mark`` are as in ``to_musicxml``.
    Needs the extra ``score``.
    """
    verovio = need("verovio")
    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions({**_OPTIONS, "pageWidth": 2 * width, "scale": 50, "xmlIdSeed": number})
    text = to_musicxml(melody, performance=performance, bars_a_line=bars_a_line, tempo_mark=tempo_mark)
    if not toolkit.loadData(text):
        raise RuntimeError("verovio could not read the MusicXML of this melody; please report it with the melody")
    svg = str(toolkit.renderToSVG(1))
    if path is not None:
        write_atomic(path, svg)
    return svg


def engrave(melody: Melody, width: int = 1000) -> Image:
    """``(height, width, 3)`` uint8 picture of a melody's score, four bars a line; without text, for want of a font."""
    resvg = need("resvg_py")
    from PIL import Image as Pictures

    svg = score_svg(melody, width=width, tempo_mark=False)
    png = resvg.svg_to_bytes(svg_string=svg, width=width, background="white", skip_system_fonts=True)
    return np.asarray(Pictures.open(BytesIO(png)).convert("RGB"))
