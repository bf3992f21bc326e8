"""Pictures show the notes."""

import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from musicenv.alphabet import REST
from musicenv.melody import melody_from_notes
from musicenv.render import piano_roll, piano_roll_png, score_png, score_svg
from musicenv.render.roll import CHROMATIC, DEGREES, LANE, MARGIN, PIXELS_PER_TICK
from musicenv.task import Task


def melody(notes, **task):
    pitch, duration = zip(*notes, strict=True)
    return melody_from_notes(pitch, duration, Task(**task))


def read(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def columns_of(picture, colour):
    return np.flatnonzero((picture == colour).all(-1).any(0))


def test_a_note_is_as_long_and_as_high_as_it_sounds():
    picture = piano_roll(melody([(60, 24), (72, 12), (REST, 12)], bars=1))
    assert picture.dtype == np.uint8
    rows, columns = np.nonzero((picture == DEGREES[0]).all(-1))
    low, high = columns[rows > rows.mean()], columns[rows < rows.mean()]
    assert low.size == LANE * (24 * PIXELS_PER_TICK - 2)  # without its two edges
    assert high.size == LANE * (12 * PIXELS_PER_TICK - 2)
    assert rows.max() - rows.min() == 12 * LANE + LANE - 1
    assert low.min() == MARGIN + 1
    assert high.min() == MARGIN + 24 * PIXELS_PER_TICK + 1


def test_the_picture_of_a_task_keeps_its_size_while_the_piece_grows():
    shapes = {piano_roll(melody([(60, 12)] * n, bars=2, pickup=12)).shape for n in range(1, 9)}
    assert len(shapes) == 1


def test_a_chromatic_note_stands_out_and_depends_on_the_mode():
    third = [(63, 48)]
    assert columns_of(piano_roll(melody(third, bars=1)), CHROMATIC).size
    assert not columns_of(piano_roll(melody(third, bars=1, key="C minor")), CHROMATIC).size


def test_a_page_holds_all_pieces(tmp_path):
    pieces = [melody([(60 + k, 48)], bars=1) for k in range(5)]
    height, width, _ = piano_roll(pieces[0]).shape
    page = read(piano_roll_png(pieces, tmp_path / "page.png", columns=2))
    assert page.shape[1] > 2 * width
    assert page.shape[0] > 3 * height


def test_each_piece_needs_its_caption(tmp_path):
    with pytest.raises(ValueError, match="1 melodies with 2 captions"):
        piano_roll_png(melody([(60, 48)], bars=1), tmp_path / "page.png", captions=["one", "two"])


def test_a_score_has_ink_on_its_staves(tmp_path):
    pytest.importorskip("verovio")
    pytest.importorskip("resvg_py")
    short = [(60, 12), (62, 12), (64, 12), (65, 12)]
    once = read(score_png(melody(short, bars=1), tmp_path / "one.png"))
    page = read(score_png([melody(short * 8, bars=8)] * 3, tmp_path / "page.png", columns=2, width=600))
    assert once.shape[1] > 1000
    assert page.shape[1] > 1200
    assert page.shape[0] > once.shape[0]
    ink = (page < 100).mean()
    assert 0.005 < ink < 0.2


def test_without_the_libraries_of_scores_the_error_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "verovio", None)
    with pytest.raises(ImportError, match=r"pip install 'musicenv\[score\]'"):
        score_png(melody([(60, 48)], bars=1), tmp_path / "score.png")
    assert not list(tmp_path.iterdir())


def test_the_svg_of_two_pieces_of_a_page_share_no_id(tmp_path):
    pytest.importorskip("verovio")
    piece = melody([(60, 12), (62, 12), (64, 24)], bars=1)
    one, two = (score_svg(piece, tmp_path / f"{n}.svg", number=n) for n in (1, 2))
    assert (tmp_path / "1.svg").read_text() == one == score_svg(piece)
    ids = [{node.get("id") for node in ElementTree.fromstring(svg).iter()} - {None} for svg in (one, two)]
    assert len(ids[0]) > 10
    assert not ids[0] & ids[1]
    assert one.count('class="notehead"') == 3
    assert ">144<" in one
