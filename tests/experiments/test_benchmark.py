"""The benchmark: what cells say becomes scores, tables, plots and a page; a run that was stopped goes on."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from agents.assignment import assignment
from agents.budget import Budget
from agents.compose import prior
from experiments import benchmark_plots
from experiments.benchmark import PAGES, main
from experiments.benchmark_claims import beyond, curve, goals, paper_metrics, points, trade_off
from experiments.benchmark_presets import PRESETS
from experiments.benchmark_report import about, blocks
from experiments.benchmark_results import AHEAD, NOTES, NOTHING, SCORE, TIME, Results, compact, kind_of, read
from experiments.benchmark_tables import HEARD, LINES, PAID, markdown
from experiments.cells import Cell, cells_of, measure, run
from experiments.challenges import TASKS
from experiments.contenders import CONTENDERS, SWEEP
from experiments.judges.optima import Optima
from experiments.judges.paper import METRICS
from mcts.best_of import best_of
from musicenv.counterpoint.sets import known_tasks
from musicenv.counterpoint.solver import melody_of

STEPS, SECONDS = {"steps": 640, "seconds": None}, {"steps": None, "seconds": 1.0}
RETURNS = {"real": 10.0, "uniform": -30.0, "prior": 8.0, "prior_ppo": 20.0}


def made(name: str, seed: int, task: str = "melody", budget: dict[str, float | None] | None = None, **more) -> dict:
    """A cell with invented figures."""
    figures = {column.figure: 0.5 for column in (*PAID, *HEARD) if column.figure not in (SCORE, AHEAD)}
    figures |= {f"paper_{key}": 1.0 + seed for key in METRICS} | {"nll_prior": 1.5, "regret": 0.25}
    figures |= {"return": RETURNS.get(name, 0.0) + (seed if name != "real" else 0.0)}
    figures |= {"suite_score": figures["return"] - 10} | more
    cell = {"task": task, "contender": name, "budget": budget, "seed": seed, "pieces": 10}
    return {"cell": cell, "figures": figures, "rules": {"cadence": 1.0}}


def cells(task: str = "melody") -> list[dict]:
    found = [made("real", 0, task)] if TASKS[task].has_real else []
    for seed in range(3):
        found += [made("uniform", seed, task), made("prior", seed, task)]
        found += [made("prior_ppo", seed, task, budget) for budget in (STEPS, SECONDS)]
    return found


def write(found: list[dict], folder: Path) -> None:
    """As a run would have left them."""
    for each in found:
        cell = each["cell"]
        budget = Budget(**cell["budget"]) if cell["budget"] else None
        path = Cell(cell["task"], cell["contender"], budget, cell["seed"], 10).path(folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "real.json" if cell["contender"] == "real" else path).write_text(json.dumps(each))


def test_a_score_is_the_way_from_uniform_play_to_real_parts():
    results = Results(cells())
    assert [results.budget(kind) for kind in results.kinds] == ["640 notes", "1 s of one core"]
    assert results.contenders(TIME) == ["real", "uniform", "prior", "prior_ppo"]
    assert results.scores("uniform", TIME, SCORE).mean() == pytest.approx(0.0)
    assert results.scores("real", TIME, SCORE).tolist() == [[1.0]]
    assert results.scores("prior_ppo", TIME, SCORE)[:, 0] == pytest.approx([(20 + s + 29) / 39 for s in range(3)])


def test_in_counterpoint_a_score_is_the_way_to_the_best_line():
    results = Results([*cells(), *cells("counterpoint")])
    assert results.tasks == ["melody", "counterpoint"]
    assert results.on("counterpoint").scores("prior", TIME, SCORE).tolist() == [[0.75]] * 3
    assert results.contenders(TIME) == ["uniform", "prior", "prior_ppo"]
    assert results.scores("prior", TIME, SCORE)[:, 0].tolist() != [0.75] * 3


def test_who_has_not_done_every_task_is_not_in_the_table():
    found = [*cells(), *(made(name, 0, "jig") for name in ("real", "uniform"))]
    assert Results(found).contenders(TIME) == ["real", "uniform"]
    assert Results(found).kinds == [NOTHING]
    with_other_seeds = Results([*found, made("prior", 7, "jig")])
    assert with_other_seeds.contenders(TIME) == ["real", "uniform"]


def test_the_table_ranks_by_score_under_real_parts():
    results = Results(cells())
    assert results.ranked(NOTES) == ["real", "prior_ppo", "prior", "uniform"]
    lines = markdown(results, NOTES, PAID).splitlines()
    assert len(lines) == 6
    assert lines[3].startswith("| prior_ppo | 1.28 (1.26..1.31) | 0.50 | - |")
    assert lines[4].startswith("| prior | 0.97 (0.95..1.00) | 0.50 | 1.00 |")


def test_a_column_in_which_nobody_has_a_figure_is_left_out():
    head = markdown(Results(cells("counterpoint")), NOTES, (*LINES, *HEARD)).splitlines()[0]
    assert "regret" in head
    assert "hard rules" not in head


def test_of_equal_cells_the_last_counts_and_unequal_ones_are_refused(tmp_path):
    again = made("prior", 0, **{"return": 100.0})
    write(cells(), tmp_path / "run" / "cells")
    write([again], tmp_path / "later")
    assert read([tmp_path / "run", tmp_path / "later"]).scores("prior", TIME, "return")[0, 0] == 100.0
    more = made("prior_ppo", 9, budget={"steps": 700, "seconds": None})
    with pytest.raises(ValueError, match="cells of melody do not compare, with 640 notes and 700 notes"):
        Results([*cells(), more])
    with pytest.raises(ValueError, match="holds no cells"):
        read([tmp_path / "nowhere"])
    with pytest.raises(ValueError, match="jig has no cells of uniform, by which scores are measured"):
        Results([made("real", 0, "jig"), made("prior", 0, "jig")]).ranked(NOTHING)


def test_the_page_says_how_many_runs_there_are_and_who_is_compared_at_time_alone():
    found = [*cells(), made("recurrent_ppo", 0, budget=SECONDS)]
    said = about(Results(found))
    assert said.startswith("3 runs of each contender (1 of `recurrent_ppo`), 10 pieces a run; learning from 640 notes")
    assert "`recurrent_ppo` would take too long over the notes" in said


def test_our_curve_is_the_hull_of_what_we_reach():
    results = Results(
        [
            *cells(),
            made("prior_0.6", 0, nll_prior=0.5, suite_score=-10.0),
            made("prior_0.8", 0, nll_prior=1.0, suite_score=-8.0),  # below the line between its neighbours
        ]
    )
    corners = curve([point for point in points(results, TIME) if point.name != "real"])
    assert corners.tolist() == [[0.5, -10.0], [1.5, 11.0]]
    assert beyond(corners, 1.0, 0.6)
    assert not beyond(corners, 1.0, 0.4)
    assert not beyond(corners, 9.0, 11.0)
    assert beyond(corners, 0.4, -30.0)


@pytest.mark.parametrize(
    ("paid", "said"), [(10.9, "None of theirs"), (12.0, "1 of theirs beyond it, 1 with the whole")]
)
def test_who_lies_beyond_our_curve_is_named(paid, said):
    tutor = made("tutor_g_c_0.3", 0, budget=SECONDS, nll_prior=1.5, suite_score=paid)
    told = trade_off(Results([*cells(), tutor]), TIME)
    assert said in told
    assert ("tutor_g_c_0.3" in told) == (paid > 11)


def test_goals_are_reached_where_ranges_are_apart():
    tutors = [made("tutor_g_tuned", seed, budget=SECONDS, **{"return": 21.0 + 2 * seed}) for seed in range(3)]
    reached = {goal.text: goal.reached for goal in goals(Results([*cells(), *tutors]), TIME, "prior_ppo")}
    assert not reached["score above that of `tutor_g_tuned`, ranges apart"]
    assert not reached["kinds of pieces, by real tunes"]
    assert reached["copied no more than unread tunes"]


def test_the_best_of_the_paper_and_of_uniform_play_is_what_counts():
    uniform_wins = [made("uniform", seed, paper_unique_highest=70.0, paper_in_motif=17.0) for seed in range(3)]
    found = {each.key: each for each in paper_metrics(Results([*cells(), *uniform_wins]), TIME)}
    assert (found["unique_highest"].best, found["unique_highest"].whose) == (70.0, "uniform")
    assert (found["in_motif"].best, found["in_motif"].whose) == (78.1, "random")
    assert not found["in_motif"].reaches(found["in_motif"].ours)
    assert found["in_repeated_motif"].reaches(found["in_repeated_motif"].ours)


def test_seeds_come_first_so_that_a_stopped_run_has_everyone():
    budgets = [Budget(steps=5), Budget(seconds=5)]
    found = list(cells_of(["melody"], ["prior", "a2c", "recurrent_ppo"], budgets, 2, 10))
    assert [(cell.contender, cell.seed) for cell in found[:4]] == [
        ("prior", 0),
        *[("a2c", 0)] * 2,
        ("recurrent_ppo", 0),
    ]
    assert found[3].budget == Budget(seconds=5)  # it cannot afford the notes
    assert len(found) == 8
    assert len({cell.path(Path()) for cell in found}) == 8


def test_a_cell_is_measured_once_and_kept(tmp_path):
    cell = Cell("melody", "prior", None, 3, 20)
    path = run(cell, tmp_path)
    found = json.loads(path.read_text())
    assert kind_of(found["cell"]) == NOTHING
    assert {column.figure for column in (*PAID, *HEARD)} - found["figures"].keys() == {SCORE, AHEAD}
    assert 0 < found["figures"]["passes_all"] < 1
    before = path.stat().st_mtime_ns
    assert run(cell, tmp_path).stat().st_mtime_ns == before


def test_a_line_of_counterpoint_is_judged_by_the_best_one():
    known = [known_tasks("form")[name] for name in ("fux_d-1-above", "fux_e-1-below")]
    judges = Optima([each.task for each in known])
    best = [melody_of(each.task, list(each.line)) for each in known]
    found = judges.figures(best)
    assert (found["regret"], found["optimal"], found["hard_rules"], found["different"]) == (0.0, 1.0, 1.0, 1.0)
    assert np.isnan(found["edit_distance"])
    twice = judges.figures([best[0], best[0]])
    assert (twice["different"], twice["edit_distance"]) == (0.5, 0.0)
    with pytest.raises(ValueError, match="1 of 1 tasks are not solved"):
        Optima(assignment("counterpoint:made-1-above").tasks[:1])


def test_who_knows_no_mask_breaks_hard_rules_in_counterpoint():
    masked, unmasked = (measure(Cell("counterpoint", name, Budget(steps=0), 0, 24)) for name in ("prior", "ppo"))
    assert masked["figures"]["hard_rules"] == 1.0
    assert unmasked["figures"]["hard_rules"] < 0.1
    assert unmasked["figures"]["regret"] > 10 > masked["figures"]["regret"]
    assert np.isnan(masked["figures"]["nll_judge"])


def test_the_best_of_some_is_chosen_among_those_for_one_task():
    """Else the cantus firmus that is easiest would win."""
    batch = assignment("counterpoint:fux_d,fux_c-1-both").batch(8)
    drawn: list[int] = []

    def seen(composing):
        if not composing.lines.frame[0, 0]:
            drawn.extend(melody.given.size * melody.side for melody in map(composing.melody, range(composing.n)))
        return prior()(composing)

    best_of(batch, seen, 4, 12, seed=0)
    groups = np.array(drawn).reshape(-1, 4)
    assert (groups == groups[:, :1]).all()
    assert len(np.unique(groups)) > 1


def test_presets_name_what_there_is():
    for parts in PRESETS.values():
        for part in parts:
            assert set(part.tasks) <= TASKS.keys()
            assert set(part.contenders) <= CONTENDERS.keys() | SWEEP.keys()
            assert all(cell.contender != "recurrent_ppo" or cell.budget.steps is None for cell in part.cells)
    for challenge in TASKS.values():
        rules = [each.assignment.suite.names for each in (challenge.learned, challenge.composed)]
        assert rules[0] == rules[1]
    learned, judged = (set(each.assignment.tasks) for each in TASKS["counterpoint"][:2])
    assert not learned & judged


def test_the_command_goes_on_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All cells are there already, so that nothing is measured."""
    folder = tmp_path / "run"
    arguments = ["--contenders", "prior", "prior_ppo", "--seeds", "3", "--steps", "640", "--seconds", "1"]
    write(cells(), folder / "cells")
    main([*arguments, "--pieces", "10", "--out", str(folder)])
    for plot in ("score", "passes_all", "profiles", "trade_off", "improvement"):
        assert (folder / f"{plot}.png").read_bytes()[:4] == b"\x89PNG"
    found = json.loads((folder / "result.json").read_text())["figures"]["melody"]["time"]["prior"][SCORE]
    assert found[0] == pytest.approx(38 / 39)
    assert "| notes in a motif, % † ‡ |" in (folder / "paper.md").read_text()
    assert "`prior_ppo` reaches" in (folder / "paper_statement.md").read_text()
    assert "| cadence | 1.00 | 1.00 | 1.00 | 1.00 |" in (folder / "rules.md").read_text()
    kept = json.loads((folder / "cells.json").read_text())["melody"]
    assert len(kept["runs"]) == 13
    assert kept["runs"][0]["figures"][kept["figures"].index("return")] in (*RETURNS.values(), 21, 22)
    main(["--resume", str(folder)])
    assert "score.png" in capsys.readouterr().out


