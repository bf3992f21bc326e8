"""A reader of ABC notation: the one line that is sung, with its bars, repeats, keys and metres.

Follows the ABC standard 2.1 (https://abcnotation.com/wiki/abc:standard:v2.1) and older habits of the collections:

* Grace notes, slurs, decorations, chord symbols and annotations are dropped; of a chord the highest note is kept, of
  several voices the first.
* An accidental holds to the end of the bar for its letter in all octaves (the standard's default, section 11.3: the
  sources write an accidental anew in another octave to cancel it, 52 times, more often than to repeat it, 29 times); a
  tie carries it into the next bar.
* ``-`` ties equal pitches; between different ones it is an old sign for a slur.
* A line's end is no bar line, unless the bar is full there.
* ``x`` without a number only carries a sign (``Hx||``) and has no length; ``Z`` beside notes is a slip for ``z``.

Whatever is not read is counted by reason in ``AbcTune.unread``: nothing is lost in silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from musicenv.alphabet import REST
from musicenv.corpus.abc_body import AbcTune, Reader, join_ties
from musicenv.corpus.abc_fields import FINE, AbcError, default_length, read_key, read_length, read_metre

_FIELD: Final = re.compile(r"([A-Za-z]):(?![|:])\s*(.*)")
_TORN: Final = re.compile(r"\[(?!\d)[^\]|:\n]*\n|\n[\d/]")
"""A line's end inside a chord, or between a note and its length."""


def read_abc(text: str) -> Iterator[AbcTune]:
    """The tunes of an ABC file, one for each ``X:`` field, in order."""
    # Traces of e-mail ("quoted-printable"), by which parts of Ryan's Mammoth travelled.
    text = re.sub(r"=(?:20)?[ \t]*\r?\n", "\n", text).replace("=3D", "=")
    for lines in re.split(r"(?m)^(?=X:)", text)[1:]:
        yield _read_tune(lines.splitlines())


def _read_tune(lines: list[str]) -> AbcTune:
    tune = AbcTune()
    reader: Reader | None = None
    music = ""
    try:
        for line in filter(None, map(_without_comment, lines)):
            match = _FIELD.match(line)
            if reader is None and match:
                tune.fields.setdefault(match[1], []).append(match[2].strip())
                if match[1] == "K":
                    metre = read_metre(tune.first("M"))
                    unit = read_length(tune.first("L")) or default_length(metre)
                    reader = Reader(tune, read_key(match[2]), metre, unit)
            elif reader is None:
                tune.unread["header lines without a field"] += 1
            elif match:
                reader.line(music)
                music = ""
                reader.field(*match.groups())
            elif music and _TORN.search(music + "\n" + line):
                music += line
            else:
                reader.line(music)
                music = line
        if reader is None:
            tune.fault = "no K: field"
        else:
            reader.line(music)
            reader.close_bar(closes=True)
    except AbcError as error:
        tune.fault = str(error)
    return tune


def _without_comment(line: str) -> str:
    return re.sub(r'("[^"]*")|%.*', lambda match: match[1] or "", line).strip() if "%" in line else line.strip()


def read_notes(
    text: str, key: str = "C", metre: str = "4/4", unit: str = "1/8", strict: bool = False
) -> list[tuple[int | None, int]]:
    """The notes of a short fragment such as "D2 F2 A4": [(sounding MIDI pitch or None for a rest, ticks), ...].

    ``key`` gives the signature ("D", "E dorian"), ``unit`` the length of a letter without a number.  Raises AbcError
    where a sign is not understood or a length is no whole number of ticks; if ``strict``, also where anything would be
    left out (ornaments, layout, lower notes of chords).
    """
    tune = AbcTune()
    length = read_length(unit)
    if not length:
        raise AbcError(f"unit length {unit!r} is not understood; write a fraction of a whole note such as '1/8'")
    reader = Reader(tune, read_key(key), read_metre(metre), length)
    reader.line(text)
    reader.close_bar()
    fatal = ("",) if strict else ("sign", "stray")
    strange = sorted(reason for reason, count in tune.unread.items() if count and reason.startswith(fatal))
    if strict:  # letters that are decorations in a tune are more likely mistakes here
        strange += sorted({f"sign {letter!r}" for letter in re.findall(r"[H-WYh-w$]", text)})
    if strange:
        raise AbcError(f"{text!r} is not understood ({', '.join(strange)}); write notes in ABC, such as 'D2 F2 A4'")
    notes = join_ties([note for bar in tune.bars for note in bar.notes])
    if not notes:
        raise AbcError(f"{text!r} has no notes; write notes in ABC, such as 'D2 F2 A4'")
    for note in notes:
        if note.length % FINE:
            raise AbcError(f"{text!r} has a length of {note.length / FINE:.2f} ticks; use 16ths or triplets of 8ths")
    return [(None if note.pitch == REST else note.pitch, note.length // FINE) for note in notes]
