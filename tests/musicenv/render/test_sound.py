"""What is heard are the notes, as loud and as fast as asked, and never distorted."""

import sys
from io import BytesIO

import numpy as np
import pytest
from symusic import Score

from musicenv.alphabet import REST
from musicenv.melody import melody_from_notes
from musicenv.render import Performance, mono, mp3_bytes, piano_roll_gif, samples, to_midi, to_mp3, to_wav
from musicenv.render.audio import MONO_RATE, PEAK, RATE, TAIL
from musicenv.render.performance import INSTRUMENTS
from musicenv.task import STYLES, Task

SCALE = (60, 62, 64, 65, 67, 69, 71, 72)


def scale(ticks=12, **task):
    return melody_from_notes(SCALE, [ticks] * 8, Task(bars=2, **task))


def strongest_pitch(sound, around):
    """MIDI pitch of the highest peak of the spectrum less than 1.5 semitones from a pitch."""
    size = 1 << 17
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), size))
    frequency = np.fft.rfftfreq(size, 1 / RATE)
    near = np.abs(12 * np.log2(np.maximum(frequency, 1) / 440) + 69 - around) < 1.5
    return 12 * np.log2(frequency[near][spectrum[near].argmax()] / 440) + 69


@pytest.mark.parametrize("key", ["C major", "Ab major"])
@pytest.mark.parametrize("instrument", ["piano", "flute", "violin"])
def test_each_note_sounds_at_its_pitch_and_time(instrument, key):
    pytest.importorskip("midirenderer")
    sound = samples(scale(key=key), Performance(instrument, tempo=120)).mean(axis=1)
    for k, pitch in enumerate(SCALE):
        sounding = pitch - (4 if key == "Ab major" else 0)
        note = sound[round((k + 0.2) * RATE / 2) : round((k + 0.9) * RATE / 2)]
        assert strongest_pitch(note, sounding) == pytest.approx(sounding, abs=0.25)


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_the_loudest_playing_does_not_clip(instrument):
    pytest.importorskip("midirenderer")
    sound = samples(scale(), Performance(instrument, loudness=1))
    assert sound.dtype == np.float32
    assert np.abs(sound).max() == pytest.approx(PEAK, rel=1e-4)
    assert sound[-1].tolist() == [0, 0]


