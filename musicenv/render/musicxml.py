"""A melody as MusicXML, for every notation program."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from musicenv.alphabet import TICKS_PER_QUARTER
from musicenv.files import write_atomic
from musicenv.melody import Melody
from musicenv.render.notation import (
    BARS_A_LINE,
    Symbol,
    default_title,
    key_signature,
    metre_name,
    voices,
    written_bars,
)
from musicenv.render.performance import Performance
from musicenv.task import MODES

if TYPE_CHECKING:
    from music21.note import GeneralNote
    from music21.stream import Part, Score


def to_musicxml(
    melody: Melody,
    path: Path | None = None,
    title: str = "",
    performance: Performance | None = None,
    bars_a_line: int = BARS_A_LINE,
    tempo_mark: bool = True,
) -> str:
    """The text of a MusicXML file; written to ``path`` too, if given.

    It tells the instrument and, unless ``tempo_mark`` is off, the tempo; a system has ``bars_a_line`` bars.
    """
    from music21.musicxml.m21ToXml import ScoreExporter

    score = _score(melody, title, performance or Performance(), bars_a_line, tempo_mark)
    exporter = ScoreExporter(score, makeNotation=False)
    exporter.parse()
    text = exporter.asBytes().decode()
    if path is not None:
        write_atomic(path, text)
    return text


def _score(melody: Melody, title: str, performance: Performance, bars_a_line: int, tempo_mark: bool) -> Score:
    from music21 import metadata, stream

    parts = [
        _part(voice, k, performance, bars_a_line, tempo_mark and k == 1) for k, voice in enumerate(voices(melody), 1)
    ]
    score = stream.Score(parts)
    score.metadata = metadata.Metadata(title=title or default_title(melody), composer="musicenv")
    return score


def _part(melody: Melody, number: int, performance: Performance, bars_a_line: int, tempo_mark: bool) -> Part:
    """Part ``number`` of the score, from 1."""
    from music21 import bar, clef, duration, instrument, key, layout, meter, stream
    from music21 import tempo as tempi

    part = stream.Part(id=f"Voice {number}")
    player = instrument.Instrument()  # without a name, which would indent the score
    player.midiProgram = performance.program
    player.midiChannel = 0
    player.partId, player.instrumentId = f"P{number}", f"P{number}-I1"  # music21's own would differ from run to run
    part.insert(0, player)
    upbeat = 1 if melody.start < 0 else 0
    tied = False
    for measured, written in enumerate(written_bars(melody), 1 - upbeat):
        measure = stream.Measure(number=measured)
        if measured == 1 - upbeat:
            signature = key.KeySignature(key_signature(melody.key, melody.mode)[1]).asKey(mode=MODES[melody.mode])
            for element in (clef.TrebleClef(), signature, meter.TimeSignature(metre_name(melody))):
                measure.insert(0, element)
            if tempo_mark:
                beat = duration.Duration(melody.beat / TICKS_PER_QUARTER)
                mark = tempi.MetronomeMark(number=performance.beats_per_minute(melody), referent=beat)
                measure.insert(0, mark)
        elif measured > 1 and (measured - 1) % bars_a_line == 0:
            measure.insert(0, layout.SystemLayout(isNew=True))
        if measured == 0:
            measure.showNumber = stream.enums.ShowNumber.NEVER
            measure.paddingLeft = (melody.bar - written.ticks) / TICKS_PER_QUARTER
        for symbol in written.symbols:
            measure.append(_note(symbol, tied))
            tied = symbol.tied
        part.append(measure)
    if melody.time == melody.end:
        measures = part.getElementsByClass(stream.Measure)
        measures[-1].rightBarline = bar.Barline("final")
    part.makeAccidentals(inPlace=True)
    part.makeBeams(inPlace=True)
    return part


def _note(symbol: Symbol, continues: bool) -> GeneralNote:
    """``continues``: is the symbol before it tied to this one?"""
    from music21 import duration, note, pitch, tie

    length = duration.Duration(symbol.value / TICKS_PER_QUARTER)
    if symbol.triplet:
        tuplet = duration.Tuplet(3, 2, length.type)
        if symbol.triplet != "inside":
            tuplet.type = symbol.triplet
        length.appendTuplet(tuplet)
    if not symbol.letter:
        return note.Rest(duration=length)
    written = note.Note(duration=length)
    written.pitch = pitch.Pitch(f"{symbol.letter}{symbol.octave}")
    if symbol.alter:
        written.pitch.accidental = pitch.Accidental(symbol.alter)
    if symbol.tied or continues:
        written.tie = tie.Tie("continue" if symbol.tied and continues else "start" if symbol.tied else "stop")
    return written
