"""Libraries that only some pictures and sounds need."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Final

EXTRAS: Final = {"resvg_py": "score", "verovio": "score", "midirenderer": "audio", "soundfile": "audio"}
"""Which extra of musicenv installs a library."""


def need(library: str) -> ModuleType:
    """The library, imported; ImportError, naming the extra that installs it, where it is missing."""
    try:
        return import_module(library)
    except ImportError as error:
        extra = EXTRAS[library]
        raise ImportError(f"{library} is missing; install the extra: pip install 'musicenv[{extra}]'") from error
