"""Figures of a set of pieces that are not the reward: repetition, endings, key, variety."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from musicenv.alphabet import REST
from musicenv.keys import SCALES
from musicenv.melody import Melody
from musicenv.task import MODES
from rewards.theory.form import question_and_answer


def repeated_ngrams(melody: Melody, n: int = 8) -> float:
    """Share of notes inside a run of ``n`` notes (pitch and duration) that occurs more than once in the piece."""
    notes = list(zip(melody.pitch.tolist(), melody.duration.tolist(), strict=True))
    runs = [tuple(notes[i : i + n]) for i in range(len(notes) - n + 1)]
    often = Counter(runs)
    inside = np.zeros(len(notes), dtype=np.bool_)
    for i, run in enumerate(runs):
        if often[run] > 1:
            inside[i : i + n] = True
    return float(inside.mean())


def ends_on_tonic(melody: Melody) -> bool:
    """Whether the last note that sounds is the tonic."""
    sounding = melody.pitch[melody.pitch != REST]
    return sounding.size > 0 and int(sounding[-1]) % 12 == 0


def in_key(melody: Melody) -> float:
    """Share of sounding notes in the mode's scale."""
    sounding = melody.pitch[melody.pitch != REST]
    return float(np.isin(sounding % 12, SCALES[MODES[melody.mode]]).mean()) if sounding.size else float("nan")


def distinct(melodies: Sequence[Melody]) -> int:
    """Number of different pieces: pitches and durations."""
    return len({(melody.pitch.tobytes(), melody.duration.tobytes()) for melody in melodies})


def of_pieces(melodies: Sequence[Melody]) -> dict[str, float]:
    """Means over the pieces, and how many of them differ."""
    return {
        "notes": float(np.mean([len(melody.pitch) for melody in melodies])),
        "ends_on_tonic": float(np.mean([ends_on_tonic(melody) for melody in melodies])),
        "in_key": float(np.nanmean([in_key(melody) for melody in melodies])),
        "answer_similarity": float(np.nanmean([question_and_answer(melody) for melody in melodies])),
        "repeated_8grams": float(np.mean([repeated_ngrams(melody) for melody in melodies])),
        "distinct": distinct(melodies),
        "pieces": len(melodies),
    }
