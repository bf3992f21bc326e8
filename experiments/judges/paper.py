"""The nine metrics of the Sequence Tutor paper, on any melodies, beside the columns that it prints.

Source: Jaques, Gu, Bahdanau, Hernandez-Lobato, Turner and Eck 2017, Sequence Tutor: Conservative Fine-Tuning of
Sequence Generation Models with KL-control, ICML, table 1; definitions by its text and by ``rl_tuner`` in Magenta,
written anew.

A melody is read as the paper's events, one for each sixteenth: a pitch where a note begins, NOTE_OFF where a rest
begins, NO_EVENT while either lasts.  Of notes that begin inside one sixteenth (triplets) the last counts.  Where text
and program differ the text holds: a hold is a hold (the program takes it for a rest), only tones can be repeated too
often, the key is the piece's own and its tonic counts in any octave.  The paper's pieces have two bars of 4/4; in
longer ones a highest note is less often unique and a motif has more room to return.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import REST, SIXTEENTH
from musicenv.keys import SCALES
from musicenv.melody import Melody
from musicenv.task import MODES

Events = npt.NDArray[np.int64]

NO_EVENT: Final = 0
NOTE_OFF: Final = 1
FIRST_PITCH: Final = 2
"""Greater events, and this one, are pitches: ``FIRST_PITCH + MIDI pitch - LOWEST_PITCH``."""
LOWEST_PITCH: Final = 48
"""MIDI pitch of the paper's lowest note, a C."""
MOTIF: Final = 8
"""Sixteenths."""
FIFTH: Final = 7
"""Semitones of the least leap."""
PATIENCE: Final = 6
"""Sixteenths that have to pass before a leap back answers a leap."""


