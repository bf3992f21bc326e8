"""ABC files, by the reader that the corpus is read with."""

from __future__ import annotations

import re

import numpy as np

from musicenv.alphabet import REST
from musicenv.corpus.abc import read_abc
from musicenv.corpus.abc_fields import FINE, bar_length
from musicenv.corpus.tune import Tune, tunes_of
from musicenv.reading.problem import MAX_TICKS, Unreadable
from musicenv.reading.sketch import Note, Sketch, Voice
from musicenv.task import TONICS

_STRANGE = 0.25
"""Signs that are not understood, per note, from which on a text is no ABC."""


def read_abc_file(content: bytes, track: int | str | None) -> Sketch:
    """One tune of an ABC file: the first, or the one that ``track`` names by its place (from 1) or its title.

    Of a tune whose key or metre changes the longest stretch; repeats are not written out, and of several endings the
    last is taken.
    """
    text = _decoded(content)
    if not re.search(r"(?m)^X:", text):
        text = "X:1\n" + text.lstrip()
    try:
        tunes = list(read_abc(text))
    except (ArithmeticError, ValueError) as error:  # numbers with more digits than there are
        raise Unreadable(f"it is not understood as ABC ({error})", "mend its numbers") from error
    named = [(abc, " / ".join(abc.fields.get("T", ["untitled"]))) for abc in tunes]
    if isinstance(track, str):
        named = [(abc, title) for abc, title in named if track.lower() in title.lower()]
    elif track is not None:
        named = named[track - 1 : track] if track > 0 else []
    if not named:
        raise Unreadable(f"it has no tune {track!r}", f"it has {len(tunes)}; choose one by number or title")
    abc, _ = named[0]
    if abc.fault:
        raise Unreadable(f"it is not understood as ABC: {abc.fault}", "mend it, or choose another tune with track=")
    if any(not 0 <= bar.length < MAX_TICKS * FINE or bar_length(bar.metre) > MAX_TICKS * FINE for bar in abc.bars):
        raise Unreadable("a bar of it never ends", "mend its lengths")
    stretches = list(tunes_of(abc, "", ""))
    if not stretches or all((tune.pitch == REST).all() for tune in stretches):
        raise Unreadable("there are no notes in it", "choose a file that holds a melody")
    signs = sum(count for reason, count in abc.unread.items() if reason.startswith("sign"))
    if signs > _STRANGE * sum(len(bar.notes) for bar in abc.bars):
        raise Unreadable(f"it is not ABC: {signs} of its signs mean nothing there", "choose another file")
    tune = max(stretches, key=lambda tune: int((tune.pitch != REST).sum()))
    sketch = Sketch([Voice(tune.title, _notes(tune))], title=tune.title)
    sketch.metres = [] if tune.metre == "none" else [(0.0, tune.metre)]
    if abc.first("K"):
        sketch.key = f"{TONICS[tune.tonic]} {tune.mode}"
    sketch.pickup = tune.pickup
    if len(tunes) > 1 and track is None:
        sketch.notices.append(f"the first of {len(tunes)} tunes is read; another one with track=")
    if len(stretches) > 1:
        sketch.notices.append("its key or metre changes; the longest stretch in one key and metre is read")
    if "bars" in tune.fault or "whole" in tune.fault:
        sketch.notices.append(f"its bar lines are not where its metre has them ({tune.fault})")
    sketch.notices += [f"left out: {count} {reason}" for reason, count in sorted(abc.unread.items()) if count]
    return sketch


def _notes(tune: Tune) -> list[Note]:
    """Times from the tune's beginning; ends by the next onset, since lengths off the grid are not given."""
    onset = tune.onset - tune.onset[0]
    end = np.append(onset[1:], onset[-1] + max(int(tune.duration[-1]), 3))
    return [
        Note(int(pitch), float(start), float(stop))
        for pitch, start, stop in zip(tune.pitch, onset, end, strict=True)
        if pitch != REST and stop > start
    ]


def _decoded(content: bytes) -> str:
    if b"\0" in content:
        raise Unreadable("it is binary, not ABC", "save it as plain text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")
