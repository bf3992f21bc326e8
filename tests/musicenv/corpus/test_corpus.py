"""The corpus as a whole: what is kept, what real parts are like, and that nothing is lost in silence."""

from collections import Counter

import numpy as np
import pytest

from musicenv.alphabet import HIGHEST, LOWEST, REST, action_of, duration_is_legal
from musicenv.corpus import DEFAULT, SOURCES, Corpus, load, store
from musicenv.corpus.sources import abc_files, music21_folder, music21_score
from musicenv.task import METRES, STYLES, TUNE_MODES


def test_four_collections_of_public_domain_prints(corpus):
    counts = Counter(tune.collection for tune in corpus.tunes)
    assert set(counts) == set(DEFAULT)
    assert counts["oneills1850"] > 1990
    assert counts["ryansMammoth"] > 1050
    assert counts["airdsAirs"] > 1170
    assert counts["miscFolk"] > 180


def test_the_alphabet_covers_99_percent_of_the_notes(corpus):
    assert corpus.coverage() >= 0.99
    for name in DEFAULT:
        assert Corpus([tune for tune in corpus.tunes if tune.collection == name], {}).coverage() >= 0.99


def test_every_kept_melody_could_be_composed_in_the_environment(corpus):
    for unit in ("parts", "tunes"):
        for melody in corpus.melodies(unit=unit):
            assert melody.pitch[melody.pitch != REST].min() >= LOWEST
            assert melody.pitch.max() <= HIGHEST
            assert melody.time == melody.end
            assert -melody.bar < melody.start <= 0
            assert (melody.bars - 1) * melody.bar < melody.end <= melody.bars * melody.bar
    for melody in corpus.melodies("validation"):
        for pitch, onset, duration in zip(*(a.tolist() for a in melody[:3]), strict=True):
            assert action_of(pitch, duration) >= 0
            assert duration_is_legal(onset, duration, melody.bar, melody.end)


def test_no_melody_is_there_twice(corpus):
    for unit in ("parts", "tunes"):
        names = Counter((m.pitch.tobytes(), m.duration.tobytes(), m.metre, m.start) for m in corpus.melodies(unit=unit))
        assert max(names.values()) == 1


def test_real_8_bar_parts_end_on_their_tonic_and_most_have_a_pickup(corpus):
    parts = corpus.melodies(bars=8)
    assert len(parts) > 6000
    finals = np.array([part.pitch[part.pitch != REST][-1] % 12 for part in parts])
    assert 0.78 < np.mean(finals == 0) < 0.84
    assert 0.66 < np.mean([part.start < 0 for part in parts]) < 0.73
    assert 45 < np.mean([part.pitch.size for part in parts]) < 55
    assert {part.metre for part in parts} == set(range(len(METRES)))
    assert {part.mode for part in parts} == set(range(len(TUNE_MODES)))


def test_every_style_but_any_has_melodies(corpus):
    assert {melody.style for melody in corpus.melodies()} == set(range(1, len(STYLES)))


def test_melodies_can_be_chosen_by_split_length_and_metre(corpus):
    everything = corpus.melodies()
    sides = [corpus.melodies(side) for side in ("train", "validation", "test")]
    assert sum(map(len, sides)) == len(everything)
    assert [round(len(side) / len(everything), 1) for side in sides] == [0.8, 0.1, 0.1]
    jigs = corpus.melodies("test", bars=8, metre="6/8")
    assert jigs
    assert all(jig.bars == 8 and METRES[jig.metre] == "6/8" for jig in jigs)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "dev"}, "choose 'train'"),
        ({"unit": "bars"}, "choose 'parts'"),
        ({"metre": "5/4"}, "is not one of"),
    ],
)
def test_a_wrong_choice_is_one_clear_error(corpus, arguments, message):
    with pytest.raises(ValueError, match=message):
        corpus.melodies(**arguments)


def test_a_named_tune_reads_as_it_is_printed(corpus):
    (tune,) = corpus.find("The Boys of Bluehill")
    assert (tune.source, tune.collection) == ("1625-1700.abc X:1700", "oneills1850")
    assert (tune.metre, tune.tonic, tune.mode, tune.pickup) == ("4/4", 2, "major", 12)
    first, second = tune.parts
    assert (first.downbeat, first.end, second.downbeat, second.end) == (0, 8 * 48 - 12, 8 * 48, 16 * 48 - 12)
    opening = [66, 69, 71, 69, 66, 69, 62, 66, 69, 71, 69, 71, 74, 76, 74, 76]
    assert tune.pitch[:16].tolist() == opening  # F-A | BAFA D2F-A | BABd e2d-e
    assert tune.duration[:16].tolist() == [6, 6, 6, 6, 6, 6, 12, 6, 6, 6, 6, 6, 6, 12, 6, 6]
    (melody,) = [item[0] for item in corpus.items() if item[1].tune is tune and item[1].part == 0]
    assert melody.pitch[:4].tolist() == [64, 67, 69, 67]
    assert (melody.start, melody.end, melody.bars) == (-12, 8 * 48 - 12, 8)