@pytest.mark.parametrize("names", [("uniform",), ("uniform", "prior"), ("uniform", "a2c")])
def test_a_comparison_need_not_have_ours_in_it(names, tmp_path):
    found = [made(name, seed, budget=STEPS if name == "a2c" else None) for name in names for seed in range(2)]
    results = Results([made("real", 0), *found])
    said = blocks(results)
    assert said["goals"] == "Not measured."
    assert said["paper_statement"] == "Not measured."
    assert benchmark_plots.draw(tmp_path, results)


def test_runs_are_published_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.benchmark.SHIPPED", tmp_path / "shipped")
    monkeypatch.setattr("experiments.benchmark.PAGES", (tmp_path / "page.md",))
    page = "".join(f"<!-- begin {name} -->\nold\n<!-- end -->\n" for name in ("paid_time", "tasks", "each_task"))
    (tmp_path / "page.md").write_text(page)
    write([*cells(), made("tutor_g_c_3", 0, budget=SECONDS)], tmp_path / "one" / "cells")
    write([*cells("jig"), *cells("counterpoint")], tmp_path / "other")
    folders = [str(tmp_path / "one"), str(tmp_path / "other")]
    main(["--publish", *folders, "--out", str(tmp_path / "published")])
    page = (tmp_path / "page.md").read_text()
    assert "old" not in page
    assert "| prior_ppo | 1.28" in page
    assert "|  | all tasks | melody | jig | counterpoint |" in page
    assert "### counterpoint" in page
    assert "tutor_g_c_3" not in page
    assert "<svg" in (tmp_path / "shipped" / "tasks.svg").read_text()
    assert str(tmp_path) not in (tmp_path / "shipped" / "result.json").read_text()


