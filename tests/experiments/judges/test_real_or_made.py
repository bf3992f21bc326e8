"""Real or made: what is the same cannot be told apart, what differs can, and variants of a tune give nothing away."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from experiments.fakes import fakes
from experiments.judges.ngrams import NGrams
from experiments.judges.panel import Panel
from experiments.judges.real_or_made import area, out_of_fold, real_or_made, runs_of_notes
from experiments.report import real_items
from musicenv.task import Task


@pytest.fixture(scope="module")
def parts(corpus):
    return real_items([Task()])[:120]


def test_real_parts_cannot_be_told_from_real_parts_but_uniform_play_can(parts):
    real, families = [melody for melody, _ in parts], [source.tune.family for _, source in parts]
    others = real_items([Task()], "validation")[:120]
    same = real_or_made(real, families, [m for m, _ in others], [source.tune.family for _, source in others])
    for found in same.values():
        assert found.low < 0.6
        assert found.low <= found.auc <= found.high
    for found in real_or_made(real, families, fakes("uniform", real, 120, seed=0)).values():
        assert found.auc > 0.99


def test_what_is_learned_of_a_tune_is_not_asked_of_its_variant():
    """Each family has one trait that says all; only where the family was seen in training is that of use."""

    class ByHeart:
        def fit(self, items, is_made):
            self.known = dict(zip(items, is_made, strict=True))

        def predict_proba(self, items):
            return np.array([[0.0, float(self.known.get(item, 0.5))] for item in items])

    families = np.repeat(np.arange(40), 2)
    is_made = families >= 20
    together = out_of_fold(ByHeart(), families.tolist(), is_made, families, seed=0)
    apart = out_of_fold(ByHeart(), families.tolist(), is_made, np.arange(80), seed=0)
    assert (together == 0.5).all()
    assert roc_auc_score(is_made, apart) > 0.8


def test_the_area_is_that_of_scikit_learn_and_lies_in_its_interval():
    rng = np.random.default_rng(0)
    is_made = np.arange(300) >= 150
    scores = rng.normal(is_made * 0.8, 1.0)
    found = area(scores, is_made, np.arange(300), seed=0)
    assert found.auc == pytest.approx(roc_auc_score(is_made, scores))
    assert found.low < found.auc < found.high
    # Hanley and McNeil 1982: the standard error of an area of .71 from 150 and 150 is about .03.
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(0.03, abs=0.005)
    of_families = area(scores, is_made, np.repeat(np.arange(30), 10), seed=0)
    assert of_families.auc == found.auc


def test_runs_of_notes_do_not_depend_on_the_key(abc):
    assert runs_of_notes(abc("C2 D2 z2 E2", bars=1)) == runs_of_notes(abc("D2 E2 z2 ^F2", bars=1))
    assert runs_of_notes(abc("C2 D2 z2 E2", bars=1))[:5] == ["0:12", "2:12", "r:12", "2:12", "0:12 2:12"]


def test_to_the_panel_loops_are_made_and_trite_but_not_copied():
    panel = Panel([Task()])
    found = panel.figures(fakes("loop", panel.real, 100, seed=0))
    assert found["overlap"] < 0.7
    assert found["auc_by_features"] > 0.95
    assert found["nll_ngrams"] < 1
    assert found["paper_in_repeated_motif"] > 50
    assert 0.5 < found["edit_distance_by_real"] < 1.5
    assert found["copied"] < 0.05


def test_to_counted_runs_of_notes_real_parts_are_usual_shuffled_ones_strange_and_loops_trite(corpus):
    tunes, real = corpus.melodies("train", "tunes")[:800], corpus.melodies("test", bars=8, metre="4/4")[:60]
    counted = NGrams(tunes)
    loops, bars, notes, uniform = (
        counted.nll(fakes(kind, real, 60, seed=0)).mean() for kind in ("loop", "bar_shuffled", "shuffled", "uniform")
    )
    assert loops < counted.nll(real).mean() < bars < notes < uniform


def test_too_few_pieces_are_refused(parts):
    real, families = [melody for melody, _ in parts], [source.tune.family for _, source in parts]
    with pytest.raises(ValueError, match="give 10 of each"):
        real_or_made(real, families, real[:3])
