"""The corpus, built once and kept as compact arrays in the cache folder."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
from tqdm import tqdm

from musicenv.corpus.corpus import Corpus
from musicenv.corpus.families import families, split_of
from musicenv.corpus.sources import DEFAULT, SOURCES
from musicenv.corpus.tune import Part, Tune
from musicenv.jit import cache_folder

_NAMES: Final = ("metre", "mode", "style", "collection", "title", "source", "split")


def load(collections: Sequence[str] = DEFAULT, progress: bool = True) -> Corpus:
    """The corpus of these collections (``DEFAULT``, or names in ``SOURCES``).

    The first call reads the sources and caches them; later ones read the cache.  ``progress`` shows a bar meanwhile.
    """
    for name in collections:
        if name not in SOURCES:
            raise ValueError(f"collection {name!r} is not known; choose from {', '.join(SOURCES)}")
    extra = sorted(set(collections) - set(DEFAULT))
    corpus = _cached((*DEFAULT, *extra), progress)
    tunes = [tune for tune in corpus.tunes if tune.collection in collections]
    return Corpus(tunes, {name: corpus.unread[name] for name in collections})


def _cached(names: tuple[str, ...], progress: bool) -> Corpus:
    folder = cache_folder() / "corpus"
    stem = "-".join(names)
    path = folder / f"{stem}.{_version()}.npz"
    if path.exists():
        return _read(path)
    tunes: list[Tune] = []
    unread: dict[str, Counter[str]] = {}
    with tqdm(desc="reading the corpus", unit=" tunes", disable=not progress) as bar:
        for name in names:
            unread[name] = Counter()
            for tune in SOURCES[name](unread[name]):
                tunes.append(tune)
                bar.update()
            unread[name] = Counter({reason: count for reason, count in unread[name].items() if count})
    corpus = Corpus(_with_families(tunes), unread)
    folder.mkdir(parents=True, exist_ok=True)
    _write(path, corpus)
    for old in folder.glob(f"{stem}.*.npz"):
        if old != path:
            old.unlink(missing_ok=True)
    return corpus


def _version() -> str:
    """Hash of all that a cached corpus depends on: this package's sources and music21's version."""
    digest = hashlib.sha256(version("music21").encode())
    root = Path(__file__).resolve().parent
    for path in (*sorted(root.glob("*.py")), root.parent / "alphabet.py"):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _with_families(tunes: list[Tune]) -> list[Tune]:
    """Tunes with family and split, which hangs on the name of the family's first tune.

    The default collections come first and get theirs by themselves; tunes of others join them where they are related.
    So the split of the default tunes does not depend on what else is loaded.
    """
    own = families([tune for tune in tunes if tune.collection in DEFAULT])
    joined = families(tunes) if len(own) < len(tunes) else own
    first = own + [own[k] if k < len(own) else k for k in joined[len(own) :]]
    names = [f"{tunes[k].collection}/{tunes[k].source}" for k in first]
    return [replace(tunes[k], family=first[k], split=split_of(names[k])) for k in range(len(tunes))]


def _write(path: Path, corpus: Corpus) -> None:
    tunes = corpus.tunes
    parts = [part for tune in tunes for part in tune.parts]
    text = {name: [getattr(tune, name) for tune in tunes] for name in _NAMES}
    text["fault"] = [part.fault for part in parts]
    head = json.dumps({"text": text, "unread": corpus.unread}).encode()
    arrays: dict[str, Any] = {
        "pitch": np.concatenate([tune.pitch for tune in tunes]),
        "onset": np.concatenate([tune.onset for tune in tunes]),
        "duration": np.concatenate([tune.duration for tune in tunes]),
        "notes": np.array([tune.pitch.size for tune in tunes], dtype=np.int32),
        "tonic": np.array([tune.tonic for tune in tunes], dtype=np.int8),
        "family": np.array([tune.family for tune in tunes], dtype=np.int32),
        "parts": np.array([len(tune.parts) for tune in tunes], dtype=np.int32),
        "part": np.array([part[:4] for part in parts], dtype=np.int32),
        "head": np.frombuffer(head, dtype=np.uint8),
    }
    descriptor, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            np.savez_compressed(file, **arrays)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _read(path: Path) -> Corpus:
    with np.load(path, allow_pickle=False) as stored:
        data = dict(stored)
    head = json.loads(data["head"].tobytes())
    text = head["text"]
    rows = zip(*data["part"].T.tolist(), text["fault"], strict=True)
    parts = [Part(start, stop, downbeat, end, fault) for start, stop, downbeat, end, fault in rows]
    note_stops = np.cumsum(data["notes"])
    part_stops = np.cumsum(data["parts"])
    tunes = []
    for k, (note_stop, part_stop) in enumerate(zip(note_stops.tolist(), part_stops.tolist(), strict=True)):
        notes = slice(note_stop - int(data["notes"][k]), note_stop)
        tunes.append(
            Tune(
                pitch=data["pitch"][notes],
                onset=data["onset"][notes],
                duration=data["duration"][notes],
                tonic=int(data["tonic"][k]),
                family=int(data["family"][k]),
                parts=tuple(parts[part_stop - int(data["parts"][k]) : part_stop]),
                **{name: text[name][k] for name in _NAMES},
            )
        )
    return Corpus(tunes, {name: Counter(counts) for name, counts in head["unread"].items()})
