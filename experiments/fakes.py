"""Pieces that are no music, or less of it than a real part: what the rules have to tell from the real parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from musicenv.alphabet import DURATIONS, HIGHEST, LOWEST, MASKS, N_DURATIONS, REST, SIXTEENTH, legal_durations
from musicenv.keys import SCALES
from musicenv.melody import Melody, melody_from_notes
from musicenv.task import METRES, MODES, STYLES, TONICS, Task


def task_of(melody: Melody) -> Task:
    """The task whose frame a melody has."""
    key = f"{TONICS[melody.key]} {MODES[melody.mode]}"
    return Task(metre=METRES[melody.metre], key=key, bars=melody.bars, style=STYLES[melody.style], pickup=-melody.start)


def _laid_out(pitch: npt.ArrayLike, duration: npt.ArrayLike, like: Melody) -> Melody:
    """The notes in the frame of ``like``: the last that fits is cut off or held to where that ends."""
    pitches, durations = np.asarray(pitch, dtype=np.int64), np.asarray(duration, dtype=np.int64)
    times = like.start + np.cumsum(durations)
    count = min(int(np.searchsorted(times, like.end)) + 1, times.size)
    durations[count - 1] -= times[count - 1] - like.end
    return melody_from_notes(pitches[:count], durations[:count], task_of(like), end=like.end)


def uniform(real: Melody, rng: np.random.Generator) -> Melody:
    """Uniform legal play in the frame of a real part."""
    pitch, duration, time = [], [], real.start
    while time < real.end:
        legal = MASKS[legal_durations(time, real.bar, real.end), :N_DURATIONS]
        duration.append(DURATIONS[rng.choice(np.flatnonzero(legal))])
        pitch.append(int(rng.choice([REST, *range(LOWEST, HIGHEST + 1)])))
        time += duration[-1]
    return _laid_out(pitch, duration, real)


def shuffled(real: Melody, rng: np.random.Generator) -> Melody:
    """Pitches and durations of a real part, each in random order."""
    return _laid_out(rng.permutation(real.pitch), rng.permutation(real.duration), real)


def bar_shuffled(real: Melody, rng: np.random.Generator) -> Melody:
    """The bars of a real part in random order; where lengths differ, a bar's last note is cut or held longer."""
    pitch: list[int] = [int(p) for p in real.pitch[real.onset < 0]]
    duration: list[int] = [int(d) for d in real.duration[real.onset < 0]]
    bar_of = real.onset // real.bar
    numbers = np.unique(bar_of[bar_of >= 0])
    time = real.start + sum(duration)
    for number in rng.permutation(numbers):
        inside = np.flatnonzero(bar_of == number)
        room = min((max(time, 0) // real.bar + 1) * real.bar, real.end) - time
        for k in inside:
            length = min(int(real.duration[k]), room) if k != inside[-1] else room
            if length > 0:
                pitch.append(int(real.pitch[k]))
                duration.append(length)
                room -= length
                time += length
    return _laid_out(pitch, duration, real)


def _loop(real: Melody, bars: int) -> Melody:
    inside = np.flatnonzero((real.onset >= bars * real.bar) & (real.onset < 2 * bars * real.bar))
    duration = np.diff(np.append(real.onset[inside], 2 * bars * real.bar)).astype(np.int64)
    duration[0] += real.onset[inside[0]] - bars * real.bar
    times = -(-real.end // (bars * real.bar)) + 1
    pitches, durations = np.tile(real.pitch[inside], times), np.tile(duration, times)
    if real.start < 0:
        pitches, durations = np.append(pitches[-1:], pitches), np.append(-real.start, durations)
    return _laid_out(pitches, durations, real)


def loop(real: Melody, rng: np.random.Generator) -> Melody:
    """The second bar of a real part, over and over."""
    return _loop(real, 1)


def two_bar_loop(real: Melody, rng: np.random.Generator) -> Melody:
    """Bars 3 and 4 of a real part, over and over."""
    return _loop(real, 2)


def scale(real: Melody, rng: np.random.Generator) -> Melody:
    """Up and down the scale in eighths without end."""
    degrees = [p for p in range(60, 85) if p % 12 in SCALES[MODES[real.mode]][:7]]
    top = int(rng.integers(5, len(degrees)))
    count = (real.end - real.start) // 6 + 1
    place = np.arange(count) + rng.integers(2 * top)
    pitch = np.array(degrees)[top - np.abs(place % (2 * top) - top)]
    return _laid_out(pitch, np.full(count, 6), real)


def single(real: Melody, rng: np.random.Generator) -> Melody:
    """One note in eighths."""
    count = (real.end - real.start) // 6 + 1
    return _laid_out(np.full(count, rng.choice([60, 64, 67, 72])), np.full(count, 6), real)


def recited(real: Melody, rng: np.random.Generator) -> Melody:
    """The rhythm of a real part on one note."""
    return _laid_out(np.full(real.pitch.size, rng.choice([60, 64, 67, 72])), real.duration, real)


def _of_grid(grid: npt.NDArray[np.int16], real: Melody, step: int = SIXTEENTH) -> Melody:
    """What sounds every ``step`` ticks of ``grid`` (sixteenths from the first downbeat), equal neighbours as one note
    within a beat; with the pick-up of ``real``."""
    upbeat = real.onset < 0
    pitch, duration = [int(p) for p in real.pitch[upbeat]], [int(d) for d in real.duration[upbeat]]
    if upbeat.any():  # a note over the first barline ends there
        duration[-1] = -int(real.onset[upbeat][-1])
    for tick in range(0, real.end, step):
        now = int(grid[min(tick // SIXTEENTH, grid.size - 1)])
        if tick % real.beat and pitch and now == pitch[-1]:
            duration[-1] += step
        else:
            pitch.append(now)
            duration.append(step)
    return _laid_out(pitch, duration, real)


def same_tails(real: Melody, rng: np.random.Generator) -> Melody:
    """A real part of which every bar ends as its second one."""
    grid, slots = real.grid.copy(), real.bar // SIXTEENTH
    half = slots // 3 if real.bar == 3 * real.beat else slots // 2
    tail = grid[2 * slots - half : 2 * slots].copy()
    for end in range(slots, grid.size + 1, slots):
        grid[end - half : end] = tail
    return _of_grid(grid, real)


def alternating(real: Melody, rng: np.random.Generator) -> Melody:
    """A A' A A' throughout: bars 3 and 4 of a real part over and over, in each bar one beat on another pitch of it."""
    grid, slots = real.grid.copy(), real.bar // SIXTEENTH
    beat, pair = real.beat // SIXTEENTH, real.grid[2 * slots : 4 * slots].copy()
    for begin in range(0, grid.size, slots):
        bar = pair[(begin // slots % 2) * slots :][: min(slots, grid.size - begin)].copy()
        place = int(rng.integers(max(bar.size // beat, 1))) * beat
        bar[place : place + beat] = rng.choice(pair)
        grid[begin : begin + bar.size] = bar
    return _of_grid(grid, real)


def thinned(real: Melody, rng: np.random.Generator) -> Melody:
    """What sounds on the beats of a real part, each held to the next: thin rhythm."""
    return _of_grid(real.grid, real, real.beat)


def cut(real: Melody, rng: np.random.Generator) -> Melody:
    """Real bars, but the joint elsewhere: the second half of a real part, then its first."""
    first = int(np.searchsorted(real.onset, real.bars // 2 * real.bar + real.start))
    return _laid_out(np.roll(real.pitch, -first), np.roll(real.duration, -first), real)


FAKES: Final[dict[str, Callable[[Melody, np.random.Generator], Melody]]] = {
    "uniform": uniform,
    "shuffled": shuffled,
    "bar_shuffled": bar_shuffled,
    "loop": loop,
    "two_bar_loop": two_bar_loop,
    "scale": scale,
    "single": single,
    "recited": recited,
    "same_tails": same_tails,
    "alternating": alternating,
    "thinned": thinned,
    "cut": cut,
}
"""Kinds of fakes, each made from a real part whose frame it shares."""


def fakes(kind: str, parts: Sequence[Melody], count: int, seed: int) -> list[Melody]:
    """``count`` fakes of a kind, from parts chosen at random."""
    rng = np.random.default_rng([seed, sorted(FAKES).index(kind)])
    return [FAKES[kind](parts[k], rng) for k in rng.integers(len(parts), size=count)]
