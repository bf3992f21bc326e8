"""Melodies as the prior's training data: features before each note, and the action that came."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import DURATIONS, HIGHEST, LOWEST, N_DURATIONS, REST
from musicenv.melody import Melody
from rewards.priors.features import N_FEATURES, NOTHING, piece_features

UNKNOWN = -1
"""Action of a note outside the alphabet: it is heard, but never asked for."""


class Example(NamedTuple):
    """One melody."""

    features: npt.NDArray[np.int16]
    """(n, N_FEATURES)"""
    action: npt.NDArray[np.int16]
    """(n,) the notes as actions; UNKNOWN where a note is outside the alphabet."""
    melody: Melody


class Batch(NamedTuple):
    """Examples of about one length, padded at their ends."""

    features: npt.NDArray[np.int16]
    """(examples, steps, N_FEATURES)"""
    action: npt.NDArray[np.int64]
    """(examples, steps); UNKNOWN in the padding."""


def actions_of(melody: Melody) -> npt.NDArray[np.int16]:
    """The notes of a melody as actions (n,); UNKNOWN for those outside the alphabet."""
    length = np.full(max(DURATIONS) + 1, -1)
    length[list(DURATIONS)] = np.arange(N_DURATIONS)
    duration = np.where(melody.duration < length.size, length[np.minimum(melody.duration, length.size - 1)], -1)
    inside = (melody.pitch >= LOWEST) & (melody.pitch <= HIGHEST)
    pitch = np.where(melody.pitch == REST, 0, np.where(inside, melody.pitch - LOWEST + 1, -1))
    known = (pitch >= 0) & (duration >= 0)
    return np.where(known, pitch * N_DURATIONS + duration, UNKNOWN).astype(np.int16)


def example_of(melody: Melody) -> Example:
    """A melody as training data."""
    return Example(_features(melody, melody.pitch), actions_of(melody), melody)


ENDING: Final = 2
"""Bars of a melody's ending."""


def misheard(example: Example, share: float, ending: float, rng: np.random.Generator) -> Example:
    """The example after notes of which a ``share``, drawn at random, is another one of the melody's pitches; of the
    notes of the last two bars the share is ``ending``.

    Whoever learns to go on from wrong notes finds back when it plays some itself (data noising, Xie et al. 2017), and
    above all comes home at the end, wherever it is.
    """
    melody = example.melody
    pitch, at_end = melody.pitch, melody.onset >= melody.end - ENDING * melody.bar
    is_wrong = rng.random(pitch.size) < np.where(at_end, ending, share)
    heard = np.where(is_wrong, rng.choice(pitch, pitch.size), pitch)
    return example._replace(features=_features(melody, heard))


def _features(melody: Melody, pitch: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
    frame = (melody.start, melody.end, melody.bar, melody.metre, melody.mode, melody.style)
    return piece_features(pitch, melody.onset, melody.duration, *frame)


def batches(examples: Sequence[Example], notes: int, rng: np.random.Generator | None = None) -> Iterator[Batch]:
    """Batches of about ``notes`` notes of examples of about one length; in random order where ``rng`` is given."""
    lengths = np.array([example.action.size for example in examples], dtype=np.float64)
    # Shuffled lengths blur the order, so that an example doesn't always meet the same neighbours.
    order = np.argsort(lengths if rng is None else lengths * rng.uniform(0.9, 1.1, lengths.size), kind="stable")
    groups: list[list[int]] = []
    longest = 0
    for index in order:
        longest = max(longest, int(lengths[index]))
        if not groups or (len(groups[-1]) + 1) * longest > notes:
            groups.append([])
            longest = int(lengths[index])
        groups[-1].append(int(index))
    if rng is not None:
        rng.shuffle(groups)
    for group in groups:
        yield padded([examples[index] for index in group])


def padded(examples: Sequence[Example]) -> Batch:
    """Examples side by side."""
    steps = max(example.action.size for example in examples)
    features = np.zeros((len(examples), steps, N_FEATURES), dtype=np.int16)
    features[..., 0] = NOTHING
    action = np.full((len(examples), steps), UNKNOWN, dtype=np.int64)
    for row, example in enumerate(examples):
        features[row, : example.action.size] = example.features
        action[row, : example.action.size] = example.action
    return Batch(features, action)
