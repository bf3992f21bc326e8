"""Every kind of broken file is one clear problem."""

import re

import pytest

from musicenv.reading import ImportProblem, files, read
from musicenv.reading.problem import Unreadable
from musicenv.reading.process import melody_of
from tests.musicenv.written_files import ABC, MINUET, SCALE, midi, musicxml, played, written, zipped

HUGE = b"\0\x90\x3c\x40\xff\xff\xff\x7f\x80\x3c\0"
BOMB = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaa"><!ENTITY b "&a;&a;">]><score-partwise>&b;</score-partwise>'
BROKEN = {
    "truncated.mid": (midi(played(MINUET))[:30], "no whole MIDI file"),
    "no notes.mid": (midi(b""), "there are no notes"),
    "never released.mid": (midi(b"\0\x90\x3c\x40\x60\x90\x40\x40"), "there are no notes"),
    "drums.mid": (midi(played(MINUET, 9)), "drums alone"),
    "smpte.mid": (midi(played(MINUET), division=0xE728), "SMPTE"),
    "no clock.mid": (midi(played(MINUET), division=0), "no ticks per quarter"),
    "huge delta.mid": (midi(HUGE), "more than 50,000"),
    "a picture.mid": (b"\x89PNG\r\n\x1a\n" + bytes(100), "of no kind"),
    "prose.abc": (b"It was a dark and stormy night; the rain fell in torrents.", "of no kind"),
    "binary.abc": (b"X:1\nK:C\n" + bytes(range(256)), "binary"),
    "no body.abc": (b"X:1\nT:Nothing\nK:C\n", "no notes"),
    "odd key.abc": (b"X:1\nK:Q\nCDEF|", "not understood as ABC"),
    "no parts.xml": (musicxml("", ""), "no notes|not understand"),
    "entities.xml": (BOMB, "entities"),
    "web page.xml": (b"<html><body>404</body></html>", "no score"),
    "sharps.xml": (musicxml(written(SCALE)).replace(b"<fifths>2<", b"<fifths>999999999999<"), "<fifths> is 9999"),
    "torn.xml": (musicxml(written(SCALE))[:300], "no whole XML"),
    "torn.mxl": (zipped({"a.xml": musicxml(written(SCALE))})[:80], "no whole .mxl"),
    "no score.mxl": (zipped({"readme.txt": b"hello"}), "without a score"),
    "bomb.mxl": (zipped({"a.xml": bytes(30_000_000)}), "unpacks to more than 20 MB"),
    "no spines.krn": (b"!!!OTL: Nothing\n", "of no kind"),
    "empty spine.krn": (b"!!!OTL: Nothing\n**kern\n*-\n", "no notes|not understand"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_clear_problem(name):
    content, reason = BROKEN[name]
    with pytest.raises(Unreadable) as problem:
        melody_of(content)
    assert re.search(reason, problem.value.reason)
    assert problem.value.remedy


def test_what_is_no_file_is_a_problem_too(tmp_path, monkeypatch):
    (tmp_path / "empty.mid").touch()
    (tmp_path / "drums.mid").write_bytes(BROKEN["drums.mid"][0])
    for path, reason in (
        (tmp_path, "it is a folder"),
        (tmp_path / "nowhere.mid", "there is no such file"),
        (tmp_path / "empty.mid", "it is empty"),
        (tmp_path / "drums.mid", "it has drums alone"),
    ):
        with pytest.raises(ImportProblem) as problem:
            read(path)
        assert problem.value.file == str(path)
        assert problem.value.reason.startswith(reason)
        assert str(problem.value) == f"{path}: {problem.value.reason}; {problem.value.remedy}"
    with pytest.raises(ImportProblem, match="metre '5/4' is asked for; choose one of 2/4"):
        read(tmp_path / "drums.mid", metre="5/4")
    with pytest.raises(ImportProblem, match="key 'H' is not understood"):
        read(tmp_path / "drums.mid", key="H")
    monkeypatch.setattr(files, "MAX_BYTES", 10)
    with pytest.raises(ImportProblem, match="more than 0 MB"):
        read(tmp_path / "drums.mid")


def test_a_reader_that_hangs_is_ended(tmp_path, monkeypatch):
    path = tmp_path / "kesh.abc"
    path.write_text(ABC)
    monkeypatch.setattr(files, "MAX_WORK_SECONDS", 0.05)
    with pytest.raises(ImportProblem, match="is not read after 0 s"):
        read(path)


def test_a_reader_that_breaks_off_is_a_problem(tmp_path, monkeypatch):
    path = tmp_path / "kesh.abc"
    path.write_text(ABC)
    monkeypatch.setattr(files.sys, "executable", "/bin/false")
    with pytest.raises(ImportProblem, match=r"its reader broke off \(status 1\)"):
        read(path)
