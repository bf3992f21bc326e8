"""The pitch of a recording of one voice: YIN with probabilities, then the likeliest sequence of semitones.

de Cheveigné and Kawahara, YIN, a fundamental frequency estimator for speech and music (2002); Mauch and Dixon, pYIN: a
fundamental frequency estimator using probabilistic threshold distributions (2014).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from musicenv.jit import compiled

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

RATE: Final = 22_050
"""Samples a second that are looked at."""
HOP: Final = 220
HOP_SECONDS: Final = HOP / RATE
"""Seconds from frame to frame."""
_WINDOW: Final = 1024
"""Samples that are compared with themselves a lag later."""
_LAGS: Final = 368
"""Longest lag in samples: 60 Hz, below a bass voice."""
_SHORTEST_LAG: Final = 8
"""2.7 kHz, above a whistle."""
_TRANSFORM: Final = 2048
_CANDIDATES: Final = 4
_CHUNK: Final = 512
"""Frames that are transformed at once."""

LOWEST_NOTE: Final = 36
HIGHEST_NOTE: Final = 100
"""MIDI pitches that are told apart."""
_WIDTH: Final = 0.45
"""Standard deviation, in semitones, of a sung pitch about its note: vibrato and all."""
_FLOOR: Final = 0.02
"""Likelihood of a frame that speaks for nothing."""
_CHANGE: Final = 8.0
"""Cost, in nats, of going from note to note; ..."""
_BREATH: Final = 5.0
"""... of going from a note to silence or back."""
_CYCLE: Final = 18
"""Frames of a cycle of vibrato, at 5.5 Hz."""
_STEADY: Final = 0.95
"""Semitones within which a pitch stays in a cycle of vibrato, and does not in a step to the next note."""
_AROUND: Final = 4.0
"""Seconds, the standard deviation of the window in which the tuning is found, ..."""
_PULL: Final = 0.05
"""... and the weight in it of the whole recording's tuning."""
_QUIET: Final = 35.0
"""Decibels below the loudest from which on a frame is taken for silence."""


class Candidates(NamedTuple):
    """What each of F frames may be."""

    pitch: Floats
    """(F, 4) fractional MIDI pitch."""
    probability: Floats
    """(F, 4); the rest is the probability that there is no pitch."""
    loudness: Floats
    """(F,) decibels."""


def pitch_candidates(samples: Floats) -> Candidates:
    """Candidates of pitch for (n,) samples at RATE Hz, a frame every HOP."""
    half = (_WINDOW + _LAGS) // 2
    padded = np.concatenate([np.zeros(half), samples, np.zeros(half + HOP)])
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW + _LAGS)[::HOP]
    pitch = np.zeros((len(frames), _CANDIDATES))
    probability = np.zeros((len(frames), _CANDIDATES))
    for begin in range(0, len(frames), _CHUNK):
        chunk = slice(begin, begin + _CHUNK)
        _choose(_difference(frames[chunk]), pitch[chunk], probability[chunk])
    sounds = pitch > 0
    pitch[sounds] = 69 + 12 * np.log2(RATE / pitch[sounds] / 440.0)
    # Loudness over 20 ms, to see the gap between two strokes on one pitch.
    short = np.lib.stride_tricks.sliding_window_view(padded[half - HOP :], 2 * HOP)[::HOP][: len(frames)]
    loudness = 10 * np.log10((short**2).mean(axis=1) + 1e-12)
    loudness = np.append(loudness, np.full(len(frames) - loudness.size, -120.0))
    return Candidates(pitch, probability, loudness)


def _difference(frames: Floats) -> Floats:
    """(F, L) YIN's cumulative mean normalised difference of (F, W + L) frames, by lag."""
    spectrum = np.fft.rfft(frames, _TRANSFORM, axis=1)
    head = np.fft.rfft(frames[:, :_WINDOW], _TRANSFORM, axis=1)
    product = np.fft.irfft(spectrum * head.conj(), _TRANSFORM, axis=1)[:, :_LAGS]
    power = np.concatenate([np.zeros((len(frames), 1)), np.cumsum(frames**2, axis=1)], axis=1)
    energy = power[:, _WINDOW : _WINDOW + _LAGS] - power[:, :_LAGS]
    difference = np.maximum(energy[:, :1] + energy - 2 * product, 0.0)
    mean = np.cumsum(difference[:, 1:], axis=1) / np.arange(1, _LAGS)
    return np.concatenate([np.ones((len(frames), 1)), difference[:, 1:] / (mean + 1e-12)], axis=1)


