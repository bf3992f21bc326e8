"""The README: its code runs, and its figures are those of the committed results."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of the page, in one session, as a reader would type them."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README, re.S)
    assert len(blocks) == 4
    (tmp_path / "my_rules.py").write_text(blocks[1])
    session: dict[str, Any] = {"__name__": "readme"}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), session)
    assert (tmp_path / "piece.mid").stat().st_size > 100
    env = session["gym"].make("musicenv:Melody-v0", prior=None, reward="my_rules:swing=0.5")
    assert env.unwrapped.terms == ("swing",)


def test_every_file_it_points_to_is_there() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_its_table_is_the_committed_result() -> None:
    figures = json.loads((ROOT / "docs/figures/train_ppo.json").read_text())["figures"]
    table = re.search(r"\| figure \|(.*?)\n\n", README, re.S)
    assert table is not None
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in table[0].strip().splitlines()]
    columns = rows[0][1:]
    assert columns == ["real", "uniform", "prior", "tuned", "best"]
    for name, *cells in rows[2:]:
        for column, cell in zip(columns, cells, strict=True):
            value = figures[f"{name}_{column}"]
            told = "-" if value is None else str(value) if isinstance(value, int) else f"{value:.2f}"
            assert cell == told, (name, column)


def test_its_comparison_is_the_committed_one() -> None:
    found = json.loads((ROOT / "docs/figures/benchmark/result.json").read_text())["figures"]["melody"]["notes"]
    table = re.search(r"<!-- begin short -->\n(.*?)\n\n<!-- end -->", README, re.S)
    assert table is not None
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table[1].strip().splitlines()]
    assert {"real", "prior_ppo", "prior_ppo_varied", "tutor_psi_tuned", "dqn", "uniform"} <= {row[0] for row in rows}
    for name, score, passes, *_ in rows[2:]:
        for cell, figure in ((score, "score"), (passes, "passes_all")):
            assert cell.split()[0] == f"{found[name][figure][0] + 0.0:.2f}"
