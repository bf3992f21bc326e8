"""Broken files by the thousand: each is read or refused with one clear problem, never anything else, never for long.

python -m experiments.fuzz
python -m experiments.fuzz --formats mp3 --files 500
"""

from __future__ import annotations

import io
import multiprocessing
import os
import random
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import numpy as np
from tqdm import tqdm

from experiments.runs import UserError, command, print_table, start_run, user_input
from musicenv import render
from musicenv.melody import melody_from_notes
from musicenv.reading.files import imported
from musicenv.reading.problem import MAX_WORK_SECONDS
from musicenv.reading.process import answer_to, bound_memory
from musicenv.task import Task

OUTCOMES: Final = ("read", "problem", "fault", "crash", "hang")
"""Read as a melody; refused with reason and remedy; an exception; the end of its process; past the limit of time."""
LISTED: Final = 20
"""Files of each format, at most, that are named where they are neither read nor refused."""
_KERN: Final = """!!!OTL: Scale
**kern\t**kern
*clefF4\t*clefG2
*k[f#]\t*k[f#]
*G:\t*G:
*M3/4\t*M3/4
4GG\t8g
.\t8a
4BB\t4b
4D\t4d
=2\t=2
2.G\t4b
.\t(8cc
.\t8b)
.\t[4a
=3\t=3
2.GG\t2a]
.\t4g
==\t==
*-\t*-
"""


@dataclass(frozen=True)
class Args:
    """Break files in every way, and have them read."""

    formats: tuple[str, ...] = ("midi", "musicxml", "mxl", "abc", "kern", "wav", "mp3")
    """Of these."""
    files: int = 10_000
    """Broken files of each format."""
    seed: int = 0
    """Seed of what is broken."""
    out: Path | None = None
    """Run folder; a new one under runs/fuzz by default."""


@cache
def sample(form: str) -> bytes:
    """A sound file of a format."""
    pitch, duration = [67, 69, 71, 72, 74, 72, 71, 0, 69, 67], [12, 6, 6, 12, 18, 6, 12, 6, 6, 12]
    melody = melody_from_notes(pitch, duration, Task(bars=2))
    match form:
        case "midi":
            return render.to_midi(melody)
        case "abc":
            return render.to_abc(melody, title="Scale").encode()
        case "kern":
            return _KERN.encode()
        case "musicxml" | "mxl":
            score = render.to_musicxml(melody).encode()
            return score if form == "musicxml" else _zipped(score)
    import soundfile

    t = np.arange(int(0.14 * 16_000)) / 16_000
    steps = [np.sin(2 * np.pi * 440 * 2 ** ((p - 69) / 12) * t) * np.exp(-2 * t) for p in (67, 69, 71, 72, 71, 67)]
    target = io.BytesIO()
    soundfile.write(target, 0.5 * np.concatenate(steps), 16_000, format=form.upper())
    return target.getvalue()


