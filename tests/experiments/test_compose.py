"""The command that composes, as people type it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import symusic

from experiments.compose import main
from experiments.pieces import FORMATS, Piece, read_pieces, write_pieces
from experiments.runs import result_of
from musicenv import render
from musicenv.melody import sounding_pitch
from musicenv.reading import opening, read
from musicenv.render import extras
from musicenv.render.performance import INSTRUMENTS
from rewards.variation import near_notes

TUNE = """X:1
T:The Kesh
M:6/8
L:1/8
K:G
GAG GAB|ABA ABd|edd gdd|edB dBA|GAG GAB|ABA ABd|edd gdB|AGF G3|]
"""


for library in ("midirenderer", "resvg_py", "soundfile", "verovio"):
    pytest.importorskip(library, reason="all formats need the extras audio and score")


@pytest.fixture
def kesh(tmp_path: Path) -> Path:
    path = tmp_path / "kesh.abc"
    path.write_text(TUNE)
    return path


def test_pieces_are_written_to_hear_see_and_edit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--pieces", "2", "--key", "E dorian", "--metre", "6/8", "--bars", "4", "--out", str(tmp_path / "run")])
    folder = tmp_path / "run" / "pieces" / "prior"
    for suffix in (".mid", ".musicxml", ".abc", ".png", ".mp3"):
        assert (folder / f"02{suffix}").stat().st_size > 0
    found = result_of(tmp_path / "run")
    assert found["figures"]["pieces"] == 2
    assert all((tmp_path / "run" / name).exists() for name in found["files"])
    said = capsys.readouterr().out
    assert "ends on tonic" in said
    assert "01.mp3" in said
    for piece in read_pieces(folder):
        assert piece.melody.time == piece.melody.end == 4 * 36
        assert render.key_name(piece.melody) == "E dorian"


def test_the_same_seed_composes_the_same_pieces_and_best_of_better_ones(tmp_path: Path) -> None:
    def run(name: str, *arguments: str) -> Path:
        main(["--pieces", "2", "--agent", "uniform", "--formats", "midi", "--out", str(tmp_path / name), *arguments])
        return tmp_path / name

    def score(folder: Path) -> float:
        return float(result_of(folder)["figures"]["score"])

    one, again, best = run("one"), run("again"), run("best", "--best-of", "8")
    abc = Path("pieces") / "uniform" / "pieces.abc"
    assert (one / abc).read_text() == (again / abc).read_text()
    assert score(best) > score(one)


def test_a_planner_composes_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def score(agent: str) -> float:
        frame = ["--bars", "2", "--pieces", "2", "--formats", "midi", "--simulations", "4"]
        main([*frame, "--agent", agent, "--out", str(tmp_path / agent)])
        assert (tmp_path / agent / "pieces" / agent / "02.mid").exists()
        return float(result_of(tmp_path / agent)["figures"]["score"])

    assert score("mcts") >= max(score("beam"), score("greedy"))
    assert "best=" in capsys.readouterr().err


def test_a_planner_stops_when_its_time_is_over(tmp_path: Path) -> None:
    frame = ["--bars", "2", "--pieces", "1", "--formats", "midi", "--simulations", "2"]
    main([*frame, "--agent", "mcts", "--seconds", "0.5", "--out", str(tmp_path / "run")])
    (piece,) = read_pieces(tmp_path / "run" / "pieces" / "mcts")
    assert piece.melody.time == piece.melody.end


def test_a_tune_is_gone_on_from(kesh: Path, tmp_path: Path) -> None:
    main(["--pieces", "2", "--opening", str(kesh), "--formats", "midi", "--out", str(tmp_path / "run")])
    given = [pitch for pitch, _ in opening(read(kesh).melody, bars=2)]
    first, second = read_pieces(tmp_path / "run" / "pieces" / "prior")
    for piece in (first, second):
        assert sounding_pitch(piece.melody)[: len(given)] == given
        assert (render.metre_name(piece.melody), render.key_name(piece.melody)) == ("6/8", "G major")
    assert sounding_pitch(first.melody) != sounding_pitch(second.melody)


def test_a_variation_is_nearer_to_its_theme(kesh: Path, tmp_path: Path) -> None:
    def nearness(name: str, *arguments: str) -> float:
        frame = ["--key", "G", "--metre", "6/8", "--best-of", "24", "--pieces", "1", "--formats", "midi"]
        main([*frame, "--out", str(tmp_path / name), *arguments])
        (piece,) = read_pieces(tmp_path / name / "pieces" / "prior")
        return near_notes(read(kesh).melody)(piece.melody)

    assert nearness("near", "--vary", str(kesh), "--vary-by", "notes", "--vary-weight", "100") > nearness("far")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--formats", "mp4"], "format 'mp4' is not one of midi"),
        (["--agent", "bach"], "agent 'bach' is not known; choose one of prior"),
        (["--agent", "ppo"], "write ppo:RUN"),
        (["--agent", "mcts:bach"], "agent 'bach' is not known; choose one of prior"),
        (["--agent", "mcts", "--leaf", "critic"], "agent 'prior' has none; plan with mcts:ppo:RUN"),
        (["--agent", "mcts", "--best-of", "2"], "a planner takes --simulations"),
        (["--agent", "mcts", "--simulations", "0"], "simulations=0 is not possible"),
        (["--agent", "prior:hot"], "'hot' means nothing"),
        (["--agent", "ppo:no/such/run"], "is not a run folder of train_ppo"),
        (["--vary", "tune.abc"], "--vary chooses among pieces; give --best-of 2 or more"),
        (["--opening", "no_such_tune.abc"], "no_such_tune.abc: there is no such file"),
        (["--pieces", "0"], "pieces=0 is not possible"),
        (["--reward", "melodious"], "reward 'melodious' is not known"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing_behind(
    arguments: list[str], said: str, mistake: Callable[..., None]
) -> None:
    mistake(main, arguments, said)


def test_a_missing_extra_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(library: str) -> None:
        raise ImportError(library)

    monkeypatch.setattr(extras, "import_module", missing)
    with pytest.raises(SystemExit):
        main(["--formats", "mp3", "--out", str(tmp_path / "run")])
    assert "format 'mp3': midirenderer is missing; install the extra: pip install 'musicenv[audio]'" in (
        capsys.readouterr().err
    )
    assert not (tmp_path / "run").exists()


def test_a_written_piece_is_read_again_and_every_format_can_be_written(kesh: Path, tmp_path: Path) -> None:
    piece = Piece(read(kesh).melody, {"score": 1.5})
    written = write_pieces(tmp_path, {"tunes": [piece]}, list(FORMATS))
    assert all(path.stat().st_size > 0 for path in written)
    (again,) = read_pieces(tmp_path / "tunes")
    assert again.facts == piece.facts
    assert render.to_abc(again.melody) == render.to_abc(piece.melody)
    (tmp_path / "tunes" / "01.json").write_text("{}")
    with pytest.raises(ValueError, match=r"01\.json is not a piece"):
        read_pieces(tmp_path / "tunes")


def test_an_example_gives_its_frame_and_the_style_that_the_prior_hears(
    tmp_path: Path, kesh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    play = ["--play.instrument", "flute", "--formats", "midi"]
    main(["--pieces", "1", "--like", str(kesh), *play, "--out", str(tmp_path / "run")])
    said = capsys.readouterr().out
    assert "likest to a jig" in said
    assert "8 bars of 6/8 in G major" in said
    (track,) = symusic.Score(tmp_path / "run" / "pieces" / "prior" / "01.mid").tracks
    assert track.program == INSTRUMENTS["flute"]