def events(melody: Melody) -> Events:
    """(sixteenths,) the paper's events from the first note to the end, pick-up included."""
    place = (melody.onset.astype(np.int64) - melody.start) // SIXTEENTH
    out = np.full(-(-(melody.time - melody.start) // SIXTEENTH), NO_EVENT, dtype=np.int64)
    out[place] = np.where(melody.pitch == REST, NOTE_OFF, melody.pitch - LOWEST_PITCH + FIRST_PITCH)
    return out


def excessive(line: Events) -> int:
    """Notes that come after more than four of the same pitch with nothing between, or after more than six where holds
    or rests lie between.
    """
    count, pitch, times, between = 0, NO_EVENT, 0, False
    for event in line.tolist():
        if event < FIRST_PITCH:
            between = True
            continue
        if event != pitch:
            pitch, times, between = event, 0, False
        count += times > (6 if between else 4)
        times += 1
    return count


def autocorrelation(line: Events, lag: int) -> float:
    """Of the events as numbers: sum of x[t] x[t + lag] by n times the variance, x the deviation from the mean; NaN
    where nothing changes.
    """
    x = line - line.mean()
    return float((x[lag:] * x[:-lag]).mean() * (x.size - lag) / x.size / x.var()) if x.any() else float("nan")


def leaps(line: Events) -> tuple[int, int]:
    """How many leaps of a fifth or more are resolved and how many doubled.

    Resolved: the line comes back to the note that was left, or leaps back after more than PATIENCE sixteenths (sooner:
    neither).  Doubled: another leap the same way before that.
    """
    resolved = doubled = direction = left = since = 0
    before = None
    for event in line.tolist():
        since += 1
        if event < FIRST_PITCH:
            continue
        interval = 0 if before is None else event - before
        if abs(interval) >= FIFTH:
            if direction == 0:
                direction, left = (1 if interval > 0 else -1), event - interval
            elif direction * interval > 0:
                doubled += 1
            else:
                resolved += since > PATIENCE + 1
                direction = 0
            since = 0
        elif direction and direction * (event - left) <= 0:
            resolved, direction = resolved + 1, 0
        before = event
    return resolved, doubled


def motifs(line: Events) -> tuple[int, int]:
    """At how many sixteenths the last MOTIF events have three pitches or more, and at how many of these they also came
    before without overlapping.
    """
    if line.size < MOTIF:
        return 0, 0
    windows = [tuple(window) for window in np.lib.stride_tricks.sliding_window_view(line, MOTIF).tolist()]
    is_motif = [len({event for event in window if event >= FIRST_PITCH}) >= 3 for window in windows]
    first = {window: k for k, window in reversed(list(enumerate(windows)))}
    again = [first[window] <= k - MOTIF for k, window in enumerate(windows)]
    return sum(is_motif), sum(m and a for m, a in zip(is_motif, again, strict=True))


class Metric(NamedTuple):
    """A row of the paper's table."""

    text: str
    better: Literal["more", "less", "near 0"]
    published: tuple[float, float, float, float, float]
    """As COLUMNS."""

    def badness(self, value: float) -> float:
        """Less is better."""
        return {"more": -value, "less": value, "near 0": abs(value)}[self.better]


COLUMNS: Final = ("Note RNN", "Q", "Psi", "G", "random")
"""Four from the paper, 100,000 pieces each.  The last is not the paper's: uniform play of its 38 events, two bars of
4/4, measured with its program."""

METRICS: Final = {
    "repeated": Metric("notes excessively repeated, %", "less", (63.3, 0.0, 0.02, 0.03, 0.001)),
    "autocorrelation_1": Metric("mean autocorrelation, lag 1", "near 0", (-0.16, -0.11, -0.10, 0.55, -0.03)),
    "autocorrelation_2": Metric("mean autocorrelation, lag 2", "near 0", (0.14, 0.03, -0.01, 0.31, -0.02)),
    "autocorrelation_3": Metric("mean autocorrelation, lag 3", "near 0", (-0.13, 0.03, 0.01, 0.17, -0.03)),
    "not_in_key": Metric("notes not in key, %", "less", (0.1, 1.0, 0.6, 28.7, 39.6)),
    "starts_on_tonic": Metric("pieces that start on the tonic, %", "more", (0.9, 28.8, 28.7, 0.0, 2.7)),
    "leaps_resolved": Metric("leaps resolved, %", "more", (77.2, 91.1, 90.0, 52.2, 2.7)),
    "unique_highest": Metric("pieces with a unique highest note, %", "more", (64.7, 56.4, 59.4, 37.1, 65.5)),
    "unique_lowest": Metric("pieces with a unique lowest note, %", "more", (49.4, 51.9, 58.3, 56.5, 64.0)),
    "in_motif": Metric("notes in a motif, %", "more", (5.9, 75.7, 73.8, 69.3, 78.1)),
    "in_repeated_motif": Metric("notes in a repeated motif, %", "more", (0.007, 0.11, 0.09, 0.01, 0.0)),
}
"""The nine metrics, the second of which has three lags.  A "note" in "notes ... %" is an event, that is a sixteenth."""


def metrics(melodies: Sequence[Melody]) -> dict[str, float]:
    """The METRICS of a set of pieces, in their units; NaN where nothing is there to count (no leap at all)."""
    lines = [events(melody) for melody in melodies]
    steps = sum(line.size for line in lines)
    sounding = [line[line >= FIRST_PITCH] for line in lines]
    resolved, doubled = np.sum([leaps(line) for line in lines], axis=0).tolist()
    in_motif, again = np.sum([motifs(line) for line in lines], axis=0).tolist()
    tonic = [line[0] >= FIRST_PITCH and (line[0] - FIRST_PITCH) % 12 == 0 for line in lines]
    out = {f"autocorrelation_{lag}": _mean([autocorrelation(line, lag) for line in lines]) for lag in (1, 2, 3)}
    out |= {
        "repeated": 100 * sum(map(excessive, lines)) / steps,
        "not_in_key": 100 * sum(map(_not_in_key, melodies, sounding)) / steps,
        "starts_on_tonic": 100 * float(np.mean(tonic)),
        "leaps_resolved": 100 * resolved / (resolved + doubled) if resolved + doubled else float("nan"),
        "unique_highest": 100 * float(np.mean([(s == s.max()).sum() == 1 for s in sounding if s.size] or [0])),
        "unique_lowest": 100 * float(np.mean([(s == s.min()).sum() == 1 for s in sounding if s.size] or [0])),
        "in_motif": 100 * in_motif / steps,
        "in_repeated_motif": 100 * again / steps,
    }
    return {name: out[name] for name in METRICS}


def _mean(values: Sequence[float]) -> float:
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else float("nan")


def _not_in_key(melody: Melody, sounding: Events) -> int:
    return int((~np.isin((sounding - FIRST_PITCH) % 12, SCALES[MODES[melody.mode]])).sum())


def won_by_random() -> list[str]:
    """The metrics at which uniform play is at least as good as each of the paper's three learners."""
    return [
        name
        for name, metric in METRICS.items()
        if metric.badness(metric.published[-1]) <= min(map(metric.badness, metric.published[1:-1]))
    ]
