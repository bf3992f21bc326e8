"""Statistics against slow independent ones, written with numpy and dictionaries, on real and random pieces."""

from collections import Counter
from itertools import chain, pairwise, product

import numpy as np
import pytest

from experiments.fakes import fakes, task_of
from musicenv.alphabet import REST
from musicenv.keys import KRUMHANSL_KESSLER
from musicenv.melody import melody_from_notes
from musicenv.task import METRES, MODES
from rewards.theory import cadences, form, harmony, idiom, intervals, rhythm, shape


@pytest.fixture(scope="module")
def pieces(corpus):
    real = [part for metre in METRES for part in corpus.melodies("test", bars=8, metre=metre)[:12]]
    return real + fakes("uniform", real, 40, seed=0) + fakes("shuffled", real, 40, seed=0)


def _bars(piece):
    """Notes of each bar: [(place, ticks, pitch)]."""
    found = [[] for _ in range(piece.bars)]
    for pitch, onset, duration in zip(piece.pitch, piece.onset, piece.duration, strict=True):
        if onset >= 0:
            found[onset // piece.bar].append((int(onset % piece.bar), int(duration), int(pitch)))
    return found


def _cells(piece):
    slots = piece.bar // 3
    return [piece.grid[k * slots : (k + 1) * slots] for k in range(piece.bars)]


def _alike(one, other):
    length = min(one.size, other.size)
    return (one[:length] == other[:length]).mean()


def _intervals(piece):
    return [int(b) - int(a) for a, b in pairwise(piece.pitch) if a != REST and b != REST]


def _entropy(values):
    shares = np.array(list(Counter(values).values())) / len(values)
    return -(shares * np.log(shares)).sum()


def test_form(pieces):
    for piece in pieces:
        cells, bars = _cells(piece), _bars(piece)
        assert form.question_and_answer(piece) == pytest.approx(
            (_alike(cells[0], cells[4]) + _alike(cells[1], cells[5])) / 2
        )
        assert form.rhyme(piece) == pytest.approx(_alike(cells[3], cells[7]))
        lag = 2 * piece.bar // 3
        assert form.similarity_two_bars_apart(piece) == pytest.approx((piece.grid[lag:] == piece.grid[:-lag]).mean())
        returns = [k for k in range(1, 8) if bars[k] and bars[k] in bars[:k]]
        assert form.literal_return(piece) == pytest.approx(len(returns) / 7)
        rhythms = [[(place, ticks, pitch == REST) for place, ticks, pitch in bar] for bar in bars]
        assert form.rhythm_return(piece) == pytest.approx(
            sum(bool(r) and r in rhythms[:k] for k, r in enumerate(rhythms)) / 7
        )


def test_a_varied_return_has_the_rhythm_and_contour_or_most_of_the_sound(pieces):
    for piece in pieces:
        cells, bars = _cells(piece), _bars(piece)

        def contour(bar):
            return [(place, ticks, pitch == REST) for place, ticks, pitch in bar], list(
                np.sign(np.diff([pitch for _, _, pitch in bar]))
            )

        count = 0
        for k in range(1, 8):
            if bars[k] and bars[k] in bars[:k]:
                continue
            same = [len(bars[k]) >= 3 and contour(bars[k]) == contour(bars[j]) for j in range(k)]
            count += any(same) or any(_alike(cells[j], cells[k]) >= 0.6 for j in range(k))
        assert form.varied_return(piece) == pytest.approx(count / 7)


def test_intervals(pieces):
    for piece in pieces:
        sizes = np.abs(_intervals(piece))
        assert intervals.steps(piece) == pytest.approx(np.isin(sizes, [1, 2]).mean())
        assert intervals.leaps(piece) == pytest.approx((sizes >= 5).mean())
        assert intervals.forbidden_intervals(piece) == pytest.approx(
            (np.isin(sizes, [6, 10, 11]) | (sizes > 12)).mean()
        )
        assert intervals.interval_entropy(piece) == pytest.approx(
            _entropy(np.clip(_intervals(piece), -12, 12).tolist())
        )


def test_rhythm(pieces):
    for piece in pieces:
        sounding = piece.pitch != REST
        assert rhythm.duration_entropy(piece) == pytest.approx(_entropy(piece.duration.tolist()))
        held = [
            onset // piece.bar != (onset + ticks - 1) // piece.bar
            or (onset % piece.beat > 0 and onset // piece.beat != (onset + ticks - 1) // piece.beat)
            for onset, ticks in zip(piece.onset[sounding], piece.duration[sounding], strict=True)
        ]
        assert rhythm.syncopation(piece) == pytest.approx(np.mean(held))
        beats = {int(onset) for onset in piece.onset[sounding] if onset >= 0 and onset % piece.beat == 0}
        assert rhythm.beats_struck(piece) == pytest.approx(len(beats) / np.ceil(piece.end / piece.beat))
        on = piece.onset[sounding] % piece.beat == 0
        if on.any() and not on.all():
            ticks = piece.duration[sounding]
            assert rhythm.accent(piece) == pytest.approx(np.log(ticks[on].mean() / ticks[~on].mean()))


def test_shape_and_key(pieces):
    for piece in pieces:
        pitch = piece.pitch[piece.pitch != REST]
        assert shape.pitch_range(piece) == pitch.max() - pitch.min()
        assert shape.distinct_pitches(piece) == np.unique(pitch).size
        assert shape.recitation(piece) == pytest.approx(max(Counter(pitch.tolist()).values()) / pitch.size)
        top = int(np.argmax(piece.pitch))
        assert shape.climax(piece) == pytest.approx((piece.onset[top] - piece.start) / (piece.end - piece.start))
        ticks = np.bincount(pitch % 12, piece.duration[piece.pitch != REST], 12)
        profile = KRUMHANSL_KESSLER["major" if piece.mode in (0, 3) else "minor"]
        assert harmony.key_correlation(piece) == pytest.approx(np.corrcoef(ticks, profile)[0, 1])


@pytest.fixture(scope="module")
def wanderings(corpus):
    """Pieces of four bars, many of which leave their key: real ones, uniform play, and real ones in whose middle every
    other note leads to the dominant."""
    real = corpus.melodies("test", bars=4)[:30]
    leading = []
    for piece in real:
        inside = (piece.onset >= piece.bar) & (piece.onset < 3 * piece.bar) & (np.arange(piece.pitch.size) % 2 == 0)
        pitch = np.where(inside, 66, piece.pitch)
        leading.append(melody_from_notes(pitch, piece.duration, task_of(piece), end=piece.end))
    return real + leading + fakes("uniform", real, 60, seed=4)


def _outside(piece):
    """(4, keys) notes outside the scale of each key in each bar; a local key has the mode's seven plain degrees."""
    scale = harmony.SCALES[MODES[piece.mode]]
    found = np.zeros((4, 3))
    for pitch, onset in zip(piece.pitch.tolist(), piece.onset.tolist(), strict=True):
        for key, tonic in enumerate((0, 7, 5)):
            degrees = scale if key == 0 else scale[:7]
            found[max(onset // piece.bar, 0), key] += pitch != REST and (pitch - tonic) % 12 not in degrees
    return found


def _cost(path, outside):
    return sum(outside[bar, key] for bar, key in enumerate(path)) + 1.5 * sum(a != b for a, b in pairwise(path))


def test_the_way_through_the_keys_is_the_cheapest_of_all_that_come_home(wanderings):
    left_home = 0
    for piece in wanderings:
        outside = _outside(piece)
        cheapest = min(_cost((0, *between, 0), outside) for between in product(range(3), repeat=2))
        cost, keys = harmony.local_keys(piece)
        assert cost == cheapest == _cost(keys, outside)
        assert keys[0] == keys[-1] == 0
        assert harmony.chromatic_notes(piece) == pytest.approx(cheapest / (piece.pitch != REST).sum())
        left_home += keys.any()
    assert left_home >= 10


def test_an_unfinished_piece_may_be_abroad(wanderings, prefix):
    for piece in wanderings:
        half = prefix(piece, int(np.searchsorted(piece.onset, 3 * piece.bar)))
        outside = _outside(half)[: 1 + half.onset[-1] // half.bar]
        ways = product(range(3), repeat=len(outside) - 1)
        assert harmony.local_keys(half)[0] == min(_cost((0, *way), outside) for way in ways)


def test_the_harmonisation_is_the_best_of_all_paths(wanderings):
    """By brute force, over all harmonisations of four bars with triads of each bar's key."""
    for piece in wanderings:
        keys = harmony.local_keys(piece)[1]
        triads = [
            [
                frozenset((tone + harmony.KEYS[key]) % 12 for tone in triad)
                for triad in harmony.TRIADS[MODES[piece.mode]]
            ]
            for key in keys
        ]
        fit = np.zeros((4, 6))
        for bar, cell in enumerate(_cells(piece)):
            sounding = cell[cell > REST] % 12
            for chord, tones in enumerate(triads[bar]):
                fit[bar, chord] = np.isin(sounding, list(tones)).mean() if sounding.size else 0.0
        name = {tones: number for number, tones in enumerate(sorted(set(chain(*triads)), key=sorted))}
        named = np.array([[name[tones] for tones in of_bar] for of_bar in triads])
        paths = np.stack(np.meshgrid(*[np.arange(6)] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
        chords = named[np.arange(4), paths]
        changes = (chords[:, 1:] != chords[:, :-1]).sum(axis=1)
        worth = fit[np.arange(4), paths].sum(axis=1) - harmony.CHANGE * changes
        found = 4 * harmony.implied_harmony(piece) - harmony.CHANGE * 3 * harmony.harmonic_rhythm(piece)
        assert found == pytest.approx(worth.max())


def test_idiom_adds_up_the_table(pieces):
    interval, beat = idiom.load_tables()
    for piece in pieces:
        pairs = [(int(a), int(b)) for a, b in pairwise(piece.pitch) if a != REST and b != REST]
        told = [interval[piece.mode, a % 12, np.clip(b - a, -12, 12) + 12] for a, b in pairs]
        assert idiom.melodic_idiom(piece) == pytest.approx(np.mean(told))
        patterns = Counter()
        for onset in piece.onset[(piece.pitch != REST) & (piece.onset >= 0)]:
            place = onset % piece.beat
            patterns[int(onset // piece.beat)] |= 1 << (place // 3) if place % 3 == 0 else idiom.TRIPLET
        beats = int(np.ceil(piece.end / piece.beat))
        assert idiom.rhythmic_idiom(piece) == pytest.approx(
            np.mean([beat[piece.metre, patterns[k]] for k in range(beats)])
        )


def test_notes_at_phrase_ends(pieces):
    for piece in pieces:
        late = [
            place for bar in (3, 7) for place, _, pitch in _bars(piece)[bar] if pitch != REST and 2 * place >= piece.bar
        ]
        assert cadences.phrase_end_notes(piece) == len(late) / 2
