"""Two lines in text, score, MIDI and picture."""

import gymnasium as gym
import numpy as np

from musicenv import render
from musicenv.counterpoint.sets import task_of
from musicenv.melody import melody_from_notes
from musicenv.render.roll import GIVEN

FUX = melody_from_notes([67, 67, 65, 67, 69, 70, 70, 69, 72, 71, 72], [48] * 11, task_of("fux_d", 1, True))
"""Fux's first solution: A A G A B C C B D C# D above D F E D G F A G F E D."""


def test_abc_has_both_voices():
    assert render.to_abc(FUX, title="Fux").splitlines()[4:] == [
        "K:Ddor",
        "[V:1] A8 | A8 | G8 | A8 |",
        "[V:2] D8 | F8 | E8 | D8 |",
        "[V:1] B8 | c8 | c8 | B8 |",
        "[V:2] G8 | F8 | A8 | G8 |",
        "[V:1] d8 | ^c8 | d8 |]",
        "[V:2] F8 | E8 | D8 |]",
    ]


def test_a_line_below_is_the_second_voice():
    below = melody_from_notes([72], [48], task_of("fux_d", 1, False))
    assert render.to_abc(below).splitlines()[-2:] == ["[V:1] d8 |", "[V:2] d8 |"]


def test_musicxml_has_both_parts():
    from music21 import converter

    upper, lower = converter.parse(render.to_musicxml(FUX), format="musicxml").parts
    assert [note.pitch.nameWithOctave for note in upper.flatten().notes][-3:] == ["D5", "C#5", "D5"]
    assert [note.pitch.midi for note in lower.flatten().notes] == [62, 65, 64, 62, 67, 65, 69, 67, 65, 64, 62]


def test_midi_has_a_track_for_each(tmp_path):
    from symusic import Score

    render.to_midi(FUX, tmp_path / "fux.mid")
    tracks = Score(tmp_path / "fux.mid").tracks
    assert [(track.name, len(track.notes)) for track in tracks] == [("Melody", 11), ("Given line", 11)]


def test_the_piano_roll_shows_the_given_line():
    assert (render.piano_roll(FUX) == GIVEN).all(axis=-1).any()


def test_the_environment_draws_both():
    env = gym.make("musicenv:Counterpoint-v0", render_mode="ansi")
    env.reset(seed=0)
    env.step(int(np.flatnonzero(env.unwrapped.action_masks())[0]))
    assert "[V:2]" in env.render()
