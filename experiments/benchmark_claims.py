"""What a benchmark shows, worked out from its figures: whether goals are reached, and who lies beyond our curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from experiments.benchmark_results import OURS, SCORE, Results
from experiments.benchmark_tables import paper_means, table, two_digits
from experiments.cells import REAL
from experiments.challenges import TASKS
from experiments.contenders import SWEEP
from experiments.judges.paper import COLUMNS, METRICS, metrics
from experiments.report import real_parts
from experiments.statistics import Estimate, Floats

EIGHTH: Final = 6
"""Ticks."""

RIVAL: Final = "tutor"
"""How the names of the Sequence Tutor's learners begin."""
ON_THE_CURVE: Final = ("greedy", "prior_0.6", "prior_0.8", "prior", OURS)
"""Our curve: the prior, from its likeliest notes alone to all of them, and PPO; the sweep has more of the latter."""


class Point(NamedTuple):
    """A contender between likelihood and rules."""

    name: str
    nll: Estimate
    """Nats a note under the prior."""
    paid: Estimate
    """What the rules pay, without the bonus for passing all."""


def points(results: Results, kind: str) -> list[Point]:
    """Where everybody stands."""
    return [
        Point(name, *(results.estimate(name, kind, figure) for figure in ("nll_prior", "suite_score")))
        for name in results.contenders(kind)
    ]


def is_ours(name: str) -> bool:
    """Whether a contender is on our curve."""
    return name in ON_THE_CURVE or (name in SWEEP and name.startswith(OURS))


def curve(ours: Sequence[Point]) -> Floats:
    """(m, 2) likelihood and pay, to the right and up: the corners of what our contenders reach.

    Whoever plays pieces of one with a probability and otherwise those of another lies on the line between the two, so
    that these corners are those of the convex hull, up and to the left.
    """
    found: list[tuple[float, float]] = []
    for x, y in sorted(((point.nll.value, point.paid.value) for point in ours), key=lambda xy: (xy[0], -xy[1])):
        if found and y <= found[-1][1]:
            continue
        while len(found) > 1 and _below(found[-2], found[-1], (x, y)):
            found.pop()
        found.append((x, y))
    return np.array(found).reshape(-1, 2)


def _below(left: tuple[float, float], middle: tuple[float, float], right: tuple[float, float]) -> bool:
    """Whether the middle one of three points lies below the line between the others, or on it."""
    rise = (right[1] - left[1]) * (middle[0] - left[0])
    return (middle[1] - left[1]) * (right[0] - left[0]) <= rise


def beyond(corners: Floats, nll: float, paid: float) -> bool:
    """Whether a point is paid more than the curve at the same likelihood; so is all that lies left of its end."""
    return nll < corners[0, 0] or paid > float(np.interp(nll, corners[:, 0], corners[:, 1]))


def trade_off(results: Results, kind: str) -> str:
    """Whether anybody of the Tutor's lies beyond our curve, in words."""
    found = points(results, kind)
    ours = [point for point in found if is_ours(point.name)]
    theirs = [point for point in found if point.name.startswith(RIVAL)]
    if not ours or not theirs:
        return "Not measured."
    corners = curve(ours)
    out = [point for point in theirs if beyond(corners, point.nll.value, point.paid.value)]
    surely = [point for point in out if beyond(corners, point.nll.high, point.paid.low)]
    said = f"Our curve has {len(ours)} points, the Sequence Tutor's learners {len(theirs)}. "
    if not out:
        return said + "None of theirs lies beyond it."
    where = "; ".join(f"`{p.name}` ({two_digits(p.nll.value)} nats, paid {two_digits(p.paid.value)})" for p in out)
    left = f"our curve begins at {two_digits(corners[0, 0])} nats, where it is paid {two_digits(corners[0, 1])}"
    return said + f"{len(out)} of theirs beyond it, {len(surely)} with the whole range: {where}; {left}."


class Goal(NamedTuple):
    """Something to be reached."""

    text: str
    ours: Estimate
    bound: Estimate
    reached: bool


def goals(results: Results, kind: str, who: str) -> list[Goal]:
    """Whether ``who`` is ahead of each of the Tutor's learners, ranges apart, and near real tunes in what other judges
    say.
    """
    names = results.contenders(kind)
    if who not in names or REAL not in names:
        return []
    found = []
    for figure, what in {SCORE: "score", "passes_all": "share of pieces that pass all rules"}.items():
        ours = results.estimate(who, kind, figure)
        for name in (name for name in names if name.startswith(RIVAL)):
            theirs = results.estimate(name, kind, figure)
            found.append(Goal(f"{what} above that of `{name}`, ranges apart", ours, theirs, ours.low > theirs.high))
    for figure, what in {"auc_by_features": "features", "auc_by_notes": "notes"}.items():
        ours, bound = results.estimate(who, kind, figure), _moved(results.estimate("prior", kind, figure), 0.05)
        found.append(
            Goal(f"found out by {what} no more than the prior and .05", ours, bound, ours.value <= bound.value)
        )
    of_real = {
        "distinct_4grams_by_real": "different runs of four notes",
        "edit_distance_by_real": "distance between pieces",
        "vendi_by_real": "kinds of pieces",
    }
    for figure, what in of_real.items():
        ours = results.estimate(who, kind, figure)
        found.append(Goal(f"{what}, by real tunes", ours, Estimate(0.9, 0.9, 0.9), ours.value >= 0.9))
    ours, bound = results.estimate(who, kind, "copied"), results.estimate(REAL, kind, "copied")
    found.append(Goal("copied no more than unread tunes", ours, bound, ours.value <= bound.value))
    return found


