"""One page to hear and see pieces: scores, piano rolls, rules, blind listening, and how an agent learned.

python -m experiments.listen runs/train_ppo/... runs/compose/...
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, NamedTuple

import tyro
from tqdm import tqdm

from experiments.counterfactuals import Told, tell
from experiments.pieces import Piece, check_libraries, read_pieces
from experiments.run_rules import Rules, rules_of, what
from experiments.runs import UserError, command, open_run, user_input
from experiments.timeline import FOLDER
from musicenv import render
from musicenv.alphabet import REST
from musicenv.files import write_atomic
from musicenv.melody import Melody
from musicenv.render.notation import spell, written_bars
from musicenv.render.roll import DEGREES, degree_of
from musicenv.render.sheet import caption
from musicenv.task import TRANSPOSITION

LAYOUTS: Final = {"wide": (760, 4), "narrow": (460, 2)}
"""How each score is engraved: width in units and bars a line; the page shows that which suits its column."""
CROWDED: Final = 12
"""Symbols in a bar from which on a line has half as many bars."""
SCRIPTS: Final = ("common.js", "piece.js", "timeline.js", "blind.js", "start.js")
"""Of the page, in their order."""
ORDER: Final = ("real", "uniform", "prior", "tuned", "best")
"""Groups from left to right; others follow."""
_ACCIDENTALS: Final = {-2: "𝄫", -1: "♭", 0: "", 1: "♯", 2: "𝄪"}
_FONT: Final = re.compile(r'<style type="text/css">(@font-face.*?)</style>', re.DOTALL)
_BEATS: Final = {12: "♩", 18: "♩."}
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
    rules: Rules
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
        rules = rules_of(open_run(run))
        if rules.notice:
            print(f"{name}: {rules.notice}")
        folders = [folder for folder in (run / "pieces").glob("*") if folder.is_dir() and folder.name != FOLDER.name]
        folders.sort(key=lambda folder: (ORDER.index(folder.name) if folder.name in ORDER else len(ORDER), folder.name))
        groups = {folder.name: read_pieces(folder)[:most] for folder in folders}
        groups[FOLDER.name] = read_pieces(run / FOLDER)
        if not any(groups.values()):
            raise UserError(f"{run} holds no pieces; give a finished run of train_ppo or compose")
        for group, pieces in groups.items():
            found += [Entry(name, rules, group, number, piece) for number, piece in enumerate(pieces, start=1)]
    return found


def pitch_name(pitch: int, melody: Melody) -> str:
    """Such as "F♯4" of a relative pitch; "rest" of REST."""
    if pitch == REST:
        return "rest"
    letter, alter, octave = spell(pitch + TRANSPOSITION[melody.key], melody.key, melody.mode)
    return f"{letter}{_ACCIDENTALS[alter]}{octave}"


def engraved(melody: Melody, number: int) -> dict[str, str]:
    """The SVG of each of LAYOUTS; ``number`` (0 or more) tells the pieces of a page apart."""
    bars_a_line = {name: bars for name, (_, bars) in LAYOUTS.items()}
    if max(len(bar.symbols) for bar in written_bars(melody)) > CROWDED:
        bars_a_line = {name: bars // 2 for name, bars in bars_a_line.items()}
    out = {}
    for k, (name, (width, _)) in enumerate(LAYOUTS.items(), start=1):
        own = len(LAYOUTS) * number + k
        svg = render.score_svg(melody, width=width, number=own, bars_a_line=bars_a_line[name], tempo_mark=False)
        svg = re.sub(r"\n\s*", "", _FONT.sub("", svg))  # half of it; the font is for tempo marks alone
        # Sized by the page instead of in pixels.
        out[name] = re.sub(r'^<svg width="(\d+)px" height="(\d+)px"', rf'<svg class="{name}" viewBox="0 0 \1 \2"', svg)
    return out


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


def notes_of(melody: Melody, svgs: Iterable[str], told: Told) -> list[dict[str, Any]]:
    """Each note as the page draws it, with the changes that rules would gain by; times in ticks from the beginning."""
    written = [symbols_of(melody, svg) for svg in svgs]
    return [
        {
            "onset": int(melody.onset[k]) - melody.start,
            "duration": int(melody.duration[k]),
            "pitch": None if pitch == REST else pitch,
            "degree": None if pitch == REST else degree_of(pitch, melody.mode),
            "name": pitch_name(pitch, melody),
            "bar": int(melody.onset[k]) // melody.bar + 1,
            "ids": [each for layout in written for each in layout[k]],
            "changes": [
                [change.rule, round(change.gain, 2), round(change.total, 2), pitch_name(change.pitch, melody)]
                for change in told.changes[k]
            ],
        }
        for k, pitch in enumerate(melody.pitch.tolist())
    ]


def data_of(entry: Entry, svgs: Iterable[str], how: render.Performance) -> dict[str, Any]:
    """What the page's script has to know of a piece."""
    melody, suite = entry.piece.melody, entry.rules.suite
    told = tell(suite, melody, entry.rules.prior)
    return {
        "run": entry.run,
        "group": entry.group,
        "title": entry.title,
        "speed": how.ticks_per_second(melody),
        "ticks": melody.time - melody.start,
        "pickup": -melody.start,
        "bar": melody.bar,
        "notes": notes_of(melody, svgs, told),
        "scores": [round(float(score), 3) for score in told.scores],
        # Nothing can fail a rule that has no curve.
        "passed": [bool(passed) if term.curve else None for term, passed in zip(suite, told.passed, strict=True)],
        "bonus": suite.bonus if told.passed.all() else 0,
    }


