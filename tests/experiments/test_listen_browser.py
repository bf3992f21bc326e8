"""The page to hear and see pieces: how it behaves in a browser, at a desk and on a phone."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rewards.named import suite_of

PLAYING = "document.querySelector('.piece.playing audio')"
"""In the page: the sound of the piece that plays."""


def said(tab: Any, text: str) -> None:
    """Wait until the live region says ``text``."""
    tab.wait_for_function("text => document.getElementById('status').textContent.includes(text)", arg=text)


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


@pytest.fixture(params=[(1280, 900), (390, 844)], ids=["desktop", "phone"])
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
        assert piece.locator(".score .sounding:visible").count() == 1
    assert places[1][0] > places[0][0]
    assert places[1][1] > places[0][1] > 0
    piece.get_by_role("button", name="Pause real 1").click()
    said(tab, "Paused: real 1")
    piece.get_by_role("slider", name="Position in real 1").fill("500")
    half = piece.locator("audio").evaluate("audio => audio.currentTime")
    assert half == pytest.approx(64 / 144 * 60 / 4 * 0.5, rel=0.02), "four bars of 4/4 at 144 beats a minute"


STAFF_SPACE = """piece => {
    const staff = [...piece.querySelectorAll(".score .staff")].find(each => each.getClientRects().length);
    const lines = [...staff.querySelectorAll(":scope > path")].map(line => line.getBoundingClientRect().y);
    return (lines[4] - lines[0]) / 4;
}"""


def test_notes_are_large_enough_to_be_read(tab: Any) -> None:
    """6.5 CSS pixels between two lines of the staff: 1.7 mm, as in printed parts."""
    piece = tab.locator(".pieces .piece").first
    assert piece.locator(".score svg.wide:visible, .score svg.narrow:visible").count() == 1
    assert piece.evaluate(STAFF_SPACE) >= 6.5


def test_the_cursor_follows_when_another_engraving_is_shown(tab: Any) -> None:
    piece = tab.locator(".pieces .piece").first
    piece.get_by_role("slider", name="Position in real 1").fill("600")
    for width, shown in ((390, "narrow"), (1280, "wide")):
        tab.set_viewport_size({"width": width, "height": 844})
        assert piece.locator(f".score svg.{shown}").is_visible()
        tab.wait_for_timeout(100)
        note = piece.locator(f"svg.{shown} .sounding").bounding_box()
        cursor = piece.locator(".cursor").bounding_box()
        assert cursor["x"] >= note["x"] - 2
        assert cursor["y"] < note["y"] + note["height"]
        assert cursor["y"] + cursor["height"] > note["y"]


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
    piece.locator("summary").first.click()
    assert piece.locator(".rules > ul > li.failed").count() > 0
    assert piece.locator(".rules > ul > li").count() < 30, "what hardly counts is told below"
    assert piece.locator(".rules li").count() == len(suite_of("default", has_prior=True))


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
