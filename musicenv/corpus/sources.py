"""Where tunes come from.  A source is a function that yields tunes and counts what it leaves out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from musicenv.corpus.abc import read_abc
from musicenv.corpus.tune import Tune, tunes_of

Source = Callable[[Counter[str]], Iterator[Tune]]
"""Reads a collection: yields its tunes, and counts by reason in the counter what it does not read."""

DEFAULT: Final = ("oneills1850", "ryansMammoth", "airdsAirs", "miscFolk")
"""The public-domain prints (1778-1903) in music21's corpus, on which the shipped models are trained."""


def music21_folder(collection: str) -> Path:
    """Folder of a collection in music21's corpus."""
    from music21 import common

    folder = Path(common.getCorpusFilePath()) / collection
    if not folder.is_dir():
        raise FileNotFoundError(
            f"music21 is installed without its corpus ({collection!r} is missing in {folder.parent}); "
            "install the full package: pip install --force-reinstall music21"
        )
    return folder


def abc_files(files: list[Path], collection: str, unread: Counter[str]) -> Iterator[Tune]:
    """The tunes of ABC files."""
    for path in files:
        data = path.read_bytes()
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            text = data.decode("latin-1")
        for abc in read_abc(text):
            unread.update(abc.unread)
            if abc.fault or not abc.bars:
                unread[f"tunes: {abc.fault or 'without notes'}"] += 1
                continue
            yield from tunes_of(abc, collection, path.name)


def _music21_abc(collection: str, unread: Counter[str]) -> Iterator[Tune]:
    return abc_files(sorted(music21_folder(collection).glob("*.abc")), collection, unread)


SOURCES: Final[dict[str, Source]] = {name: partial(_music21_abc, name) for name in (*DEFAULT, "essenFolksong")}
"""Collections that can be loaded by name."""
