"""The page of the rules: each has its place on it, its examples are what they are said to be, and its code runs."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from experiments import rules_page
from experiments.fitting import ENTRIES, measure, score
from experiments.own_statistic import calibrate_statistic
from experiments.rule_edits import changed_notes, edits
from experiments.rule_plots import plot
from experiments.rules_page import Arguments, described, gather, main
from musicenv.alphabet import DURATIONS
from musicenv.corpus import load
from musicenv.task import METRES
from rewards import calibration, theory
from rewards.calibration import calibrated
from rewards.rules import statistic

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
PAGE = (DOCS / "rules.md").read_text(encoding="utf-8")
NAMES = [entry.statistic.name for entry in ENTRIES]


@pytest.fixture(scope="module")
def tune():
    return next(melody for melody in load(progress=False).melodies("test", bars=8, metre="4/4") if melody.start == 0)


@pytest.fixture(scope="module")
def material():
    return gather(Arguments(tunes=2, fakes=5))


def test_every_rule_has_a_section_and_pictures_and_there_are_no_others():
    assert sorted(re.findall(r"^### (.*)$", PAGE, re.M)) == sorted(NAMES)
    assert {path.name for path in (DOCS / "rules").iterdir()} == {
        f"{name}.{kind}" for name in NAMES for kind in ("svg", "png")
    }
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", PAGE):
        assert (DOCS / picture).exists()
    assert sum(path.stat().st_size for path in (DOCS / "rules").iterdir()) < 2_000_000


def test_its_figures_are_those_of_the_shipped_calibration():
    """A red test says: run ``python -m experiments.rules_page``."""
    for name, found in calibration.load().items():
        section = PAGE.split(f"### {name}\n")[1].split("\n###")[0]
        assert f"weight {found.weight:g} " in section, name
        assert (
            f"passes from {found.curve.threshold[METRES.index('4/4')]:.2f}<"
            in (DOCS / "rules" / f"{name}.svg").read_text()
        )


def test_its_code_runs(tmp_path, monkeypatch, capsys):
    """In the order of the page, in one session; with two rules for all, which would be compiled anew, and few moves."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(theory, "suite", lambda: calibrated(theory.SUITE[:2]))
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    assert len(blocks) == 4
    (tmp_path / "my_rules.py").write_text(blocks[0])
    session = {"__name__": "rules"}
    for block in blocks:
        exec(compile(block.replace("10_000", "300"), "rules.md", "exec"), session)
    assert "real wins" in capsys.readouterr().out
    assert session["mine"].names == ("off_beat",)
    assert np.isfinite(session["attacked"].scores).all()
    assert (tmp_path / "attacked.mid").stat().st_size > 100


def test_the_command_writes_a_page_of_the_rules_asked_for(material, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(rules_page, "gather", lambda arguments: material)
    monkeypatch.setattr(rules_page, "own_rules", lambda: "## Your own")
    main(["--rules", "cadence", "pitch_range", "--out", str(tmp_path)])
    page = (tmp_path / "rules.md").read_text()
    assert re.findall(r"^### (.*)$", page, re.M) == ["cadence", "pitch_range"]
    assert page.count("Passes:") == 2
    assert {path.name for path in (tmp_path / "rules").glob("*.png")} == {"cadence.png", "pitch_range.png"}
    for drawn in (tmp_path / "rules").glob("*.svg"):
        ElementTree.parse(drawn)
    assert str(tmp_path / "rules.md") in capsys.readouterr().out


def test_a_rule_that_is_not_there_is_named(capsys):
    with pytest.raises(SystemExit):
        main(["--rules", "beauty"])
    assert "beauty" in capsys.readouterr().err


def test_an_example_passes_and_fails_as_it_says(material):
    found = calibration.load()
    for name in ("cadence", "longest_unison", "mean_surprisal"):
        rule = NAMES.index(name)
        example = material.showcase.choose(rule)
        passes = score(measure([example.passing, example.failing]), found)[1]
        assert passes[0].all()
        assert not passes[1, rule]
        failed = {NAMES[k] for k in np.flatnonzero(~passes[1])}
        assert failed == {name, *example.besides}


def test_an_edit_is_another_piece_in_the_same_frame(tune):
    made = list(edits(tune))
    assert len(made) > 500
    assert len({(m.pitch.tobytes(), m.duration.tobytes()) for m, _ in made}) == len(made)
    for melody, what in made:
        assert (melody.start, melody.time, melody.end, melody.metre) == (tune.start, tune.end, tune.end, tune.metre)
        assert set(melody.duration.tolist()) <= set(DURATIONS)
        if what.startswith("one note in") and what.endswith("an octave higher"):
            assert changed_notes(melody, tune).sum() == 1


def test_copying_a_bar_makes_two_bars_alike(tune):
    first, slots = 1, tune.bar // 3
    copied = {what: melody for melody, what in edits(tune)}["bar 2 in place of bar 5"]
    assert np.array_equal(copied.grid[first * slots : (first + 1) * slots], copied.grid[4 * slots : 5 * slots])
    assert np.array_equal(copied.grid[: 4 * slots], tune.grid[: 4 * slots])


def test_a_docstring_says_numbers_where_the_code_names_them():
    foreseen = ENTRIES[NAMES.index("foreseen_notes")].statistic
    assert "less than 0.3 nats" in described(foreseen)


def test_a_plot_reads_the_curve_to_its_ends():
    curve = calibration.load()["pitch_range"].curve
    values = np.array([5.0, 12.0, 60.0, np.nan])
    picture = ElementTree.fromstring(plot(curve, 2, values, {"one": values}))
    assert int(picture.attrib["width"]) > 0
    assert len(picture.findall("{*}path")) == 3


def test_a_statistic_of_ones_own_is_calibrated_like_the_shipped_ones():
    """Real tunes begin a fair share of their notes off the beat; a piece all on the beat does not pass."""

    @statistic(at_end=True)
    def between_beats(melody):
        return 1.0 - (melody.onset % melody.beat == 0).mean()

    curve = calibrate_statistic(between_beats, "capped", fakes_of_a_kind=20).curve
    metre = METRES.index("4/4")
    assert curve(0.5, metre) == pytest.approx(0.0, abs=0.5)
    assert not curve.passes(curve(0.0, metre), metre)