def article(entry: Entry, number: int, svgs: Iterable[str], mp3: bytes, how: render.Performance) -> str:
    """A piece as HTML; the script adds what moves."""
    melody = entry.piece.melody
    title = html.escape(entry.title)
    told = [caption(melody), f"{_BEATS[melody.beat]} = {how.beats_per_minute(melody):g}"]
    if "score" in entry.piece.facts:
        told.append(f"reward {entry.piece.facts['score']:.1f}")
    abc = html.escape(render.to_abc(melody, one_line=True), quote=True)
    score = "".join(svgs)
    sound = base64.b64encode(mp3).decode()
    return f"""<article class="piece" id="piece-{number}" data-piece="{number}" aria-labelledby="title-{number}">
<h4 id="title-{number}">{title} <small>{html.escape(", ".join(told))}</small></h4>
<div class="player"><button type="button" class="play" aria-label="Play {title}">▶</button>
<input type="range" class="seek" min="0" max="1000" value="0" aria-label="Position in {title}">
<span class="clock" aria-hidden="true"></span></div>
<div class="score"><div role="img" aria-label="Score: {abc}">{score}</div><div class="cursor" hidden></div></div>
<div class="roll"></div>
<p class="told">Point at a note of the piano roll, tap it, or go there by Tab and the arrow keys.</p>
<details class="rules"><summary></summary></details>
<audio preload="none" src="data:audio/mpeg;base64,{sound}"></audio>
</article>"""


def section(run: str, rules: Rules, mine: list[tuple[str, Entry]]) -> str:
    """A run as HTML; ``mine`` are its pieces, each with its article."""
    learned = "\n".join(text for text, entry in mine if entry.group == FOLDER.name)
    # Row by row: the first piece of each group side by side, then the second.
    others = sorted((p for p in mine if p[1].group != FOLDER.name), key=lambda pair: pair[1].number)
    columns = min(max(len({entry.group for _, entry in others}), 2), 4)
    side_by_side = "\n".join(text for text, _ in others)
    name = html.escape(run)
    told = f'<p class="notice">{html.escape(rules.notice)}</p>' if rules.notice else ""
    return f"""<section class="run"><h3>{name}</h3>
<p class="reward">Judged by its reward, <code>{html.escape(rules.name)}</code>.</p>{told}
<div class="timeline" role="group" aria-label="How {name} learned">{learned}</div>
<div class="pieces" style="--columns: {columns}">{side_by_side}</div></section>"""


def page_of(entries: list[Entry], how: render.Performance) -> str:
    """The page, with everything in it."""
    articles, data = [], []
    for number, entry in enumerate(tqdm(entries, unit=" pieces", desc="engraving and playing")):
        svgs = engraved(entry.piece.melody, number).values()
        articles.append(article(entry, number, svgs, render.mp3_bytes(entry.piece.melody, how), how))
        data.append(data_of(entry, svgs, how))
    runs = {entry.run: entry.rules for entry in entries}
    script_data = {
        "rules": {run: [[term.rule.name, what(term.rule)] for term in rules.suite] for run, rules in runs.items()},
        "colours": [f"rgb{colour}" for colour in DEGREES],
        "pieces": data,
    }
    told = list(zip(articles, entries, strict=True))
    sections = [section(run, rules, [pair for pair in told if pair[1].run == run]) for run, rules in runs.items()]
    parts = {
        "style": _part("listen.css"),
        "script": "\n".join(map(_part, SCRIPTS)),
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
