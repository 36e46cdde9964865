"""Appending to a SQLite file: a batch of commits inside one transaction, written by `executemany`."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from typing import Any

from cqrs_cli.errors import CqrsError
from cqrs_cli.stores.batch import Batch, Draft, streams_of
from cqrs_cli.stores.commits import Receipt, RecordedCommit
from cqrs_cli.stores.contract import Inline
from cqrs_cli.stores.sqlite.file import SQLiteFile
from cqrs_cli.stores.sqlite.read import SQLiteLogReader
from cqrs_cli.stores.sqlite.rows import SQLiteRows

_INSERTS = (
    "INSERT INTO streams (id, name) VALUES (?, ?)",
    "INSERT INTO event_types (id, name) VALUES (?, ?)",
    "INSERT INTO commits VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)",
)


class SeenBefore(Exception):
    """A commit's id is in the log already, which nobody had looked up: the transaction is to be tried again."""


class SQLiteBatch(Batch):
    """A batch inside one write transaction of a file.

    careful: look all ids up first. Else an id counts as new until a condition fails or the log refuses it
    (`SeenBefore`): nearly all are, and the index is asked when they are written anyhow. After a hook that raised,
    everything known is read again.
    """

    __slots__ = ("_careful", "_connection", "_file", "_names", "_pending", "_streams")

    def __init__(
        self,
        file: SQLiteFile,
        connection: sqlite3.Connection,
        drafts: Sequence[Draft],
        careful: bool,
        more: Collection[str] = (),
    ) -> None:
        """more: names of streams that are written, besides those of the drafts."""
        self._file, self._connection, self._careful = file, connection, careful
        known = SQLiteLogReader(file).known([item.append.commit.id for item in drafts]) if careful else set()
        self._names = streams_of(drafts)
        self._names.update(more)
        file.tail.read(connection, self._names)
        super().__init__(file.tail, known, file.clock() // 1000)
        self._streams: list[tuple[Any, ...]] = []
        types: list[tuple[Any, ...]] = []
        self._pending = (self._streams, types, self._commits, self._events)

    def _find(self, id: str) -> RecordedCommit:
        first = SQLiteLogReader(self._file).commit(id)
        assert isinstance(first, RecordedCommit)
        return first

    def _is_known_after_all(self, id: str) -> bool:
        return not self._careful and bool(SQLiteLogReader(self._file).known([id]))

    @property
    def _is_over(self) -> bool:
        return not self._connection.in_transaction

    def _hooked(self, item: Draft, inline: Inline) -> Receipt:
        self._connection.execute("SAVEPOINT inline")
        try:
            receipt = Receipt(self._record(item))
            self.flush()
            with SQLiteRows(self._file) as rows:
                inline(rows, receipt.events)
            self._connection.execute("RELEASE inline")
        except CqrsError:
            self._connection.execute("ROLLBACK TO inline")
            self._connection.execute("RELEASE inline")
            for rows_ in self._pending:
                rows_.clear()
            self._file.tail.forget()
            self._file.tail.read(self._connection, self._names)
            self._now_us = self._file.clock() // 1000
            self._recorded_us = max(self._tail.recorded_us, self._now_us)
            raise
        return receipt

    def _new_stream(self, name: str) -> tuple[int, int]:
        id = self._file.tail.new_stream(self._connection)
        self._streams.append((id, name))
        return id, 0

    def _new_type(self, name: str) -> int:
        """The id of a type that this connection has not met: the log may have it."""
        id, new = self._file.tail.type_id(self._connection, name)
        if new:
            self._pending[1].append((id, name))
        return id

    def flush(self) -> None:
        """Write what is pending. Raises `SeenBefore`."""
        run, run_many = self._connection.execute, self._connection.executemany
        try:
            for sql, rows in zip(_INSERTS, self._pending):  # noqa: B905  (four of each)
                if len(rows) == 1:
                    run(sql, rows.pop())
                elif rows:
                    run_many(sql, rows)
                    rows.clear()
        except sqlite3.IntegrityError:
            if self._careful:
                raise
            raise SeenBefore from None
