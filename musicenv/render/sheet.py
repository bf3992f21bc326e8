"""Pages of pictures with captions: piano rolls of one piece or of many."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from musicenv.files import atomic_path
from musicenv.melody import Melody
from musicenv.render.notation import key_name, metre_name
from musicenv.render.roll import Image, piano_roll
from musicenv.task import STYLES

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

GAP: Final = 16
CAPTION: Final = 22
"""Pixels."""


def caption(melody: Melody) -> str:
    """What kind of piece it is: "E dorian, 6/8, jig"."""
    parts = [key_name(melody), metre_name(melody), STYLES[melody.style]]
    return ", ".join(part for part in parts if part != "any")


def piano_roll_png(
    melodies: Melody | Sequence[Melody], path: Path, captions: Sequence[str] | None = None, columns: int = 1
) -> Path:
    """Write the piano rolls of one or several melodies to a PNG; ``captions`` default to key, metre and style."""
    pieces, texts = with_captions(melodies, captions)
    return save_sheet([piano_roll(piece) for piece in pieces], texts, path, columns)


def with_captions(
    melodies: Melody | Sequence[Melody], captions: Sequence[str] | None
) -> tuple[list[Melody], list[str]]:
    """The melodies as a list, with one caption for each."""
    pieces = [melodies] if isinstance(melodies, Melody) else list(melodies)
    texts = [caption(piece) for piece in pieces] if captions is None else list(captions)
    if not pieces or len(pieces) != len(texts):
        raise ValueError(f"{len(pieces)} melodies with {len(texts)} captions; give one or more, and a caption each")
    return pieces, texts


def save_sheet(images: Sequence[Image], captions: Sequence[str], path: Path, columns: int) -> Path:
    """Lay pictures ``(h, w, 3)`` out in rows of ``columns`` under their captions, and write a PNG."""
    from PIL import Image as Pictures
    from PIL import ImageDraw, ImageFont

    rows = [range(k, min(k + columns, len(images))) for k in range(0, len(images), columns)]
    width = max(image.shape[1] for image in images)
    heights = [CAPTION + max(images[k].shape[0] for k in row) for row in rows]
    sheet: Picture = Pictures.new(
        "RGB",
        (GAP + (width + GAP) * min(columns, len(images)), GAP + sum(heights) + GAP * len(rows)),
        "white",
    )
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    top = GAP
    for row, height in zip(rows, heights, strict=True):
        for place, k in enumerate(row):
            left = GAP + place * (width + GAP)
            draw.text((left, top), captions[k], fill=(60, 60, 60), font=font)
            sheet.paste(Pictures.fromarray(np.ascontiguousarray(images[k])), (left, top + CAPTION))
        top += height + GAP
    with atomic_path(path) as temporary:
        sheet.save(temporary, format="PNG", optimize=True)
    return path
