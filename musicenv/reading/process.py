"""The other process: from a file's content on its standard input to a melody, or a problem, as JSON on its output."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from dataclasses import asdict
from typing import Any, Final

from musicenv.reading.fit import Fitted, fit
from musicenv.reading.problem import MAX_WORK_BYTES, Unreadable
from musicenv.reading.sketch import Sketch

_SIGNS: Final = (
    ("midi", rb"MThd"),
    ("mxl", rb"PK\x03\x04"),
    ("musicxml", rb"(?:\xef\xbb\xbf)?\s*<|\xff\xfe<|\xfe\xff\x00<"),
    ("recording", rb"RIFF|RF64|FORM|fLaC|OggS|ID3|\xff[\xe2-\xff]"),
    ("humdrum", rb"(?s)(?:\xef\xbb\xbf)?\s*(?:!!|\*\*)(?=.*\*\*kern)"),
    ("abc", rb"(?sm).*?^(?:X|K):"),
)
"""Kinds of file and how they begin; the first that matches counts, whatever the file is called."""


def kind_of(content: bytes) -> str:
    """Which kind of file this is; Unreadable if none of ours."""
    for kind, sign in _SIGNS:
        if re.match(sign, content):
            return kind
    raise Unreadable(
        "it is of no kind that can be read",
        "choose MIDI, MusicXML, ABC, Humdrum **kern, or a WAV, MP3 or FLAC recording",
    )


def sketch_of(content: bytes, track: int | str | None = None) -> Sketch:
    """What the reader of its kind makes of a file."""
    # Each reader is imported where it is needed: their libraries are heavy.
    kind = kind_of(content)
    if kind == "abc":
        from musicenv.reading.abc import read_abc_file

        return read_abc_file(content, track)
    if kind == "midi":
        from musicenv.reading.midi import read_midi

        return read_midi(content)
    if kind == "recording":
        from musicenv.reading.recording import read_recording

        return read_recording(content)
    from musicenv.reading import score

    return {"mxl": score.read_mxl, "musicxml": score.read_musicxml, "humdrum": score.read_humdrum}[kind](content)


def melody_of(
    content: bytes,
    track: int | str | None = None,
    key: str | None = None,
    metre: str | None = None,
    tempo: float | None = None,
) -> Fitted:
    """The melody in a file's content; Unreadable where there is none."""
    sketch = sketch_of(content, track)
    # Of an ABC file the reader has chosen already: it may have hundreds of tunes.
    return fit(sketch, None if kind_of(content) == "abc" else track, key, metre, tempo)


def answer_to(content: bytes, **asked: Any) -> dict[str, Any]:
    """What the process answers, as plain JSON values: the fields of a Fitted, or the reason and remedy of a problem.

    ``asked`` is what ``melody_of`` takes beside the content.
    """
    try:
        return asdict(melody_of(content, **asked))
    except Unreadable as problem:
        return {"reason": problem.reason, "remedy": problem.remedy}
    except (MemoryError, RecursionError) as error:
        return {
            "reason": f"it needs too much memory ({type(error).__name__})",
            "remedy": "cut out the melody first",
        }


def bound_memory() -> None:
    """From here on this process has no more than MAX_WORK_BYTES, where the system knows such a limit."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MAX_WORK_BYTES, MAX_WORK_BYTES))


def main() -> None:
    """Answer on the real standard output; whatever libraries print goes to the standard error."""
    bound_memory()
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        json.dump(answer_to(sys.stdin.buffer.read(), **json.loads(sys.argv[1])), answers)
