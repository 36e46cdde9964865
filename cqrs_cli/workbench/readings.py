"""What a query reads: which rows of which tables, by which conditions, and how the store finds them.

with readings() as found:
    bench.query(…)          # found: a `Reading` for each kind of reading
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast

from cqrs_cli.stores.contract import Store
from cqrs_cli.stores.rows import Order, RowReader, Scalar, Table, Where

_FOUND: ContextVar[dict[Any, Reading] | None] = ContextVar("readings", default=None)


class Reading:
    """Rows of one table, read once or several times in one way.

    by: `key` or `select`. where, order, limit: of the first time, values as they are stored. plan: how the store finds
    them, in its own words. times: how often. rows: how many came, together.
    """

    def __init__(self, table: str, by: str) -> None:
        self.table, self.by = table, by
        self.where: Sequence[Where] = ()
        self.order: Sequence[Order] = ()
        self.limit: int | None = None
        self.plan = ""
        self.times = self.rows = 0


@contextmanager
def readings() -> Iterator[Sequence[Reading]]:
    """What is read by queries of this thread meanwhile; complete at the end."""
    found: dict[Any, Reading] = {}
    told: list[Reading] = []
    token = _FOUND.set(found)
    try:
        yield told
    finally:
        _FOUND.reset(token)
        told.extend(found.values())


def told(store: Store) -> Store:
    """The store, whose readings are told where somebody wants to know."""
    found = _FOUND.get()
    return store if found is None else cast(Store, _ToldStore(store, found))


class _ToldStore:
    """A store that notes what is read of its rows."""

    def __init__(self, store: Store, found: dict[Any, Reading]) -> None:
        self._store, self.rows = store, _ToldRows(store.rows, found)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class _ToldRows:
    """Rows that note what is read of them."""

    def __init__(self, rows: RowReader, found: dict[Any, Reading]) -> None:
        self._rows, self._found = rows, found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rows, name)

    def load(self, table: Table, keys: Sequence[tuple[Scalar, ...]]) -> dict[tuple[Scalar, ...], tuple[Scalar, ...]]:
        reading = self._found.setdefault(table.name, Reading(table.name, "key"))
        loaded = self._rows.load(table, keys)
        reading.times += 1
        reading.rows += len(loaded)
        return loaded

    def select(
        self,
        table: Table,
        where: Sequence[Where] = (),
        order: Sequence[Order] = (),
        after: tuple[Scalar, ...] | None = None,
        limit: int | None = None,
    ) -> Iterator[tuple[Scalar, ...]]:
        shape = (table.name, tuple((one.column, one.operator) for one in where), tuple(order))
        reading = self._found.get(shape)
        if reading is None:
            reading = self._found[shape] = Reading(table.name, "select")
            reading.where, reading.order, reading.limit = where, order, limit
            reading.plan = self._rows.plan(table, where, order, after)
        reading.times += 1
        return _counted(reading, self._rows.select(table, where, order, after, limit))


def _counted(reading: Reading, rows: Iterator[tuple[Scalar, ...]]) -> Iterator[tuple[Scalar, ...]]:
    for row in rows:
        reading.rows += 1
        yield row
