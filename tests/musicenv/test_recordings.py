"""Recordings: tunes are sung and played by a synthesiser, recorded badly, and read back."""

import numpy as np
import pytest

from musicenv.melody import sounding_pitch
from musicenv.reading.pitch import RATE

soundfile = pytest.importorskip("soundfile")

VOICES = {
    # partials, attack s, decay per s, vibrato (semitones, Hz), glide s, gap s between notes
    "hum": ((1.0, 0.35, 0.12, 0.05), 0.05, 0.3, (0.35, 5.5), 0.06, 0.05),
    "whistle": ((1.0, 0.04), 0.03, 0.2, (0.15, 6.0), 0.03, 0.04),
    "fiddle": ((1.0, 0.8, 0.6, 0.5, 0.35, 0.25, 0.2), 0.03, 0.3, (0.25, 6.0), 0.02, 0.02),
    "plucked": ((1.0, 0.6, 0.4, 0.2, 0.1), 0.004, 4.0, (0.0, 1.0), 0.0, 0.0),
}


def play(melody, voice, beats_per_minute, rng, rate=RATE, cents=0.0):
    """(n,) samples of a melody as a person plays it: unsteady, with vibrato, glides and changing loudness."""
    partials, attack, decay, (depth, speed), glide, gap = VOICES[voice]
    tick = 60.0 / beats_per_minute / melody.beat
    wander = np.clip(np.cumsum(rng.normal(0, 0.008, melody.pitch.size)), -0.12, 0.12)
    seconds = melody.duration * tick * (1 + wander)
    times = 0.3 + np.concatenate([[0], np.cumsum(seconds)])
    times[:-1] += rng.normal(0, 0.01, melody.pitch.size)
    out = np.zeros(int((times[-1] + 0.5) * rate))
    phase, last = 0.0, None
    loudness = 0.4 * np.exp(np.cumsum(rng.normal(0, 0.08, melody.pitch.size)).clip(-0.5, 0.5))
    for pitch, begin, end, loud in zip(sounding_pitch(melody), times[:-1], times[1:], loudness, strict=True):
        if pitch is None:
            last = None
            continue
        t = np.arange(int((end - begin - gap) * rate)) / rate
        height = pitch + cents / 100 + depth * np.sin(2 * np.pi * speed * t) * np.clip(t / 0.15, 0, 1)
        if last is not None and glide:
            height += (last - pitch) * np.exp(-t / (glide / 3))
        angle = phase + 2 * np.pi * np.cumsum(440 * 2 ** ((height - 69) / 12)) / rate
        wave = sum(a * np.sin((k + 1) * angle) for k, a in enumerate(partials))
        shape = np.clip(t / attack, 0, 1) * np.exp(-decay * t) * np.clip((t[-1] - t) / 0.03, 0, 1)
        start = int(begin * rate)
        out[start : start + t.size] += loud * shape * wave / sum(partials)
        phase, last = angle[-1] % (2 * np.pi), pitch
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


def heard(melody, notes, tolerance=0.09):
    """F measure of the notes: pitch equal, onset within ``tolerance`` seconds of one and only one."""
    true, free = melody, list(notes)
    hits = 0
    for pitch, onset in true:
        match = next((n for n in free if n.pitch == pitch and abs(n.start - onset) <= tolerance), None)
        if match is not None:
            free.remove(match)
            hits += 1
    return 2 * hits / (len(true) + len(notes)) if notes else 0.0
