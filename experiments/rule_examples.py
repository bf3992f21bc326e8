"""A real part that passes a rule, and the same part changed until it fails that rule and as few others as possible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from experiments.fakes import FAKES
from experiments.fitting import ENTRIES, Measured, measure, score
from experiments.rule_edits import Edit, changed_notes, edits
from musicenv.corpus.corpus import Source
from musicenv.melody import Melody
from musicenv.task import METRES
from rewards.calibration import Calibrated
from rewards.priors import Prior, hear

Floats = npt.NDArray[np.float64]

# What makes a failing piece a bad example, in units of one further rule that it fails.
ELSEWHERE: Final = 2.0
"""It is no change of the passing piece."""
OTHER_METRE: Final = 0.5
"""Its metre is not 4/4, which the plots show."""
SHOWN: Final = 0.3
"""Its tune is shown already: for each time."""
ORDINARY: Final = 0.5
"""Its value lies between those that all but ``TAIL`` of real parts have, on either side: in a gap of the curve."""
UNLIKE_FAKES: Final = 0.5
"""It errs to the side to which none of the fakes that fail do."""
A_NOTE: Final = 0.02
"""Each changed note: of two changes the smaller one shows more clearly what is wrong."""
CLEAR: Final = 1.0
"""A piece that is below the threshold by this score, or more, fails clearly."""

TAIL: Final = 0.02
BEST: Final = 0.6
"""A passing part scores as well as this share of those it is chosen from."""
ROUNDS: Final = 4
"""A change may be changed again so often."""


class Candidates(NamedTuple):
    """n pieces that may be shown."""

    melodies: list[Melody]
    what: list[str]
    """What was done to the tune; for a piece from elsewhere what it is."""
    tune: npt.NDArray[np.int64]
    """(n,) index of the tune of which it is a change; -1 for none."""
    changes: npt.NDArray[np.int64]
    """(n,) how many of its notes are not in the tune."""
    values: Floats
    """(n, S) statistics in the order of ENTRIES."""
    scores: Floats
    """(n, S) before weights."""
    passes: npt.NDArray[np.bool_]
    """(n, S)"""


class Example(NamedTuple):
    """Two pieces for one rule."""

    passing: Melody
    source: Source
    """Where the passing piece comes from."""
    failing: Melody
    what: str
    changed: npt.NDArray[np.bool_] | None
    """(n,) which notes of the failing piece are not in the passing one; None for a piece from elsewhere."""
    values: tuple[float, float]
    """The statistic of both."""
    scores: tuple[float, float]
    threshold: float
    """The score from which a piece in the metre of the failing one passes."""
    besides: tuple[str, ...]
    """The other rules that the failing piece fails."""


def exemplary(
    items: Sequence[tuple[Melody, Source]], found: Mapping[str, Calibrated], tunes: int, longest: int, seed: int
) -> list[tuple[Melody, Source]]:
    """Up to ``tunes`` of those ``items`` that pass all rules and have at most ``longest`` notes, one part of a tune."""
    passes = score(measure([melody for melody, _ in items]), found)[1].all(axis=1)
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(passes))
    short = {items[k][1].tune.title: items[k] for k in rows if items[k][0].pitch.size <= longest}
    if not short:
        raise ValueError("no real part passes all rules; look at the calibration before you show it")
    return list(short.values())[:tunes]


class Showcase:
    """Finds an example for each rule, each time with a tune that was shown as little as possible."""

    def __init__(
        self,
        prior: Prior,
        tunes: Sequence[tuple[Melody, Source]],
        real: Measured,
        others: Mapping[str, Sequence[Melody]],
        found: Mapping[str, Calibrated],
        seed: int,
    ) -> None:
        """``tunes`` are shown passing; ``others`` (what they are -> pieces) may be shown failing, as changes of the
        tunes are, and fakes made of these by ``seed``.  ``real`` says what is ordinary.
        """
        self.prior, self.tunes, self.found = prior, tunes, found
        self.shown = np.zeros(len(tunes), dtype=np.int64)
        """(tunes,) how often each was shown."""
        metres = range(len(METRES))
        self.ordinary = np.array(
            [_quantiles(real.values[real.metre == metre], (TAIL, 0.5, 1 - TAIL)) for metre in metres]
        )
        """(metres, 3, S) low end, median and high end of what real parts are."""
        self.own = self._judged([(k, Edit(melody, "unchanged")) for k, (melody, _) in enumerate(tunes)])
        rng = np.random.default_rng(seed)
        pool = [(-1, Edit(melody, what)) for what, pieces in others.items() for melody in pieces]
        for k, (melody, _) in enumerate(tqdm(tunes, desc="changing tunes", leave=False)):
            pool += [(k, edit) for edit in edits(melody)]
            pool += [(k, Edit(make(melody, rng), f"as a fake of the kind `{kind}`")) for kind, make in FAKES.items()]
        self.pool = self._judged(pool)

    def choose(self, rule: int) -> Example:
        """The clearest example for a rule (index into ENTRIES); where nothing can fail it, with what scores least."""
        own = self.own.scores[:, rule]
        good = own >= np.quantile(own, BEST) - 1e-9
        given, costs = self.pool, self._costs(rule, self.pool, good)
        row = self._best(rule, given, costs)
        start = int(np.where(given.tune < 0, np.inf, costs).argmin())
        climbed, last = self._climb(rule, given, start, good)
        if self._cost(rule, climbed, last, good) < costs[row] and not climbed.passes[last, rule]:
            given, row = climbed, last
        tune = int(given.tune[row])
        if tune < 0:
            other_metre = np.array([melody.metre for melody, _ in self.tunes]) != given.melodies[row].metre
            tune = int((self.shown + 100 * ~good + 10 * other_metre).argmin())
        self.shown[tune] += 1
        passing, source = self.tunes[tune]
        failing, entry = given.melodies[row], ENTRIES[rule]
        failed = [ENTRIES[k].statistic.name for k in np.flatnonzero(~given.passes[row]) if k != rule]
        return Example(
            passing=passing,
            source=source,
            failing=failing,
            what=given.what[row],
            changed=changed_notes(failing, passing) if given.tune[row] >= 0 else None,
            values=(float(self.own.values[tune, rule]), float(given.values[row, rule])),
            scores=(float(own[tune]), float(given.scores[row, rule])),
            threshold=float(self.found[entry.statistic.name].curve.threshold[failing.metre]),
            besides=tuple(failed),
        )

    def _judged(self, pieces: Sequence[tuple[int, Edit]]) -> Candidates:
        """Pieces, each with its tune, as the rules judge them."""
        melodies = [edit.melody for _, edit in pieces]
        groups = [melodies[k : k + 1024] for k in range(0, len(melodies), 1024)]
        quiet = len(groups) < 8
        heard = [
            m for group in tqdm(groups, "judging changes", leave=False, disable=quiet) for m in hear(self.prior, group)
        ]
        tune = np.array([number for number, _ in pieces], dtype=np.int64)
        changes = [
            int(changed_notes(melody, self.tunes[number][0]).sum()) if number >= 0 else 0
            for melody, number in zip(melodies, tune, strict=True)
        ]
        measured = measure(heard)
        what = [edit.what for _, edit in pieces]
        return Candidates(heard, what, tune, np.array(changes), measured.values, *score(measured, self.found))

    def _costs(self, rule: int, given: Candidates, good: npt.NDArray[np.bool_]) -> Floats:
        """(n,) how bad an example each piece is; infinite for changes of tunes that are not ``good`` (tunes,)."""
        metre = np.array([melody.metre for melody in given.melodies])
        value = given.values[:, rule]
        failed_by = self.found[ENTRIES[rule].statistic.name].curve.threshold[metre] - given.scores[:, rule]
        low, median, high = self.ordinary[metre, :, rule].T
        others = (~given.passes).sum(axis=1) - ~given.passes[:, rule]
        elsewhere = given.tune < 0
        cost = others + A_NOTE * given.changes - np.minimum(failed_by / CLEAR, 1.0)
        cost = cost + np.where(elsewhere, ELSEWHERE, SHOWN * self.shown[given.tune])
        cost += OTHER_METRE * (metre != METRES.index("4/4")) + ORDINARY * ((low <= value) & (value <= high))
        cost += UNLIKE_FAKES * np.where(value > median, 1 - self._above(rule), self._above(rule))
        return np.where(np.isnan(value) | ~(elsewhere | good[given.tune]), np.inf, cost)

    def _cost(self, rule: int, given: Candidates, row: int, good: npt.NDArray[np.bool_]) -> float:
        return float(self._costs(rule, given, good)[row])

    def _above(self, rule: int) -> float:
        """Share of the pieces from elsewhere that fail the rule which are above what is usual."""
        fails = (self.pool.tune < 0) & ~self.pool.passes[:, rule]
        metre = np.array([self.pool.melodies[k].metre for k in np.flatnonzero(fails)], dtype=np.int64)
        above = self.pool.values[fails, rule] > self.ordinary[metre, 1, rule]
        return float(above.mean()) if above.size else 0.5

    def _best(self, rule: int, given: Candidates, costs: Floats) -> int:
        """The least bad piece of those that fail; where none does, of those that score least."""
        fails = ~given.passes[:, rule] & np.isfinite(costs)
        if not fails.any():
            fails = given.scores[:, rule] <= given.scores[np.isfinite(costs), rule].min() + 0.01
        return int(np.where(fails, costs, np.inf).argmin())

    def _climb(self, rule: int, given: Candidates, row: int, good: npt.NDArray[np.bool_]) -> tuple[Candidates, int]:
        """A changed tune changed again, as long as that makes it a better example."""
        for _ in range(ROUNDS - 1):
            costs = self._costs(rule, given, good)
            tune, what = int(given.tune[row]), given.what[row]
            failed = ~given.passes[row]
            if failed[rule] and failed.sum() == 1:
                break
            further = [(tune, edit._replace(what=f"{what}, then {edit.what}")) for edit in edits(given.melodies[row])]
            judged = self._judged(further)
            again = self._costs(rule, judged, good)
            if not again.size or again.min() >= costs[row]:
                break
            given, row = judged, int(again.argmin())
        return given, row


def _quantiles(values: Floats, shares: Sequence[float]) -> Floats:
    """(shares, S) quantiles of the columns of ``values`` (n, S), NaN left out; NaN where nothing is left."""
    columns = [column[np.isfinite(column)] for column in values.T]
    return np.array([np.quantile(c, shares) if c.size else np.full(len(shares), np.nan) for c in columns]).T
