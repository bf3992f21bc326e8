"""Music that people bring: each format, and what a tune that was read is good for."""

import pytest

from musicenv import render
from musicenv.alphabet import REST
from musicenv.beginning import relative_opening
from musicenv.corpus import load
from musicenv.melody import melody_from_notes, sounding_pitch
from musicenv.reading import cantus_firmus, opening, read
from musicenv.reading.process import kind_of, melody_of
from musicenv.task import METRES, MODES, TONICS, Task
from tests.musicenv.written_files import ABC, same_notes, zipped


@pytest.fixture(scope="module")
def tunes():
    """Real tunes in every metre, with pick-ups and triplets."""
    parts = load(progress=False).melodies("validation", unit="parts")
    return [m for metre in range(5) for m in [m for m in parts if m.metre == metre][:8]]


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
        assert same_notes(fitted, melody), render.to_abc(melody)


def test_musicxml_and_its_compressed_form_are_read_back(tunes, tmp_path):
    for melody in tunes[::8]:
        content = render.to_musicxml(melody).encode()
        key = f"{TONICS[melody.key]} {MODES[melody.mode]}"
        for fitted in (melody_of(content), melody_of(zipped({"score.xml": content}))):
            assert (fitted.metre, fitted.pickup) == (METRES[melody.metre], -melody.start)
            assert fitted.key.split()[0] == key.split()[0]
            assert same_notes(fitted, melody)


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


def test_kinds_are_told_by_content_not_by_name():
    assert kind_of(ABC.encode()) == "abc"
    assert kind_of(b"RIFF....WAVE") == kind_of(b"\xff\xfb\x90\x00") == kind_of(b"ID3\x03") == "recording"
    assert kind_of("<?xml version='1.0'?>".encode("utf-16")) == "musicxml"