def test_a_melody_leads_back_to_its_tune(corpus):
    for melody, source in corpus.items("test", bars=8)[:50]:
        part = source.tune.parts[source.part]
        assert melody.key == source.tune.tonic
        assert np.array_equal(melody.pitch, source.tune.relative[part.start : part.stop])
        sounding = source.tune.pitch[part.start : part.stop]
        shift = set((melody.pitch[sounding != REST] - sounding[sounding != REST]).tolist())
        assert len(shift) == 1
        assert (shift.pop() + source.tune.tonic) % 12 == 0


def test_the_report_accounts_for_every_part_and_tune(corpus):
    report = corpus.report()
    blocks = report.split("\n\n")
    assert [block.splitlines()[0].split(":")[0] for block in blocks[1:3]] == ["parts", "tunes"]
    for block, total in zip(blocks[1:3], (sum(len(t.parts) for t in corpus.tunes), len(corpus.tunes)), strict=True):
        head, *rows = block.splitlines()
        kept = int(head.split()[1])
        assert kept + sum(int(row.split()[0]) for row in rows) == total
    assert "grace notes" in blocks[3]


def test_the_cache_gives_back_what_was_read(corpus, tmp_path):
    store._write(tmp_path / "corpus.npz", corpus)
    again = store._read(tmp_path / "corpus.npz")
    assert len(again.tunes) == len(corpus.tunes)
    for one, other in zip(again.tunes, corpus.tunes, strict=True):
        assert np.array_equal(one.pitch, other.pitch)
        assert np.array_equal(one.onset, other.onset)
        assert np.array_equal(one.duration, other.duration)
        assert one.parts == other.parts
        for name in ("metre", "mode", "tonic", "style", "collection", "title", "source", "family", "split"):
            assert getattr(one, name) == getattr(other, name)
    assert again.unread == corpus.unread
    assert [path.name for path in tmp_path.iterdir()] == ["corpus.npz"], "nothing half-written is left"


def test_one_collection_has_the_same_split_as_among_all(corpus):
    fife = load(["miscFolk"], progress=False)
    assert {tune.collection for tune in fife.tunes} == {"miscFolk"}
    assert [t.split for t in fife.tunes] == [t.split for t in corpus.tunes if t.collection == "miscFolk"]


def test_an_unknown_collection_is_an_error_that_names_the_known_ones():
    with pytest.raises(ValueError, match="collection 'oneill' is not known; choose from oneills1850"):
        load(["oneill"])


def test_music21_without_its_corpus_is_one_clear_error(tmp_path, monkeypatch):
    from music21 import common

    monkeypatch.setattr(common, "getCorpusFilePath", lambda: tmp_path)
    with pytest.raises(FileNotFoundError, match=r"without its corpus.*pip install --force-reinstall music21"):
        music21_folder("oneills1850")


def test_a_new_source_is_one_function(corpus, tmp_path, monkeypatch):
    path = tmp_path / "mine.abc"
    path.write_text("X:1\nT:My Own Jig\nM:6/8\nL:1/8\nK:G\nGAB c2d|e3 d3|cBA GFE|D3 G3|]\n")
    monkeypatch.setitem(SOURCES, "mine", lambda unread: abc_files([path], "mine", unread))
    unread: Counter[str] = Counter()
    (tune,) = SOURCES["mine"](unread)
    assert (tune.title, tune.style, tune.metre, tune.end) == ("My Own Jig", "jig", "6/8", 144)
    ((melody, source),) = Corpus([tune], {"mine": unread}).items()
    assert melody.pitch[0] in (60, 72)
    assert source.tune is tune


@pytest.mark.filterwarnings("ignore")
def test_the_voices_of_a_bach_chorale_are_tunes():
    from music21 import converter

    score = converter.parse(music21_folder("bach") / "bwv103.6.mxl")
    voices = list(music21_score(score, "bachChorales", "bwv103.6"))
    assert [tune.title.split(": ")[1] for tune in voices] == ["Soprano", "Alto", "Tenor", "Bass"]
    assert {(tune.tonic, tune.mode, tune.metre, tune.pickup) for tune in voices} == {(11, "minor", "4/4", 12)}
    assert len({tune.source.split("/")[0] for tune in voices}) == 1, "voices of a chorale are one family"
    assert voices[0].fault == ""


@pytest.mark.bench
def test_essen_folk_songs_can_be_read_and_leave_the_split_alone(corpus):
    with_essen = load((*DEFAULT, "essenFolksong"), progress=False)
    songs = [tune for tune in with_essen.tunes if tune.collection == "essenFolksong"]
    assert len(songs) > 8000
    assert [t.split for t in with_essen.tunes if t.collection != "essenFolksong"] == [t.split for t in corpus.tunes]
    assert len(load(("essenFolksong",), progress=False).melodies()) > 6500
