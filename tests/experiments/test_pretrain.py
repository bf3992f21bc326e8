"""The pretraining command, on a handful of tunes."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from experiments import pretrain, prior_figures
from experiments.pretrain import Args
from experiments.runs import UserError, result_of, start_run
from musicenv.corpus.corpus import Split, Unit
from musicenv.melody import Melody
from rewards.priors import load_prior
from rewards.priors.shape import Shape
from rewards.priors.store import read_weights
from rewards.priors.training import Recipe, Trainer

TINY = {
    "lstm": (Shape(width=8, hidden=8, layers=1, duration_width=4), Recipe(epochs=2, notes=512), 0),
    "judge": (Shape(width=8, hidden=12, layers=1, duration_width=4), Recipe(epochs=2, notes=512), 5),
}


@pytest.fixture(autouse=True)
def few_tunes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    everything = prior_figures.melodies

    def few(split: Split, unit: Unit, bars: int | None = None) -> list[Melody]:
        return everything(split, unit, 8 if unit == "parts" else None)[:6]

    monkeypatch.setattr(prior_figures, "melodies", few)
    monkeypatch.setattr(prior_figures, "sample_figures", lambda model, seed: {"seed": seed})
    monkeypatch.setattr(pretrain, "NETWORKS", TINY)
    prior_figures.examples.cache_clear()
    yield
    prior_figures.examples.cache_clear()


def small(**values: object) -> Args:
    return Args(**{"networks": ("lstm",), "baselines": False, "threads": 1, **values})  # type: ignore[arg-type]


def test_a_run_leaves_weights_figures_and_table(tmp_path: Path) -> None:
    pretrain.main(small(networks=("lstm", "judge"), out=tmp_path / "run"))
    result = result_of(tmp_path / "run")
    assert set(result["files"]) == {"lstm.safetensors", "judge.safetensors", "table.txt"}
    assert 3 < result["figures"]["nll_test_tunes, lstm"] < 6
    assert result["figures"]["parameters, lstm"] > 1000
    assert load_prior(tmp_path / "run" / "judge.safetensors").hidden_size == 12
    assert "judge" in (tmp_path / "run" / "table.txt").read_text()


def test_a_killed_run_goes_on_to_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretrain.main(small(out=tmp_path / "whole"))
    train_epoch = Trainer.train_epoch

    def killed(trainer: Trainer) -> float:
        if trainer.epoch == 1:
            raise KeyboardInterrupt
        return train_epoch(trainer)

    monkeypatch.setattr(Trainer, "train_epoch", killed)
    with pytest.raises(KeyboardInterrupt):
        pretrain.main(small(out=tmp_path / "broken"))
    monkeypatch.setattr(Trainer, "train_epoch", train_epoch)
    pretrain.main(Args(resume=tmp_path / "broken"))
    whole, broken = (read_weights(tmp_path / name / "lstm.safetensors")[1] for name in ("whole", "broken"))
    for name, array in whole.items():
        np.testing.assert_array_equal(broken[name], array)
    assert not (tmp_path / "broken" / "lstm.checkpoint.pt").exists()


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    run = start_run("pretrain", small(), tmp_path / "run")
    (run.folder / "lstm.checkpoint.pt").write_bytes(b"half a file")
    with pytest.raises(UserError, match=r"lstm.checkpoint.pt is damaged"):
        pretrain.main(Args(resume=run.folder))


def test_the_table_of_the_shipped_weights(capsys: pytest.CaptureFixture[str]) -> None:
    pretrain.main(small(evaluate=True, baselines=True))
    lines = capsys.readouterr().out.splitlines()
    nll = {line.split("  ")[0]: float(line.split()[-8]) for line in lines[2:] if "  " in line}
    assert nll["lstm"] < nll["7-gram + cache"] < nll["unigram"]


def test_memorised_spans_are_found() -> None:
    tunes = prior_figures.melodies("train", "tunes")
    prior_figures.training_spans.cache_clear()
    assert prior_figures.memorised(tunes) == 1.0
    moved = [tune._replace(pitch=tune.pitch + 1) for tune in tunes]
    assert prior_figures.memorised(moved) < 0.05
    prior_figures.training_spans.cache_clear()


def test_samples_stand_in_the_frames_of_the_real_parts() -> None:
    parts = prior_figures.melodies("test", "parts", 8)
    pieces = prior_figures.samples(load_prior(), parts, seed=3)
    frame = ("start", "end", "bar", "metre", "mode", "style")
    wanted = sorted(tuple(getattr(part, name) for name in frame if name != "end") for part in parts)
    assert sorted(tuple(getattr(piece, name) for name in frame if name != "end") for piece in pieces) == wanted
    assert all(piece.time == piece.end for piece in pieces)
    again = prior_figures.samples(load_prior(), parts, seed=3)
    assert all((one.pitch == other.pitch).all() for one, other in zip(pieces, again, strict=True))
