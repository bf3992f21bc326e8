"""The speed command at tiny sizes, and its way of measuring."""

import json
import shutil
from pathlib import Path

import pytest

from experiments import speed, timing
from experiments.runs import result_of
from experiments.speed_figures import Figure, Preset, medians
from experiments.speed_players import tunes
from experiments.speed_prior import compiled_or_not
from musicenv.vector import MelodyVectorEnv


class Clock:
    """Time that passes where something is done."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now

    process_time = perf_counter


def test_what_takes_twice_as_long_is_measured_so(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(timing, "time", clock)

    def work(steps: int) -> int:
        clock.now += 1e-3 * steps
        return steps

    cost = timing.interleaved({"one": work, "two": lambda steps: work(2 * steps)}, 0.3)
    assert cost == pytest.approx({"one": 1e-3, "two": 2e-3})
    disturbed = iter([1, 1, 1, 50, 1, 1, 1])
    rate = timing.rates({"steady": lambda: work(60), "at times late": lambda: work(60 * next(disturbed)) and 60}, 5)
    assert rate == pytest.approx({"steady": 1e3, "at times late": 1e3})


def test_tunes_end_where_pieces_end() -> None:
    env = MelodyVectorEnv(4, prior=None, reward="theory.density")
    env.reset(seed=0)
    played = tunes(4, seed=0)
    infos = [env.step(actions)[4] for actions in played]
    ends = [info["final_info"] for info in infos if "final_info" in info]
    assert len(ends) > 8
    assert all(melody.time == melody.end for end in ends for melody in end["melody"] if melody is not None)


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(speed.PRESETS, "quick", Preset(0.02, 4, (1, 2), 1))
    out = tmp_path / "run"
    speed.main(["--only", "bars", "environments", "--out", str(out)])
    figures = result_of(out)["figures"]
    assert set(figures) == {"bars", "environments"}
    assert all(figure["value"] > 0 for rows in figures.values() for figure in rows)
    assert (out / "speed.png").stat().st_size > 10_000
    assert "Cost by length" in (out / "tables.md").read_text()
    assert "2 bars / 1" in capsys.readouterr().out

    docs = tmp_path / "docs"
    (docs / "figures").mkdir(parents=True)
    blocks = "".join(f"<!-- begin {name} -->\nold\n<!-- end -->\n" for name in ("machines", "figures"))
    (docs / "speed.md").write_text(f"before\n{blocks}after\n")
    monkeypatch.setattr(speed, "DOCS", docs)
    speed.main(["--publish", str(out)])
    page = (docs / "speed.md").read_text()
    assert "before" in page and "after" in page and "old" not in page
    assert "| 1 bars |" in page
    assert json.loads((docs / "figures" / "speed.json").read_text())["figures"] == figures

    later = tmp_path / "later"
    speed.main(["--only", "bars", "--out", str(later)])
    speed.main(["--publish", str(later)])
    both = json.loads((docs / "figures" / "speed.json").read_text())["figures"]
    assert both == {"bars": result_of(later)["figures"]["bars"], "environments": figures["environments"]}
    assert "Of another run: Rate by environments." in (docs / "speed.md").read_text()

    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(later, elsewhere)
    told = json.loads((later / "result.json").read_text())
    told["machine"]["processor"] = "Another, AVX2"
    (elsewhere / "result.json").write_text(json.dumps(told))
    for run in (elsewhere, later, later):
        speed.main(["--publish", str(run)])
        assert (docs / "speed.md").read_text().count("Another, AVX2") == (2 if run == elsewhere else 1)
        assert len(list((docs / "figures" / "speed").iterdir())) == 1
    (target,) = (line for line in (docs / "speed.md").read_text().splitlines() if "Cost by length: 2 bars / 1" in line)
    assert [bool(value.strip()) for value in target.split("|")[2:-1]] == [True, True, True]
    assert set(json.loads((docs / "figures" / "speed.json").read_text())["figures"]) == {"bars", "environments"}


def test_the_prior_is_measured_with_and_without_torch() -> None:
    found = {figure.name: figure.value for figure in compiled_or_not(Preset(0.02, 4, (1, 2), 1), seed=0)}
    for n in (1, 256):
        assert found[f"{n}: compiled / torch"] == pytest.approx(found[f"{n}: compiled"] / found[f"{n}: torch"])


def test_what_hangs_on_the_place_in_memory_is_the_median_of_some_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [[Figure("rate", value, "x/s"), Figure("ratio", 1 / value, "", 0.5)] for value in (2.0, 9.0, 4.0)]
    assert medians(found) == [Figure("rate", 4.0, "x/s"), Figure("ratio", 0.25, "", 0.5)]
    monkeypatch.setitem(speed.PRESETS, "quick", Preset(0.02, 4, (1, 2), 1, processes=2))
    speed.main(["--only", "threads", "--out", str(tmp_path / "run")])
    (figures,) = result_of(tmp_path / "run")["figures"].values()
    assert len(figures) == 3
    assert all(figure["value"] > 0 for figure in figures)


def test_an_unknown_section_is_said(mistake) -> None:  # type: ignore[no-untyped-def]
    mistake(speed.main, ["--only", "vectors"], "--only vectors: there is no such section; choose from single, vector")


def test_numbers_are_shown_with_their_units() -> None:
    assert Figure("rate", 12345.6, "steps/s").shown == "12,346 steps/s"
    assert Figure("ratio", 0.4567, target=2.0).shown == "0.457"
    assert Figure("growth", 0.5, target=1.3, at_most=True).target_shown == "<= 1.3"