def test_what_is_published_can_be_gone_on_from(tmp_path: Path) -> None:
    """Later runs are put beside the cells in ``cells.json``, which are those that were measured."""
    before = Results([*cells(), *cells("counterpoint")])
    (tmp_path / "cells.json").write_text(json.dumps(compact(before)))
    write([made("prior_ppo", 3, budget=STEPS)], tmp_path / "new")
    found = read([tmp_path, tmp_path / "new"])
    assert found.on("counterpoint").cells == before.on("counterpoint").cells
    assert found.seeds("prior_ppo", "notes") == [0, 1, 2]
    assert found.on("melody").seeds("prior_ppo", "notes") == [0, 1, 2, 3]


def test_the_pages_have_a_place_for_all_that_is_said():
    text = "".join(page.read_text() for page in PAGES)
    said = blocks(Results([*cells(), *cells("jig")]))
    assert [name for name in said if f"<!-- begin {name} -->" not in text] == []


@pytest.mark.bench
@pytest.mark.parametrize(("task", "name"), [("melody", "prior"), ("melody", "a2c"), ("counterpoint", "tutor_g_tuned")])
def test_a_cell_depends_on_its_arguments_alone(task, name):
    first, again = (measure(Cell(task, name, Budget(steps=640), 3, 20)) for _ in range(2))
    for each in (first, again):
        del each["figures"]["seconds_per_piece"], each["figures"]["learning_seconds"]
    np.testing.assert_equal(again, first)


