"""Broken files by the thousand: a melody or one clear problem, never anything else, and never for long."""

import json
import os
import signal
import time

import pytest

from experiments import fuzz
from musicenv.reading.problem import MAX_WORK_SECONDS
from musicenv.reading.process import answer_to, melody_of

FORMATS = fuzz.Args().formats


@pytest.fixture(autouse=True)
def _sound(request):
    if "form" in request.fixturenames and request.getfixturevalue("form") in ("wav", "mp3"):
        pytest.importorskip("soundfile")


@pytest.mark.parametrize("form", FORMATS)
def test_the_sound_file_is_read(form):
    fitted = melody_of(fuzz.sample(form))
    assert sum(p > 0 for p in fitted.pitch) >= 6


@pytest.mark.parametrize("form", FORMATS)
def test_broken_files_are_read_or_refused(form):
    told = {fuzz.outcome(answer_to(fuzz.broken(form, 1, number))) for number in range(60)}
    assert told == {"read", "problem"}


def test_a_kern_file_without_a_metre_is_read_at_once():
    """music21 makes up a metre where a measure is asked for its length: for this file, in more than a minute."""
    began = time.process_time()
    assert fuzz.outcome(answer_to(fuzz.broken("kern", 0, 368))) == "read"
    assert time.process_time() - began < 10


def test_what_a_file_does_to_its_process_is_told(monkeypatch):
    with fuzz.reader(seconds=10) as process:
        assert process.read(fuzz.sample("abc")) == ("read", "")
        assert process.read(b"") == ("problem", "")
        os.kill(process._process.pid, signal.SIGSTOP)
        process.seconds = 0.2
        assert process.read(fuzz.sample("abc"))[0] == "hang"
        process.seconds = 10
        os.kill(process._process.pid, signal.SIGKILL)
        assert process.read(fuzz.sample("abc")) == ("crash", "its process ended with -9")
        assert process.read(fuzz.sample("abc")) == ("read", ""), "a new process reads the next file"


@pytest.mark.bench
def test_ten_thousand_broken_files_of_each_format_end_no_process(tmp_path):
    pytest.importorskip("soundfile")
    fuzz.main(["--out", str(tmp_path)])
    found = json.loads((tmp_path / "result.json").read_text())["figures"]
    for form in FORMATS:
        assert [found[f"{form}_{name}"] for name in ("fault", "crash", "hang")] == [0, 0, 0]
        assert min(found[f"{form}_read"], found[f"{form}_problem"]) > 100
        assert found[f"{form}_slowest_s"] < MAX_WORK_SECONDS / 2
