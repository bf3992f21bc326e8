"""Recordings: tunes are sung and played by a synthesiser, recorded badly, and read back."""

import io
from difflib import SequenceMatcher
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest

from musicenv.alphabet import REST
from musicenv.corpus import load
from musicenv.melody import melody_from_notes, sounding_pitch
from musicenv.reading import read
from musicenv.reading.pitch import RATE, pitch_candidates, track_pitch
from musicenv.reading.problem import Unreadable
from musicenv.reading.process import melody_of
from musicenv.reading.recording import read_recording, resample, transcribe
from musicenv.task import METRES, Task

soundfile = pytest.importorskip("soundfile")


class Voice(NamedTuple):
    """How someone sings or plays."""

    octave: int
    partials: tuple[float, ...]
    attack: float
    """Seconds."""
    decay: float
    """A second."""
    vibrato: tuple[float, float]
    """Semitones, Hz."""
    glide: float
    """Seconds from the note before."""
    gap: float
    """Seconds between notes."""
    scoop: float = 0.0
    """Semitones below the note from which it is reached."""
    breath: float = 0.0
    """Noise that sounds along, of the note's amplitude; and a breath before each fourth bar."""
    drift: float = 0.0
    """Semitones by which the tune has sunk at its end."""
    slowing: float = 0.0
    """Share by which the tempo has."""


VOICES = {
    "hum": Voice(-1, (1.0, 0.35, 0.12, 0.05), 0.05, 0.3, (0.35, 5.5), 0.06, 0.05),
    "singer": Voice(
        -1, (1.0, 0.6, 0.3, 0.2, 0.1), 0.06, 0.3, (0.4, 5.2), 0.06, 0.06, scoop=1.5, breath=0.05, drift=0.8, slowing=0.1
    ),
    "whistle": Voice(1, (1.0, 0.04), 0.03, 0.2, (0.15, 6.0), 0.03, 0.04),
    "fiddle": Voice(0, (1.0, 0.8, 0.6, 0.5, 0.35, 0.25, 0.2), 0.03, 0.3, (0.25, 6.0), 0.02, 0.02),
    "plucked": Voice(0, (1.0, 0.6, 0.4, 0.2, 0.1), 0.004, 4.0, (0.0, 1.0), 0.0, 0.0),
}


