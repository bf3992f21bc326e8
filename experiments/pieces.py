"""Finished pieces as files: one table of formats, one writer, and a reader for what it wrote."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from experiments.fakes import task_of
from musicenv import render
from musicenv.files import write_atomic
from musicenv.melody import Melody, melody_from_notes
from musicenv.render.extras import need
from musicenv.task import Task

if TYPE_CHECKING:
    from agents.compose import Pieces


@dataclass(frozen=True)
class Piece:
    """A finished melody and what is told beside it."""

    melody: Melody
    facts: dict[str, Any] = field(default_factory=dict)
    """Plain JSON values, such as score and notes trained so far."""


def pieces_of(composed: Pieces) -> list[Piece]:
    """Composed pieces with their scores."""
    return [Piece(m, {"score": float(r)}) for m, r in zip(composed.melodies, composed.returns, strict=True)]


class Format(NamedTuple):
    """How a piece is written as a file."""

    suffix: str
    write: Callable[[Melody, Path, render.Performance | None], object]
    needs: tuple[str, ...] = ()
    """Libraries of extras (``musicenv.render.extras``)."""


_SCORE: Final = ("verovio", "resvg_py")
_SOUND: Final = ("midirenderer", "soundfile")
FORMATS: Final = {
    "midi": Format(".mid", render.to_midi),
    "musicxml": Format(".musicxml", lambda melody, path, how: render.to_musicxml(melody, path, performance=how)),
    "abc": Format(".abc", lambda melody, path, _: write_atomic(path, render.to_abc(melody))),
    "score": Format(".png", lambda melody, path, _: render.score_png(melody, path), _SCORE),
    "svg": Format(".svg", lambda melody, path, how: render.score_svg(melody, path, performance=how), _SCORE[:1]),
    "roll": Format(".roll.png", lambda melody, path, _: render.piano_roll_png(melody, path)),
    "gif": Format(".gif", render.piano_roll_gif),
    "mp3": Format(".mp3", render.to_mp3, _SOUND),
    "wav": Format(".wav", render.to_wav, _SOUND),
}
"""What a piece can be written as, by name."""


def check_formats(names: Sequence[str]) -> None:
    """ValueError where a format is not known, or an extra that it needs is not installed."""
    for name in names:
        if name not in FORMATS:
            raise ValueError(f"format {name!r} is not one of {', '.join(FORMATS)}")
        check_libraries(FORMATS[name].needs, f"format {name!r}")


def check_libraries(libraries: Sequence[str], purpose: str) -> None:
    """ValueError, naming the purpose and the extra, where one of ``libraries`` is not installed."""
    for library in libraries:
        try:
            need(library)
        except ImportError as error:
            raise ValueError(f"{purpose}: {error}") from error


def available(*names: str) -> list[str]:
    """Those of the formats whose extras are installed."""
    return [name for name in names if all(map(find_spec, FORMATS[name].needs))]


def write_pieces(
    folder: Path,
    groups: Mapping[str, Sequence[Piece]],
    formats: Sequence[str],
    said: Callable[[int], object] = lambda files: None,
    performance: render.Performance | None = None,
) -> list[Path]:
    """Each piece in the ``formats``, as ``GROUP/01.mid``; and as ``GROUP/01.json``, from which it is read again.

    Each group as a whole too: ``pieces.abc``, ``roll.png`` and, where that extra is installed, ``score.png``.
    ``said(1)`` is called after each piece.
    """
    written: list[Path] = []
    for group, pieces in groups.items():
        melodies = [piece.melody for piece in pieces]
        for number, piece in enumerate(pieces, start=1):
            written += write_piece(folder / group / f"{number:02d}", piece, formats, performance)
            said(1)
        abc = "\n".join(render.to_abc(melody, number=n) for n, melody in enumerate(melodies, start=1))
        written.append(write_atomic(folder / group / "pieces.abc", abc))
        written.append(render.piano_roll_png(melodies, folder / group / "roll.png"))
        if available("score"):
            written.append(render.score_png(melodies, folder / group / "score.png"))
    return written


def write_piece(
    path: Path, piece: Piece, formats: Sequence[str], performance: render.Performance | None = None
) -> list[Path]:
    """One piece in the ``formats`` and as JSON; ``path`` has no suffix yet."""
    files = [path.with_name(path.name + FORMATS[name].suffix) for name in formats]
    for name, file in zip(formats, files, strict=True):
        file.parent.mkdir(parents=True, exist_ok=True)
        FORMATS[name].write(piece.melody, file, performance)
    return [*files, write_atomic(path.with_name(path.name + ".json"), json.dumps(to_json(piece)) + "\n")]


def read_pieces(folder: Path) -> list[Piece]:
    """The pieces that were written into a folder, by name; ValueError, naming the file, where one is damaged."""
    return [_read(path) for path in sorted(folder.glob("*.json"))]


def to_json(piece: Piece) -> dict[str, Any]:
    """A piece as plain JSON values."""
    melody = piece.melody
    notes = {"pitch": melody.pitch.tolist(), "duration": melody.duration.tolist(), "end": melody.end}
    return {"task": asdict(task_of(melody)), **notes, "facts": piece.facts}


def from_json(read: Mapping[str, Any]) -> Piece:
    """What ``to_json`` made."""
    task = Task(**{**read["task"], "opening": ()})
    return Piece(melody_from_notes(read["pitch"], read["duration"], task, end=read["end"]), dict(read["facts"]))


def _read(path: Path) -> Piece:
    try:
        return from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} is not a piece as this program writes it ({type(error).__name__}: {error})"
        ) from error
