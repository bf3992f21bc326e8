"""One page to hear and see pieces: scores, piano rolls, rules, blind listening, and how an agent learned.

python -m experiments.listen runs/train_ppo/... runs/compose/...
"""

from __future__ import annotations

import base64
import html
import inspect
import json
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, NamedTuple

import tyro
from tqdm import tqdm

from experiments.counterfactuals import changes
from experiments.pieces import Piece, check_libraries, read_pieces
from experiments.runs import UserError, command, open_run, user_input
from experiments.timeline import FOLDER
from musicenv import render
from musicenv.alphabet import REST
from musicenv.appraisal import appraise
from musicenv.files import write_atomic
from musicenv.melody import Melody
from musicenv.render.notation import spell, written_bars
from musicenv.render.roll import DEGREES, degree_of
from musicenv.render.sheet import caption
from musicenv.task import TRANSPOSITION
from rewards import theory
from rewards.rules import Rule, Suite

WIDTH: Final = 760
"""Units of a score's width; small, so that notes are large on a phone."""
ORDER: Final = ("real", "uniform", "prior", "tuned", "best")
"""Groups from left to right; others follow."""
_ACCIDENTALS: Final = {-2: "𝄫", -1: "♭", 0: "", 1: "♯", 2: "𝄪"}
_FONT: Final = re.compile(r'<style type="text/css">(@font-face.*?)</style>', re.DOTALL)
_SYMBOL: Final = re.compile(r'<g id="([^"]+)" class="(?:note|rest|mRest)\b')


@dataclass(frozen=True)
class Args:
    """Write a page to hear and see the pieces of runs; it needs no network."""

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Run folders of train_ppo or compose."""
    pieces: int = 4
    """Pieces of each group, at most."""
    instrument: str = "piano"
    """One of musicenv.render.performance.INSTRUMENTS."""
    out: Path | None = None
    """The page; listen.html in the first run folder by default."""


class Entry(NamedTuple):
    """A piece on the page."""

    run: str
    group: str
    number: int
    piece: Piece

    @property
    def title(self) -> str:
        notes = self.piece.facts.get("notes")
        return f"after {notes:,} notes" if self.group == FOLDER.name else f"{self.group} {self.number}"


def collect(runs: tuple[Path, ...], most: int) -> list[Entry]:
    """The pieces of the runs: groups in ORDER, then the timeline whole."""
    found: list[Entry] = []
    names = [run.resolve().name for run in runs]
    for run, name in zip(runs, names, strict=True):
        name = name if names.count(name) == 1 else str(run)
        open_run(run)
        folders = [folder for folder in (run / "pieces").glob("*") if folder.is_dir() and folder.name != FOLDER.name]
        folders.sort(key=lambda folder: (ORDER.index(folder.name) if folder.name in ORDER else len(ORDER), folder.name))
        before = len(found)
        for folder in folders:
            pieces = read_pieces(folder)[:most]
            found += [Entry(name, folder.name, number, piece) for number, piece in enumerate(pieces, start=1)]
        found += [Entry(name, FOLDER.name, k, piece) for k, piece in enumerate(read_pieces(run / FOLDER), start=1)]
        if len(found) == before:
            raise UserError(f"{run} holds no pieces; give a finished run of train_ppo or compose")
    return found


def what(rule: Rule) -> str:
    """The first sentence of a rule's docstring."""
    text = " ".join((inspect.getdoc(rule.function) or "").split("\n\n")[0].split())
    return re.split(r"(?<=[.?!])\s+(?=[A-Z])", text, maxsplit=1)[0]


def pitch_name(pitch: int, melody: Melody) -> str:
    """Such as "F♯4" of a relative pitch; "rest" of REST."""
    if pitch == REST:
        return "rest"
    letter, alter, octave = spell(pitch + TRANSPOSITION[melody.key], melody.key, melody.mode)
    return f"{letter}{_ACCIDENTALS[alter]}{octave}"


def symbols_of(melody: Melody, svg: str) -> list[list[str]]:
    """Of each note the ids in the score's SVG: several where it is written with ties, or is a long rest."""
    ids = iter(_SYMBOL.findall(svg))
    out: list[list[str]] = []
    for bar in written_bars(melody):
        time = bar.start
        for symbol in bar.symbols:
            if len(out) < melody.onset.size and time == melody.onset[len(out)]:
                out.append([])
            out[-1].append(next(ids))
            time += symbol.ticks
    return out


def notes_of(melody: Melody, svg: str, suite: Suite) -> list[dict[str, Any]]:
    """Each note as the page draws it, with the changes that rules would gain by; times in ticks from the beginning."""
    written, told = symbols_of(melody, svg), changes(suite, melody)
    return [
        {
            "onset": int(melody.onset[k]) - melody.start,
            "duration": int(melody.duration[k]),
            "pitch": None if pitch == REST else pitch,
            "degree": None if pitch == REST else degree_of(pitch, melody.mode),
            "name": pitch_name(pitch, melody),
            "bar": int(melody.onset[k]) // melody.bar + 1,
            "ids": written[k],
            "changes": [
                [change.rule, round(change.gain, 2), round(change.total, 2), pitch_name(change.pitch, melody)]
                for change in told[k]
            ],
        }
        for k, pitch in enumerate(melody.pitch.tolist())
    ]


