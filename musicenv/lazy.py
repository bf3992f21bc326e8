"""Infos that are put together when they are read: most that a step could tell is never asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class LazyInfos(dict[str, Any]):
    """A dict whose values are made when they are first asked for: until then a function stands in their place."""

    __slots__ = ()

    def __getitem__(self, key: str) -> Any:
        value = super().__getitem__(key)
        if callable(value):
            value = self[key] = value()
        return value

    def __iter__(self) -> Iterator[str]:  # its own, so that a copy asks for the values
        return iter(self.keys())

    def __repr__(self) -> str:
        return repr(dict(self))

    def get(self, key: str, default: Any = None) -> Any:
        if key in self:
            return self[key]
        return default

    def pop(self, key: str, *default: Any) -> Any:
        self.get(key)
        return super().pop(key, *default)

    def values(self) -> Any:
        return [self[key] for key in self]

    def items(self) -> Any:
        return [(key, self[key]) for key in self]
