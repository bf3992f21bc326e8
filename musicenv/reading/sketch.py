"""What every reader makes of a file: voices of notes with what the file says of metre and key."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from musicenv.reading.problem import MAX_NOTES, MAX_TICKS, Unreadable


class Note(NamedTuple):
    """One sounding note.  Times in the unit of its sketch."""

    pitch: int
    """Sounding MIDI pitch."""
    start: float
    end: float


class Voice(NamedTuple):
    """A track, part or voice of a file; its notes may overlap."""

    name: str
    notes: list[Note]


@dataclass
class Sketch:
    """A file as it was read, before one line is chosen and laid on the grid."""

    voices: list[Voice]
    seconds: bool = False
    """Whether times are seconds of a performance, whose beat is to be found; else ticks, 12 to the quarter."""
    title: str = ""
    metres: list[tuple[float, str]] = field(default_factory=list)
    """(time in ticks, such as "6/8") in order."""
    key: str = ""
    """Tonic and church mode, such as "E dorian"; "" where the file does not say."""
    sharps: int | None = None
    """Sharps (negative: flats) of the key signature, where the file has one but does not name the tonic surely."""
    minor: bool | None = None
    """Whether the file calls that signature a minor one, which may mean dorian too."""
    pickup: float | None = None
    """Ticks before the first downbeat, where the file says so."""
    notices: list[str] = field(default_factory=list)

    def check(self) -> None:
        """Raise Unreadable where there is nothing to read, or more than is read."""
        notes = [note for voice in self.voices for note in voice.notes]
        if not notes:
            raise Unreadable("there are no notes in it", "choose a file that holds a melody")
        if len(notes) > MAX_NOTES:
            raise Unreadable(f"it has {len(notes):,} notes, more than {MAX_NOTES:,}", "cut out the melody first")
        last = max(note.end for note in notes)
        if not self.seconds and not last <= MAX_TICKS:
            raise Unreadable(
                f"it lasts {last / 12:,.0f} quarters, more than {MAX_TICKS / 12:,.0f}", "mend its times, or cut it"
            )


def choose(voices: list[Voice], track: int | str | None) -> tuple[Voice, str]:
    """The voice that ``track`` names (its number from 1, or its name), or the likeliest melody; and what was chosen.

    Without a choice: a voice with a name of melodies, else the highest of those with a fair share of the notes.
    """
    voices = [voice for voice in voices if voice.notes]
    names = ", ".join(f"{k} {voice.name!r}" for k, voice in enumerate(voices[:20], 1))
    if isinstance(track, int):
        if not 1 <= track <= len(voices):
            raise Unreadable(f"it has no track {track}", f"choose one of {names}")
        return voices[track - 1], ""
    if isinstance(track, str):
        found = [voice for voice in voices if track.lower() in voice.name.lower()]
        if not found:
            raise Unreadable(f"it has no track {track!r}", f"choose one of {names}")
        return found[0], ""
    if len(voices) == 1:
        return voices[0], ""
    busiest = max(len(voice.notes) for voice in voices)

    def likelihood(voice: Voice) -> tuple[bool, float]:
        pitches = sorted(note.pitch for note in voice.notes)
        named = any(word in voice.name.lower() for word in _MELODIES)
        return named, pitches[len(pitches) // 2] if 4 * len(pitches) >= busiest else -1.0

    best = max(voices, key=likelihood)
    return best, f"of {len(voices)} tracks ({names}) {best.name!r} is read; another one with track="


def count(number: int, thing: str) -> str:
    """Such as "1 note" and "2 notes"."""
    return f"{number:,} {thing}{'s' * (number != 1)}"


_MELODIES = ("melody", "lead", "vocal", "voice", "soprano", "cantus", "solo", "tune")


def skyline(notes: list[Note]) -> tuple[list[Note], int]:
    """One line of overlapping notes: the highest that sounds; and how many notes are not in it.

    After Uitdenbogerd and Zobel, Melodic matching techniques for large music databases (1999).  A lower note that
    begins under a higher one is left out, unless the two overlap by less than half of either, as in legato playing.
    """
    line: list[Note] = []
    for note in sorted(notes, key=lambda note: (note.start, -note.pitch, -note.end)):
        while line and note.start < line[-1].end:
            before = line[-1]
            overlap = before.end - note.start
            legato = 2 * overlap < min(before.end - before.start, note.end - note.start)
            if not legato and (note.pitch < before.pitch or note.start == before.start):
                break
            line[-1] = before._replace(end=note.start)
            if line[-1].end > line[-1].start:
                line.append(note)
                break
            line.pop()
        else:
            line.append(note)
    return line, len(notes) - len(line)
