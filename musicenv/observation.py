"""What the agent sees: one flat float32 vector with a named layout, and the mask of legal actions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import DURATIONS, HIGHEST, LOWEST, N_DURATIONS, N_PITCHES, REST
from musicenv.jit import compiled, inlined
from musicenv.kernel import (
    BAR,
    END,
    HIGH,
    KEY,
    LENGTH,
    LOW,
    METRE,
    MODE,
    START,
    STYLE,
    TIME,
    durations_that_fit,
    read_state,
)
from musicenv.lookback import note_at
from musicenv.reference import ask_for, put
from musicenv.task import METRES, STYLES, TONICS, TUNE_MODES
from rewards.priors.features import SPANS

HISTORY: Final = 8
"""Notes whose pitch and duration are given as numbers."""
LOOKBACK: Final = (1, 2, 4, 8)
"""Bars ago at which the same place is looked up."""
_MIDDLE: Final = 70.0
_OCTAVE: Final = 12.0
_BAR_CAP: Final = 8
_PLACES: Final = 18

FEATURES: Final = {
    "pitch": N_PITCHES,
    "duration": N_DURATIONS,
    "history": 3 * HISTORY,
    "place": _PLACES + 2,
    "bar": 2 * _BAR_CAP + 3,
    "metre": len(METRES),
    "mode": len(TUNE_MODES),
    "key": len(TONICS),
    "style": len(STYLES),
    "range": 2,
    "lookback": 5 * len(LOOKBACK),
    "legal": N_DURATIONS,
}
"""Name and size of each block, in order.

pitch, duration: one-hot of the newest note (zeros before the first); history: (pitch - 70)/12, whether it sounds and
duration/12 quarters of the last 8 notes, newest first; place: one-hot sixteenth in the bar, whether off the sixteenth
grid, place in the bar 0..1; bar: one-hot bar number mod 8, one-hot bars left (capped at 8), ticks left in the
last bar / bar (1 before it), share of the piece composed; metre, mode, key, style: one-hot; range:
lowest and highest so far, (pitch - 70)/12; lookback: for 1, 2, 4 and 8 bars ago at this place (pitch - 70)/12, whether
it sounds, whether it begins here, ticks to its end / 12, and whether the newest note copied what stood there; legal:
which durations may come next.
"""
_OFFSETS: Final = np.concatenate([[0], np.cumsum(list(FEATURES.values()))]).astype(np.int64)
N_FEATURES: Final = int(_OFFSETS[-1])
U: Final = np.uint64
"""Indices that can't be negative: numba asks of the others whether they count from the end."""
_PITCH, _DURATION, _HISTORY, _PLACE, _BAR, _METRE, _MODE, _KEY, _STYLE, _RANGE, _LOOKED, _LEGAL = map(U, _OFFSETS[:-1])
_LOOKBACK: Final = np.array(LOOKBACK, dtype=np.int64)
_SEARCH: Final = np.array([1 + SPANS.index(bars) for bars in LOOKBACK])
"""Which of the prior's searches each is; its half bar comes first."""
_TICKS: Final = np.array(DURATIONS, dtype=np.int64)
_INDEX_OF: Final = np.searchsorted(_TICKS, np.arange(_TICKS[-1] + 1))
"""Index of a duration by its ticks."""
_QUARTERS: Final = (np.arange(_TICKS[-1] + 1) / 12.0).astype(np.float32)
"""Ticks in quarters."""
_HEIGHT: Final = ((np.arange(HIGHEST + 1) - _MIDDLE) / _OCTAVE * (np.arange(HIGHEST + 1) != REST)).astype(np.float32)
"""Relative pitch as the agent sees it; 0 for a rest."""


def layout(terms: int = 0, more: Mapping[str, int] = MappingProxyType({})) -> dict[str, slice]:
    """Where each block lies: FEATURES, ``terms`` (scores so far) and ``more`` blocks, by name and size, such as a
    prior's ``hidden`` state and ``log_probs``, which come last."""
    sizes = {**FEATURES, "terms": terms, **more}
    out, begin = {}, 0
    for name, size in sizes.items():
        if size:
            out[name] = slice(begin, begin + size)
            begin += size
    return out


def composed_at(where: Mapping[str, slice]) -> int:
    """Where an observation of this layout has the share of the piece that is composed, 0 to 1."""
    return int(where["bar"].stop) - 1


@inlined
def mask_one(state: Any, i: int, mask: npt.NDArray[np.int8]) -> int:
    """Write the legal actions of melody i into ``mask`` (A,); a bit for each duration that fits."""
    fitting = durations_that_fit(state.lines.frame[i])
    put(state.masks[U(fitting)], mask)
    return int(fitting)


@compiled
def observe_masks(block: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], mask: npt.NDArray[np.int8]) -> None:
    """``mask_one`` for each of ``rows`` of the ``State`` in ``block``: into ``mask[rows]``."""
    state = read_state(block)
    for i in rows:
        mask_one(state, i, mask[i])


@inlined
def ask_for_observed(state: Any, x: npt.NDArray[np.float32]) -> None:
    """Have what ``observe_one`` writes of ``x`` (D,) brought into the cache; the rest lies row after row, and is."""
    ask_for(x[: N_FEATURES + state.lines.scores.shape[1]])