def data_of(entry: Entry, svg: str, suite: Suite, how: render.Performance) -> dict[str, Any]:
    """What the page's script has to know of a piece."""
    melody = entry.piece.melody
    appraisal = appraise(suite, [melody])
    return {
        "run": entry.run,
        "group": entry.group,
        "title": entry.title,
        "speed": how.ticks_per_second(melody),
        "ticks": melody.time - melody.start,
        "pickup": -melody.start,
        "bar": melody.bar,
        "notes": notes_of(melody, svg, suite),
        "scores": [round(float(score), 3) for score in appraisal.scores[0]],
        "passed": appraisal.passed[0].tolist(),
    }


def article(entry: Entry, number: int, svg: str, mp3: bytes) -> str:
    """A piece as HTML; the script adds what moves."""
    # Sized by the page instead of in pixels.
    svg = re.sub(r'^<svg width="(\d+)px" height="(\d+)px"', r'<svg viewBox="0 0 \1 \2"', svg.strip())
    melody = entry.piece.melody
    title = html.escape(entry.title)
    score = entry.piece.facts.get("score")
    told = f"{caption(melody)}{'' if score is None else f', reward {score:.1f}'}"
    abc = html.escape(render.to_abc(melody, one_line=True), quote=True)
    sound = base64.b64encode(mp3).decode()
    return f"""<article class="piece" id="piece-{number}" data-piece="{number}" aria-labelledby="title-{number}">
<h4 id="title-{number}">{title} <small>{html.escape(told)}</small></h4>
<div class="player"><button type="button" class="play" aria-label="Play {title}">▶</button>
<input type="range" class="seek" min="0" max="1000" value="0" aria-label="Position in {title}">
<span class="clock" aria-hidden="true"></span></div>
<div class="score"><div role="img" aria-label="Score: {abc}">{svg}</div><div class="cursor" hidden></div></div>
<div class="roll"></div>
<p class="told">Point at a note of the piano roll, or go there by Tab and the arrow keys.</p>
<details class="rules"><summary></summary></details>
<audio preload="none" src="data:audio/mpeg;base64,{sound}"></audio>
</article>"""


def page_of(entries: list[Entry], how: render.Performance) -> str:
    """The page, with everything in it."""
    suite = theory.suite()
    articles, data, fonts = [], [], dict[str, None]()
    for number, entry in enumerate(tqdm(entries, unit=" pieces", desc="engraving and playing")):
        svg = render.score_svg(entry.piece.melody, width=WIDTH, number=number + 1, performance=how)
        fonts |= dict.fromkeys(_FONT.findall(svg))  # the same in each score: 60 kB that the page needs once
        svg = _FONT.sub("", svg)
        articles.append(article(entry, number, svg, render.mp3_bytes(entry.piece.melody, how)))
        data.append(data_of(entry, svg, suite, how))
    script_data = {
        "rules": [[term.rule.name, what(term.rule)] for term in suite],
        "colours": [f"rgb{colour}" for colour in DEGREES],
        "pieces": data,
    }
    sections = []
    for run in dict.fromkeys(entry.run for entry in entries):
        mine = [(text, entry) for text, entry in zip(articles, entries, strict=True) if entry.run == run]
        learned = "\n".join(text for text, entry in mine if entry.group == FOLDER.name)
        # Row by row: the first piece of each group side by side, then the second.
        others = sorted((p for p in mine if p[1].group != FOLDER.name), key=lambda pair: pair[1].number)
        columns = min(max(len({entry.group for _, entry in others}), 2), 4)
        side_by_side = "\n".join(text for text, _ in others)
        sections.append(
            f'<section class="run"><h3>{html.escape(run)}</h3>\n'
            f'<div class="timeline" role="group" aria-label="How {html.escape(run)} learned">{learned}</div>\n'
            f'<div class="pieces" style="--columns: {columns}">{side_by_side}</div></section>'
        )
    parts = {
        "style": "\n".join([*fonts, _part("listen.css")]),
        "script": _part("listen.js"),
        "data": json.dumps(script_data, separators=(",", ":")).replace("</", "<\\/"),
        "runs": "\n".join(sections),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _part("listen.html"))


def _part(name: str) -> str:
    return (files("experiments.page") / name).read_text(encoding="utf-8")


def run_listen(args: Args) -> None:
    """The command."""
    with user_input():
        check_libraries(("verovio", "midirenderer", "soundfile"), "the page")
        how = render.Performance(args.instrument)
        if args.pieces < 1:
            raise UserError(f"pieces={args.pieces} is not possible; give at least 1")
        entries = collect(args.runs, args.pieces)
    path = write_atomic(args.out or args.runs[0] / "listen.html", page_of(entries, how))
    print(f"{len(entries)} pieces, {path.stat().st_size / 1e6:.1f} MB\nopen: {path}")


main = command(Args, run_listen)

if __name__ == "__main__":
    main()