@compiled
def _choose(difference: Floats, lag: Floats, probability: Floats) -> None:
    """Write the likeliest lags of each frame, in samples, and their probabilities.

    Under a threshold s YIN takes the first dip below s; s is distributed as Beta(2, 18), as in pYIN, so a dip gets the
    probability of the thresholds for which it is the first.
    """
    for f in range(difference.shape[0]):
        row = difference[f]
        lowest, found = 1.0, 0
        for k in range(_SHORTEST_LAG, row.size - 1):
            if row[k - 1] < row[k] or row[k + 1] <= row[k]:
                continue
            # A parabola through three lags finds the dip between them, where high notes have it.
            bend = row[k - 1] - 2 * row[k] + row[k + 1]
            aside = 0.5 * (row[k - 1] - row[k + 1]) / bend if bend > 0 else 0.0
            dip = max(row[k] - 0.25 * (row[k - 1] - row[k + 1]) * aside, 0.0)
            if dip >= lowest:
                continue
            mass = (1 - dip) ** 18 * (1 + 18 * dip) - (1 - lowest) ** 18 * (1 + 18 * lowest)
            lowest = dip
            slot = found
            if found < lag.shape[1]:
                found += 1
            else:
                slot = 0
                for other in range(1, found):
                    if probability[f, other] < probability[f, slot]:
                        slot = other
                if probability[f, slot] >= mass:
                    continue
            lag[f, slot], probability[f, slot] = k + aside, mass


def track_pitch(candidates: Candidates) -> Ints:
    """(F,) the MIDI pitch that sounds in each frame, 0 for silence: the likeliest path (Viterbi).

    The instrument's or singer's own tuning is found first, and followed, so that notes are semitones of it.
    """
    tuning = _tuning(candidates)
    notes = np.arange(LOWEST_NOTE, HIGHEST_NOTE + 1)
    audible = candidates.loudness > candidates.loudness.max() - _QUIET
    probability = np.where(audible[:, None], candidates.probability, 0.0)
    likelihood = np.zeros((len(probability), notes.size))
    for k in range(_CANDIDATES):
        distance = (candidates.pitch[:, k] - tuning)[:, None] - notes
        likelihood += probability[:, k, None] * np.exp(-0.5 * (distance / _WIDTH) ** 2)
    silence = 1.0 - probability.sum(axis=1)
    emission = np.log(np.column_stack([silence * 0.5, likelihood]) + _FLOOR)
    return _likeliest(emission, notes)


def _tuning(candidates: Candidates) -> Floats:
    """(F,) semitones by which the notes lie above those of A = 440 Hz: the mean angle of the steady pitches around.

    Pitches are averaged over a cycle of vibrato first: at its turning points it stays longer than on its note.  Who
    sings alone sinks or rises; so the mean is over ``_AROUND`` seconds, and may go beyond half a semitone.
    """
    best = candidates.probability.argmax(axis=1)[:, None]
    pitch = np.take_along_axis(candidates.pitch, best, axis=1)[:, 0]
    clear = np.take_along_axis(candidates.probability, best, axis=1)[:, 0] > 0.5
    if not clear.any():
        return np.zeros(pitch.size)
    windows = np.lib.stride_tricks.sliding_window_view(np.where(clear, pitch, np.nan), min(_CYCLE, pitch.size))
    steady = windows.max(axis=1) - windows.min(axis=1) < _STEADY  # false where a frame is not clear
    pointing = np.zeros(pitch.size, dtype=np.complex128)
    if steady.any():
        pointing[np.flatnonzero(steady) + windows.shape[1] // 2] = np.exp(2j * np.pi * windows[steady].mean(axis=1))
    else:
        pointing[clear] = np.exp(2j * np.pi * pitch[clear])
    overall = pointing.sum() / np.abs(pointing).sum()
    reach = round(3 * _AROUND / HOP_SECONDS)
    weight = np.exp(-0.5 * (np.arange(-reach, reach + 1) * HOP_SECONDS / _AROUND) ** 2)
    around = np.convolve(pointing, weight)[reach : reach + pitch.size]
    # As in the whole recording where little is heard around.
    turned = np.unwrap(np.angle(around + _PULL * weight.sum() * overall)) / (2 * np.pi)
    return np.asarray(turned - np.round(np.median(turned)))


def _likeliest(emission: Floats, notes: Ints) -> Ints:
    """(F,) pitches, 0 for state 0, of the likeliest path through (F, 1 + N) log likelihoods."""
    came = np.zeros(emission.shape, dtype=np.int64)
    score = emission[0].copy()
    stay = np.arange(score.size)
    for f in range(1, len(emission)):
        best = int(score[1:].argmax()) + 1
        origin = stay.copy()
        moved = score.copy()
        other = max((score[best] - _CHANGE, best), (score[0] - _BREATH, 0))
        better = other[0] > moved[1:]
        moved[1:][better], origin[1:][better] = other
        if score[best] - _BREATH > moved[0]:
            moved[0], origin[0] = score[best] - _BREATH, best
        came[f] = origin
        score = moved + emission[f]
    state = int(score.argmax())
    path = np.zeros(len(emission), dtype=np.int64)
    for f in range(len(emission) - 1, -1, -1):
        path[f] = state
        state = came[f, state]
    return np.where(path > 0, notes[path - 1], 0)
