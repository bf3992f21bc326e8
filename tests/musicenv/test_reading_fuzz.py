"""Broken files by the thousand: a melody or one clear problem, never anything else, and never for long."""

import io
import multiprocessing
import random
import time
import zipfile
from concurrent.futures import ProcessPoolExecutor
from functools import cache

import numpy as np
import pytest

from musicenv import render
from musicenv.melody import melody_from_notes
from musicenv.reading.problem import Unreadable
from musicenv.reading.process import melody_of
from musicenv.task import Task

FORMATS = ("midi", "musicxml", "mxl", "abc", "kern", "wav", "mp3")
SLOWEST = 30.0
"""Seconds for one file: half of what ``read`` allows."""

KERN = """!!!OTL: Scale
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


def tune():
    notes = [(67, 12), (69, 6), (71, 6), (72, 12), (74, 18), (72, 6), (71, 12), (0, 6), (69, 6), (67, 12)]
    pitch, duration = zip(*notes, strict=True)
    return melody_from_notes(pitch, duration, Task(bars=2))


@cache
def sample(form):
    """A sound file of this format."""
    melody = tune()
    if form == "midi":
        return render.to_midi(melody)
    if form == "abc":
        return render.to_abc(melody, title="Scale").encode()
    if form == "kern":
        return KERN.encode()
    if form in ("musicxml", "mxl"):
        score = render.to_musicxml(melody).encode()
        return score if form == "musicxml" else zipped(score)
    import soundfile

    t = np.arange(int(0.14 * 16_000)) / 16_000
    steps = [np.sin(2 * np.pi * 440 * 2 ** ((p - 69) / 12) * t) * np.exp(-2 * t) for p in (67, 69, 71, 72, 71, 67)]
    target = io.BytesIO()
    soundfile.write(target, 0.5 * np.concatenate(steps), 16_000, format=form.upper())
    return target.getvalue()


def zipped(score):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("META-INF/container.xml", '<container><rootfile full-path="score.xml"/></container>')
        archive.writestr("score.xml", score)
    return target.getvalue()


def mutated(content, rng):
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


def outcome(form, seed):
    """What becomes of one mutated file: "read" or "problem", and the seconds it took; anything else is raised."""
    rng = random.Random(f"{form} {seed}")
    inside = form == "mxl" and seed % 2  # a sound archive of a broken score: else its checksums see everything
    content = zipped(mutated(sample("musicxml"), rng)) if inside else mutated(sample(form), rng)
    began = time.perf_counter()
    try:
        melody_of(content)
        told = "read"
    except Unreadable as problem:
        assert problem.reason and problem.remedy
        told = "problem"
    except Exception as error:
        raise AssertionError(f"{form}, seed {seed}: {type(error).__name__}: {error}") from error
    return told, time.perf_counter() - began


@pytest.mark.parametrize("form", FORMATS)
def test_the_sound_file_is_read(form):
    if form in ("wav", "mp3"):
        pytest.importorskip("soundfile")
    fitted = melody_of(sample(form))
    assert sum(p > 0 for p in fitted.pitch) >= 6


@pytest.mark.parametrize("form", FORMATS)
def test_mutated_files_are_read_or_refused(form):
    if form in ("wav", "mp3"):
        pytest.importorskip("soundfile")
    told = [outcome(form, seed) for seed in range(100)]
    assert {name for name, _ in told} == {"read", "problem"}
    assert max(seconds for _, seconds in told) < SLOWEST


@pytest.mark.bench
@pytest.mark.parametrize("form", FORMATS)
def test_ten_thousand_mutated_files_end_no_process(form):
    """In processes of their own: a crash breaks the pool, a hang exceeds its time."""
    if form in ("wav", "mp3"):
        pytest.importorskip("soundfile")
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
        waiting = [pool.submit(outcome, form, seed) for seed in range(10_000)]
        told = [future.result(timeout=SLOWEST * 10_000) for future in waiting]
    counts = {name: sum(each == name for each, _ in told) for name in ("read", "problem")}
    print(form, counts, f"slowest {max(seconds for _, seconds in told):.2f} s")
    assert min(counts.values()) > 100
    assert max(seconds for _, seconds in told) < SLOWEST
