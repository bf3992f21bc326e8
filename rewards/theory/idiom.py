"""Idiom: how usual are the intervals and the rhythms?  Mean log-probabilities under tables counted in real tunes.

The tables ship beside this file, where the cache of compiled functions sees them change; ``python -m
experiments.calibrate`` makes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import REST, SIXTEENTH
from musicenv.files import write_atomic
from musicenv.jit import compiled
from musicenv.melody import Melody
from musicenv.task import METRES, MODES, TUNE_MODES
from rewards.rules import statistic
from rewards.tallies import Numbers, tally
from rewards.theory.frame import place_in_beat, too_short

TABLES: Final = Path(__file__).with_suffix(".json")

WIDEST: Final = 12
"""Wider intervals count as this one, in semitones."""
TRIPLET: Final = 64
"""Bit of a beat's pattern that says that a note begins off the sixteenth grid; bits 0..5 are its sixteenths."""
PATTERNS: Final = 128
BACKOFF: Final = 20.0
"""Notes (beats) that the pooled distribution counts for, against those of one degree and mode (one metre)."""

Table = npt.NDArray[np.float64]


def load_tables() -> tuple[Table, Table]:
    """``(modes of tunes, 12, 25)`` log p(interval | mode, degree), ``(metres, 128)`` log p(onsets in beat | metre)."""
    try:
        shipped = json.loads(TABLES.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileNotFoundError(
            f"{TABLES} is missing; reinstall the package, or see experiments/calibrate.py"
        ) from error
    return np.array(shipped["interval"], dtype=np.float64), np.array(shipped["beat"], dtype=np.float64)


_INTERVAL, _BEAT = load_tables()
_LIKE: Final = {"phrygian": "minor", "lydian": "major"}
"""For modes without tunes, the one whose intervals are expected."""
_INTERVAL = _INTERVAL[[TUNE_MODES.index(_LIKE.get(mode, mode)) for mode in MODES]]


@compiled
def _interval_index(interval: int) -> int:
    return min(max(interval, -WIDEST), WIDEST) + WIDEST


@tally(2)
def _log_probs(melody: Melody, k: int, sums: Numbers) -> None:
    """The sum of log p of the intervals in nats, and how many these are."""
    if k > 0 and melody.pitch[k] != REST and melody.pitch[k - 1] != REST:
        before = melody.pitch[k - 1]
        sums[0] += _INTERVAL[melody.mode, before % 12, _interval_index(melody.pitch[k] - before)]
        sums[1] += 1


@statistic(tally=_log_probs)
def melodic_idiom(melody: Melody, sums: Numbers) -> float:
    """Mean log p(interval | degree of the scale it leaves, mode), in nats per interval.

    Source: Temperley, Music and Probability (2007), ch. 4; Larson's melodic forces are in the counts.
    """
    if too_short(melody):
        return np.nan
    return sums[0] / sums[1] if sums[1] else np.nan


_BITS: Final = np.array([1 << place // SIXTEENTH if place % SIXTEENTH == 0 else TRIPLET for place in range(18)])
"""Bit of an onset by its ticks after the beat."""
_STRUCK: Final = np.where(np.arange(PATTERNS) > 0, _BEAT, 0.0)
"""``_BEAT`` of beats in which a note begins, 0 for one without."""


@tally(4)
def _struck_beats(melody: Melody, k: int, sums: Numbers) -> None:
    """The sum of log p of the beats in which a note begins, in nats, and how many these are, without the last of them:
    its pattern and its first tick."""
    onset = melody.onset[k]
    if onset >= 0 and melody.pitch[k] != REST:
        place = place_in_beat(melody, onset)
        if onset - place != sums[3]:
            sums[0] += _STRUCK[melody.metre, int(sums[2])]
            sums[1] += sums[2] > 0
            sums[2], sums[3] = 0, onset - place
        sums[2] = int(sums[2]) | _BITS[place]


@statistic(tally=_struck_beats)
def rhythmic_idiom(melody: Melody, sums: Numbers) -> float:
    """Mean log p(pattern of onsets in a beat | metre), in nats per beat from the first downbeat on.

    Source: Temperley, Music and Probability (2007), ch. 3, with whole beats in place of single positions.
    """
    if too_short(melody):
        return np.nan
    beats = -(-melody.time // melody.beat)
    total, struck = sums[0] + _STRUCK[melody.metre, int(sums[2])], sums[1] + (sums[2] > 0)
    return float((total + (beats - struck) * _BEAT[melody.metre, 0]) / beats)


@compiled
def _count_intervals(melody: Melody, counts: Table) -> None:
    for k in range(1, melody.pitch.size):
        if melody.pitch[k] != REST and melody.pitch[k - 1] != REST:
            interval = _interval_index(melody.pitch[k] - melody.pitch[k - 1])
            counts[melody.mode, melody.pitch[k - 1] % 12, interval] += 1.0


@compiled
def _count_beats(melody: Melody, counts: Table) -> None:
    patterns = np.zeros(-(-melody.time // melody.beat), dtype=np.int64)
    for k in range(melody.pitch.size):
        onset = melody.onset[k]
        if onset >= 0 and melody.pitch[k] != REST:
            patterns[onset // melody.beat] |= _BITS[onset % melody.beat]
    for pattern in patterns:
        counts[melody.metre, pattern] += 1.0


def _smoothed(counts: Table) -> Table:
    """Log-probabilities along the last axis: counts, backed off to the pooled counts, those to the uniform."""
    size = counts.shape[-1]
    pooled = counts.reshape(-1, size).sum(axis=0) + 1.0
    pooled /= pooled.sum()
    likely = counts + BACKOFF * pooled
    return np.asarray(np.log(likely / likely.sum(axis=-1, keepdims=True)).round(3))


def write_tables(interval: Table, beat: Table) -> Path:
    """Ship the two tables, as ``count_tables`` returns them."""
    rows = [f'"interval": [\n{_rows(interval)}\n]', f'"beat": [\n{_rows(beat)}\n]']
    return write_atomic(TABLES, "{\n" + ",\n".join(rows) + "\n}\n")


def _rows(table: Table) -> str:
    return ",\n".join(json.dumps(row) for row in table.tolist())


def count_tables(melodies: Iterable[Melody]) -> tuple[Table, Table]:
    """The two tables, counted in ``melodies``."""
    intervals = np.zeros((len(TUNE_MODES), 12, 2 * WIDEST + 1))
    beats = np.zeros((len(METRES), PATTERNS))
    for melody in melodies:
        _count_intervals(melody, intervals)
        _count_beats(melody, beats)
    return _smoothed(intervals), _smoothed(beats)