def _moved(value: Estimate, by: float) -> Estimate:
    return Estimate(*(each + by for each in value))


def goals_markdown(results: Results, who: str) -> str:
    """The goals on one task, at each kind of budget, and whether ``who`` reaches them."""
    rows = [["goal", "budget", who, "bound", "reached"]]
    for kind in results.kinds:
        rows += [
            [
                goal.text,
                results.budget(kind),
                _range(goal.ours),
                _range(goal.bound),
                "yes" if goal.reached else "**no**",
            ]
            for goal in goals(results, kind, who)
        ]
    return table(rows) if len(rows) > 1 else "Not measured."


def _range(value: Estimate) -> str:
    exact = value.low == value.high
    return two_digits(value.value) + ("" if exact else f" ({two_digits(value.low)}..{two_digits(value.high)})")


class Metric(NamedTuple):
    """One of the paper's metrics, put beside the best that is printed of it."""

    key: str
    best: float
    """Of the paper's columns and of uniform play, in its two bars or our eight."""
    whose: str
    ours: float
    real: float

    def reaches(self, value: float) -> bool:
        """Whether ``value`` is at least as good as the best, in the digits that the paper prints."""
        return METRICS[self.key].badness(value) <= METRICS[self.key].badness(self.best) + 0.005


def paper_metrics(results: Results, kind: str) -> list[Metric]:
    """Of OURS, on one task."""
    uniform, ours, real = (paper_means(results, kind, name) for name in ("uniform", OURS, REAL))
    out = []
    for key, metric in METRICS.items():
        columns = dict(zip(COLUMNS, metric.published, strict=True)) | {"uniform": uniform[key]}
        whose = min(columns, key=lambda name: metric.badness(columns[name]))
        out.append(Metric(key, columns[whose], whose, ours[key], real[key]))
    return out


def paper_statement(results: Results, kind: str) -> str:
    """Which of the paper's metrics ours reaches, and what real tunes say of the others, on one task."""
    if OURS not in results.contenders(kind):
        return "Not measured."
    found = paper_metrics(results, kind)
    rows = [["", "best column", "whose", OURS, "reached", "real tunes", "reach it"]]
    for each in found:
        told = ["yes" if each.reaches(value) else "no" for value in (each.ours, each.real)]
        values = [two_digits(value) for value in (each.ours, each.real)]
        rows.append([METRICS[each.key].text, f"{each.best:.3g}", each.whose, values[0], told[0], values[1], told[1]])
    ours, real = sum(each.reaches(each.ours) for each in found), sum(each.reaches(each.real) for each in found)
    said = f"`{OURS}` reaches {ours} of these {len(found)} rows, real tunes as a whole {real}."
    missed = [METRICS[e.key].text for e in found if e.reaches(e.real) and not e.reaches(e.ours)]
    said += f" Rows that it misses and real tunes reach: {'; '.join(missed) or 'none'}."
    return f"{table(rows)}\n\n{said} {_real_tunes(results.tasks[0], {each.key: each.best for each in found})}"


def _real_tunes(task: str, best: dict[str, float]) -> str:
    """Which of the rows real tunes cannot reach together, counted piece by piece."""
    parts = real_parts(TASKS[task].composed.assignment.tasks)
    found = [metrics([part]) for part in parts]
    of = {key: np.array([piece[key] for piece in found]) for key in METRICS}
    lags = [np.abs(of[key]) <= abs(best[key]) for key in METRICS if key.startswith("autocorrelation")]
    near = ", ".join(str(int(each.sum())) for each in lags)
    steady = np.array([(part.duration == EIGHTH).mean() for part in parts]) >= 0.75
    at_lag_1 = of["autocorrelation_1"]
    once = (of["unique_highest"] > 0) & (of["unique_lowest"] > 0)
    again = of["in_repeated_motif"]
    return " ".join(
        [
            f"Of {len(parts)} real parts, each for itself, {near} are as near to 0 as the best column at lag 1, 2, 3,",
            f"and {int(np.all(lags, axis=0).sum())} at all three;",
            f"the mean at lag 1 is {at_lag_1[steady].mean():.2f} in the {int(steady.sum())} parts that",
            "move in eighths for the most part,",
            f"{at_lag_1[~steady].mean():.2f} in the others.",
            f"{int(once.sum())} have both a highest and a lowest note that come once: in these",
            f"{again[once].mean():.1f} % of the sixteenths are in a repeated motif,",
            f"in the others {again[~once].mean():.1f} %.",
        ]
    )
