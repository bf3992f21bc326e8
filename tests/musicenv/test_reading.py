"""Music that people bring: each format, the decisions that are told, and every kind of broken file."""

import io
import json
import os
import re
import struct
import zipfile
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musicenv import render
from musicenv.alphabet import DURATIONS, HIGHEST, LOWEST, REST, duration_is_legal
from musicenv.batch import relative_opening
from musicenv.corpus import load
from musicenv.melody import melody_from_notes, sounding_pitch
from musicenv.reading import ImportProblem, cantus_firmus, files, opening, read
from musicenv.reading.fit import fit
from musicenv.reading.problem import Unreadable
from musicenv.reading.process import kind_of, melody_of
from musicenv.reading.sketch import Note, Sketch, Voice, skyline
from musicenv.task import BAR_TICKS, METRES, MODES, TONICS, Task

ABC = """X:1
T:The Kesh
M:6/8
K:G
D|GAG GAB|ABA ABd|edd gdd|edB dBA|GAG GAB|ABA ABd|edd gdB|AGF G2|]
"""


def midi(*tracks, division=96, form=1):
    """A MIDI file of tracks, each the bytes of its events."""
    chunks = [b"MTrk" + struct.pack(">I", len(t) + 4) + t + b"\0\xff\x2f\0" for t in tracks]
    return b"MThd" + struct.pack(">IHHH", 6, form, len(tracks), division) + b"".join(chunks)


def length(ticks):
    """A delta time as MIDI writes it."""
    groups = [ticks & 127]
    while ticks := ticks >> 7:
        groups.insert(0, ticks & 127 | 128)
    return bytes(groups)


def played(notes, channel=0):
    """Events of (pitch, ticks) notes one after another; None rests."""
    out, gap = b"", 0
    for pitch, ticks in notes:
        if pitch is None:
            gap += ticks
            continue
        out += length(gap) + bytes((0x90 | channel, pitch, 80)) + length(ticks) + bytes((0x80 | channel, pitch, 0))
        gap = 0
    return out


def signature(numerator, power):
    return bytes((0, 0xFF, 0x58, 4, numerator, power, 24, 8))


def musicxml(body, parts='<score-part id="P1"><part-name>Voice</part-name></score-part>'):
    return f"""<?xml version="1.0"?>
<score-partwise version="4.0"><work><work-title>Test</work-title></work><part-list>{parts}</part-list>{body}
</score-partwise>""".encode()


def written(pitches, transpose=""):
    """A part of one measure of quarters in D major."""
    notes = "".join(
        f"<note><pitch><step>{step}</step><alter>{alter}</alter><octave>{octave}</octave></pitch>"
        "<duration>2</duration><type>quarter</type></note>"
        for step, alter, octave in pitches
    )
    return (
        '<part id="P1"><measure number="1"><attributes><divisions>2</divisions><key><fifths>2</fifths>'
        f"<mode>major</mode></key><time><beats>4</beats><beat-type>4</beat-type></time>{transpose}</attributes>"
        f"{notes}</measure></part>"
    )


SCALE = [("D", 0, 5), ("E", 0, 5), ("F", 1, 5), ("G", 0, 5)]
MINUET = [(74, 96), (67, 48), (69, 48), (71, 48), (72, 48), (74, 96), (67, 96), (67, 96)]


@pytest.fixture(scope="module")
def tunes():
    """Real tunes in every metre, with pick-ups and triplets."""
    parts = load(progress=False).melodies("validation", unit="parts")
    return [m for metre in range(5) for m in [m for m in parts if m.metre == metre][:8]]


def same(fitted, melody):
    """The notes, rests joined: a file doesn't tell one long rest from two."""

    def joined(pitch, duration):
        out = []
        for p, d in zip(pitch, duration, strict=True):
            if out and p == REST == out[-1][0]:
                out[-1] = (REST, out[-1][1] + d)
            else:
                out.append((int(p), int(d)))
        return out[:-1] if out[-1][0] == REST else out

    shift = (fitted.pitch[0] - int(melody.pitch[0])) // 12 * 12
    there = joined([p + shift if p != REST else REST for p in melody.pitch], melody.duration)
    return joined(fitted.pitch, fitted.duration) == there


@pytest.mark.parametrize("form", ["abc", "midi"])
def test_what_we_write_is_read_back(tunes, form):
    for melody in tunes:
        content = render.to_midi(melody) if form == "midi" else render.to_abc(melody).encode()
        key = f"{TONICS[melody.key]} {MODES[melody.mode]}"
        fitted = melody_of(content, key=key)
        if form == "abc" and fitted.metre == "4/4" and METRES[melody.metre] == "2/4":
            continue  # a tune in 2/4 and sixteenths is written in doubled values, as in the corpus
        assert (fitted.metre, fitted.key, fitted.pickup) == (METRES[melody.metre], key, -melody.start)
        assert fitted.error_max == 0.0
        assert same(fitted, melody), render.to_abc(melody)


