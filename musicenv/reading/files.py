"""Read a file: its kind, a process of its own that may fail, and the melody."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from musicenv.melody import Melody, melody_from_notes
from musicenv.reading.problem import MAX_BYTES, MAX_WORK_SECONDS, ImportProblem
from musicenv.task import METRES, Task, parse_key

_CHOOSE: Final = "choose a MIDI, MusicXML, ABC or Humdrum **kern file, or a WAV, MP3 or FLAC recording"


@dataclass(frozen=True, eq=False)
class Imported:
    """A melody from a file, and what was done to make it one."""

    melody: Melody
    task: Task
    """Its frame: metre, key, bars and pick-up."""
    title: str
    """As the file gives it, else the file's name."""
    tempo: float
    """Beats per minute, estimated; NaN of a score."""
    quantisation_error_ticks: tuple[float, float]
    """Mean and largest distance by which onsets were moved, in ticks (12 to the quarter)."""
    notices: tuple[str, ...]
    """What was chosen, estimated, changed or left out, a sentence each."""


def read(
    path: Path | str,
    *,
    track: int | str | None = None,
    key: str | None = None,
    metre: str | None = None,
    tempo: float | None = None,
) -> Imported:
    """The melody in a file: MIDI, MusicXML (.mxl too), ABC, Humdrum **kern, or a recording of one voice.

    ``track`` is the number (from 1) or the name of a track, part or tune; ``key`` ("E dorian") and ``metre`` ("6/8")
    overrule the file; ``tempo`` is in beats per minute and helps with recordings.  Raises ImportProblem where there is
    no melody to be had; the file is read in a process of its own, within bounds of time and memory.

    >>> tune = read("my_tune.mid", key="D major")
    >>> gymnasium.make("musicenv:Melody-v0", opening=opening(tune.melody, bars=2), key=tune.task.key)
    """
    path = Path(path)
    arguments = _checked(path, track, key, metre, tempo)
    content = _content(path)
    command = "import sys; sys.path[:] = " + repr(sys.path) + "; from musicenv.reading.process import main; main()"
    try:
        done = subprocess.run(
            [sys.executable, "-c", command, json.dumps(arguments)],
            input=content,
            capture_output=True,
            timeout=MAX_WORK_SECONDS,
            check=False,
        )
        answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise ImportProblem(
            str(path), f"it is not read after {MAX_WORK_SECONDS:.0f} s", "cut out the melody first"
        ) from None
    except json.JSONDecodeError:
        told = done.stderr.decode(errors="replace").strip().splitlines()
        reason = told[-1][:200] if told else f"status {done.returncode}"
        raise ImportProblem(str(path), f"its reader broke off ({reason})", "export or save it again") from None
    if "reason" in answer:
        raise ImportProblem(str(path), answer["reason"], answer["remedy"])
    return imported(answer, path.stem)


def imported(answer: dict[str, Any], name: str) -> Imported:
    """What the fields of a ``fit.Fitted`` say; ``name`` stands in for a missing title."""
    task = Task(metre=answer["metre"], key=answer["key"], bars=answer["bars"], pickup=answer["pickup"])
    return Imported(
        melody=melody_from_notes(answer["pitch"], answer["duration"], task, end=answer["end"]),
        task=task,
        title=answer["title"] or name,
        tempo=answer["tempo"],
        quantisation_error_ticks=(answer["error_mean"], answer["error_max"]),
        notices=tuple(answer["notices"]),
    )


def _checked(
    path: Path, track: int | str | None, key: str | None, metre: str | None, tempo: float | None
) -> dict[str, Any]:
    """The arguments of ``read``; ImportProblem where one is not possible."""
    if metre is not None and metre not in METRES:
        raise ImportProblem(str(path), f"metre {metre!r} is asked for", f"choose one of {', '.join(METRES)}")
    if tempo is not None and not (math.isfinite(tempo) and 20 <= tempo <= 400):
        raise ImportProblem(str(path), f"tempo {tempo} is asked for", "choose 20..400 beats per minute")
    if key is not None:
        try:
            parse_key(key)
        except ValueError as error:
            reason, _, remedy = str(error).partition("; ")
            raise ImportProblem(str(path), reason, remedy) from None
    return {"track": track, "key": key, "metre": metre, "tempo": tempo}


def _content(path: Path) -> bytes:
    """The bytes of a regular file of a size that is read."""
    try:
        if not path.exists():
            raise ImportProblem(str(path), "there is no such file", "check its name and folder")
        if not path.is_file():
            raise ImportProblem(str(path), "it is a folder or a device, not a file", _CHOOSE)
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ImportProblem(str(path), f"it cannot be opened ({error.strerror})", "check its permissions") from error
    if not content:
        raise ImportProblem(str(path), "it is empty", _CHOOSE)
    if len(content) > MAX_BYTES:
        raise ImportProblem(str(path), f"it has more than {MAX_BYTES // 1_000_000} MB", "cut out the melody first")
    return content
