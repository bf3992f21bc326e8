"""How pieces are reported: figures against real parts and baselines, and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

from experiments.judges import figures
from experiments.judges.second_model import Judge
from experiments.runs import format_table
from musicenv.corpus import load
from musicenv.corpus.corpus import Source, Split, Unit
from musicenv.files import write_atomic
from musicenv.melody import Melody
from musicenv.task import MODES, TONICS, Task
from rewards.judging import judge
from rewards.priors import Prior, hear
from rewards.rules import Suite

if TYPE_CHECKING:
    from agents.compose import Pieces

ENOUGH_PARTS = 40
"""With fewer real melodies than this the choice is widened: to whole tunes, to any length, to all modes."""


@dataclass(frozen=True)
class Column:
    """One group of pieces in the report."""

    name: str
    figures: dict[str, float]
    passes: dict[str, float]
    """Share of the pieces that pass each rule; NaN for a rule without a curve, which nothing can fail."""
    means: dict[str, float]
    """Mean of each statistic, and of the sum of each rule's scores over a piece."""


def real_parts(tasks: Sequence[Task]) -> list[Melody]:
    """The melodies of ``real_items``."""
    return [melody for melody, _ in real_items(tasks)]


def real_items(tasks: Sequence[Task], split: Split = "test") -> list[tuple[Melody, Source]]:
    """Real music to compare with, and its sources: parts of the tasks' length and metres, of their modes where enough.

    Where too few parts are that long, whole tunes of that length; where those are too few, parts of any length.
    """
    corpus, metres, modes = load(), {task.metre for task in tasks}, {task.mode_index for task in tasks}
    for unit, bars in (("parts", tasks[0].bars), ("tunes", tasks[0].bars), ("parts", None)):
        found = [item for metre in sorted(metres) for item in corpus.items(split, cast(Unit, unit), bars, metre)]
        if len(found) >= ENOUGH_PARTS or (found and bars is None):
            same = [(melody, source) for melody, source in found if melody.mode in modes]
            return same if len(same) >= ENOUGH_PARTS else found
    raise ValueError(f"the corpus has no {split} melody in {', '.join(sorted(metres))}")


class Reporter:
    """Makes the columns of one report: the same suite, prior, judge and real parts for all of them."""

    def __init__(self, tasks: Sequence[Task], suite: Suite, prior: Prior | None) -> None:
        self.suite, self.prior = suite, prior
        parts = [] if tasks[0].species else real_parts(tasks)
        self.parts = hear(prior, parts) if prior else parts
        """Real music to compare with; none for counterpoint, of which the corpus has no music."""
        self.judge = Judge(self.parts) if parts else None

    def real(self) -> Column:
        """The column of held-out real parts."""
        judged = judge(self.suite, self.parts)
        return self._column("real", self.parts, judged.values, judged.passed, judged.returns, None)

    def column(self, name: str, pieces: Pieces) -> Column:
        """The column of composed pieces."""
        return self._column(name, pieces.melodies, pieces.values, pieces.passed, pieces.returns, pieces.kl)

    def _column(
        self,
        name: str,
        melodies: Sequence[Melody],
        values: npt.NDArray[np.float64],
        passed: npt.NDArray[np.bool_],
        returns: npt.NDArray[np.float64],
        kl: npt.NDArray[np.float64] | None,
    ) -> Column:
        nll = self.judge.nll(melodies) if self.judge else np.full(len(melodies), np.nan)
        found = {
            "passes_all": float(passed.all(axis=1).mean()),
            # What the rules pay, without the bonus that training gives for passing all.
            "suite_score": float((returns - self.suite.bonus * passed.all(axis=1)).mean()),
            "nll_prior": float(np.mean([np.nanmean(m.surprisal) for m in melodies])) if self.prior else float("nan"),
            "nll_judge": float(nll.mean()),
            "judge_in_band": float(self.judge.usual(nll).mean()) if self.judge else float("nan"),
            "kl_per_piece": float("nan") if kl is None else float(kl.mean()),
            **figures.of_pieces(melodies),
        }
        shares, means = {}, {}
        for k, term in enumerate(self.suite):
            shares[term.rule.name] = float(passed[:, k].mean()) if term.curve else float("nan")
            defined = values[~np.isnan(values[:, k]), k]
            means[term.rule.name] = float(defined.mean()) if defined.size else float("nan")
        # A user's own rule has no curve: its mean is what they look for.
        found |= {f"mean_{term.rule.name}": means[term.rule.name] for term in self.suite if not term.curve}
        return Column(name, found, shares, means)


def flat(columns: Sequence[Column]) -> dict[str, float]:
    """All figures under one name each: ``passes_all_tuned``, ``rule_cadence_prior``, ``value_cadence_prior``."""
    out = {f"{name}_{column.name}": value for column in columns for name, value in column.figures.items()}
    out |= {f"rule_{name}_{column.name}": value for column in columns for name, value in column.passes.items()}
    return out | {f"value_{name}_{column.name}": value for column in columns for name, value in column.means.items()}


def tables(columns: Sequence[Column]) -> list[str]:
    """The table of figures, that of the share of pieces that pass each rule, and that of each rule's mean value."""
    heads = {"figure": "figures", "share that passes": "passes", "mean value": "means"}
    out = []
    for head, part in heads.items():
        rows = [[name, *(getattr(column, part)[name] for column in columns)] for name in getattr(columns[0], part)]
        out.append(format_table(rows, [head, *(column.name for column in columns)]))
    return out


def write_report(folder: Path, columns: Sequence[Column]) -> Path:
    """The tables as ``report.txt``."""
    return write_atomic(folder / "report.txt", "\n\n".join(tables(columns)) + "\n")


def describe(tasks: Sequence[Task]) -> str:
    """The tasks in words."""
    task = tasks[0]
    drawn = f", one of {len(tasks)} tasks a piece" if len(tasks) > 1 else ""
    side = "above" if task.above else "below"
    against = f" {side} a cantus firmus, species {task.species}" if task.species else ""
    return f"{task.bars} bars of {task.metre} in {TONICS[task.tonic]} {MODES[task.mode_index]}{against}{drawn}"