def test_musicxml_and_its_compressed_form_are_read_back(tunes, tmp_path):
    for melody in tunes[::8]:
        content = render.to_musicxml(melody).encode()
        key = f"{TONICS[melody.key]} {MODES[melody.mode]}"
        for fitted in (melody_of(content), melody_of(zipped({"score.xml": content}))):
            assert (fitted.metre, fitted.pickup) == (METRES[melody.metre], -melody.start)
            assert fitted.key.split()[0] == key.split()[0]
            assert same(fitted, melody)


def zipped(members):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return target.getvalue()


def test_a_bach_chorale_in_kern_gives_its_soprano():
    from music21 import corpus

    path = next(p for p in corpus.getPaths() if p.name == "bwv277.krn")
    fitted = melody_of(path.read_bytes())
    assert (fitted.metre, fitted.key, fitted.pickup) == ("4/4", "A minor", 12)
    assert fitted.title.endswith("Christ lag in Todesbanden")
    # A | G# A B c d | c B A: one note to a syllable
    assert [p % 12 for p in fitted.pitch[:7]] == [0, 11, 0, 2, 3, 5, 3]
    bass = melody_of(path.read_bytes(), track=4)
    assert bass.pitch != fitted.pitch


def test_a_file_is_read_with_its_title_and_frame(tmp_path):
    path = tmp_path / "kesh.abc"
    path.write_text(ABC)
    tune = read(path)
    assert tune.title == "The Kesh"
    assert (tune.task.metre, tune.task.key, tune.task.bars, tune.task.pickup) == ("6/8", "G major", 8, 6)
    assert tune.melody.time == tune.melody.end == 8 * 36 - 6
    assert sounding_pitch(tune.melody)[:4] == [62, 67, 69, 67]
    assert tune.quantisation_error_ticks == (0.0, 0.0)
    assert read(path, key="A", metre="6/8").task.key == "A major"


def test_the_opening_of_a_tune_is_gone_on_from(tmp_path):
    path = tmp_path / "kesh.abc"
    path.write_text(ABC)
    tune = read(path)
    notes = opening(tune.melody, bars=1)
    assert notes == ((62, 6), (67, 6), (69, 6), (67, 6), (67, 6), (69, 6), (71, 6))
    task = tune.task
    asked = Task(metre=task.metre, key=task.key, pickup=task.pickup, opening=notes)
    assert [p for p, _ in relative_opening(asked)] == tune.melody.pitch[:7].tolist()
    with pytest.raises(ValueError, match=r"bars=9 is not in 1\.\.8"):
        opening(tune.melody, bars=9)


def test_a_cantus_firmus_is_its_notes_in_order():
    task = Task(key="D dorian", bars=4)
    cantus = melody_from_notes([60, 63, REST, 62, 62, 60], [48, 36, 12, 24, 24, 48], task)
    assert cantus_firmus(cantus) == [62, 65, 64, 62]


def test_a_transposing_instrument_is_read_as_it_sounds():
    clarinet = "<transpose><diatonic>-1</diatonic><chromatic>-2</chromatic></transpose>"
    fitted = melody_of(musicxml(written(SCALE, clarinet)))
    assert fitted.key == "C major"
    assert fitted.pitch[:4] == [72, 74, 76, 77]


def test_a_tempo_map_does_not_move_notes():
    tempo = [b"\0\xff\x51\x03" + (mspq).to_bytes(3, "big") for mspq in (500_000, 900_000)]
    still = melody_of(midi(signature(3, 2) + tempo[0] + played(MINUET)))
    changing = melody_of(midi(signature(3, 2) + tempo[0] + played(MINUET[:3]) + tempo[1] + played(MINUET[3:])))
    assert (still.pitch, still.duration) == (changing.pitch, changing.duration)
    assert still.duration == [12, 6, 6, 6, 6, 12, 12, 12]


def test_free_playing_is_put_on_beats():
    """A reel of quarters and eighths at 100 beats a minute, written by a program that believes in 120."""
    melody = next(m for m in load(progress=False).melodies("validation", bars=8, metre="4/4") if m.start == 0)
    rng = np.random.default_rng(2)
    seconds = np.append(0, np.cumsum(melody.duration)) * 60 / 100 / 12 + rng.normal(0, 0.01, melody.pitch.size + 1)
    ticks = np.round((seconds - seconds.min()) * 2 * 480).astype(int)
    notes = [(p, int(b - a)) for p, (a, b) in zip(sounding_pitch(melody), pairwise(ticks), strict=True)]
    fitted = melody_of(midi(played(notes), division=480), metre="4/4")
    assert "played freely" in fitted.notices[0]
    assert same(fitted, melody)
    assert fitted.tempo == pytest.approx(100, rel=0.05)
    assert 0 < fitted.error_mean < 1


