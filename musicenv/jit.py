"""Compiled functions, cached so that a change of any source file is seen.

numba's own cache looks at the file of the compiled function alone and would go on using an old version of a helper
from another file.  Here the cache's folder carries a hash of all our sources, so nothing in it is ever out of date.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba
import platformdirs

F = TypeVar("F", bound=Callable[..., Any])

_KEPT_VERSIONS = 4


def cache_folder() -> Path:
    """Where caches live: ``$MUSICENV_CACHE``, or the user's cache folder."""
    return Path(os.environ.get("MUSICENV_CACHE") or platformdirs.user_cache_dir("musicenv"))


@cache
def source_hash() -> str:
    """Hash of every file that compiled code can come from; tables that it holds as constants among them."""
    root = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256(numba.__version__.encode())
    tables = (root / "rewards" / "data").glob("*.json")
    for path in sorted([*(root / "musicenv").glob("*.py"), *(root / "rewards").rglob("*.py"), *tables]):
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def kernel_folder() -> Path:
    """Folder of the compiled functions of these sources; older ones beyond a few are removed."""
    kernels = cache_folder() / "kernels"
    folder = kernels / source_hash()
    folder.mkdir(parents=True, exist_ok=True)
    os.utime(folder)
    others = sorted(kernels.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in others[_KEPT_VERSIONS:]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def compiled(function: F) -> F:
    """``numba.njit`` with a cache that notices every change of our sources."""
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(kernel_folder())
    try:
        dispatcher: F = numba.njit(cache=True)(function)
    finally:
        numba.config.CACHE_DIR = before
    return dispatcher
