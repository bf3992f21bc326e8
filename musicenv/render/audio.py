"""A melody as sound: its MIDI played on the soundfont that ships (extra ``audio``).

Measured on one busy core: a minute of sound takes .5 s, its MP3 3 s more; the first call .5 s more to load.
Eight pieces of eight bars are MP3 files of 140 to 210 kB each in 6 s.
"""

from __future__ import annotations

from io import BytesIO
from math import ceil
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from musicenv.files import atomic_path
from musicenv.melody import Melody
from musicenv.render.extras import need
from musicenv.render.midi import MIDI_TICKS, midi_score
from musicenv.render.performance import Performance
from musicenv.render.soundfont import soundfont

Samples = npt.NDArray[np.float32]

RATE: Final = 48_000
"""Samples per second, of WAV and MP3 too."""
MONO_RATE: Final = RATE // 2
TAIL: Final = 1.5
"""Seconds after the last note in which it dies away."""
FADE: Final = 0.1
"""Seconds at the end of the tail that are faded out, lest the sound ends in a click."""
PEAK: Final = 0.89
"""Highest absolute value of a sample at loudness 1, -1 dBFS: an MP3 swings a little higher than what it encodes."""
MP3_LEVEL: Final = 0.5
"""Compression between 0 (largest file) and 1, about 115 kbit/s."""
_ALL_NOTES_OFF: Final = 123


def samples(melody: Melody, performance: Performance | None = None) -> Samples:
    """The sound of a melody: ``(n, 2)`` float32 within -PEAK..PEAK at RATE, n = seconds of the melody and of TAIL."""
    how = performance or Performance()
    length = round((how.seconds(melody) + TAIL) * RATE)
    played = np.zeros((length, 2), np.float32)
    sound = _play(melody, how)[:length]
    played[: len(sound)] = sound
    # The synthesiser is quiet, and how quiet depends on the instrument.
    highest = float(np.abs(played).max())
    played *= PEAK * how.loudness / highest if highest else 0.0
    fade = round(FADE * RATE)
    played[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)[:, None]
    return played


def mono(stereo: Samples) -> Samples:
    """``(n, 2)`` samples at RATE as ``(ceil(n / 2),)`` at MONO_RATE: half the data, and all that a melody needs."""
    taps = np.arange(-32, 33)
    halfband = np.sinc(taps / 2) / 2 * np.blackman(len(taps) + 2)[1:-1]
    filtered = np.convolve(stereo.mean(axis=1), halfband.astype(np.float32), mode="same")
    return filtered[::2].astype(np.float32)


def to_wav(melody: Melody, path: Path, performance: Performance | None = None) -> Path:
    """Write the sound of a melody as WAV, 16 bit stereo at RATE."""
    return _write(samples(melody, performance), path, format="WAV", subtype="PCM_16")


def to_mp3(melody: Melody, path: Path, performance: Performance | None = None) -> Path:
    """Write the sound of a melody as MP3, stereo at RATE with variable bit rate."""
    sound = samples(melody, performance)
    return _write(sound, path, format="MP3", bitrate_mode="VARIABLE", compression_level=MP3_LEVEL)


def mp3_bytes(melody: Melody, performance: Performance | None = None) -> bytes:
    """A small MP3 for pages: mono at MONO_RATE, half the size of ``to_mp3`` in a quarter of the time."""
    buffer = BytesIO()
    options = {"format": "MP3", "bitrate_mode": "VARIABLE", "compression_level": MP3_LEVEL}
    need("soundfile").write(buffer, mono(samples(melody, performance)), MONO_RATE, **options)
    return buffer.getvalue()


def _write(sound: Samples, path: Path, **options: str | float) -> Path:
    with atomic_path(path) as temporary:
        need("soundfile").write(temporary, sound, RATE, **options)
    return path


def _play(melody: Melody, performance: Performance) -> Samples:
    """``(n, 2)`` as the synthesiser gives it, a little longer than the melody and TAIL."""
    from symusic.core import ControlChangeTick

    synthesiser, soundfile = need("midirenderer"), need("soundfile")
    score = midi_score(melody, performance)
    # The synthesiser stops at the last event, which would cut the last note's tail.
    tail = ceil((TAIL + FADE) * performance.ticks_per_second(melody))
    end = (melody.time - melody.start + tail) * MIDI_TICKS
    score.tracks[0].controls.append(ControlChangeTick(end, _ALL_NOTES_OFF, 0))
    wave = synthesiser.render_wave_from(soundfont(), bytes(score.dumps_midi()))
    sound, rate = soundfile.read(BytesIO(wave), dtype="float32", always_2d=True)
    if rate != RATE or sound.shape[1] != 2:
        raise RuntimeError(f"midirenderer gave {sound.shape[1]} channels at {rate} Hz; musicenv knows two at {RATE}")
    return np.asarray(sound, np.float32)
