"""MusicXML (plain and compressed) and Humdrum **kern, by music21."""

from __future__ import annotations

import contextlib
import io
import re
import zipfile
from typing import Any, Final
from xml.etree import ElementTree

from musicenv.alphabet import TICKS_PER_QUARTER
from musicenv.reading.problem import MAX_UNPACKED_BYTES, Unreadable
from musicenv.reading.sketch import Note, Sketch, Voice, count

_MEND: Final = "export it again from the program that made it"
_ABSURD: Final = r"[-+]?\d{7,}(?:\.\d*)?|[-+.\d]+[eE][-+\d]+"
"""Numbers that no score has: a million or more, or with an exponent."""
_MUSICXML_ROOTS: Final = ("score-partwise", "score-timewise")


def read_mxl(content: bytes) -> Sketch:
    """A compressed MusicXML file: the score that its container names."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            try:
                container = _unpacked(archive, "META-INF/container.xml").decode("utf-8", "replace")
                named = re.search(r"full-path\s*=\s*[\"']([^\"']+)", container)
            except KeyError:
                named = None
            scores = [name for name in archive.namelist() if re.search(r"(?i)^(?!META-INF).*\.(musicxml|xml)$", name)]
            name = named[1] if named else next(iter(scores), None)
            if name is None:
                raise Unreadable("it is an archive without a score", _MEND)
            score = _unpacked(archive, name)
    except Unreadable:
        raise
    except Exception as error:  # zipfile lets through what zlib, struct and its own checks raise
        raise Unreadable(f"it is no whole .mxl archive ({type(error).__name__})", _MEND) from error
    return read_musicxml(score)


def _unpacked(archive: zipfile.ZipFile, name: str) -> bytes:
    """A member's content, never more than the bound, whatever size the archive claims for it."""
    with archive.open(name) as member:
        content = member.read(MAX_UNPACKED_BYTES + 1)
    if len(content) > MAX_UNPACKED_BYTES:
        raise Unreadable(f"{name!r} in it unpacks to more than {MAX_UNPACKED_BYTES // 1_000_000} MB", _MEND)
    return content


def read_musicxml(content: bytes) -> Sketch:
    """A MusicXML score as it sounds, each part a voice; repeats are not written out."""
    if len(content) > MAX_UNPACKED_BYTES:
        raise Unreadable(f"its score has more than {MAX_UNPACKED_BYTES // 1_000_000} MB", "cut out the melody first")
    if b"<!ENTITY" in content.replace(b"\0", b""):
        raise Unreadable("it defines entities, which no score needs", _MEND)
    try:
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise Unreadable(f"it is no whole XML file ({error})", _MEND) from error
    if root.tag not in _MUSICXML_ROOTS:
        raise Unreadable(f"it is XML but no score: its root is {root.tag[:40]!r}", "choose a MusicXML file")
    # music21 counts up to these numbers one by one.
    for element in root.iterfind("part//*"):
        text = (element.text or "").strip()
        if re.fullmatch(_ABSURD, text) or (element.tag == "fifths" and not re.fullmatch(r"-?[0-7]", text)):
            raise Unreadable(f"its <{element.tag}> is {text[:20]}", _MEND)
    return _read(ElementTree.tostring(root, encoding="unicode"), "musicxml")


def read_humdrum(content: bytes) -> Sketch:
    """A Humdrum **kern file, each spine a voice."""
    if b"\0" in content:
        raise Unreadable("it is binary, not Humdrum", "save it as plain text")
    return _read(content.decode("utf-8", "replace"), "humdrum")


def _read(text: str, form: str) -> Sketch:
    """What music21 makes of the text; it raises whatever its parsers meet on broken input."""
    import warnings

    from music21 import converter

    told = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stderr(told):
        warnings.simplefilter("ignore")
        try:
            sketch = _sketch(converter.parse(text, format=form))
        except Exception as error:
            reason = " ".join(str(error).split())[:120] or type(error).__name__
            raise Unreadable(f"music21 does not understand it ({reason})", _MEND) from error
    if unread := told.getvalue().count("Error in parsing"):
        sketch.notices.append(f"not understood, and left out: {count(unread, 'sign')}")
    return sketch


def _sketch(score: Any) -> Sketch:
    score = score.toSoundingPitch()
    parts = list(score.parts) or [score]
    graces = chords = 0
    voices = []
    for number, part in enumerate(parts, 1):
        notes = []
        for sound in part.stripTies().flatten().notes:
            if sound.duration.isGrace or not sound.pitches:
                graces += sound.duration.isGrace
                continue
            start = float(sound.offset) * TICKS_PER_QUARTER
            end = start + float(sound.quarterLength) * TICKS_PER_QUARTER
            chords += len(sound.pitches) > 1
            if end > start:
                notes.append(Note(max(pitch.midi for pitch in sound.pitches), start, end))
        voices.append(Voice(str(part.partName or f"part {number}").strip()[:60], notes))
    first = parts[0].flatten()
    metadata = score.metadata
    sketch = Sketch(voices, title=str(metadata.bestTitle or "").strip()[:200] if metadata else "")
    metres = list(first.getElementsByClass("TimeSignature"))
    sketch.metres = [(float(sign.offset) * TICKS_PER_QUARTER, str(sign.ratioString)) for sign in metres]
    _key(sketch, list(first.getElementsByClass("KeySignature")))
    measures = list(parts[0].getElementsByClass("Measure"))
    if metres and measures:
        _pickup(sketch, measures, metres[0])
    if graces:
        sketch.notices.append(f"left out: {count(graces, 'grace note')}")
    if chords:
        sketch.notices.append(f"the highest note is read of {count(chords, 'chord')}")
    return sketch


def _key(sketch: Sketch, signatures: list[Any]) -> None:
    """The first key: with its tonic where the file has a mode, else its signature alone."""
    at_first = [sign for sign in signatures if sign.offset == signatures[0].offset]
    if at_first:
        sketch.sharps = int(at_first[0].sharps)
    named = [sign for sign in at_first if getattr(sign, "mode", None)]
    if named:
        sketch.key = f"{named[0].tonic.name.replace('-', 'b')} {named[0].mode}"
    if len({sign.sharps for sign in signatures}) > 1:
        sketch.notices.append("the key signature changes; the melody is read in its first key")


def _pickup(sketch: Sketch, measures: list[Any], metre: Any) -> None:
    """The length of a first measure that is shorter than its metre."""
    length = float(measures[0].duration.quarterLength)
    # Not the measure's barDuration, for which music21 may make up a metre, for minutes.
    full = float(metre.barDuration.quarterLength)
    sketch.pickup = length * TICKS_PER_QUARTER if len(measures) > 1 and 0 < length < full else 0.0
