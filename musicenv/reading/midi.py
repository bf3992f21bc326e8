"""MIDI files, by symusic."""

from __future__ import annotations

from bisect import bisect_right

from musicenv.alphabet import TICKS_PER_QUARTER
from musicenv.reading.problem import Unreadable
from musicenv.reading.sketch import Note, Sketch, Voice

OFF_THE_BEAT = 0.4
"""Mean distance, in ticks, of the onsets from the grid from which on a file counts as played rather than written:
onsets anywhere are .6 ticks from the nearest sixteenth or triplet."""


def read_midi(content: bytes) -> Sketch:
    """The tracks of a MIDI file except drums.  Where notes lie off its beats, times are seconds by its tempo map."""
    from symusic.core import ScoreTick

    if len(content) >= 14 and content[12] & 0x80:
        raise Unreadable("its clock counts frames of film (SMPTE), not beats", "save it with ticks per quarter note")
    try:
        score = ScoreTick.from_midi(content)
    except Exception as error:  # symusic raises RuntimeError, and what its parser lets through
        raise Unreadable(f"it is no whole MIDI file ({_brief(error)})", "export it again") from error
    if score.tpq <= 0:
        raise Unreadable("its clock has no ticks per quarter note", "export it again")
    scale = TICKS_PER_QUARTER / score.tpq
    pitched = [track for track in score.tracks if track.notes and not track.is_drum]
    if not pitched and any(track.notes for track in score.tracks):
        raise Unreadable("it has drums alone", "choose a file that holds a melody")
    sketch = Sketch(
        [
            Voice(
                _text(track.name) or f"track {k}",
                [Note(n.pitch, n.time * scale, (n.time + n.duration) * scale) for n in track.notes if n.duration > 0],
            )
            for k, track in enumerate(pitched, 1)
        ]
    )
    sketch.check()
    metres = {sign.time * scale: f"{sign.numerator}/{sign.denominator}" for sign in score.time_signatures}
    sketch.metres = sorted(metres.items())
    if signatures := sorted(
        {(sign.time, sign.key, sign.tonality) for sign in score.key_signatures if -7 <= sign.key <= 7}
    ):
        sketch.sharps, sketch.minor = signatures[0][1], signatures[0][2] == 1
        if len({sharps for _, sharps, _ in signatures}) > 1:
            sketch.notices.append("the key signature changes; the melody is read in its first key")
    if off_the_beat(sketch.voices) > OFF_THE_BEAT:
        _to_seconds(sketch, {tempo.time * scale: tempo.mspq / 1e6 for tempo in score.tempos})
    return sketch


def off_the_beat(voices: list[Voice]) -> float:
    """Mean distance of the onsets from the nearest sixteenth or triplet eighth, in ticks."""
    onsets = [note.start for voice in voices for note in voice.notes]
    return sum(min(abs(t / grid - round(t / grid)) * grid for grid in (3, 4)) for t in onsets) / len(onsets)


def _to_seconds(sketch: Sketch, tempos: dict[float, float]) -> None:
    """Turn ticks into seconds.  ``tempos``: seconds per quarter by the tick from which on they hold."""
    changes = [0.0, *sorted(tick for tick in tempos if tick > 0)]
    speeds = [max(tempos.get(tick, 0.5), 1e-3) / TICKS_PER_QUARTER for tick in changes]  # 120 a minute by default
    clock = [0.0]
    for k in range(1, len(changes)):
        clock.append(clock[-1] + (changes[k] - changes[k - 1]) * speeds[k - 1])

    def seconds(tick: float) -> float:
        k = max(bisect_right(changes, tick) - 1, 0)
        return clock[k] + (tick - changes[k]) * speeds[k]

    sketch.voices = [
        Voice(name, [Note(n.pitch, seconds(n.start), seconds(n.end)) for n in notes]) for name, notes in sketch.voices
    ]
    sketch.seconds = True
    sketch.metres = []
    sketch.notices.append("its notes are played freely, off the beats of the file: tempo and metre are estimated")


def _text(name: str) -> str:
    return "".join(letter for letter in str(name) if letter.isprintable()).strip()[:60]


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
