"""Compiled functions, cached so that a change of any source file that they come from is seen.

numba's own cache looks at the file of the compiled function alone and would go on using an old version of a helper
from another file.  Here the cache's folder carries a hash of the function's module and of all modules of ours that it
imports, so nothing in it is ever out of date.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import numba
import platformdirs

_config: Any = numba.config
if "NUMBA_OPT" not in os.environ:
    # LLVM's first level compiles our kernels a quarter faster than numba's third, and they run as fast.
    _config.OPT = type(_config.OPT)(1)

F = TypeVar("F", bound=Callable[..., Any])

OWN_PACKAGES: Final = ("musicenv", "rewards", "agents", "mcts", "experiments")
_ROOT: Final = Path(__file__).resolve().parent.parent
_IMPORT: Final = re.compile(
    rf"^\s*(?:from|import) ((?:{'|'.join(OWN_PACKAGES)})[\w.]*)(?: import ([^(\n]*|\([^)]*\)))?", re.M
)
_KEPT_SECONDS: Final = 30 * 24 * 3600


def cache_folder() -> Path:
    """Where caches live: ``$MUSICENV_CACHE``, or the user's cache folder."""
    return Path(os.environ.get("MUSICENV_CACHE") or platformdirs.user_cache_dir("musicenv"))


@cache
def _source(module: str) -> Path | None:
    path = _ROOT.joinpath(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.exists():
            return candidate
    return None


@cache
def _imports(module: str) -> frozenset[str]:
    """The modules of ours that ``module`` names in import statements."""
    path = _source(module)
    if path is None:
        return frozenset()
    found = set()
    for base, names in _IMPORT.findall(path.read_text(encoding="utf-8")):
        found.add(base)
        found.update(f"{base}.{name}" for name in re.findall(r"\w+", names) if _source(f"{base}.{name}"))
    return frozenset(found)


def _reached(module: str, seen: set[str]) -> Iterator[str]:
    if module not in seen:
        seen.add(module)
        yield module
        for imported in sorted(_imports(module)):
            yield from _reached(imported, seen)


@cache
def kernel_folder(module: str) -> Path:
    """Folder for what is compiled from ``module``; those that nothing has used for a month are removed."""
    digest = hashlib.sha256(numba.__version__.encode())
    for name in sorted(_reached(module, set())):
        path = _source(name)
        digest.update(name.encode() + (path.read_bytes() if path else b""))
        if path and (table := path.with_suffix(".json")).exists():  # a module's table, frozen into what it compiles
            digest.update(table.read_bytes())
    kernels = cache_folder() / "kernels"
    folder = kernels / digest.hexdigest()[:16]
    if not folder.exists():
        folder.mkdir(parents=True, exist_ok=True)
        oldest = time.time() - _KEPT_SECONDS
        for other in kernels.iterdir():
            if other.stat().st_mtime < oldest:
                shutil.rmtree(other, ignore_errors=True)
    os.utime(folder)
    return folder


def inlined(function: F) -> F:
    """``compiled``, and merged into whatever calls it: for small functions to which a call hands many arrays."""
    return compiled(function, forceinline=True)


def in_any_order(function: F) -> F:
    """``inlined``, with sums and maxima taken side by side in vector registers: for numbers without NaN.

    Called and not merged, such a function would be optimised once in its own module and again in its caller's, to other
    last bits; which of the two runs depends on whether this process compiled the caller or found it in the cache.
    """
    return compiled(function, forceinline=True, fastmath={"reassoc", "contract", "nnan", "nsz"})


def compiled(function: F, **options: Any) -> F:
    """``numba.njit`` with a cache that notices every change of our sources; it lets other threads run.

    Divisions are numpy's: nothing is raised for a zero, which ours guard against.  ``fastmath`` is always given: where
    it is not, numba takes over that of whoever happens to compile the function first.
    """
    options.setdefault("fastmath", False)
    before = _config.CACHE_DIR
    _config.CACHE_DIR = str(kernel_folder(function.__module__))
    try:
        return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy", **options)(function))
    finally:
        _config.CACHE_DIR = before
