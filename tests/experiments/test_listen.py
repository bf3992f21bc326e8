"""The page to hear and see pieces: what is in it, and how it behaves in a browser."""

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.compose import compose
from agents.named import agent_of
from experiments.counterfactuals import alternatives, changes
from experiments.listen import main, symbols_of, what
from experiments.pieces import Piece, write_piece, write_pieces
from experiments.runs import start_run
from experiments.timeline import FOLDER
from experiments.train_ppo import Args
from musicenv import render
from musicenv.alphabet import REST
from musicenv.melody import Melody, melody_from_notes
from musicenv.render.notation import written_bars
from musicenv.task import Task
from rewards import theory
from rewards.judging import judge
from rewards.rules import Suite

for library in ("midirenderer", "soundfile", "verovio"):
    pytest.importorskip(library, reason="the page needs the extras audio and score")

TWINKLE = [60, 60, 67, 67, 69, 69, 67, 65, 65, 64, 64, 62, 62, 60]
LENGTHS = [12, 12, 12, 12, 12, 12, 24] * 2


def twinkle(last: int = 60, key: str = "C") -> Melody:
    """The first four bars."""
    return melody_from_notes([*TWINKLE[:-1], last], LENGTHS, Task("4/4", key, bars=4))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page") / "run"
    start_run("train_ppo", Args(), folder)
    groups = {"real": [Piece(twinkle())], "tuned": [Piece(twinkle(62, "E"), {"score": -1.25})]}
    write_pieces(folder / "pieces", groups, [])
    for notes, melody in enumerate((twinkle(70), twinkle(62), twinkle())):
        write_piece(folder / FOLDER / f"{notes:02d}", Piece(melody, {"notes": 1000 * notes}), [])
    main([str(folder)])
    return folder / "listen.html"


