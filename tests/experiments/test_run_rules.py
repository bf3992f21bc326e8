"""The page tells the rules that its pieces were composed with."""

import json
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from agents.training import Settings
from experiments.compose import main as compose
from experiments.listen import main as listen
from experiments.pieces import read_pieces
from experiments.run_rules import rules_of, what
from experiments.runs import open_run
from rewards.named import suite_of

REWARD = "theory.cadence+likelihood.mean_surprisal+own_rules:long_notes=0.5"
OWN = '''
from rewards.rules import rule


@rule
def long_notes(melody):
    """A note of a quarter or more.  The rest is not told."""
    return 1.0 if melody.duration[-1] >= 12 else 0.0
'''


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_rules", raising=False)
    (tmp_path / "own_rules.py").write_text(OWN)
    return tmp_path


def data_of(page: Path) -> Any:
    found = re.search(r'id="data">(.*?)</script>', page.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_a_rule_is_told_in_one_sentence() -> None:
    said = [what(term.rule) for term in suite_of("default", has_prior=True)]
    assert all(sentence and sentence.count("(") == sentence.count(")") for sentence in said)


def test_the_rules_on_the_page_add_up_to_the_reward_of_the_piece(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for library in ("midirenderer", "soundfile", "verovio"):
        pytest.importorskip(library, reason="the page needs the extras audio and score")
    tune = here / "tune.abc"
    tune.write_text("X:1\nM:4/4\nL:1/4\nK:C\nCDEF|GAGE|FDEC|D2C2|]\n")
    varied = ["--vary", str(tune), "--best-of", "2"]
    compose(["--reward", REWARD, "--pieces", "2", "--formats", "abc", *varied, "--out", "run"])
    listen(["run"])
    page = data_of(here / "run" / "listen.html")
    names = ["cadence", "mean_surprisal", "long_notes", "near_contour"]
    assert [name for name, _ in page["rules"]["run"]] == names
    assert page["rules"]["run"][2][1] == "A note of a quarter or more."
    for piece, told in zip(read_pieces(here / "run" / "pieces" / "prior"), page["pieces"], strict=True):
        assert sum(told["scores"]) + told["bonus"] == pytest.approx(piece.facts["score"], abs=0.01)
        assert told["passed"][2:] == [None, None], "nothing can fail a rule without a curve"

    (here / "own_rules.py").unlink()
    del sys.modules["own_rules"]
    capsys.readouterr()
    listen(["run"])
    said = f"({REWARD}) cannot be loaded here: reward 'own_rules:long_notes': there is no module"
    assert said in capsys.readouterr().out
    assert said.replace("'", "&#x27;") in (here / "run" / "listen.html").read_text(encoding="utf-8")
    assert len(data_of(here / "run" / "listen.html")["rules"]["run"]) == len(suite_of("theory", has_prior=False))


def test_a_tuned_agent_keeps_the_rules_that_it_was_trained_with(here: Path) -> None:
    for folder, arguments in (
        ("trained", {"reward": "theory", "prior": "lstm", "bonus": 7.0}),
        ("composed", {"agent": "ppo:trained", "reward": None}),
    ):
        (here / folder).mkdir()
        settings = {**asdict(Settings()), **arguments} if folder == "trained" else arguments
        config = {"command": "train_ppo" if folder == "trained" else "compose", "arguments": settings}
        (here / folder / "config.json").write_text(json.dumps(config))
    rules = rules_of(open_run(Path("composed")))
    assert (rules.name, rules.suite.bonus, rules.prior) == ("theory", 7.0, None)
