"""What is written reads back as the same notes, in every key and metre."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from symusic import Score

from musicenv.alphabet import DURATIONS, HIGHEST, LOWEST, MASKS, N_DURATIONS, REST, SIXTEENTH, legal_durations
from musicenv.corpus.abc import read_abc
from musicenv.corpus.abc_body import join_ties
from musicenv.corpus.abc_fields import FINE
from musicenv.melody import melody_from_notes, sounding_pitch
from musicenv.render import Performance, to_abc, to_midi, to_musicxml
from musicenv.render.notation import spell
from musicenv.task import BAR_TICKS, METRES, MODES, TONICS, Task


@st.composite
def legal_melodies(draw):
    """A finished melody that the environment could have made: any key, metre and pick-up; triplets, rests."""
    metre = draw(st.sampled_from(METRES))
    task = Task(
        metre=metre,
        key=f"{draw(st.sampled_from(TONICS))} {draw(st.sampled_from(MODES))}",
        bars=draw(st.integers(1, 3)),
        pickup=SIXTEENTH * draw(st.integers(0, BAR_TICKS[METRES.index(metre)] // SIXTEENTH - 1)),
    )
    pitches = st.integers(LOWEST, HIGHEST) | st.just(REST)
    time, notes = -task.pickup, []
    while time < task.end:
        legal = MASKS[legal_durations(time, task.bar, task.end), :N_DURATIONS]
        duration = draw(st.sampled_from([ticks for ticks, may in zip(DURATIONS, legal, strict=True) if may]))
        notes.append((draw(pitches), duration))
        time += duration
    return melody_from_notes(*zip(*notes, strict=True), task)


def sounding(melody):
    """(ticks from the beginning, ticks, MIDI pitch) of each note that sounds."""
    notes = zip(melody.onset.tolist(), melody.duration.tolist(), sounding_pitch(melody), strict=True)
    return [(onset - melody.start, ticks, pitch) for onset, ticks, pitch in notes if pitch is not None]


@settings(max_examples=100)
@given(legal_melodies(), st.floats(0, 1), st.floats(0.01, 1))
def test_midi_reads_back(melody, phrasing, loudness):
    score = Score.from_midi(to_midi(melody, performance=Performance(phrasing=phrasing, loudness=loudness)))
    notes = [(n.time / 40, round(n.duration / 40), n.pitch) for track in score.tracks for n in track.notes]
    assert notes == sounding(melody)
    assert all(1 <= n.velocity <= 127 for track in score.tracks for n in track.notes)
    numerator, denominator = map(int, METRES[melody.metre].split("/"))
    written = [(s.time, s.numerator, s.denominator) for s in score.time_signatures]
    assert written[-1] == (40 * -melody.start, numerator, denominator)
    assert score.ticks_per_quarter == 480


@settings(max_examples=100)
@given(legal_melodies())
def test_abc_reads_back(melody):
    (tune,) = read_abc(to_abc(melody, title="A tune"))
    assert not tune.fault
    assert tune.unread.total() == 0
    assert tune.first("T") == "A tune"
    notes, time = [], 0
    for note in join_ties([note for bar in tune.bars for note in bar.notes]):
        assert note.length % FINE == 0
        if note.pitch != REST:
            notes.append((time, note.length // FINE, note.pitch))
        time += note.length // FINE
    assert notes == sounding(melody)
    key = tune.bars[0].key
    assert (key.tonic, key.mode) == (melody.key, MODES[melody.mode])
    assert tune.bars[0].metre == METRES[melody.metre]
    full = [bar.length // FINE for bar in tune.bars[(1 if melody.start else 0) : -1]]
    assert all(length == melody.bar for length in full)


@settings(max_examples=25)
@given(legal_melodies())
def test_musicxml_reads_back(melody):
    from music21 import converter, key, meter

    score = converter.parse(to_musicxml(melody), format="musicxml")
    notes = []
    for note in score.flatten().notes:  # not stripTies(), for which a natural is another pitch than no sign
        onset, ticks = round(12 * float(note.offset)), round(12 * float(note.quarterLength))
        if note.tie and note.tie.type != "start":
            assert notes[-1][2] == note.pitch.midi
            notes[-1] = (notes[-1][0], notes[-1][1] + ticks, note.pitch.midi)
        else:
            notes.append((onset, ticks, note.pitch.midi))
            assert (note.pitch.step, int(note.pitch.alter)) == spell(note.pitch.midi, melody.key, melody.mode)[:2]
    assert notes == sounding(melody)
    flat = score.flatten()
    written = flat.getElementsByClass(key.Key).first()
    assert (written.tonic.pitchClass, written.mode) == (melody.key, MODES[melody.mode])
    assert flat.getElementsByClass(meter.TimeSignature).first().ratioString == METRES[melody.metre]
    first = score.parts[0].measure(0 if melody.start else 1)
    assert round(12 * first.duration.quarterLength) == min(-melody.start or melody.bar, melody.time - melody.start)


def test_the_same_melody_is_written_the_same_way_twice():
    melody = melody_from_notes([60, 64, 67, 72], [12, 12, 12, 12], Task(bars=1))
    assert to_midi(melody) == to_midi(melody)
    assert to_musicxml(melody) == to_musicxml(melody)


@pytest.mark.parametrize("write", [to_midi, to_musicxml])
def test_files_hold_what_is_returned(write, tmp_path):
    melody = melody_from_notes([60, 64, 67, 72], [12, 12, 12, 12], Task(bars=1))
    content = write(melody, tmp_path / "new folder" / "piece")
    written = (tmp_path / "new folder" / "piece").read_bytes()
    assert written == (content if isinstance(content, bytes) else content.encode())
