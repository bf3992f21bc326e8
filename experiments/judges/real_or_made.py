"""Can a classifier tell made pieces from real ones?  The area under its ROC curve: .5 is best, 1 is found out.

Two classifiers, so that neither what histograms hide nor what runs of notes hide goes unseen: boosted trees on the
melodic features, and logistic regression on the tf-idf of runs of one to four notes.  They are trained on folds in
which the pieces of one family of tunes stay together, and judge the pieces that they have not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline

from experiments.fitting import wins
from experiments.judges.histograms import features
from musicenv.alphabet import REST
from musicenv.melody import Melody

Floats = npt.NDArray[np.float64]

FOLDS: Final = 5
RESAMPLES: Final = 1000
"""Of the bootstrap."""


class Area(NamedTuple):
    """Area under the ROC curve, and its 95 % interval."""

    auc: float
    low: float
    high: float


def _by_features(seed: int) -> Any:
    return HistGradientBoostingClassifier(max_iter=60, learning_rate=0.1, max_leaf_nodes=8, random_state=seed)


def _by_notes(seed: int) -> Any:
    return make_pipeline(
        TfidfVectorizer(analyzer=runs_of_notes, sublinear_tf=True, min_df=2), LogisticRegression(C=10.0, max_iter=1000)
    )


def runs_of_notes(melody: Melody) -> list[str]:
    """All runs of one to four notes, as interval from the note before (semitones, r for a rest) and ticks."""
    words, before = [], int(melody.pitch[melody.pitch != REST][:1].sum())
    for pitch, ticks in zip(melody.pitch.tolist(), melody.duration.tolist(), strict=True):
        words.append(f"r:{ticks}" if pitch == REST else f"{pitch - before}:{ticks}")
        before = before if pitch == REST else pitch
    return [" ".join(words[i : i + n]) for n in range(1, 5) for i in range(len(words) - n + 1)]


def out_of_fold(
    classifier: Any, items: Sequence[Any] | Floats, is_made: npt.NDArray[np.bool_], groups: npt.ArrayLike, seed: int
) -> Floats:
    """(n,) how likely each item is made, by a ``classifier`` fitted on the folds that hold none of its group."""
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    scores = np.zeros(is_made.size)
    for learn, ask in folds.split(np.zeros(is_made.size), is_made, groups):
        chosen = [items[i] for i in learn], [items[i] for i in ask]
        classifier.fit(chosen[0], is_made[learn])
        scores[ask] = classifier.predict_proba(chosen[1])[:, 1]
    return scores


def area(scores: Floats, is_made: npt.NDArray[np.bool_], groups: npt.ArrayLike, seed: int) -> Area:
    """AUC of ``scores``, and the interval between the 2.5th and 97.5th percentile when whole groups are drawn with
    replacement among real and made ones.
    """
    rng = np.random.default_rng(seed)
    found = []
    members = [_members(np.flatnonzero(is_made == side), np.asarray(groups)) for side in (False, True)]
    for _ in range(RESAMPLES):
        real, made = (
            scores[np.concatenate([rows[k] for k in rng.integers(len(rows), size=len(rows))])] for rows in members
        )
        found.append(wins(made, real))
    low, high = np.quantile(found, [0.025, 0.975])
    return Area(wins(scores[is_made], scores[~is_made]), float(low), float(high))


def _members(rows: npt.NDArray[np.int64], groups: npt.NDArray[Any]) -> list[npt.NDArray[np.int64]]:
    order = rows[np.argsort(groups[rows], kind="stable")]
    return np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)


def real_or_made(
    real: Sequence[Melody],
    families: Sequence[int],
    made: Sequence[Melody],
    made_families: Sequence[int] | None = None,
    seed: int = 0,
) -> dict[str, Area]:
    """``by_features`` and ``by_notes``: how well each classifier tells ``made`` pieces from ``real`` ones of
    ``families``.

    Every made piece is a family of its own, unless ``made_families`` says otherwise (for real ones put to this test).
    """
    theirs = range(len(made)) if made_families is None else made_families
    if min(len(set(families)), len(set(theirs))) < 2 * FOLDS:
        raise ValueError(f"{len(made)} made pieces and {len(set(families))} real families; give {2 * FOLDS} of each")
    pieces = [*real, *made]
    is_made = np.arange(len(pieces)) >= len(real)
    groups = np.concatenate([np.asarray(families), max(families) + 1 + np.asarray(theirs)])
    asked: dict[str, tuple[Any, Any]] = {
        "by_features": (_by_features(seed), features(pieces)),
        "by_notes": (_by_notes(seed), pieces),
    }
    out = {}
    for name, (classifier, items) in asked.items():
        out[name] = area(out_of_fold(classifier, items, is_made, groups, seed), is_made, groups, seed)
    return out
