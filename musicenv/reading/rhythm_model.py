"""How often, in real tunes, a note begins where, and how long it is until the next one: ``rhythm_model.json``.

python -m musicenv.reading.rhythm_model     (counts again, and writes the file)
"""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import REST
from musicenv.files import write_atomic
from musicenv.task import BAR_TICKS, BEAT_TICKS, METRES

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FILE: Final = Path(__file__).with_suffix(".json")
VALUES: Final[Ints] = np.array(sorted({*range(3, 49, 3), *range(54, 97, 6), 4, 8, 16, 20}), dtype=np.int64)
"""Times between two onsets that are thought of, in ticks."""
_SMOOTHING: Final = 0.01
"""Share of every distribution that is spread evenly over what was never counted."""


class RhythmModel(NamedTuple):
    """Costs, in nats, of the rhythm of a line in one metre.  P places of a bar, D = len(VALUES)."""

    tick: Ints
    """(P,) ticks from the downbeat."""
    first: Floats
    """(P,) of the first note there."""
    last: Floats
    """(P,) of the last note there."""
    source: Ints
    """(P, D) index of the place from which a value leads here."""
    value: Floats
    """(P, D) of that value, given the place where it begins; infinite where there is no such way."""
    metre: float
    """Of the metre itself."""


@cache
def rhythm_model(metre: str) -> RhythmModel:
    """The model of one of METRES."""
    counts = json.loads(FILE.read_text(encoding="utf-8"))
    number = METRES.index(metre)
    bar = BAR_TICKS[number]
    thirds = range(0, bar, 4) if BEAT_TICKS[number] == 12 else ()
    ticks = sorted({*range(0, bar, 3), *thirds})
    index = {tick: k for k, tick in enumerate(ticks)}
    mine = counts[metre]
    source = np.zeros((len(ticks), VALUES.size), dtype=np.int64)
    value = np.full(source.shape, np.inf)
    costs = {tick: _costs(mine["next"].get(str(tick), {}), VALUES.tolist()) for tick in ticks}
    for to, tick in enumerate(ticks):
        for way, ticks_between in enumerate(VALUES.tolist()):
            begin = (tick - ticks_between) % bar
            if begin in index and not (begin % 3 and tick % 3 and ticks_between not in (4, 8)):
                source[to, way] = index[begin]
                value[to, way] = costs[begin][way]
    tunes = {name: sum(counts[name]["first"].values()) for name in METRES}
    return RhythmModel(
        tick=np.array(ticks, dtype=np.int64),
        first=_costs(mine["first"], ticks),
        last=_costs(mine["last"], ticks),
        source=source,
        value=value,
        metre=-float(np.log(tunes[metre] / sum(tunes.values()))),
    )


def _costs(counts: dict[str, int], outcomes: list[int]) -> Floats:
    """-log of the smoothed share of each outcome."""
    found = np.array([counts.get(str(outcome), 0) for outcome in outcomes], dtype=np.float64)
    even = np.full(found.size, 1.0 / found.size)
    share = found / found.sum() if found.sum() else even
    return np.asarray(-np.log((1 - _SMOOTHING) * share + _SMOOTHING * even))


def count() -> dict[str, dict[str, object]]:
    """The counts, over the training side of the corpus."""
    from musicenv.corpus import load

    corpus = load()
    out: dict[str, dict[str, object]] = {}
    for metre in METRES:
        first: Counter[int] = Counter()
        last: Counter[int] = Counter()
        following: dict[int, Counter[int]] = {}
        for melody in corpus.melodies("train", unit="parts", metre=metre):
            onset = melody.onset[melody.pitch != REST].astype(int)
            places = (onset % melody.bar).tolist()
            first[places[0]] += 1
            last[places[-1]] += 1
            for place, between in zip(places[:-1], np.diff(onset).tolist(), strict=True):
                following.setdefault(place, Counter())[between] += 1
        out[metre] = {
            "first": dict(sorted(first.items())),
            "last": dict(sorted(last.items())),
            "next": {place: dict(sorted(values.items())) for place, values in sorted(following.items())},
        }
    return out


if __name__ == "__main__":
    print(write_atomic(FILE, json.dumps(count(), indent=1) + "\n"))
