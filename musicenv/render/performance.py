"""How a melody is played: instrument, tempo, loudness and phrasing.  What MIDI, sound and the animated roll share."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sin
from types import MappingProxyType
from typing import Final

from musicenv.alphabet import TICKS_PER_QUARTER
from musicenv.melody import Melody
from musicenv.render.notation import metre_name
from musicenv.task import STYLES

INSTRUMENTS: Final = MappingProxyType(
    {
        "piano": 0,
        "electric piano": 4,
        "harpsichord": 6,
        "vibraphone": 11,
        "guitar": 24,
        "violin": 40,
        "strings": 48,
        "trumpet": 56,
        "oboe": 68,
        "clarinet": 71,
        "flute": 73,
    }
)
"""The instruments of the soundfont that ships, with their General MIDI programs."""
TEMPO: Final = MappingProxyType({"2/4": 100, "3/4": 120, "4/4": 144, "6/8": 105, "9/8": 100})
"""Beats per minute by metre: a beat is a quarter, in compound metres a dotted quarter."""
DANCE_TEMPO: Final = MappingProxyType(
    {
        "reel": 192,
        "jig": 112,
        "slip jig": 112,
        "hornpipe": 150,
        "strathspey": 116,
        "clog": 140,
        "fling": 150,
        "march": 108,
        "quickstep": 112,
        "planxty": 84,
        "air": 72,
        "waltz": 138,
    }
)
"""Beats per minute of the styles that say how fast they go; they win over the metre.  Common practice, not measured."""
PHRASE_BARS: Final = 4
ACCENTS: Final = (0.0, 0.1, 0.2)
"""What the downbeat, the other beats and the notes off the beat lack of the full loudness."""
SWELL: Final = 0.12
"""What the ends of a phrase lack of the loudness of its middle."""
GAP: Final = 0.45
"""Ticks of silence before the next note.  Under half a tick, so that rounding to ticks gives the written notes."""
MAX_SECONDS: Final = 600.0


@dataclass(frozen=True)
class Performance:
    """How to play.  Nothing in it is random: the same melody and performance give the same bytes."""

    instrument: str = "piano"
    """One of INSTRUMENTS."""
    tempo: float | None = None
    """Beats per minute, 10..1000; None for what suits style and metre (DANCE_TEMPO, TEMPO)."""
    loudness: float = 0.8
    """Above 0, up to 1: of the loudest note's MIDI velocity (1 is 127) and of the peak of the sound (1 is -1 dBFS)."""
    phrasing: float = 1.0
    """0..1: how far the metre is accented, phrases of four bars swell, and notes are set apart; 0 is mechanical."""

    def __post_init__(self) -> None:
        if self.instrument not in INSTRUMENTS:
            raise ValueError(f"instrument={self.instrument!r} is not one of {', '.join(INSTRUMENTS)}")
        if self.tempo is not None and not 10 <= self.tempo <= 1000:
            raise ValueError(f"tempo={self.tempo} is not in 10..1000 beats per minute")
        if not 0 < self.loudness <= 1:
            raise ValueError(f"loudness={self.loudness} is not above 0 and up to 1")
        if not 0 <= self.phrasing <= 1:
            raise ValueError(f"phrasing={self.phrasing} is not in 0..1")

    @property
    def program(self) -> int:
        """General MIDI program, 0..127."""
        return INSTRUMENTS[self.instrument]

    def beats_per_minute(self, melody: Melody) -> float:
        if self.tempo is not None:
            return self.tempo
        return DANCE_TEMPO.get(STYLES[melody.style], TEMPO[metre_name(melody)])

    def ticks_per_second(self, melody: Melody) -> float:
        return self.beats_per_minute(melody) * melody.beat / 60

    def quarters_per_minute(self, melody: Melody) -> float:
        return self.beats_per_minute(melody) * melody.beat / TICKS_PER_QUARTER

    def seconds(self, melody: Melody) -> float:
        """From the beginning of the first note to the end of the last.  ValueError above MAX_SECONDS."""
        seconds = (melody.time - melody.start) / self.ticks_per_second(melody)
        if seconds > MAX_SECONDS:
            raise ValueError(
                f"the melody lasts {seconds:.0f} s at tempo={self.beats_per_minute(melody):g}; "
                f"at most {MAX_SECONDS:.0f} s are played: ask for a quicker tempo or fewer bars"
            )
        return seconds

    def velocity(self, onset: int, melody: Melody) -> int:
        """MIDI velocity 1..127 of a note that begins at tick ``onset``."""
        accent = ACCENTS[0 if onset % melody.bar == 0 else 1 if onset % melody.bar % melody.beat == 0 else 2]
        phrase = PHRASE_BARS * melody.bar
        swell = SWELL * (1 - sin(pi * (onset % phrase) / phrase))
        return max(1, round(127 * self.loudness * (1 - self.phrasing * (accent + swell))))
