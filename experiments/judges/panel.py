"""All judges at once, for pieces of one task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from experiments.judges import distances, paper
from experiments.judges.diversity import Vendi, distinct_ngrams, mean_edit_distance
from experiments.judges.ngrams import NGrams
from experiments.judges.novelty import Novelty
from experiments.judges.real_or_made import real_or_made
from experiments.report import real_items
from musicenv.corpus import load
from musicenv.melody import Melody
from musicenv.task import Task

AT_MOST: Final = 256
"""Real parts that pieces are compared with."""


class Panel:
    """The judges that read notes alone, with the real parts of some tasks for them to compare with."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        items = real_items(tasks)[:AT_MOST]
        self.real = [melody for melody, _ in items]
        """Held-out parts, of the test side."""
        self.families = [source.tune.family for _, source in items]
        corpus = load()
        training = [*corpus.melodies("train", "tunes"), *corpus.melodies("train", "parts")]
        self.novelty = Novelty(training, self.real)
        self.ngrams = NGrams(corpus.melodies("train", "tunes"))
        self.vendi = Vendi(self.real)

    def figures(
        self, melodies: Sequence[Melody], families: Sequence[int] | None = None, seed: int = 0
    ) -> dict[str, float]:
        """What the judges find, by name; ``families`` are those of ``melodies`` where these are real."""
        out = distances.figures(distances.distances(self.real, melodies))
        for name, area in real_or_made(self.real, self.families, melodies, families, seed).items():
            out |= {f"auc_{name}": area.auc, f"auc_{name}_low": area.low, f"auc_{name}_high": area.high}
        # Diversity grows with the number of pieces: as many made ones as real ones.
        n = min(len(melodies), len(self.real))
        for name, of in {"distinct_4grams": distinct_ngrams, "edit_distance": mean_edit_distance}.items():
            out |= {name: of(melodies[:n]), f"{name}_by_real": of(melodies[:n]) / of(self.real[:n])}
        vendi = self.vendi.score(melodies[:n])
        out |= {"vendi": vendi, "vendi_by_real": vendi / self.vendi.score(self.real[:n])}
        out |= self.novelty.figures(melodies) | {"nll_ngrams": float(np.nanmean(self.ngrams.nll(melodies)))}
        return out | {f"paper_{name}": value for name, value in paper.metrics(melodies).items()}
