"""The benchmark: what cells say becomes scores, tables, plots and a page; a run that was stopped goes on."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from agents.budget import Budget
from agents.compose import uniform
from experiments.benchmark import PRESETS, main
from experiments.benchmark_tables import SCORE, TABLE, Results, budget_of, estimates, markdown, ranked
from experiments.cells import Cell, cells_of, measure, run
from experiments.contenders import CONTENDERS, SWEEP, TASKS, contender
from experiments.judges.paper import METRICS

STEPS, TIME = {"steps": 640, "seconds": None}, {"steps": None, "seconds": 1.0}
RETURNS = {"real": 10.0, "uniform": -30.0, "prior": 8.0, "prior_ppo": 20.0}


def made(name: str, seed: int, task: str = "melody", budget: dict[str, float | None] | None = None) -> dict:
    """A cell with invented figures."""
    figures = {column.figure: 0.5 for column in TABLE if column.figure != SCORE}
    figures |= {f"paper_{key}": 1.0 + seed for key in METRICS} | {"nll_prior": 1.5, "suite_score": RETURNS[name] - 10}
    figures |= {"return": RETURNS[name] + (seed if name != "real" else 0.0)}
    cell = {"task": task, "contender": name, "budget": budget, "seed": seed, "pieces": 10}
    return {"cell": cell, "figures": figures, "rules": {"cadence": 1.0}}


def cells() -> list[dict]:
    found = [made("real", 0)]
    for seed in range(3):
        found += [made("uniform", seed), made("prior", seed)]
        found += [made("prior_ppo", seed, budget=budget) for budget in (STEPS, TIME)]
    return found


def test_a_score_is_the_way_from_uniform_play_to_real_parts():
    results = Results(cells())
    assert results.budgets == ["640_notes", "1_s"]
    assert results.contenders("1_s") == ["real", "uniform", "prior", "prior_ppo"]
    assert results.scores("uniform", "1_s", SCORE).mean() == pytest.approx(0.0)
    assert results.scores("real", "1_s", SCORE).tolist() == [[1.0]]
    assert results.scores("prior_ppo", "1_s", SCORE)[:, 0] == pytest.approx([(20 + s + 29) / 39 for s in range(3)])


def test_who_has_not_done_every_task_is_not_in_the_table():
    found = [*cells(), *(made(name, 0, "jig") for name in ("real", "uniform"))]
    assert Results(found).contenders("1_s") == ["real", "uniform"]


def test_the_table_ranks_by_score_under_real_parts():
    found = estimates(Results(cells()))["640_notes"]
    assert ranked(found) == ["real", "prior_ppo", "prior", "uniform"]
    lines = markdown(found).splitlines()
    assert len(lines) == 6
    assert lines[3].startswith("| prior_ppo | 1.28 (1.26..1.31) |")
    assert all(line.count("|") == len(TABLE) + 2 for line in lines)


def test_seeds_come_first_so_that_a_stopped_run_has_everyone():
    found = list(cells_of(["melody"], ["prior", "a2c"], [Budget(steps=5), Budget(seconds=5)], 2, 10))
    assert [(cell.contender, cell.seed) for cell in found[:3]] == [("prior", 0), ("a2c", 0), ("a2c", 0)]
    assert len(found) == 6
    assert len({cell.path(Path()) for cell in found}) == 6


def test_a_cell_is_measured_once_and_kept(tmp_path):
    cell = Cell("melody", "prior", None, 3, 20)
    path = run(cell, tmp_path)
    found = json.loads(path.read_text())
    assert budget_of(found["cell"]) == "no learning"
    assert {column.figure for column in TABLE} - found["figures"].keys() == {SCORE}
    assert 0 < found["figures"]["passes_all"] < 1
    before = path.stat().st_mtime_ns
    assert run(cell, tmp_path).stat().st_mtime_ns == before


@pytest.mark.bench
@pytest.mark.parametrize("name", ["prior", "a2c"])
def test_a_cell_depends_on_its_arguments_alone(name):
    first, again = (measure(Cell("melody", name, Budget(steps=640), 3, 20)) for _ in range(2))
    for each in (first, again):
        del each["figures"]["seconds_per_piece"], each["figures"]["learning_seconds"]
    assert again == first


def test_agents_are_found_by_name_and_by_module():
    assert contender("prior_best_of_4").tries == 4
    assert contender("prior_ppo").learns
    assert not contender("agents.compose:uniform").learns
    assert uniform.__name__ == "uniform"
    with pytest.raises(ValueError, match="'nobody' is not known; choose uniform, prior"):
        contender("nobody")
    with pytest.raises(ValueError, match=r"agents\.compose has no 'nobody'"):
        contender("agents.compose:nobody")
    with pytest.raises(ValueError, match="is a str; give a Contender or an agent's function"):
        contender("agents.compose:__doc__")


def test_presets_name_what_there_is():
    for preset in PRESETS.values():
        assert set(preset.tasks) <= TASKS.keys()
        assert set(preset.contenders) <= CONTENDERS.keys() | SWEEP.keys()
    for settings in TASKS.values():
        assert settings.assignment.tasks


def test_the_command_goes_on_draws_and_fills_the_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All cells are there already, so that nothing is measured."""
    folder = tmp_path / "run"
    arguments = ["--contenders", "prior", "prior_ppo", "--seeds", "3", "--steps", "640", "--seconds", "1"]
    (folder / "cells" / "melody").mkdir(parents=True)
    for each in cells():
        cell = each["cell"]
        budget = Budget(**cell["budget"]) if cell["budget"] else None
        path = Cell("melody", cell["contender"], budget, cell["seed"], 10).path(folder / "cells")
        real = folder / "cells" / "melody" / "real.json"
        (real if cell["contender"] == "real" else path).write_text(json.dumps(each))
    monkeypatch.setattr("experiments.benchmark.SHIPPED", tmp_path / "shipped")
    monkeypatch.setattr("experiments.benchmark.PAGE", tmp_path / "page.md")
    (tmp_path / "page.md").write_text("<!-- begin table_time -->\nold\n<!-- end -->\n<!-- begin x -->\n<!-- end -->\n")
    main([*arguments, "--pieces", "10", "--ship", "--out", str(folder)])
    page = (tmp_path / "page.md").read_text()
    assert "| prior_ppo | 1.28" in page
    assert "old" not in page
    for plot in ("score", "passes_all", "profiles", "trade_off", "improvement"):
        assert (folder / f"{plot}.png").read_bytes()[:4] == b"\x89PNG"
        assert "<svg" in (tmp_path / "shipped" / f"{plot}.svg").read_text()
    found = json.loads((folder / "result.json").read_text())["figures"]["1_s"]["prior"][SCORE]
    assert found[0] == pytest.approx(38 / 39)
    assert "| notes in a motif, % † ‡ |" in (folder / "paper.md").read_text()
    assert "| cadence | 1.00 | 1.00 | 1.00 | 1.00 |" in (folder / "rules.md").read_text()
    kept = json.loads((folder / "cells.json").read_text())
    assert len(kept["runs"]) == 13
    assert kept["runs"][0]["figures"][kept["figures"].index("return")] in (*RETURNS.values(), 21, 22)
    main(["--resume", str(folder)])
    assert "score.png" in capsys.readouterr().out


@pytest.mark.bench
def test_the_command_measures(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    arguments = ["--contenders", "prior", "agents.compose:uniform", "a2c", "--seeds", "2", "--steps", "640"]
    main([*arguments, "--seconds", "0.2", "--pieces", "12", "--out", str(folder)])
    assert len(list((folder / "cells" / "melody").glob("*.json"))) == 1 + 3 * 2 + 2 * 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--tasks", "opera"], "task 'opera' is not one of melody"),
        (["--contenders", "nobody"], "contender 'nobody' is not known"),
        (["--seeds", "0"], "seeds=0 is not possible"),
        (["--pieces", "3"], "pieces=3 is not possible; give at least 10"),
        (["--steps", "0", "--seconds", "0"], "leave nothing to compare"),
        (["--processes", "0"], "processes=0 is not possible"),
        (["--resume", "no/such/run"], "is not a run folder"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing_behind(
    arguments: list[str], said: str, mistake: Callable[..., None]
) -> None:
    mistake(main, arguments, said)