class Structure(HTMLParser):
    """Ids, references to ids, addresses, and the elements that need a name."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.named_by: list[str] = []
        self.addresses: list[str] = []
        self.tags: Counter[str] = Counter()
        self.nameless: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        have = {name: value or "" for name, value in attributes}
        self.tags[tag] += 1
        self.ids += [have["id"]] if "id" in have else []
        self.named_by += [have["aria-labelledby"]] if "aria-labelledby" in have else []
        self.addresses += [have[name] for name in ("src", "href", "xlink:href") if name in have]
        if (tag == "input" or have.get("role") == "img") and not have.get("aria-label"):
            self.nameless.append(tag)


PLAYING = "document.querySelector('.piece.playing audio')"
"""In the page: the sound of the piece that plays."""


def said(tab: Any, text: str) -> None:
    """Wait until the live region says ``text``."""
    tab.wait_for_function("text => document.getElementById('status').textContent.includes(text)", arg=text)


def test_the_page_is_whole_in_itself(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    found = Structure(text)
    assert len(found.ids) == len(set(found.ids)), "each piece has ids of its own"
    assert set(found.named_by) <= set(found.ids)
    assert not found.nameless
    assert all(address.startswith(("#", "data:")) for address in found.addresses)
    assert not re.search(r"url\((?!data:)", text)
    assert found.tags["article"] == found.tags["audio"] == 5
    assert text.count("@font-face") == 1, "60 kB, the same for all scores"
    assert "{{" not in text


def test_a_title_cannot_break_the_page(tmp_path: Path) -> None:
    folder = tmp_path / "<script>alert(1)</script>"
    start_run("train_ppo", Args(), folder)
    write_pieces(folder / "pieces", {"<b>": [Piece(twinkle())]}, [])
    main([str(folder), "--out", str(tmp_path / "page.html")])
    found = Structure((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert found.tags["script"] == 2
    assert found.tags["b"] == 0


@pytest.mark.parametrize("arguments", [["--pieces", "0"], ["--instrument", "kazoo"], []])
def test_a_mistake_is_one_line(arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start_run("compose", Args(), tmp_path / "empty")
    with pytest.raises(SystemExit) as stopped:
        main([str(tmp_path / "empty"), *arguments])
    assert stopped.value.code == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_each_note_knows_its_symbols_in_the_score() -> None:
    """Ties, triplets, rests and pick-ups of what random play leaves behind."""
    agent, batch = agent_of("uniform", 4, "theory", {"metre": ["9/8", "4/4"], "pickup": 6, "bars": 6, "key": "Eb"})
    for number, melody in enumerate(compose(batch, agent, 8, seed=0).melodies, start=1):
        svg = render.score_svg(melody, number=number)
        ids = symbols_of(melody, svg)
        assert len(ids) == melody.pitch.size
        flat = [each for of_note in ids for each in of_note]
        assert len(set(flat)) == len(flat) == sum(len(bar.symbols) for bar in written_bars(melody))
        for of_note, pitch in zip(ids, melody.pitch, strict=True):
            kind = "(?:m?[Rr]est)" if pitch == REST else "note"
            assert all(re.search(rf'<g id="{each}" class="{kind}\b', svg) for each in of_note)


def test_a_last_note_off_the_tonic_costs_the_cadence_and_the_tonic_mends_it() -> None:
    suite = theory.suite()
    cadence = suite.names.index("cadence")
    wrong = {change.rule: change for change in changes(suite, twinkle(last=62))[-1]}
    assert wrong[cadence].pitch == 60
    assert wrong[cadence].gain > 0.2
    assert cadence not in {change.rule for change in changes(suite, twinkle())[-1]}


def test_what_a_change_gains_is_what_the_slow_judge_says() -> None:
    suite, melody = theory.suite(), twinkle(last=70)
    before = judge(suite, [melody])
    for k, of_note in enumerate(changes(suite, melody)):
        for change in of_note:
            pitch = melody.pitch.copy()
            pitch[k] = change.pitch
            after = judge(suite, [melody_from_notes(pitch, melody.duration, Task("4/4", "C", bars=4))])
            gains = after.scores[0] - before.scores[0]
            np.testing.assert_allclose([change.gain, change.total], [gains[change.rule], gains.sum()], atol=1e-9)


def test_notes_are_tried_on_the_scale_and_as_a_rest() -> None:
    assert alternatives(twinkle(), 0) == [REST, 55, 57, 59, 62, 64, 65]
    assert changes(Suite(theory.suite().terms[:1]), melody_from_notes([REST], [48], Task(bars=1))) == [[]]


def test_a_rule_is_told_in_one_sentence() -> None:
    said = [what(term.rule) for term in theory.suite()]
    assert all(sentence and sentence.count("(") == sentence.count(")") for sentence in said)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright: extra dev")
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("the browser tests need Chromium on the PATH; there is none")
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=quiet)
        yield browser
        browser.close()


@pytest.fixture(params=[(1280, 900), (360, 740)], ids=["desktop", "phone"])
def tab(chromium: Any, page: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The page, open; fails at its end where something was asked of the network or the console told an error."""
    width, height = request.param
    context = chromium.new_context(viewport={"width": width, "height": height}, accept_downloads=True)
    context.set_default_timeout(10_000)
    opened = context.new_page()
    asked: list[str] = []
    errors: list[str] = []

    def refuse(route: Any) -> None:
        if route.request.url == page.as_uri():
            route.continue_()
        else:
            asked.append(route.request.url)
            route.abort()

    context.route("**/*", refuse)
    opened.on("console", lambda message: errors.append(message.text) if message.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(page.as_uri())
    yield opened
    context.close()
    assert not asked
    assert not errors


def test_a_piece_plays_and_both_cursors_move(tab: Any) -> None:
    piece = tab.locator(".pieces .piece").first
    piece.get_by_role("button", name="Play real 1").click()
    said(tab, "Now playing: real 1")
    places = []
    for seconds in (0.5, 2.0):
        tab.wait_for_function(f"seconds => {PLAYING}.currentTime > seconds", arg=seconds)
        score, roll = piece.locator(".cursor").bounding_box(), piece.locator(".roll .now").get_attribute("x1")
        places.append((score["x"], float(roll)))
        assert piece.locator(".score .sounding").count() == 1
    assert places[1][0] > places[0][0]
    assert places[1][1] > places[0][1] > 0
    piece.get_by_role("button", name="Pause real 1").click()
    said(tab, "Paused: real 1")
    piece.get_by_role("slider", name="Position in real 1").fill("500")
    half = piece.locator("audio").evaluate("audio => audio.currentTime")
    assert half == pytest.approx(64 / 144 * 60 / 4 * 0.5, rel=0.02), "four bars of 4/4 at 144 beats a minute"


def test_nothing_sticks_out_to_the_side(tab: Any) -> None:
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_keyboard_reaches_a_note_and_tells_its_rules(tab: Any) -> None:
    piece = tab.locator(".pieces .piece").nth(1)
    piece.get_by_role("button", name="Play tuned 1").focus()
    for _ in range(2):
        tab.keyboard.press("Tab")
    tab.keyboard.press("End")
    assert "Bar 4, F♯4" in tab.evaluate("document.activeElement.getAttribute('aria-label')")
    assert re.search(r"cadence \+\d\.\d\d with E4", piece.locator(".told").inner_text())
    tab.keyboard.press("ArrowLeft")
    assert "Bar 4" in piece.locator(".told strong").inner_text()
    tab.keyboard.press("Enter")
    tab.wait_for_function(f"() => {PLAYING}?.currentTime > 4")


def test_rules_are_shown_bar_by_bar(tab: Any) -> None:
    piece = tab.locator(".pieces .piece").nth(1)
    piece.locator("summary").click()
    assert piece.locator(".rules li").count() == len(theory.suite())
    assert piece.locator(".rules li.failed").count() > 0


def test_the_agent_is_heard_learning(tab: Any) -> None:
    moments = tab.get_by_role("slider", name="Moment of the training")
    assert tab.locator(".timeline .piece:visible h4").inner_text().startswith("after 2,000 notes")
    moments.fill("1")
    assert tab.locator(".timeline .piece:visible h4").inner_text().startswith("after 1,000 notes")
    tab.get_by_role("button", name="Hear it learn").click()
    assert tab.locator(".timeline .piece:visible h4").inner_text().startswith("after 0 notes")
    said(tab, "Now playing: after 0 notes")
    tab.wait_for_function(f"() => {PLAYING}.currentTime > 0")
    tab.evaluate(f"{PLAYING}.currentTime = {PLAYING}.duration - 0.1")
    said(tab, "Now playing: after 1,000 notes")


def test_blind_votes_are_counted_and_downloaded(tab: Any) -> None:
    tab.get_by_role("button", name="Play A", exact=True).click()
    assert tab.locator("#status").inner_text() == "Now playing: A", "it does not say which piece it is"
    assert not tab.locator("#revealed").inner_text()
    tab.get_by_role("button", name="Stop A", exact=True).click()
    said(tab, "Paused: A")
    tab.get_by_role("button", name="A is better").click()
    preferred = re.match(r"A was (\w+) 1, B was (\w+) 1", tab.locator("#revealed").inner_text())
    assert preferred is not None
    assert tab.get_by_role("button", name="B is better").is_disabled(), "one vote a pair"
    tab.get_by_role("button", name="Next pair").press("Enter")
    tab.get_by_role("button", name="Neither").click()
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Download JSON").click()
    told = json.loads(Path(download.value.path()).read_text())
    wins = {row["group"]: (row["compared"], row["preferred"]) for row in told["tally"]}
    assert wins == {preferred[1]: (2, 1), preferred[2]: (2, 0)}
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Download CSV").click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert lines[0] == "a,b,choice,preferred"
    assert lines[1].endswith(f'"A","{preferred[1]}"')
    assert len(lines) == 3