def test_of_chords_and_an_accompaniment_the_top_line_is_read():
    chords = b"".join(
        b"\0\x90\x3c\x40\0\x90\x40\x40\0" + bytes((0x90, top, 64, 96, 0x80, 60, 0, 0, 0x80, 64, 0, 0, 0x80, top, 0))
        for top in (72, 74, 76, 77)
    )
    fitted = melody_of(midi(chords), key="C")
    assert [p for p in fitted.pitch if p] == [72, 74, 76, 77]
    assert any("skyline" in notice for notice in fitted.notices)
    two = midi(played([(48, 96)] * 8, 1), played(MINUET))
    assert "'track 2' is read" in melody_of(two).notices[0]
    assert {p for p in melody_of(two, track=1).pitch if p} == {72}


def test_legato_is_no_polyphony():
    line, dropped = skyline([Note(67, 0, 13), Note(64, 12, 25), Note(60, 24, 36)])
    assert dropped == 0
    assert line == [Note(67, 0, 12), Note(64, 12, 24), Note(60, 24, 36)]


def test_metres_are_ours_or_said_not_to_be():
    assert melody_of(midi(signature(12, 3) + played([(60, 48)] * 24))).metre == "6/8"
    assert melody_of(midi(signature(3, 3) + played([(60, 48)] * 12))).metre == "3/4"
    with pytest.raises(Unreadable, match="5/4"):
        melody_of(midi(signature(5, 2) + played(MINUET)))
    assert melody_of(midi(signature(5, 2) + played(MINUET)), metre="3/4").metre == "3/4"
    changing = signature(3, 2) + played(MINUET) + signature(4, 2) + played(MINUET * 3)
    fitted = melody_of(midi(changing))
    assert fitted.metre == "4/4"
    assert "the metre changes; the longest stretch, in 4/4, is read" in fitted.notices


def test_the_key_is_found_by_profile_or_believed():
    for melody in load(progress=False).melodies("validation", bars=8)[:5]:
        stated = melody_of(render.to_midi(melody))
        assert stated.key.split()[0] == TONICS[melody.key]
    unstated = melody_of(midi(signature(3, 2) + played(MINUET * 2)))
    assert unstated.key == "G major"
    assert "the key is taken for G major; another one with key=" in unstated.notices


def test_a_bass_line_is_moved_into_the_range():
    fitted = melody_of(midi(played([(36, 96), (43, 96), (48, 96), (36, 96)])), key="C")
    assert "all of it is moved up by 3 octaves" in fitted.notices
    assert all(LOWEST <= p <= HIGHEST for p in fitted.pitch if p)


@pytest.mark.skipif("MUSICENV_TEST_DATA" not in os.environ, reason="MUSICENV_TEST_DATA names no folder of real files")
def test_real_files_are_read():
    folder = Path(os.environ["MUSICENV_TEST_DATA"])
    jigs = melody_of((folder / "nottingham/MIDI_sample/jigs1.mid").read_bytes())
    assert (jigs.metre, jigs.pickup, jigs.error_max) == ("6/8", 6, 0.0)
    waltzes = (folder / "nottingham/ABC_original/waltzes.abc").read_bytes()
    assert melody_of(waltzes, track=1).title == "Alnwick Castle"
    song = melody_of((folder / "pop909/POP909/001/001.mid").read_bytes())
    assert any("'MELODY' is read" in notice for notice in song.notices)
    piano = melody_of(next((folder / "maestro/midi_miditok").glob("*.mid")).read_bytes())
    assert any("played freely" in notice for notice in piano.notices)


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


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.integers(0, 127), st.floats(0, 40), st.floats(0.1, 60)), min_size=1, max_size=40),
    st.sampled_from(METRES),
    st.one_of(st.none(), st.floats(0, 50)),
    st.booleans(),
)
def test_whatever_comes_in_could_have_been_composed_here(notes, metre, pickup, seconds):
    """Any notes at any times become pitches and durations of the alphabet that fill their bars."""
    time, line = 0.0, []
    for pitch, gap, long in notes:
        time += gap
        line.append(Note(pitch, time, time + long))
    fitted = fit(Sketch([Voice("", line)], seconds=seconds, pickup=pickup), None, None, metre, None)
    bar = BAR_TICKS[METRES.index(metre)]
    now = -fitted.pickup
    assert 0 <= fitted.pickup < bar
    assert fitted.end in (fitted.bars * bar, fitted.bars * bar - fitted.pickup)
    for pitch, ticks in zip(fitted.pitch, fitted.duration, strict=True):
        assert pitch == REST or LOWEST <= pitch <= HIGHEST
        assert ticks in DURATIONS
        assert duration_is_legal(now, ticks, bar, fitted.end)
        now += ticks
    assert now == fitted.end
    assert json.loads(json.dumps(asdict(fitted))) is not None
    files.imported(asdict(fitted), "tune")


def test_kinds_are_told_by_content_not_by_name():
    assert kind_of(ABC.encode()) == "abc"
    assert kind_of(b"RIFF....WAVE") == kind_of(b"\xff\xfb\x90\x00") == kind_of(b"ID3\x03") == "recording"
    assert kind_of("<?xml version='1.0'?>".encode("utf-16")) == "musicxml"
