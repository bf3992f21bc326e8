"""Recordings of one voice or instrument (WAV, MP3, FLAC), by soundfile: from samples to notes."""

from __future__ import annotations

import io
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from musicenv.reading.pitch import HOP_SECONDS, RATE, pitch_candidates, track_pitch
from musicenv.reading.problem import MAX_SECONDS, Unreadable
from musicenv.reading.sketch import Note, Sketch, Voice

Floats = npt.NDArray[np.float64]

_SILENCE: Final = 1e-4
"""Peak amplitude (1 is full scale) below which there is nothing to hear."""
_SHORTEST: Final = 0.06
"""Seconds; what is shorter is a glide or a slip between two notes."""
_STRIKE: Final = 6.0
"""Decibels by which the loudness has to rise for a note to be struck again."""
_STRIKE_FRAMES: Final = 6
"""Frames in which it has to rise so much."""


def read_recording(content: bytes) -> Sketch:
    """The notes of a recording, times in seconds."""
    try:
        import soundfile
    except ImportError as error:  # an extra
        raise Unreadable("recordings need soundfile", "pip install 'musicenv[audio]'") from error
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            rate, seconds = file.samplerate, file.frames / max(file.samplerate, 1)
            if not 4_000 <= rate <= 384_000 or file.channels > 8:
                raise Unreadable(f"{rate} Hz in {file.channels} channels is no recording", "save it as plain WAV")
            if seconds > MAX_SECONDS:
                raise Unreadable(f"it lasts {seconds:,.0f} s, more than {MAX_SECONDS:.0f}", "cut out the melody first")
            samples = file.read(int(MAX_SECONDS * rate), dtype="float32", always_2d=True)
    except Unreadable:
        raise
    except Exception as error:  # libsndfile's own errors, and numpy's on absurd headers
        reason = " ".join(str(getattr(error, "error_string", error)).split())[:120]
        raise Unreadable(f"it is no recording that can be read ({reason})", "save it as plain WAV") from error
    mono = np.nan_to_num(samples.astype(np.float64)).clip(-8.0, 8.0).mean(axis=1)
    if mono.size < rate // 10:
        raise Unreadable("it lasts less than a tenth of a second", "record the whole melody")
    if np.abs(mono - mono.mean()).max() < _SILENCE:
        raise Unreadable("it is silent", "check the microphone and record again")
    notes = transcribe(resample(mono - mono.mean(), rate))
    if len(notes) < 2:
        raise Unreadable("no melody is heard in it", "record one voice or instrument alone, near the microphone")
    sketch = Sketch([Voice("recording", notes)], seconds=True)
    sketch.notices.append(f"{len(notes)} notes are heard; tempo and rhythm are estimated")
    return sketch


def resample(samples: Floats, rate: int) -> Floats:
    """(n,) samples at ``rate`` Hz -> at RATE Hz, by cutting the spectrum (no frequency above the new half is kept)."""
    if rate == RATE:
        return samples
    # Padded to whole tenths of a second, so that both lengths are whole and no large prime slows the transform.
    tenths = -(-samples.size * 10 // rate)
    padded = np.zeros(-(-tenths * rate // 10))
    padded[: samples.size] = samples
    length = round(padded.size * RATE / rate)
    spectrum = np.fft.rfft(padded)
    moved = np.zeros(length // 2 + 1, dtype=complex)
    kept = min(spectrum.size, moved.size)
    moved[:kept] = spectrum[:kept]
    return np.asarray(np.fft.irfft(moved, length) * (length / padded.size))


def transcribe(samples: Floats) -> list[Note]:
    """The notes of (n,) samples at RATE Hz, times in seconds."""
    candidates = pitch_candidates(samples)
    path = track_pitch(candidates)
    changes = np.flatnonzero(np.diff(path)) + 1
    stretches = list(pairwise([0, *changes.tolist(), path.size]))
    shortest = round(_SHORTEST / HOP_SECONDS)
    strikes = _strikes(candidates.loudness)
    notes: list[Note] = []
    for begin, end in stretches:
        if path[begin] == 0 or end - begin < shortest:
            continue
        inside = strikes[(strikes > begin + shortest) & (strikes < end - shortest)].tolist()
        for start, stop in pairwise([begin, *inside, end]):
            notes.append(Note(int(path[begin]), start * HOP_SECONDS, stop * HOP_SECONDS))
    return notes


def _strikes(loudness: Floats) -> npt.NDArray[np.int64]:
    """Frames at which the loudness (decibels, a value a frame) jumps up: where a note may be struck again."""
    before = np.full(loudness.size, np.inf)
    after = np.full(loudness.size, -np.inf)
    for lag in range(_STRIKE_FRAMES):
        before[lag:] = np.minimum(before[lag:], loudness[: loudness.size - lag])
        after[: loudness.size - lag] = np.maximum(after[: loudness.size - lag], loudness[lag:])
    rise = after - before
    found: list[int] = []
    for k in np.flatnonzero(rise > _STRIKE).tolist():
        if found and k - found[-1] <= 2 * _STRIKE_FRAMES:
            if rise[k] > rise[found[-1]]:
                found[-1] = k
        else:
            found.append(k)
    return np.array(found, dtype=np.int64)
