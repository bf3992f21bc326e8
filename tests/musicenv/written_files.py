"""Small files of every kind, written by hand, for the tests of reading."""

import io
import struct
import zipfile

from musicenv.alphabet import REST

ABC = """X:1
T:The Kesh
M:6/8
K:G
D|GAG GAB|ABA ABd|edd gdd|edB dBA|GAG GAB|ABA ABd|edd gdB|AGF G2|]
"""


def midi(*tracks, division=96, form=1):
    """A MIDI file of tracks, each the bytes of its events."""
    chunks = [b"MTrk" + struct.pack(">I", len(t) + 4) + t + b"\0\xff\x2f\0" for t in tracks]
    return b"MThd" + struct.pack(">IHHH", 6, form, len(tracks), division) + b"".join(chunks)


def length(ticks):
    """A delta time as MIDI writes it."""
    groups = [ticks & 127]
    while ticks := ticks >> 7:
        groups.insert(0, ticks & 127 | 128)
    return bytes(groups)


def played(notes, channel=0):
    """Events of (pitch, ticks) notes one after another; None rests."""
    out, gap = b"", 0
    for pitch, ticks in notes:
        if pitch is None:
            gap += ticks
            continue
        out += length(gap) + bytes((0x90 | channel, pitch, 80)) + length(ticks) + bytes((0x80 | channel, pitch, 0))
        gap = 0
    return out


def signature(numerator, power):
    return bytes((0, 0xFF, 0x58, 4, numerator, power, 24, 8))


def musicxml(body, parts='<score-part id="P1"><part-name>Voice</part-name></score-part>'):
    return f"""<?xml version="1.0"?>
<score-partwise version="4.0"><work><work-title>Test</work-title></work><part-list>{parts}</part-list>{body}
</score-partwise>""".encode()


def written(pitches, transpose=""):
    """A part of one measure of quarters in D major."""
    notes = "".join(
        f"<note><pitch><step>{step}</step><alter>{alter}</alter><octave>{octave}</octave></pitch>"
        "<duration>2</duration><type>quarter</type></note>"
        for step, alter, octave in pitches
    )
    return (
        '<part id="P1"><measure number="1"><attributes><divisions>2</divisions><key><fifths>2</fifths>'
        f"<mode>major</mode></key><time><beats>4</beats><beat-type>4</beat-type></time>{transpose}</attributes>"
        f"{notes}</measure></part>"
    )


SCALE = [("D", 0, 5), ("E", 0, 5), ("F", 1, 5), ("G", 0, 5)]
MINUET = [(74, 96), (67, 48), (69, 48), (71, 48), (72, 48), (74, 96), (67, 96), (67, 96)]


def zipped(members):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return target.getvalue()


def same_notes(fitted, melody):
    """The notes, rests joined: a file doesn't tell one long rest from two."""

    def joined(pitch, duration):
        out = []
        for p, d in zip(pitch, duration, strict=True):
            if out and p == REST == out[-1][0]:
                out[-1] = (REST, out[-1][1] + d)
            else:
                out.append((int(p), int(d)))
        return out[:-1] if out[-1][0] == REST else out

    shift = (fitted.pitch[0] - int(melody.pitch[0])) // 12 * 12
    there = joined([p + shift if p != REST else REST for p in melody.pitch], melody.duration)
    return joined(fitted.pitch, fitted.duration) == there
