"""The page to hear and see pieces: what is in it."""

import re
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from agents.compose import compose
from agents.named import agent_of
from experiments.listen import engraved, main, symbols_of
from experiments.pieces import Piece, write_pieces
from experiments.runs import start_run
from experiments.train_ppo import Args
from musicenv.alphabet import REST
from musicenv.melody import Melody, melody_from_notes
from musicenv.render.notation import written_bars
from musicenv.task import Task

for library in ("midirenderer", "soundfile", "verovio"):
    pytest.importorskip(library, reason="the page needs the extras audio and score")


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


def test_the_page_is_whole_in_itself(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    found = Structure(text)
    assert len(found.ids) == len(set(found.ids)), "each piece has ids of its own"
    assert set(found.named_by) <= set(found.ids)
    assert not found.nameless
    assert all(address.startswith(("#", "data:")) for address in found.addresses)
    assert not re.search(r"url\((?!data:)", text)
    assert found.tags["article"] == found.tags["audio"] == 5
    assert "@font-face" not in text, "60 kB, which no score needs without its tempo"
    assert "{{" not in text


def test_a_title_cannot_break_the_page(tmp_path: Path, twinkle: Callable[..., Melody]) -> None:
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
    for number, melody in enumerate(compose(batch, agent, 8, seed=0).melodies):
        for svg in engraved(melody, number).values():
            ids = symbols_of(melody, svg)
            assert len(ids) == melody.pitch.size
            flat = [each for of_note in ids for each in of_note]
            assert len(set(flat)) == len(flat) == sum(len(bar.symbols) for bar in written_bars(melody))
            for of_note, pitch in zip(ids, melody.pitch, strict=True):
                kind = "(?:m?[Rr]est)" if pitch == REST else "note"
                assert all(re.search(rf'<g id="{each}" class="{kind}\b', svg) for each in of_note)


def test_a_line_holds_fewer_bars_on_a_phone_and_where_they_are_crowded(twinkle: Callable[..., Melody]) -> None:
    def systems(melody: Melody) -> list[int]:
        return [svg.count('class="system"') for svg in engraved(melody, 0).values()]

    assert systems(twinkle()) == [1, 2]
    assert systems(melody_from_notes([60, 62] * 32, [3] * 64, Task(bars=4))) == [2, 4]
