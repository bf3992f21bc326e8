"""Melodies as engraved scores: MusicXML drawn by verovio, turned into pixels by resvg (extra ``score``)."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Final

import numpy as np

from musicenv.melody import Melody
from musicenv.render.musicxml import to_musicxml
from musicenv.render.roll import Image
from musicenv.render.sheet import save_sheet, with_captions

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
    "scale": 100,
    "spacingStaff": 6,
    "spacingSystem": 4,
    "svgRemoveXlink": True,
    "xmlIdSeed": 1,
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


def engrave(melody: Melody, width: int = 1000) -> Image:
    """``(height, width, 3)`` uint8 picture of a melody's score, four bars a line."""
    verovio, resvg = _libraries()
    from PIL import Image as Pictures

    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions({**_OPTIONS, "pageWidth": 2 * width})
    if not toolkit.loadData(to_musicxml(melody)):
        raise RuntimeError("verovio could not read the MusicXML of this melody; please report it with the melody")
    svg = toolkit.renderToSVG(1)
    png = resvg.svg_to_bytes(svg_string=svg, width=width, background="white", skip_system_fonts=True)
    return np.asarray(Pictures.open(BytesIO(png)).convert("RGB"))


def _libraries() -> tuple[ModuleType, ModuleType]:
    try:
        import resvg_py
        import verovio
    except ImportError as error:
        raise ImportError(f"scores need {error.name}; install the extra: pip install 'musicenv[score]'") from error
    return verovio, resvg_py