def play(melody, voice, beats_per_minute, rng, rate=RATE, cents=0.0):
    """(n,) samples of a melody as a person plays it: unsteady, with vibrato, glides and changing loudness."""
    how = VOICES[voice]
    tick = 60.0 / beats_per_minute / melody.beat
    wander = np.clip(np.cumsum(rng.normal(0, 0.008, melody.pitch.size)), -0.12, 0.12)
    through = (melody.onset - melody.start) / (melody.time - melody.start)  # 0..1
    seconds = melody.duration * tick * (1 + wander + how.slowing * through)
    times = 0.3 + np.concatenate([[0], np.cumsum(seconds)])
    times[:-1] += rng.normal(0, 0.01, melody.pitch.size)
    out = np.zeros(int((times[-1] + 0.5) * rate))
    phase, last = 0.0, None
    loudness = 0.4 * np.exp(np.cumsum(rng.normal(0, 0.08, melody.pitch.size)).clip(-0.5, 0.5))
    notes = zip(sounding_pitch(melody), times[:-1], times[1:], loudness, through, strict=True)
    for pitch, begin, end, loud, done in notes:
        if pitch is None:
            last = None
            continue
        t = np.arange(int((end - begin - how.gap) * rate)) / rate
        depth, speed = how.vibrato
        height = pitch + 12 * how.octave + cents / 100 - how.drift * done
        height = height + depth * np.sin(2 * np.pi * speed * t) * np.clip(t / 0.15, 0, 1)
        height -= how.scoop * np.exp(-t / 0.04)
        if last is not None and how.glide:
            height += (last - pitch) * np.exp(-t / (how.glide / 3))
        angle = phase + 2 * np.pi * np.cumsum(440 * 2 ** ((height - 69) / 12)) / rate
        wave = sum(a * np.sin((k + 1) * angle) for k, a in enumerate(how.partials)) / sum(how.partials)
        if how.breath:
            wave += how.breath * rng.normal(0, 1, t.size)
        shape = np.clip(t / how.attack, 0, 1) * np.exp(-how.decay * t) * np.clip((t[-1] - t) / 0.03, 0, 1)
        start = int(begin * rate)
        out[start : start + t.size] += loud * shape * wave
        phase, last = angle[-1] % (2 * np.pi), pitch
    if how.breath:
        for k in np.flatnonzero(np.diff(melody.onset // (4 * melody.bar))) + 1:
            inhaled = rng.normal(0, how.breath, int(0.25 * rate)) * np.hanning(int(0.25 * rate))
            start = int(times[k] * rate) - inhaled.size
            out[start : start + inhaled.size] += 0.4 * inhaled
    return out


def room(samples, rng, rate=RATE, seconds=0.4, wet=0.25):
    """With the echo of a room: noise that decays by 60 dB in ``seconds``, a quarter as loud as the direct sound."""
    t = np.arange(int(seconds * rate)) / rate
    echo = rng.normal(0, 1, t.size) * 10 ** (-3 * t / seconds)
    echo *= wet / np.sqrt((echo**2).sum())
    length = samples.size + echo.size
    return samples + np.fft.irfft(np.fft.rfft(samples, length) * np.fft.rfft(echo, length), length)[: samples.size]


def noisy(samples, rng, decibels=25.0):
    """With white noise so far below the mean of the signal."""
    return samples + rng.normal(0, np.sqrt((samples**2).mean()) * 10 ** (-decibels / 20), samples.size)


def telephone(samples):
    """Through a microphone that hears 300 Hz to 3.4 kHz, at 8,000 samples a second."""
    spectrum = np.fft.rfft(samples)
    frequency = np.arange(spectrum.size) * RATE / samples.size
    spectrum *= (frequency > 300) * (frequency < 3400)
    size = samples.size * 8_000 // RATE
    return np.fft.irfft(spectrum[: size // 2 + 1], size) * size / samples.size, 8_000


def file(samples, rate=RATE, form="WAV"):
    target = io.BytesIO()
    soundfile.write(target, 0.8 * samples / np.abs(samples).max(), rate, format=form)
    return target.getvalue()


def recorded(melody, voice, room_too, rng):
    """A file of the melody; in a room by a telephone if asked."""
    samples = play(melody, voice, rng.uniform(70, 110), rng, cents=rng.uniform(-30, 30))
    if not room_too:
        return file(samples)
    return file(*telephone(noisy(room(samples, rng), rng)))


def share_right(melody, fitted):
    """F measure of (interval to the note before, ticks since it) between what was played and what was read."""
    lines = []
    for pitch, duration in ((melody.pitch, melody.duration), (fitted.pitch, fitted.duration)):
        onset = np.cumsum([0, *duration[:-1]])
        notes = [(int(p), int(t)) for p, t in zip(pitch, onset, strict=True) if p != REST]
        lines.append([(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(notes)])
    return SequenceMatcher(None, *lines, autojunk=False).ratio()


def some_tunes(number, rng):
    parts = load(progress=False).melodies("validation", unit="parts", bars=8)
    return [parts[k]._replace(key=int(rng.integers(12))) for k in rng.integers(len(parts), size=number)]


@pytest.mark.parametrize("voice", VOICES)
def test_a_played_tune_is_written_down(voice):
    rng = np.random.default_rng(3)
    for melody in some_tunes(1, rng):
        fitted = melody_of(recorded(melody, voice, False, rng), metre=METRES[melody.metre])
        assert share_right(melody, fitted) > 0.9
        assert fitted.error_max > 0


def test_a_whistled_tune_is_written_down_in_a_room_by_telephone():
    rng = np.random.default_rng(4)
    shares = [
        share_right(melody, melody_of(recorded(melody, "whistle", True, rng), metre=METRES[melody.metre]))
        for melody in some_tunes(2, rng)
    ]
    assert np.mean(shares) > 0.85


@pytest.mark.bench
@pytest.mark.parametrize(("room_too", "least"), [(False, 0.93), (True, 0.85)])
def test_the_stated_accuracy_holds(room_too, least):
    """Mean share of notes with the right interval and the right time since the note before; the metre is given."""
    rng = np.random.default_rng(5)
    means = {}
    for voice in VOICES:
        shares = [
            share_right(melody, melody_of(recorded(melody, voice, room_too, rng), metre=METRES[melody.metre]))
            for melody in some_tunes(25, rng)
        ]
        means[voice] = float(np.mean(shares))
    print({voice: round(mean, 3) for voice, mean in means.items()})
    assert min(means.values()) > least - 0.1
    assert np.mean(list(means.values())) > least


def test_pitch_is_found_whatever_the_tuning_and_the_partials():
    t = np.arange(RATE) / RATE
    for pitch in (40, 57, 69, 81, 93):
        for cents in (-30, 0, 40):
            frequency = 440 * 2 ** ((pitch + cents / 100 - 69) / 12)
            for partials in ((1.0,), (0.3, 1.0, 0.6, 0.4)):  # the second is louder than the fundamental
                tone = sum(a * np.sin(2 * np.pi * frequency * (k + 1) * t) for k, a in enumerate(partials))
                path = track_pitch(pitch_candidates(0.3 * tone))
                assert (path[10:-10] == pitch).mean() > 0.95, (pitch, cents, partials)


def test_a_note_that_is_struck_again_is_two_notes():
    rng = np.random.default_rng(0)
    task = Task(bars=1)
    for voice in VOICES:
        tones = play(melody_from_notes([67] * 4, [12] * 4, task), voice, 90, rng)
        assert [note.pitch for note in transcribe(tones)] == [67 + 12 * VOICES[voice].octave] * 4, voice


def test_who_sinks_while_singing_is_followed():
    melody = melody_from_notes([60, 62, 64, 65, 67, 65, 64, 62] * 8, [12] * 64, Task(bars=16))
    path = [note.pitch for note in transcribe(play(melody, "singer", 100, np.random.default_rng(0)))]
    assert np.diff(path).tolist() == np.diff(melody.pitch).tolist()


def test_vibrato_is_no_trill():
    t = np.arange(2 * RATE) / RATE
    angle = 2 * np.pi * np.cumsum(440 * 2 ** (0.45 * np.sin(2 * np.pi * 5.5 * t) / 12)) / RATE
    assert [note.pitch for note in transcribe(0.4 * np.sin(angle))] == [69]


@pytest.mark.parametrize("form", ["WAV", "FLAC", "MP3"])
def test_every_kind_of_file_is_heard_alike(form):
    rng = np.random.default_rng(1)
    samples = play(melody_from_notes([60, 62, 64, 65, 67, 65, 64, 60], [6] * 8, Task(bars=1)), "plucked", 90, rng)
    sketch = read_recording(file(samples, form=form))
    pitches = [note.pitch for note in sketch.voices[0].notes]
    assert pitches == [60, 62, 64, 65, 67, 65, 64, 60]


def test_resampling_keeps_the_pitch_and_the_length():
    for rate in (8_000, 16_000, 44_100, 48_000, 96_000):
        t = np.arange(rate) / rate
        moved = resample(np.sin(2 * np.pi * 440 * t), rate)
        assert abs(moved.size - RATE) <= RATE / 10
        assert np.abs(np.fft.rfft(moved[:RATE], RATE)).argmax() == pytest.approx(440, abs=1)


BAD = {
    "silent": (np.zeros(RATE), "it is silent"),
    "short": (np.ones(500), "less than a tenth of a second"),
    "noise": (np.random.default_rng(0).normal(0, 0.2, 2 * RATE), "no melody is heard"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_recording_without_a_melody_is_a_problem(name):
    samples, reason = BAD[name]
    target = io.BytesIO()
    soundfile.write(target, samples, RATE, format="WAV")
    with pytest.raises(Unreadable, match=reason):
        read_recording(target.getvalue())


def test_a_long_recording_is_refused_before_it_is_read():
    target = io.BytesIO()
    soundfile.write(target, np.zeros(8_000 * 301, dtype=np.int16), 8_000, format="WAV")
    with pytest.raises(Unreadable, match="301 s, more than 300"):
        read_recording(target.getvalue())


def test_a_recording_is_read_like_any_file(tmp_path):
    rng = np.random.default_rng(7)
    (tmp_path / "hum.wav").write_bytes(recorded(some_tunes(1, rng)[0], "fiddle", False, rng))
    tune = read(tmp_path / "hum.wav", tempo=90)
    assert tune.title == "hum"
    assert 60 < tune.tempo < 130
    assert any("estimated" in notice for notice in tune.notices)