@compiled
def observe_one(
    state: Any, i: int, x: npt.NDArray[np.float32], mask: npt.NDArray[np.int8], terms: npt.NDArray[np.float64]
) -> None:
    """Write the FEATURES of melody i and the scores of its terms into ``x`` (D,), legal actions into ``mask`` (A,), and
    the scores again, as they are, into ``terms`` (S,).

    ``state`` is a reference.  What the prior says of the next note is the caller's to add.
    """
    lines = state.lines
    frame = lines.frame[i]
    n, time, bar, end, start = frame[LENGTH], frame[TIME], frame[BAR], frame[END], frame[START]
    pitch, onset, ticks = lines.notes[i, 0], lines.notes[i, 1], lines.notes[i, 2]
    x[:N_FEATURES] = 0.0
    one, newest = U(1), U(max(n - 1, 0))
    if n > 0:
        last = pitch[newest]
        x[_PITCH + U(last - LOWEST + 1 if last != REST else 0)] = 1.0
        x[_DURATION + U(_INDEX_OF[U(ticks[newest])])] = 1.0
    at = _HISTORY
    for k in range(U(min(n, HISTORY))):
        p = pitch[newest - k]
        x[at] = _HEIGHT[U(p)]
        x[at + one] = p != REST
        x[at + U(2)] = _QUARTERS[U(ticks[newest - k])]
        at += U(3)
    number = time // bar
    place = time - number * bar
    sixteenth = U(place) // U(3)
    x[_PLACE + sixteenth] = 1.0
    x[_PLACE + U(_PLACES)] = sixteenth * U(3) != U(place)
    x[_PLACE + U(_PLACES + 1)] = place / bar
    left = end - time
    x[_BAR + U(number & (_BAR_CAP - 1))] = 1.0
    x[_BAR + U(_BAR_CAP) + min(U(left + bar - 1) // U(bar), U(_BAR_CAP))] = 1.0
    x[_BAR + U(2 * _BAR_CAP + 1)] = min(left / bar, 1.0)
    x[_BAR + U(2 * _BAR_CAP + 2)] = (time - start) / (end - start)
    x[_METRE + U(frame[METRE])] = 1.0
    if frame[MODE] < len(TUNE_MODES):
        x[_MODE + U(frame[MODE])] = 1.0
    x[_KEY + U(frame[KEY])] = 1.0
    x[_STYLE + U(frame[STYLE])] = 1.0
    if frame[LOW] > 0:
        x[_RANGE] = _HEIGHT[U(frame[LOW])]
        x[_RANGE + one] = _HEIGHT[U(frame[HIGH])]
    at = _LOOKED
    looked_back = state.looked_back[i]
    for k in range(_LOOKBACK.size):
        ago = _LOOKBACK[k] * bar
        there = time - ago
        if n == 0 or there < start:
            break
        # What sounded where the newest note began is mostly what the search before found.
        copied, search = onset[newest] - ago, _SEARCH[k]
        before = note_at(onset, n, max(copied, onset[0]), looked_back[search])
        j = note_at(onset, n, there, before)
        looked_back[search] = j
        x[at] = _HEIGHT[U(pitch[j])]
        x[at + one] = pitch[j] != REST
        x[at + U(2)] = onset[j] == there
        x[at + U(3)] = _QUARTERS[U(onset[j] + ticks[j] - there)]
        x[at + U(4)] = (onset[before] == copied) & (pitch[before] == pitch[newest]) & (ticks[before] == ticks[newest])
        at += U(5)
    fitting = mask_one(state, i, mask)
    for d in range(N_DURATIONS):
        x[_LEGAL + U(d)] = fitting >> d & 1
    scores, shown = lines.scores[i], x[N_FEATURES:]
    for k in range(scores.size):
        terms[k] = scores[k]
        shown[k] = min(max(scores[k], -5.0), 5.0)


@compiled
def silence(x: npt.NDArray[np.float32], told_at: int, actions: int) -> None:
    """What a prior tells in an observation ``x`` (D,) after the last note of a piece: nothing, so that all of so many
    actions are as likely."""
    x[told_at : x.size - actions] = 0.0
    x[x.size - actions :] = -np.log(actions)


@compiled
def observe(
    block: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
    out: npt.NDArray[np.float32],
    mask: npt.NDArray[np.int8],
    terms: npt.NDArray[np.float64],
) -> None:
    """``observe_one`` for each of ``rows`` of the ``State`` in ``block``: into those of ``out``, ``mask`` and
    ``terms``."""
    state = read_state(block)
    for i in rows:
        observe_one(state, i, out[i], mask[i], terms[i])


def bounds(where: Mapping[str, slice]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Least and greatest value of each component of an observation of this layout."""
    size = max(part.stop for part in where.values())
    low, high = np.zeros(size, dtype=np.float32), np.ones(size, dtype=np.float32)
    limits: dict[str, tuple[float, float]] = {
        "history": (-1.25, 4.0),
        "range": (-1.25, 1.25),
        "lookback": (-1.25, 4.0),
        "terms": (-5.0, 5.0),
        "log_probs": (-50.0, 0.0),
        "hidden": (-1.0, 1.0),
        "given": (-4.0, 4.0),
    }
    for name, (least, greatest) in limits.items():
        if name in where:
            low[where[name]], high[where[name]] = least, greatest
    return low, high