def _zipped(score: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("META-INF/container.xml", '<container><rootfile full-path="score.xml"/></container>')
        archive.writestr("score.xml", score)
    return target.getvalue()


def broken(form: str, seed: int, number: int) -> bytes:
    """The file of this number."""
    rng = random.Random(f"{form} {seed} {number}")
    # Every second .mxl is a sound archive of a broken score: else its checksums see everything.
    inside = form == "mxl" and number % 2
    return _zipped(mutated(sample("musicxml"), rng)) if inside else mutated(sample(form), rng)


def mutated(content: bytes, rng: random.Random) -> bytes:
    """The content with a few bytes or numbers changed, cut out, doubled, moved or cut off; some keep their heads."""
    out = bytearray(content)
    first = rng.choice((0, 0, min(14, len(out) // 2)))
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        a = rng.randrange(first, max(len(out), first + 1))
        b = min(a + rng.choice((1, 1, 2, 4, 30)), len(out))
        match rng.randrange(10):
            case 0:
                out[a:b] = rng.randbytes(b - a)
            case 1:
                del out[a:b]
            case 2:
                out[a:a] = out[a:b] * rng.choice((1, 2, 50))
            case 3:
                out[a:b] = bytes([rng.choice((0, 1, 127, 128, 255, 57, 47, 45))]) * (b - a)
            case 4 if rng.random() < 0.3:
                del out[a:]
            case 5:
                place = rng.randrange(first, max(len(out), first + 1))
                out[place:place] = out[a:b]
            case 6 | 7 | 8:  # what is written with digits stays well formed
                digits = [k for k, byte in enumerate(out) if 48 <= byte <= 57]
                if digits:
                    k = rng.choice(digits)
                    out[k : k + 1] = rng.choice((b"0", b"9", b"-1", b"64", b"999999999999", b".5", b"1e9"))
            case _:
                if a < len(out):
                    out[a] ^= 1 << rng.randrange(8)
    return bytes(out)


def outcome(answer: dict[str, Any]) -> str:
    """ "read" where the answer makes a melody, "problem" where it says what is wrong and what to do."""
    if "reason" in answer:
        if not (answer["reason"] and answer["remedy"]):
            raise ValueError(f"a problem without reason or remedy: {answer}")
        return "problem"
    imported(answer, "tune")
    return "read"


def _work(files: Connection) -> None:
    """In the other process: read each content that comes, under the limits of ``musicenv.reading.read``."""
    bound_memory()
    for stream in (1, 2):  # the C libraries tell what they meet
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    while True:
        content = files.recv_bytes()
        try:
            told, said = outcome(answer_to(content)), ""
        except Exception as error:  # what ``read`` would not foresee
            told, said = "fault", f"{type(error).__name__}: {error}"
        files.send((told, said))


class Reader:
    """A process that reads one content after another, and is started again where one ends it or holds it up."""

    def __init__(self, seconds: float = MAX_WORK_SECONDS) -> None:
        self.seconds = seconds
        """For one file."""
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._files, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def read(self, content: bytes) -> tuple[str, str]:
        """One of OUTCOMES, and what is to be said of a fault."""
        try:
            self._files.send_bytes(content)
            if self._files.poll(self.seconds):
                told, said = self._files.recv()
                return told, said
            told, said = "hang", f"not read after {self.seconds:.0f} s"
        except (EOFError, OSError):
            self._process.join(self.seconds)
            told, said = "crash", f"its process ended with {self._process.exitcode}"
        self.close()
        self._start()
        return told, said

    def close(self) -> None:
        """End the process."""
        self._files.close()
        self._process.kill()
        self._process.join()


@contextmanager
def reader(seconds: float = MAX_WORK_SECONDS) -> Iterator[Reader]:
    """A Reader that is closed at the end."""
    one = Reader(seconds)
    try:
        yield one
    finally:
        one.close()


def run_fuzz(args: Args) -> None:
    """The command."""
    known = Args().formats
    with user_input():
        if args.files < 1:
            raise UserError(f"files={args.files} is not possible; give at least 1")
        if unknown := [form for form in args.formats if form not in known]:
            raise UserError(f"format {unknown[0]!r} is not one of {', '.join(known)}")
    run = start_run("fuzz", args, args.out)
    rows: list[list[object]] = []
    found: dict[str, float] = {}
    listed: list[str] = []
    with tqdm(total=len(args.formats) * args.files, unit=" files") as bar, reader() as process:
        for form in args.formats:
            counts, taken = Counter[str](), []
            process.read(sample(form))  # its libraries are loaded with the first file
            for number in range(args.files):
                content = broken(form, args.seed, number)
                began = time.perf_counter()
                told, said = process.read(content)
                taken.append(time.perf_counter() - began)
                counts[told] += 1
                if told not in ("read", "problem") and sum(counts[o] for o in OUTCOMES[2:]) <= LISTED:
                    listed.append(f"{form} {number}: {told}, {said}")
                bar.update()
            row: dict[str, float] = {name: counts[name] for name in OUTCOMES}
            row |= {"mean_ms": 1000 * float(np.mean(taken)), "slowest_s": max(taken)}
            found |= {f"{form}_{name}": value for name, value in row.items()}
            rows.append([form, *row.values()])
    result = run.finish(found)
    print_table(rows, ["format", *OUTCOMES, "mean ms", "slowest s"])
    print("\n".join(listed))
    print(f"figures: {result}")


main = command(Args, run_fuzz)

if __name__ == "__main__":
    main()
