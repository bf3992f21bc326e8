"""What is read of a file that says too little or too much: voice, metre, key, beats; and that this is told."""

import json
import os
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musicenv import render
from musicenv.alphabet import DURATIONS, HIGHEST, LOWEST, REST, duration_is_legal
from musicenv.corpus import load
from musicenv.melody import sounding_pitch
from musicenv.reading import files
from musicenv.reading.fit import fit
from musicenv.reading.problem import Unreadable
from musicenv.reading.process import melody_of
from musicenv.reading.sketch import Note, Sketch, Voice, skyline
from musicenv.task import BAR_TICKS, METRES, TONICS
from tests.musicenv.written_files import MINUET, SCALE, midi, musicxml, played, same_notes, signature, written


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
    assert same_notes(fitted, melody)
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
