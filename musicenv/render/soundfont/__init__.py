"""The instruments: eleven of FluidR3Mono (MIT; its notice is LICENSE.md here), compressed as SF3.

SF3 is SoundFont 2 whose samples are Ogg Vorbis streams, a seventh of the size; synthesisers of SF2 need them decoded.
Both are RIFF files, see the SoundFont 2.04 specification (E-mu, 2006), sections 5 to 7.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import Final

import numpy as np

from musicenv.render.extras import need

_FILE: Final = "FluidR3Mono_subset.sf3"
_HEADER: Final = struct.Struct("<20sIIIIIBbHH")
"""Of a sample: name, start, end, start and end of its loop, rate, pitch, correction, link, type."""
_COMPRESSED: Final = 16
"""Bit of the type that says that start and end count bytes of a stream, and the loop from the sample's start."""
_SILENCE: Final = bytes(2 * 46)
"""Zeros that section 6.1 asks for after each sample."""


@cache
def soundfont() -> bytes:
    """The soundfont as SF2, 15 MB; decoded once a process, which takes .3 s.  Needs the extra ``audio``."""
    riff = files(__package__).joinpath(_FILE).read_bytes()
    lists = {content[:4]: dict(_chunks(content[4:])) for _, content in _chunks(riff[12:])}
    streams, headers = lists[b"sdta"][b"smpl"], lists[b"pdta"][b"shdr"]
    sounds, decoded = bytearray(), []
    *samples, terminal = _HEADER.iter_unpack(headers)
    for name, start, end, loop, loop_end, rate, pitch, correction, link, kind in samples:
        begin = len(sounds) // 2
        sounds += _decode(streams[start:end])
        end = len(sounds) // 2
        place = (begin, end, begin + loop, begin + loop_end)
        decoded.append((name, *place, rate, pitch, correction, link, kind & ~_COMPRESSED))
        sounds += _SILENCE
    lists[b"sdta"][b"smpl"] = bytes(sounds)
    lists[b"pdta"][b"shdr"] = b"".join(_HEADER.pack(*header) for header in [*decoded, terminal])
    content = [
        _chunk(b"LIST", name + b"".join(_chunk(*chunk) for chunk in chunks.items())) for name, chunks in lists.items()
    ]
    return _chunk(b"RIFF", b"sfbk" + b"".join(content))


def _decode(stream: bytes) -> bytes:
    """An Ogg Vorbis stream as 16 bit samples."""
    samples, _ = need("soundfile").read(BytesIO(stream), dtype="int16")
    return np.asarray(samples, "<i2").tobytes()


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """``(name, content)`` of the chunks that follow one another."""
    at = 0
    while at < len(content):
        name, size = struct.unpack_from("<4sI", content, at)
        yield name, content[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)
