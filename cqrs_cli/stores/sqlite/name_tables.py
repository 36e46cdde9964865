"""The names of streams and types by their ids, for who reads rows as they are stored, and many of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

_REMEMBERED = 100_000
_AHEAD = 256

Query = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]


class NameTable(dict[int, str]):
    """The names of a table by their ids, a limited number remembered. Raises `KeyError` for an id without a name."""

    def __init__(self, query: Query, table: str) -> None:
        self._query, self._sql = query, f"SELECT id, name FROM {table} WHERE id BETWEEN ? AND ?"
        self._furthest = 0

    def __missing__(self, id: int) -> str:
        if len(self) >= _REMEMBERED:
            self.clear()
        ahead = _AHEAD if id > self._furthest else 0  # who goes along a log meets most of them in their order
        self.update(self._query(self._sql, (id, id + ahead)))
        self._furthest = max(self._furthest, id + ahead)
        if id not in self:
            raise KeyError(id)
        return self[id]
