"""Our ABC reader against music21's, note for note, with the cause of every disagreement.

    python -m musicenv.corpus.comparison --tunes 300 --out docs/figures/abc_against_music21.json

The cause is found by experiment: the tune is rewritten so that one thing is left out or said in another way which, by
the ABC standard, changes no note that we compare (all slurs taken out, say).  Where both readers agree about the
rewritten text, that thing is the cause: music21 changed its mind about the notes, and we did not.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from tqdm import tqdm

from musicenv.alphabet import REST
from musicenv.corpus.abc import read_abc
from musicenv.corpus.abc_body import join_ties
from musicenv.corpus.abc_fields import FINE
from musicenv.corpus.sources import DEFAULT, music21_folder

Notes = list[tuple[int, float]]
"""(MIDI pitch or REST, ticks)"""

_FIELD_LINE: Final = re.compile(r"[A-Za-z]:(?![|:])|%")


def our_notes(text: str) -> Notes:
    """Notes of an ABC tune by our reader, all endings in the order in which they are written."""
    tune = next(read_abc(text))
    return [(note.pitch, note.length / FINE) for note in join_ties([n for bar in tune.bars for n in bar.notes])]


def music21_notes(text: str) -> Notes:
    """The same by music21: first voice, highest note of a chord, no grace notes, tied notes of one pitch joined."""
    from music21 import converter

    score: Any = converter.parseData(text, format="abc")
    score = score.scores[0] if score.classes[0] == "Opus" else score
    part = score.parts[0] if score.parts else score
    notes: Notes = []
    tied = False
    for note in part.flatten().notesAndRests:
        if note.duration.isGrace or "ChordSymbol" in note.classes:
            continue
        pitch = REST if note.isRest else max(p.midi for p in note.pitches)
        ticks = float(note.quarterLength) * 12
        if tied and notes and notes[-1][0] == pitch:
            notes[-1] = (pitch, notes[-1][1] + ticks)
        else:
            notes.append((pitch, ticks))
        tied = note.tie is not None and note.tie.type in ("start", "continue")
    return notes


def equal(one: Notes, other: Notes) -> bool:
    """Are pitches and durations the same?"""
    return len(one) == len(other) and all(
        p == q and abs(d - e) < 1e-3 for (p, d), (q, e) in zip(one, other, strict=True)
    )


def _in_music(pattern: str, instead: str | Callable[[re.Match[str]], str] = "") -> Callable[[str], str]:
    """A rewriting of the lines of music, fields left alone."""

    def rewrite(text: str) -> str:
        head, body = re.split(r"(?m)(?<=^K:).*\n", text, maxsplit=1), re.search(r"(?m)^K:(.*\n)", text)
        if body is None or len(head) < 2:
            return text
        lines = [line if _FIELD_LINE.match(line) else re.sub(pattern, instead, line) for line in head[1].split("\n")]
        return head[0] + body[1] + "\n".join(lines)

    return rewrite


def _one_line(text: str) -> str:
    """Lines of music joined to one, up to the next field."""
    lines: list[str] = []
    music = False
    for line in text.splitlines():
        is_field = bool(_FIELD_LINE.match(line)) or not line.strip()
        if music and not is_field and lines and not _FIELD_LINE.match(lines[-1]):
            lines[-1] += ("" if line.lstrip()[0] in "/0123456789" else " ") + line.strip().rstrip("\\")
        else:
            lines.append(line.strip().rstrip("\\") if music and not is_field else line)
        music = music or line.startswith("K:")
    return "\n".join(lines) + "\n"


def _first_voice(text: str) -> str:
    """The first voice alone, without the fields that name it."""
    names = re.findall(r"(?m)^\[?V:\s*([^\s\]]+)", text)
    lines, voice = [], names[0] if names else ""
    for line in text.splitlines():
        match = re.match(r"\[?V:\s*([^\s\]]+)[^\]]*\]?", line)
        voice = match[1] if match else voice
        if not names or voice == names[0] or (match is None and _FIELD_LINE.match(line)):
            lines.append(line[match.end() :] if match else line)
    return "\n".join(line for line in lines if line.strip()) + "\n"


def _highest(match: re.Match[str]) -> str:
    """A chord's highest note, by letter and octave marks."""
    notes: list[str] = re.findall(r"(?:[_^=]*)[A-Ga-g][,']*", match[1])
    length = re.search(r"[A-Ga-g][,']*([\d/]*)", match[1])
    if not notes or length is None:
        return match[0]

    def height(note: str) -> int:
        letter = re.sub(r"[^A-Ga-g]", "", note)
        return "CDEFGAB".index(letter.upper()) + 7 * (letter.islower() + note.count("'") - note.count(","))

    return max(notes, key=height) + length[1]


def _fields_alone(match: re.Match[str]) -> str:
    return "".join(line for line in match[0].splitlines(keepends=True) if _FIELD_LINE.match(line))


