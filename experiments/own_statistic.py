"""Calibrating a statistic of one's own: a curve from real parts and fakes, and what it tells on held-out ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from experiments.fakes import FAKES, fakes
from experiments.fitting import FLOOR, SHARES, TYPICAL, wins
from experiments.runs import print_table
from musicenv.appraisal import Appraisal, appraise
from musicenv.corpus import load
from musicenv.corpus.corpus import Split
from musicenv.melody import Melody
from rewards.calibration import Calibrated, Form, fit_curve, sample
from rewards.priors import hear, load_prior
from rewards.rules import Rule, Suite, Term

REAL: Final = "real"


def calibrate_statistic(
    statistic: Rule, form: Form, weight: float = FLOOR, fakes_of_a_kind: int = 200, seed: int = 0
) -> Calibrated:
    """The curve of a statistic from all training parts of eight bars and fakes of each kind, which count as in
    ``experiments.calibrate``; if it reads the prior, from validation parts, which the prior was not trained on.
    """
    of_prior = Suite((Term(statistic),)).needs_prior
    pieces = _pieces("validation" if of_prior else "train", fakes_of_a_kind, seed)
    shares = TYPICAL if of_prior else SHARES
    real = pieces.pop(REAL)
    values, metres, counts = (
        np.concatenate(columns)
        for columns in zip(
            *(
                (_judged(Term(statistic), made).values[:, 0], _metres(made), np.full(len(made), shares.get(kind, 1.0)))
                for kind, made in pieces.items()
            ),
            strict=True,
        )
    )
    genuine = sample(_judged(Term(statistic), real).values[:, 0], _metres(real))
    return Calibrated(weight, fit_curve(genuine, sample(values, metres, counts), form)).weighing(weight)


def report_statistic(statistic: Rule, found: Calibrated, fakes_of_a_kind: int = 200, seed: int = 1) -> None:
    """Print, on held-out parts: the median of the statistic in each kind of pieces, how many pass, and the share of
    pairs in which the real part scores higher.
    """
    pieces = {
        kind: _judged(Term(statistic, *found), made) for kind, made in _pieces("test", fakes_of_a_kind, seed).items()
    }
    real = pieces[REAL].scores[:, 0]
    rows = [
        [
            kind,
            float(np.nanmedian(a.values)),
            float(a.passed.mean()),
            None if kind == REAL else wins(real, a.scores[:, 0]),
        ]
        for kind, a in pieces.items()
    ]
    print_table(rows, ["pieces", "median", "pass", "real wins"])


def _pieces(split: Split, count: int, seed: int) -> dict[str, list[Melody]]:
    """Real parts of eight bars, and fakes of each kind."""
    parts = load(progress=False).melodies(split, bars=8)
    return {REAL: parts} | {kind: fakes(kind, parts, count, seed) for kind in FAKES}


def _judged(term: Term, melodies: Sequence[Melody]) -> Appraisal:
    suite = Suite((term,))
    return appraise(suite, hear(load_prior("lstm"), melodies) if suite.needs_prior else melodies)


def _metres(melodies: Sequence[Melody]) -> npt.NDArray[np.int64]:
    return np.array([melody.metre for melody in melodies], dtype=np.int64)
