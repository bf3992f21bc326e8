"""Rhythm and metre: how many notes, how long, and where they fall."""

from __future__ import annotations

import numpy as np

from musicenv.alphabet import REST
from musicenv.melody import Melody
from rewards.rules import statistic
from rewards.tallies import Numbers, tally
from rewards.theory.frame import place_in_beat, shannon_entropy, too_short


@tally(4, kept=True)
def _held(melody: Melody, kept: Numbers) -> None:
    """Notes and rests read, the notes among them, those held over a stronger place than their own, and the tick of the
    next bar line."""
    notes, held, barline = kept[1], kept[2], int(kept[3])
    if kept[0] == 0:
        barline = melody.start - melody.start % melody.bar + melody.bar
    for k in range(int(kept[0]), melody.pitch.size):
        if melody.pitch[k] != REST:
            while melody.onset[k] >= barline:
                barline += melody.bar
            place = place_in_beat(melody, melody.onset[k])
            over_beat = (place > 0) & (place + melody.duration[k] > melody.beat)
            held += over_beat | (melody.onset[k] + melody.duration[k] > barline)
            notes += 1
    kept[0], kept[1], kept[2], kept[3] = melody.pitch.size, notes, held, barline


@statistic(tally=_held)
def density(melody: Melody, told: Numbers) -> float:
    """Notes per bar: keeps pieces from growing thin, which is the cheap way to please a prior."""
    if too_short(melody):
        return np.nan
    return told[1] * melody.bar / (melody.time - melody.start)


@statistic(at_end=True)
def rests(melody: Melody) -> float:
    """Share of the time that is silent."""
    if melody.time < melody.end:
        return np.nan
    silent = 0
    for k in range(melody.pitch.size):
        if melody.pitch[k] == REST:
            silent += melody.duration[k]
    return silent / (melody.time - melody.start)


@statistic(at_end=True)
def duration_entropy(melody: Melody) -> float:
    """Entropy in nats of the durations of notes and rests.  Two-sided: variety for its own sake is harmful."""
    if melody.time < melody.end:
        return np.nan
    counts = np.zeros(48, dtype=np.int64)
    for duration in melody.duration:
        counts[min(duration, 48) - 1] += 1
    return shannon_entropy(counts)


@statistic(tally=_held)
def syncopation(melody: Melody, told: Numbers) -> float:
    """Share of notes held over a stronger place than the one they begin on: from off the beat over the next beat, or
    over a barline.

    Source: Longuet-Higgins and Lee (1984), reduced to two levels; .001 of the notes of real tunes cross a barline.
    """
    if too_short(melody):
        return np.nan
    return told[2] / told[1] if told[1] else np.nan


@tally(6)
def _accents(melody: Melody, counts: Numbers) -> None:
    """Notes on the beat and their ticks, the other notes and theirs, and from the first downbeat on the notes on a beat
    and on a downbeat."""
    on, on_time, off, off_time, beats, downbeats, downbeat = 0, 0, 0, 0, 0, 0, 0
    for k in range(melody.pitch.size):
        onset = melody.onset[k]
        while downbeat < onset:
            downbeat += melody.bar
        if melody.pitch[k] != REST:
            on_beat = place_in_beat(melody, onset) == 0
            on += on_beat
            on_time += melody.duration[k] * on_beat
            off += not on_beat
            off_time += melody.duration[k] * (not on_beat)
            beats += on_beat & (onset >= 0)
            downbeats += onset == downbeat
    counts[:] = (on, on_time, off, off_time, beats, downbeats)


@statistic(at_end=True, tally=_accents)
def accent(melody: Melody, told: Numbers) -> float:
    """Agogic accent: how much longer notes on the beat are than the others, as the logarithm of the ratio of means.

    Source: Lerdahl and Jackendoff, A Generative Theory of Tonal Music (1983), metrical preference rule 5.
    """
    if melody.time < melody.end:
        return np.nan
    on, on_time, off, off_time = told[0], told[1], told[2], told[3]
    return np.log(on_time * off / (on * off_time)) if on and off else np.nan


@statistic(at_end=True, tally=_accents)
def beats_struck(melody: Melody, told: Numbers) -> float:
    """Share of the beats on which a note begins (Temperley, Music and Probability, 2007, ch. 3)."""
    return np.nan if melody.time < melody.end else told[4] / -(-melody.time // melody.beat)


@statistic(at_end=True, tally=_accents)
def downbeats_struck(melody: Melody, told: Numbers) -> float:
    """Share of the bars on whose downbeat a note begins."""
    return np.nan if melody.time < melody.end else told[5] / -(-melody.time // melody.bar)