REWRITES: Final[dict[str, Callable[[str], str]]] = {
    "accidentals not held to the end of the bar": lambda text: "%abc-2.1\n" + text,
    "voices on lines of their own": _first_voice,
    "soft line ends of e-mail": lambda text: re.sub(r"=(?:20)?[ \t]*\n", "\n", text).replace("=3D", "="),
    "mode written with a capital M": lambda text: re.sub(r"(?m)^(K: *[A-G][b#]?)M *$", r"\1m", text),
    "lines torn inside a note or chord": lambda text: re.sub(r"\n(?=[\d/])|(?<=\[)\n|(?<=\[[A-Ga-g])\n", "", text),
    "lone ! (an old sign for a line's end)": _in_music(r"(![^!|\s]{1,20}!)|!", lambda match: match[1] or ""),
    "a note before '::' taken for a field": _in_music("::", ":||:"),
    "endings apart from their bar line": lambda text: re.sub(r"\|\s*\[(?=\d)", "|", text),
    "header lines without a field": lambda text: re.sub(r"(?s)^.*?(?=^K:)", _fields_alone, text, flags=re.M, count=1),
    "accidentals without a note": _in_music(r"[\^_=]+\d+"),
    "annotations": _in_music(r'"[^"]*"'),
    "grace notes": _in_music(r"\{[^}]*\}"),
    "slurs": _in_music(r"\((?!\d)|\)"),
    "staccato dots": _in_music(r"\."),
    "decorations": _in_music(r'("[^"]*")|(?<!\[)[~H-WYh-w](?!:)|![^!|\s]*!', lambda match: match[1] or ""),
    "backquotes": _in_music("`"),
    "ties as slurs": _in_music(r"([_^=]*[A-Ga-g][,']*)([\d/]*[<>]?)-(?!\W*\1)", r"\1\2"),
    "x as a sign without length": _in_music(r"x(?!\d)"),
    "Z for z": _in_music("Z", "z"),
    "chords": _in_music(r"\[([^\]|:\d][^\]|:]*)\]", _highest),
    "line ends": _one_line,
    "spaces": _in_music(r"[ \t]"),
}
"""Cause of a disagreement -> the text without it.  None of them changes what our reader reads, save for torn chords."""


REFUSED: Final = "refused by us, for its key is none"


def _rewritten(text: str, causes: Sequence[str]) -> str:
    for cause in REWRITES:
        text = REWRITES[cause](text) if cause in causes else text
    return text


def _agree(text: str) -> bool:
    try:
        theirs = music21_notes(text)
    except Exception:  # music21 raises whatever comes first; a tune it cannot read is a tune it does not agree about
        return False
    return equal(theirs, our_notes(text))


def disagreement(text: str) -> tuple[str, ...] | None:
    """Causes why music21 reads other notes than we do: () where both agree, None where no rewriting explains it."""
    if _agree(text):
        return ()
    if next(read_abc(text)).fault:
        return (REFUSED,)
    mine = our_notes(text)
    sound = [cause for cause in REWRITES if equal(our_notes(_rewritten(text, [cause])), mine)]
    for cause in sound:
        if _agree(_rewritten(text, [cause])):
            return (cause,)
    if not _agree(_rewritten(text, sound)):
        return None
    needed = list(sound)
    for cause in sound:
        fewer = [other for other in needed if other != cause]
        needed = fewer if _agree(_rewritten(text, fewer)) else needed
    return tuple(needed)


def abc_texts(collection: str) -> list[tuple[str, str]]:
    """(source, text) of every tune of a collection of music21's corpus."""
    found = []
    for path in sorted(music21_folder(collection).glob("*.abc")):
        for text in re.split(r"(?m)^(?=X:)", path.read_text(encoding="utf-8"))[1:]:
            number = re.match(r"X:\s*(\S*)", text)
            found.append((f"{path.name} X:{number[1] if number else ''}", text))
    return found


def compare(tunes: int, seed: int = 0, progress: bool = True) -> dict[str, Any]:
    """Figures over a random choice of ``tunes`` tunes from each of the default collections."""
    chosen = [
        (collection, source, text)
        for collection in DEFAULT
        for source, text in random.Random(seed).sample(abc_texts(collection), min(tunes, len(abc_texts(collection))))
    ]
    counts: Counter[str] = Counter()
    examples: dict[str, list[str]] = {}
    for collection, source, text in tqdm(chosen, desc="comparing", unit=" tunes", disable=not progress):
        causes = disagreement(text)
        name = "agree" if causes == () else "unexplained" if causes is None else " + ".join(causes)
        counts[name] += 1
        if name != "agree":
            examples.setdefault(name, []).append(f"{collection}/{source}")
    return {
        "tunes": len(chosen),
        "agree": counts.pop("agree", 0),
        "disagreements": dict(counts.most_common()),
        "tunes with this cause": {
            cause: total
            for cause in (*REWRITES, REFUSED)
            if (total := sum(n for name, n in counts.items() if cause in name.split(" + ")))
        },
        "examples": {name: examples[name] if name == "unexplained" else examples[name][:5] for name in counts},
    }


def main(arguments: list[str] | None = None) -> None:
    """Compare, print the figures and write them as JSON."""
    parser = argparse.ArgumentParser(description="Compare our ABC reader with music21's, note for note.")
    parser.add_argument("--tunes", type=int, default=300, help="tunes of each collection")
    parser.add_argument("--seed", type=int, default=0, help="seed of the choice of tunes")
    parser.add_argument("--out", type=Path, help="file for the figures, as JSON")
    options = parser.parse_args(arguments)
    figures = compare(options.tunes, options.seed)
    result = {
        "command": f"python -m musicenv.corpus.comparison --tunes {options.tunes} --seed {options.seed}",
        "versions": {"music21": version("music21"), "python": platform.python_version()},
        "figures": figures,
    }
    text = json.dumps(result, indent=2) + "\n"
    sys.stdout.write(text)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        temporary = options.out.with_suffix(".tmp")
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, options.out)


if __name__ == "__main__":
    main()
