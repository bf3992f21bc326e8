"""What a state of counterpoint is worth: a linear function of features of what the rules read, learned from tasks that
are solved exactly (``python -m experiments.train_values``).

Each feature is one of several cases, and each case has a weight: points that are still to be gained, as far as they
differ between lines that end at the same time.  So a value is a sum of a few numbers out of a table, and a beam can ask
for one at every state (linear value functions over such tuples: Silver, Sutton and Müller, 2007, for Go).
"""

from __future__ import annotations

from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import REST, SIXTEENTH
from musicenv.counterpoint.space import TIME_UNIT, WHOLE, Integers, Space, unpack
from musicenv.jit import compiled
from musicenv.kernel import END, SIDE, TIME
from rewards.rules import Suite
from rewards.summaries import (
    CLIMAX_IN_PLACE,
    CLIMAXES,
    DEGREES,
    HIGHEST_SO_FAR,
    IMPERFECTS,
    LEAPS,
    LOWEST_SO_FAR,
    RUN,
    SUMMARIES,
    TURNING,
)
from rewards.voices import height

BARS, PHASES, PARTS, TWELFTHS = 16, 4, 4, 12
"""Cases of the bars that are left, the quarter of the bar, the quarter of the piece and the twelfth."""
CLIMAX, RANGE, MISSING, LEAPT, RUNS, THIRDS, SEVEN, SIDES = 6, 26, 8, 4, 21, 16, 128, 2
"""Cases of: how often the highest note was heard and whether in its place; semitones between the lowest and the highest
note; degrees that are missing; leaps; the run; imperfects in a row; the degrees heard; below or above."""
APART, MOVE = 64, 32
"""Cases of a distance in semitones between two heights, and of one between successive notes."""
FEATURES: Final = {
    "left": BARS,
    "left, range": BARS * RANGE,
    "left, climax": BARS * CLIMAX,
    "left, missing": BARS * MISSING,
    "left, leaps": BARS * LEAPT,
    "left, imperfects": BARS * THIRDS,
    "left, degrees": BARS * SEVEN,
    "left, above the final": BARS * APART,
    "left, phase, side, above the next given note": BARS * PHASES * SIDES * APART,
    "twelfth, climax": TWELFTHS * CLIMAX,
    "part, climax, range": PARTS * CLIMAX * RANGE,
    "climax, below the highest": CLIMAX * APART,
    "run, leaps, missing": RUNS * LEAPT * MISSING,
    "run, from where it turned": RUNS * APART,
    "run, side, above the next given note": RUNS * SIDES * APART,
    "phase, side, above the given note": PHASES * SIDES * APART,
    "phase, the last two moves": PHASES * MOVE * MOVE,
    "phase, imperfects, move": PHASES * THIRDS * MOVE,
}
"""Cases of each feature."""
_FIRST: Final = np.array([0, *accumulate(FEATURES.values())], dtype=np.int64)
N_FEATURES: Final = len(FEATURES)
N_WEIGHTS: Final = int(_FIRST[-1])
Weights = npt.NDArray[np.float32]
UNKNOWN: Final[Weights] = np.zeros(0, dtype=np.float32)
"""Weights where nothing was learned: a beam goes by what was gained alone."""
FILE: Final = Path(__file__).with_name("values.npz")


@compiled
def _case(value: int, cases: int) -> int:
    return min(max(value, 0), cases - 1)


@compiled
def _apart(one: int, other: int, cases: int) -> int:
    """Case of the distance of two heights, of which 0 is none."""
    return _case(one - other + cases // 2, cases) if one > 0 and other > 0 else 0


@compiled
def cases_of(space: Space, key: int, out: Integers) -> None:
    """Write the places of its weights into ``out`` (N_FEATURES,) for the state ``key``; overwrites the room of
    ``space``."""
    known = unpack(space, key)
    time, end, side = space.frame[TIME], space.frame[END], int(space.frame[SIDE] > 0)
    now, following = space.given[max(time // SIXTEENTH - 1, 0)], space.given[time // SIXTEENTH]
    given, next_given, final = height(now), height(following), height(space.given[space.given.size - 1])
    last, before, third = 0, 0, 0
    if known > 0 and space.pitch[known - 1] != REST:
        last = height(space.pitch[known - 1])
    if known > 1 and space.pitch[known - 2] != REST:
        before = height(space.pitch[known - 2])
    if known > 2 and space.pitch[known - 3] != REST:
        third = height(space.pitch[known - 3])
    summary = space.summary
    lowest, highest, heard = summary[LOWEST_SO_FAR], summary[HIGHEST_SO_FAR], summary[DEGREES]
    left, phase = _case((end - time + WHOLE - 1) // WHOLE, BARS), time // TIME_UNIT % PHASES
    twelfth = _case(time * TWELFTHS // end, TWELFTHS)
    climax = 2 * summary[CLIMAXES] + summary[CLIMAX_IN_PLACE]
    wide = _case(highest - lowest, RANGE)
    missing = 7
    for degree in range(7):
        missing -= heard >> degree & 1
    leapt, run, thirds = _case(summary[LEAPS], LEAPT), _case(summary[RUN], RUNS), _case(summary[IMPERFECTS], THIRDS)
    move, earlier = _apart(last, before, MOVE), _apart(before, third, MOVE)
    over_next = _apart(last, next_given, APART)
    out[0] = left
    out[1] = left * RANGE + wide
    out[2] = left * CLIMAX + climax
    out[3] = left * MISSING + missing
    out[4] = left * LEAPT + leapt
    out[5] = left * THIRDS + thirds
    out[6] = left * SEVEN + heard
    out[7] = left * APART + _apart(last, final, APART)
    out[8] = ((left * PHASES + phase) * SIDES + side) * APART + over_next
    out[9] = twelfth * CLIMAX + climax
    out[10] = (twelfth // 3 * CLIMAX + climax) * RANGE + wide
    out[11] = climax * APART + _apart(highest, last, APART)
    out[12] = (run * LEAPT + leapt) * MISSING + missing
    out[13] = run * APART + _apart(last, summary[TURNING], APART)
    out[14] = (run * SIDES + side) * APART + over_next
    out[15] = (phase * SIDES + side) * APART + _apart(last, given, APART)
    out[16] = (phase * MOVE + move) * MOVE + earlier
    out[17] = (phase * THIRDS + thirds) * MOVE + move
    for feature in range(N_FEATURES):
        out[feature] += _FIRST[feature]


@compiled
def all_cases(space: Space, keys: Integers, out: Integers) -> None:
    """``cases_of`` each of ``keys`` (n,), into ``out`` (n, N_FEATURES)."""
    for k in range(keys.size):
        cases_of(space, keys[k], out[k])


@compiled
def value_of(space: Space, key: int, weights: Weights, cases: Integers) -> float:
    """What the state ``key`` is expected to gain, in points; overwrites the room of ``space`` and ``cases``."""
    cases_of(space, key, cases)
    value = 0.0
    for case in cases:
        value += weights[case]
    return value


@cache
def _learned(file: Path) -> dict[str, Any]:
    with np.load(file) as found:
        return {name: found[name].astype(np.float32) for name in found.files if name.startswith("species")}


def weights_for(suite: Suite, species: int) -> Weights:
    """(N_WEIGHTS,) what was learned for a species, where the suite keeps all the summaries that the features read;
    else UNKNOWN."""
    if len(suite.summaries) < len(SUMMARIES):
        return UNKNOWN
    weights: Weights = _learned(FILE).get(f"species_{species}", UNKNOWN)
    return weights