@pytest.mark.bench
@pytest.mark.parametrize("task", TASKS)
def test_everybody_runs_on_every_task(task: str) -> None:
    for name, each in CONTENDERS.items():
        if name == "cloning" and not TASKS[task].has_real:
            with pytest.raises(ValueError, match="cloning learns from the corpus, which has no counterpoint"):
                each.make(TASKS[task].learned, Budget(steps=0))
            continue
        found = measure(Cell(task, name, Budget(steps=640), 0, 12))["figures"]
        assert np.isfinite(found["return"])
        assert found["pieces"] == 12


@pytest.mark.bench
def test_more_runs_narrow_the_range_of_the_prior_and_seeds_differ() -> None:
    """Of 64 pieces each: the range of ten runs holds the mean of the other ten, and is narrower than that of three."""
    cells = [measure(Cell("melody", "prior", None, seed, 64)) for seed in range(20)]
    ends = [measure(Cell("melody", "uniform", None, 0, 64)), made("real", 0)]
    ends[1]["cell"]["pieces"] = 64
    few, ten, others = (Results([*cells[a:b], *ends]) for a, b in ((0, 3), (0, 10), (10, 20)))
    narrow, wide = (each.estimate("prior", NOTHING, "return") for each in (ten, few))
    assert narrow.high - narrow.low < 1.5 * (wide.high - wide.low)
    other = others.estimate("prior", NOTHING, "return")
    assert narrow.low < other.high and other.low < narrow.high
    assert len({cell["figures"]["return"] for cell in cells}) == 20


@pytest.mark.bench
def test_the_quick_preset_puts_ppo_ahead_of_uniform_play(tmp_path: Path) -> None:
    """End to end, with everything measured: some six minutes of one core."""
    folder = tmp_path / "run"
    main(["--out", str(folder)])
    cells = list((folder / "cells" / "melody").glob("*.json"))
    assert len(cells) == 1 + 3 * (3 + 2 * 4)
    found = json.loads((folder / "result.json").read_text())["figures"]["melody"]
    for kind in (NOTES, TIME):
        ours, none = (found[kind][name][SCORE] for name in ("prior_ppo", "uniform"))
        assert ours[1] > none[2]
        assert found[kind]["uniform"][AHEAD][0] == 1.0


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