def test_loudness_is_heard_and_an_mp3_of_the_loudest_does_not_clip(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    pytest.importorskip("midirenderer")
    loud, rate = soundfile.read(to_mp3(scale(), tmp_path / "loud.mp3", Performance(loudness=1)))
    soft, _ = soundfile.read(to_mp3(scale(), tmp_path / "soft.mp3", Performance(loudness=0.25)))
    assert rate == RATE
    assert loud.shape == soft.shape == samples(scale()).shape
    assert np.abs(loud).max() < 1
    assert np.abs(soft).max() < np.abs(loud).max() / 3


def test_an_mp3_for_pages_is_the_same_sound_at_half_the_size(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    pytest.importorskip("midirenderer")
    small, full = mp3_bytes(scale()), to_mp3(scale(), tmp_path / "full.mp3")
    sound, rate = soundfile.read(BytesIO(small))
    assert rate == MONO_RATE
    assert sound.shape == mono(samples(scale())).shape
    assert np.corrcoef(sound, mono(samples(scale())))[0, 1] > 0.99
    assert len(small) < 0.6 * full.stat().st_size


def test_a_file_is_as_long_as_the_melody_and_its_tail(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    pytest.importorskip("midirenderer")
    melody = scale(metre="6/8", ticks=6)
    info = soundfile.info(to_wav(melody, tmp_path / "new folder" / "scale.wav", Performance(tempo=80)))
    assert info.frames == round((48 / 18 * 60 / 80 + TAIL) * RATE)
    assert (info.samplerate, info.channels, info.subtype) == (RATE, 2, "PCM_16")


def test_silence_is_silent():
    pytest.importorskip("midirenderer")
    assert not samples(melody_from_notes([REST], [48], Task(bars=1))).any()


def test_mono_keeps_the_sound_below_its_limit_and_nothing_above():
    time = np.arange(RATE) / RATE
    low, high = (np.sin(2 * np.pi * f * time).astype(np.float32) for f in (1000, 20_000))
    half = mono(np.stack([low + high, low + high], axis=1))
    assert half.dtype == np.float32
    assert len(half) == MONO_RATE
    expected = np.sin(2 * np.pi * 1000 * np.arange(MONO_RATE) / MONO_RATE)
    assert np.abs(half - expected)[50:-50].max() < 0.01


def test_the_same_performance_sounds_the_same_twice():
    pytest.importorskip("midirenderer")
    assert np.array_equal(samples(scale()), samples(scale()))


def test_the_metre_is_accented_and_the_phrase_swells():
    melody = melody_from_notes([60] * 32, [6] * 32, Task(bars=4))
    velocity = [note.velocity for note in Score.from_midi(to_midi(melody)).tracks[0].notes]
    assert velocity[8] > velocity[10] > velocity[9]
    assert velocity[0] < velocity[8] < velocity[16]
    flat = Score.from_midi(to_midi(melody, performance=Performance(phrasing=0))).tracks[0].notes
    assert {(note.velocity, note.duration) for note in flat} == {(102, 240)}


def test_a_reel_is_quick_and_an_air_is_slow():
    reel, either, air = (Performance().seconds(scale(style=style)) for style in ("reel", "any", "air"))
    assert reel < either < air
    assert all(Performance().seconds(scale(style=style)) > 1 for style in STYLES)


@pytest.mark.parametrize(
    ("field", "value"), [("tempo", 0), ("instrument", "kazoo"), ("loudness", 1.5), ("loudness", 0), ("phrasing", -1)]
)
def test_an_impossible_performance_is_one_clear_error(field, value):
    with pytest.raises(ValueError, match=f"{field}={value!r}"):
        Performance(**{field: value})


def test_a_melody_too_long_or_too_high_is_one_clear_error():
    long = melody_from_notes([60] * 256, [48] * 256, Task(bars=256))
    with pytest.raises(ValueError, match=r"at most 600 s .* quicker tempo"):
        to_midi(long, performance=Performance(tempo=10))
    with pytest.raises(ValueError, match="pitch 130"):
        to_midi(melody_from_notes([130], [48], Task(bars=1)))
    with pytest.raises(ValueError, match="too long"):
        melody_from_notes([60] * 800, [48] * 800, Task(bars=1))
    broken = scale()._replace(onset=scale().onset - 96)
    with pytest.raises(ValueError, match="at tick -96"):
        to_midi(broken)


@pytest.mark.parametrize("library", ["midirenderer", "soundfile"])
@pytest.mark.parametrize("write", [to_wav, to_mp3])
def test_without_the_libraries_of_sound_the_error_names_the_extra(write, library, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=rf"{library} is missing; .*pip install 'musicenv\[audio\]'"):
        write(scale(), tmp_path / "scale")
    assert not list(tmp_path.iterdir())


def test_the_cursor_of_the_playing_roll_keeps_time(tmp_path):
    from PIL import Image

    from musicenv.render.animation import CURSOR, FRAME, HOLD
    from musicenv.render.roll import column

    melody, tempo = scale(), 120
    with Image.open(piano_roll_gif(melody, tmp_path / "roll.gif", Performance(tempo=tempo))) as gif:
        assert gif.n_frames == np.ceil(Performance(tempo=tempo).seconds(melody) / FRAME)
        for frame in (0, 10, 49):
            gif.seek(frame)
            picture = np.asarray(gif.convert("RGB"))
            columns = np.flatnonzero((picture[20:-20] == CURSOR).all(-1).all(0))
            tick = round(frame * FRAME * tempo * 12 / 60)
            assert columns[0] == column(tick, melody)
            assert gif.info["duration"] == 1000 * (HOLD if frame == 49 else FRAME)
