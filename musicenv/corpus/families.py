"""Families of tunes: near-duplicates, transpositions and variants, which must not lie on both sides of a split.

Two tunes are related where one of their parts is.  Candidates are parts that share rare runs of intervals (tf-idf
weighted containment; transpositions and note values do not matter).  Candidates are laid over each other bar by bar, in
every transposition: related parts sound the same pitch class in most places.  A family is what relations connect.
Nothing depends on chance, on Python's own hash or on the order of equal things.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import REST
from musicenv.corpus.tune import Part, Tune
from musicenv.jit import compiled

SPLIT: Final = (("train", 0.8), ("validation", 0.1), ("test", 0.1))

RUN: Final = 5
"""Intervals in a run."""
COMMON: Final = 300
"""A run that more parts than this contain says nothing."""
CANDIDATE: Final = 0.2
"""Share of the weight of the part with fewer runs that candidates have in common."""
SAME_RUNS: Final = 0.6
"""The share from which on parts are related, whatever their bars say, where both have LEAST_RUNS."""
LEAST_RUNS: Final = 16
SAME_PLACES: Final = 0.65
"""Share of places at which related parts sound the same pitch class.  Of random pairs of parts one in a thousand
reaches .58, variants mostly .7 to 1."""
SAME_PLACES_TITLE: Final = 0.45
"""The same for tunes of one title."""
PLACES: Final = {"2/4": 8, "4/4": 8, "3/4": 6, "6/8": 6, "9/8": 9}
"""Places of a bar at which parts are compared."""
LEAST_BARS: Final = 3.5
"""Fewer bars are not compared place by place."""


class _Line(NamedTuple):
    """A part, ready to be compared."""

    tune: int
    runs: npt.NDArray[np.int64]
    places: npt.NDArray[np.int8]
    """Pitch class that sounds at each place from the first downbeat, -1 in rests."""
    bar: int
    """Places of a bar; 0 where bars are not compared."""


def interval_runs(pitch: npt.NDArray[np.int16]) -> npt.NDArray[np.int64]:
    """The distinct runs of RUN successive intervals of a line, each as one number; repeated notes count once."""
    intervals = np.diff(pitch[pitch != REST].astype(np.int64))
    intervals = np.clip(intervals[intervals != 0], -15, 15) + 16
    if intervals.size < RUN:
        return np.zeros(0, dtype=np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(intervals, RUN)
    return np.unique(windows @ (32 ** np.arange(RUN, dtype=np.int64)))


def sounding_places(tune: Tune, part: Part) -> npt.NDArray[np.int8]:
    """Pitch class at each place of a part, from its first downbeat; -1 in rests.  Empty in other metres than five."""
    if tune.metre not in PLACES:
        return np.zeros(0, dtype=np.int8)
    beats, unit = map(int, tune.metre.split("/"))
    step = 48 * beats // unit // PLACES[tune.metre]
    ticks = np.arange(part.downbeat, part.end, step)
    note = np.searchsorted(tune.onset[part.start : part.stop], ticks, side="right") - 1
    pitch = tune.pitch[part.start : part.stop][note]
    return np.where((note < 0) | (pitch == REST), -1, pitch % 12).astype(np.int8)


@compiled
def agreement(one: npt.NDArray[np.int8], other: npt.NDArray[np.int8], bar: int, overlap: int) -> float:
    """Greatest share of places with the same pitch class, over all shifts by bars with enough overlap and all keys."""
    best = 0.0
    count = np.zeros(12, dtype=np.int64)
    for shift in range(-((other.size - overlap) // bar) * bar, one.size - overlap + 1, bar):
        first, last = max(0, shift), min(one.size, other.size + shift)
        if last - first < overlap:
            continue
        count[:] = 0
        for place in range(first, last):
            if one[place] >= 0 and other[place - shift] >= 0:
                count[(one[place] - other[place - shift]) % 12] += 1
        best = max(best, count.max() / (last - first))
    return best


def _candidates(lines: Sequence[_Line]) -> Iterator[tuple[int, int, float]]:
    """Pairs of lines of different tunes that share runs: (index, smaller index, share)."""
    names, columns = np.unique(np.concatenate([line.runs for line in lines]), return_inverse=True)
    rows = np.repeat(np.arange(len(lines)), [line.runs.size for line in lines])
    counts = np.bincount(columns, minlength=names.size)
    weight = np.log(len(lines) / counts)
    total = np.bincount(rows, weight[columns], minlength=len(lines))
    holders = np.split(rows[np.argsort(columns, kind="stable")], np.cumsum(counts)[:-1])
    tune = np.array([line.tune for line in lines])
    for row, own in enumerate(np.split(columns, np.cumsum([line.runs.size for line in lines])[:-1])):
        own = own[counts[own] <= COMMON]
        if not own.size:
            continue
        others = np.concatenate([holders[column] for column in own])
        shared = np.bincount(others, np.repeat(weight[own], counts[own]), minlength=len(lines))[:row]
        share = shared / np.maximum(np.minimum(total[:row], total[row]), 1e-9)
        for other in np.flatnonzero((share >= CANDIDATE) & (tune[:row] != tune[row])).tolist():
            yield row, other, float(share[other])


def _title(tune: Tune) -> str:
    """A title without article, subtitle and signs."""
    title = re.sub(r"--.*|\(.*", "", tune.title.lower())
    return re.sub(r"[^a-z]", "", re.sub(r"^(the|a) |, (the|a)\b", "", title.strip(' "')))


def _related(one: _Line, other: _Line, share: float, same_title: bool) -> bool:
    if share >= SAME_RUNS and min(one.runs.size, other.runs.size) >= LEAST_RUNS:
        return True
    shorter = min(one.places.size, other.places.size)
    if one.bar != other.bar or shorter < LEAST_BARS * one.bar or not one.bar:
        return False
    overlap = max(int(LEAST_BARS * one.bar), 3 * shorter // 4)
    return agreement(one.places, other.places, one.bar, overlap) >= (SAME_PLACES_TITLE if same_title else SAME_PLACES)


def families(tunes: Sequence[Tune]) -> list[int]:
    """For each tune the index of the first tune of its family."""
    lines = [
        _Line(k, interval_runs(tune.pitch[p.start : p.stop]), sounding_places(tune, p), PLACES.get(tune.metre, 0))
        for k, tune in enumerate(tunes)
        for p in tune.parts
    ]
    first = list(range(len(tunes)))

    def find(k: int) -> int:
        while first[k] != k:
            first[k] = first[first[k]]
            k = first[k]
        return k

    def join(one: int, other: int) -> None:
        low, high = sorted((find(one), find(other)))
        first[high] = low

    titles = [_title(tune) for tune in tunes]
    origins: dict[str, int] = {}
    for k, tune in enumerate(tunes):
        join(k, origins.setdefault(f"{tune.collection}/{tune.source.split('/')[0]}", k))
    for row, other, share in _candidates(lines):
        one, two = lines[row].tune, lines[other].tune
        if find(one) != find(two):
            same_title = titles[one] == titles[two] != ""
            if _related(lines[row], lines[other], share, same_title):
                join(one, two)
    return [find(k) for k in range(len(tunes))]


def split_of(name: str) -> str:
    """Side of the split of the family with this name: "train", "validation" or "test", by a hash of the name."""
    place = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64
    for side, share in SPLIT:
        if place < share:
            return side
        place -= share
    return SPLIT[-1][0]
