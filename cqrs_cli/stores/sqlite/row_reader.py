"""Rows and checkpoints in SQLite, to read: by key, filtered, in order."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from cqrs_cli.errors import Misuse, NeedsRebuild
from cqrs_cli.stores.operational import OPERATIONAL
from cqrs_cli.stores.rows import Checkpoint, Order, Table, Where, reader_of
from cqrs_cli.stores.sqlite.decimal import decimal_key
from cqrs_cli.stores.sqlite.errors import is_about_a_part, translate
from cqrs_cli.stores.sqlite.file import SQLiteFile
from cqrs_cli.stores.sqlite.select import FEW, Row, Select, columns_of, quote

_CHUNK = 500
_IN_MEMORY = 5_000
_OPERATIONAL = frozenset(table.name for table in OPERATIONAL)


class SQLiteRowReader:
    """Rows and checkpoints, read only."""

    def __init__(self, file: SQLiteFile) -> None:
        self._file = file

    def checkpoint(self, name: str) -> Checkpoint | None:
        """The checkpoint, or None."""
        found = self._file.query("SELECT name, position, definition FROM cqrs_checkpoints WHERE name = ?", (name,))
        return Checkpoint(*found[0]) if found else None

    def checkpoints(self) -> list[Checkpoint]:
        """All checkpoints, by name."""
        found = self._file.query("SELECT name, position, definition FROM cqrs_checkpoints ORDER BY name")
        return [Checkpoint(*row) for row in found]

    def load(self, table: Table, keys: Sequence[Row]) -> dict[Row, Row]:
        """The rows that exist among `keys`, by key."""
        key_in = reader_of(table, table.key)
        found: dict[Row, Row] = {}
        chunk = _CHUNK // len(table.key)
        for start in range(0, len(keys), chunk):
            part = keys[start : start + chunk]
            if len(table.key) == 1:
                condition = f"{columns_of(table, table.key)} IN ({', '.join('?' * len(part))})"
            else:
                one = f"({', '.join('?' * len(table.key))})"
                condition = f"({columns_of(table, table.key)}) IN (VALUES {', '.join([one] * len(part))})"
            sql = f"SELECT {columns_of(table)} FROM {quote(table.name)} WHERE {condition}"
            rows = self._query(table, sql, [value for key in part for value in key])
            found.update(zip(map(key_in, rows), rows, strict=True))
        return found

    def select(
        self,
        table: Table,
        where: Sequence[Where] = (),
        order: Sequence[Order] = (),
        after: Row | None = None,
        limit: int | None = None,
    ) -> Iterator[Row]:
        """Rows in order, then by key.

        A result of more than 5,000 rows is streamed from a snapshot of its own; with a rollback journal,
        where a snapshot would keep writers out, it is taken into memory.
        """
        sql, values = self._statement(table, where, order, after)
        short = limit is not None and limit <= _IN_MEMORY
        if short or self._file.writing or not self._file.has_snapshots:
            return iter(self._query(table, sql + " LIMIT ?", [*values, -1 if limit is None else max(limit, 0)]))
        return self._stream(table, sql + " LIMIT ?", [*values, -1 if limit is None else limit])

    def few(self, tables: Sequence[Table], limit: int) -> list[list[Row]]:
        """The rows of each of these tables by key, at most so many of each."""
        return [list(self.select(table, limit=limit)) for table in tables]

    def plan(
        self,
        table: Table,
        where: Sequence[Where] = (),
        order: Sequence[Order] = (),
        after: Row | None = None,
    ) -> str:
        """SQLite's query plan, its steps with semicolons; empty if there is no such table."""
        sql, values = self._statement(table, where, order, after)
        return "; ".join(str(step[3]) for step in self._query(table, f"EXPLAIN QUERY PLAN {sql}", values))

    def _statement(
        self, table: Table, where: Sequence[Where], order: Sequence[Order], after: Row | None
    ) -> tuple[str, list[Any]]:
        """The SQL of `select` and its values."""
        selected = Select(table)
        few = selected.few(where, order)
        by_index = few is not None and self._query(table, *few) != [(FEW,)]
        return selected.statement(where, order, after, by_index=by_index)

    def _stream(self, table: Table, sql: str, values: list[Any]) -> Iterator[Row]:
        self._file.holds_rows(table.name)
        with self._file.reader() as connection:
            _register(connection)
            try:
                with connection.turn:
                    cursor = connection.execute(sql, values)
                    rows = cursor.fetchmany(_IN_MEMORY)
            except sqlite3.OperationalError as error:
                if _is_absent(table, error):
                    return
                raise changed(table.name, error) or translate(error, self._file.path) from error
            while len(rows) == _IN_MEMORY:
                yield from rows
                with connection.turn:
                    rows = cursor.fetchmany(_IN_MEMORY)
        yield from rows

    def count(self, table: Table, where: Sequence[Where] = ()) -> int:
        """How many rows fulfil the conditions; 0 if there is no such table."""
        found: list[Any] = self._query(table, *Select(table).count(where))
        return found[0][0] if found else 0

    def exists(self, table: Table) -> bool:
        """Whether there is such a table."""
        return self._exists(table.name)

    def _exists(self, name: str, kind: str = "table") -> bool:
        sql = "SELECT 1 FROM sqlite_master WHERE type = ? AND name = ? COLLATE NOCASE"
        return bool(self._file.query(sql, (kind, name)))

    def _query(self, table: Table, sql: str, values: Sequence[Any]) -> list[Row]:
        """The rows; none if there is no such table. It is not asked for first: SQLite would read the whole schema."""
        self._file.holds_rows(table.name)
        decimals = any(column.kind == "decimal" for column in table.columns)
        try:
            return self._file.execute(sql, values, _register if decimals else None)
        except OverflowError as error:
            raise Misuse(f"{table.name}: {error}", code="row-value", hint="numbers have at most 64 bits") from error
        except sqlite3.Error as error:
            if _is_absent(table, error):
                return []
            raise changed(table.name, error) or translate(error, self._file.path) from error


def _is_absent(table: Table, error: sqlite3.Error) -> bool:
    return str(error) == f"no such table: {table.name}"


def _register(connection: sqlite3.Connection) -> None:
    connection.create_function("cqrs_decimal", 1, decimal_key, deterministic=True)


def changed(name: str, error: sqlite3.Error) -> NeedsRebuild | None:
    """The error for a table that is not the projection's any more; None if the trouble, or the table, is another."""
    if name in _OPERATIONAL or not is_about_a_part(error):
        return None
    return NeedsRebuild(
        f"the table {name} is not as the projection made it: {error}",
        code="table-changed",
        table=name,
    )
