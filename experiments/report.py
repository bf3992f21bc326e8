"""How pieces are reported: figures against real parts and baselines, tables, and files to open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from experiments import figures
from experiments.runs import format_table
from musicenv import render
from musicenv.corpus import load
from musicenv.files import write_atomic
from musicenv.melody import Melody
from musicenv.render.score import score_png
from musicenv.task import MODES, TONICS, Task
from rewards.judging import judge
from rewards.priors import Prior, hear, load_prior
from rewards.rules import Suite

if TYPE_CHECKING:
    from agents.compose import Pieces

Unit = Literal["parts", "tunes"]
ENOUGH_PARTS = 40
"""With fewer real melodies than this the choice is widened: to whole tunes, to any length, to all modes."""


@dataclass(frozen=True)
class Column:
    """One group of pieces in the report: its figures and the share that passes each rule."""

    name: str
    figures: dict[str, float]
    rules: dict[str, float]


def real_parts(tasks: Sequence[Task]) -> list[Melody]:
    """Held-out real music to compare with: parts of the tasks' length and metres, and of their modes where enough.

    Where too few parts are that long, whole tunes of that length; where those are too few, parts of any length.
    """
    corpus, metres, modes = load(), {task.metre for task in tasks}, {task.mode_index for task in tasks}
    for unit, bars in (("parts", tasks[0].bars), ("tunes", tasks[0].bars), ("parts", None)):
        found = [
            melody
            for metre in sorted(metres)
            for melody in corpus.melodies(split="test", unit=cast(Unit, unit), bars=bars, metre=metre)
        ]
        if len(found) >= ENOUGH_PARTS or (found and bars is None):
            same = [melody for melody in found if melody.mode in modes]
            return same if len(same) >= ENOUGH_PARTS else found
    raise ValueError(f"the corpus has no test melody in {', '.join(sorted(metres))}")


class Reporter:
    """Makes the columns of one report: the same suite, prior, judge and real parts for all of them."""

    def __init__(self, tasks: Sequence[Task], suite: Suite, prior: Prior | None) -> None:
        self.suite, self.prior = suite, prior
        self.judge_model = load_prior("judge")
        parts = real_parts(tasks)
        self.parts = hear(prior, parts) if prior else parts
        self.band = np.quantile(self._judged(self.parts), [0.05, 0.95])

    def real(self) -> Column:
        """The column of held-out real parts."""
        judged = judge(self.suite, self.parts)
        return self._column("real", self.parts, judged.passed, judged.returns, None)

    def column(self, name: str, pieces: Pieces) -> Column:
        """The column of composed pieces."""
        return self._column(name, pieces.melodies, pieces.passed, pieces.returns, pieces.kl)

    def _column(
        self,
        name: str,
        melodies: Sequence[Melody],
        passed: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
        returns: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
        kl: np.ndarray[tuple[int, ...], np.dtype[np.float64]] | None,
    ) -> Column:
        nll = self._judged(melodies)
        found = {
            "passes_all": float(passed.all(axis=1).mean()),
            "suite_score": float(returns.mean()),
            "nll_prior": float(np.mean([np.nanmean(m.surprisal) for m in melodies])) if self.prior else float("nan"),
            "nll_judge": float(nll.mean()),
            "judge_in_band": float(((nll >= self.band[0]) & (nll <= self.band[1])).mean()),
            "kl_per_piece": float("nan") if kl is None else float(kl.mean()),
            **figures.of_pieces(melodies),
        }
        shares = dict(zip(self.suite.names, passed.mean(axis=0).tolist(), strict=True))
        return Column(name, found, shares)

    def _judged(self, melodies: Sequence[Melody]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Nats per note of each melody under a model that is in no reward."""
        return np.array([np.nanmean(melody.surprisal) for melody in hear(self.judge_model, melodies)], dtype=np.float64)


def flat(columns: Sequence[Column]) -> dict[str, float]:
    """All figures under one name each: ``passes_all_tuned``, ``rule_cadence_prior``."""
    out = {f"{name}_{column.name}": value for column in columns for name, value in column.figures.items()}
    out |= {f"rule_{name}_{column.name}": value for column in columns for name, value in column.rules.items()}
    return out


def tables(columns: Sequence[Column]) -> tuple[str, str]:
    """The short table of figures, and the long one of the share of pieces that pass each rule."""
    heads = [column.name for column in columns]
    short = [[name, *(column.figures[name] for column in columns)] for name in columns[0].figures]
    rules = [[name, *(column.rules[name] for column in columns)] for name in columns[0].rules]
    return format_table(short, ["figure", *heads]), format_table(rules, ["share that passes", *heads])


def write_report(folder: Path, columns: Sequence[Column]) -> Path:
    """Both tables as ``report.txt``."""
    return write_atomic(folder / "report.txt", "\n\n".join(tables(columns)) + "\n")


def write_pieces(folder: Path, groups: Mapping[str, Sequence[Melody]]) -> list[Path]:
    """Each piece as MIDI and MusicXML, each group as piano rolls, and as scores where that extra is installed."""
    written: list[Path] = []
    for group, melodies in groups.items():
        (folder / group).mkdir(parents=True, exist_ok=True)
        for number, melody in enumerate(melodies, start=1):
            path = folder / group / f"{number:02d}"
            render.to_midi(melody, path.with_suffix(".mid"))
            render.to_musicxml(melody, path.with_suffix(".musicxml"))
            written += [path.with_suffix(".mid"), path.with_suffix(".musicxml")]
        abc = "\n".join(render.to_abc(melody, number=n) for n, melody in enumerate(melodies, start=1))
        written.append(write_atomic(folder / group / "pieces.abc", abc))
        written.append(render.piano_roll_png(melodies, folder / group / "roll.png"))
        if find_spec("verovio") and find_spec("resvg_py"):
            written.append(score_png(melodies, folder / group / "score.png"))
    return written


def describe(tasks: Sequence[Task]) -> str:
    """The tasks in words."""
    task = tasks[0]
    drawn = f", one of {len(tasks)} tasks a piece" if len(tasks) > 1 else ""
    return f"{task.bars} bars of {task.metre} in {TONICS[task.tonic]} {MODES[task.mode_index]}{drawn}"
