"""An SQLite file of another program, opened so that nothing can be written to it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import quote

from cqrs_cli.errors import CqrsError, Damaged, Misuse, NotFound, Unavailable
from cqrs_cli.transfer.dialects.database import Kind, Select, Table, newest_statement, statement
from cqrs_cli.transfer.dialects.event import Row

_PATIENCE = 5.0
"""Seconds to wait for a lock."""


class SQLiteDatabase:
    """A file. One writer at a time gives the numbers, so they are committed in their order.

    Raises `NotFound`, `Misuse` for what is no SQLite database, `Unavailable`, `Damaged`; each read does.
    """

    kind: Kind = "sqlite"
    has_gaps = False

    def __init__(self, path: str) -> None:
        self._path = path
        self._real = os.path.realpath(path)
        self.name = "sqlite:" + self._real
        if not os.path.exists(path):
            raise NotFound(f"there is no file {path}", hint="the path of the other store's database", code="no-file")
        if os.path.isdir(path):
            raise Misuse(f"{path} is a folder", hint="the file of the other store, in it perhaps", code="no-database")
        self._identity = self._found()
        with self._told():
            self._connection = sqlite3.connect(
                f"file:{quote(self._real)}?mode=ro", uri=True, timeout=_PATIENCE, isolation_level=None
            )
        try:
            with self._told():
                for pragma in ("query_only=ON", "trusted_schema=OFF", "cell_size_check=ON"):
                    self._connection.execute(f"PRAGMA {pragma}")
                self._connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()
        except BaseException:
            self._connection.close()
            raise

    def tables(self) -> Sequence[Table]:
        """All of them. One with row ids has a column `rowid`."""
        found = []
        with self._told():
            listed = self._connection.execute(
                "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table' "
                "AND name NOT GLOB 'sqlite_*' ORDER BY name"
            ).fetchall()
            for name, is_without_rowid in listed:
                rows = self._connection.execute("SELECT name, lower(type) FROM pragma_table_info(?)", (name,))
                columns = dict(rows.fetchall())
                found.append(Table("", name, columns if is_without_rowid else {"rowid": "integer", **columns}))
        return found

    def page(self, select: Select, after: int, limit: int) -> Iterator[Row]:
        """The rows after a position."""
        with self._told():
            cursor = self._connection.execute(statement(select, "> ?", "?"), (after, limit))
            try:
                yield from cursor
            finally:
                cursor.close()

    def at(self, select: Select, position: int) -> Row | None:
        """The row at a position."""
        return self.first(statement(select, "= ?", "1"), position)

    def newest(self, select: Select) -> int:
        """The last position."""
        with self._told():
            found = self._connection.execute(newest_statement(select)).fetchone()
        return 0 if found is None else int(found[0])

    def first(self, sql: str, parameter: object) -> Row | None:
        """The first row of another SELECT."""
        with self._told():
            found: Row | None = self._connection.execute(sql, (parameter,)).fetchone()
        return found

    def writers(self, tables: Sequence[Table]) -> frozenset[str]:
        """None that matter."""
        return frozenset()

    def check_order(self, tables: Sequence[Table]) -> None:
        """It is that of the commits."""

    def check_there(self) -> None:
        """Raise `Unavailable` if another file is at the path by now, or none."""
        if self._found() != self._identity:
            raise Unavailable(
                f"{self._path} is another file by now, or gone",
                hint="start again: what was mirrored is known again",
                code="source-replaced",
            )

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _found(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_dev, found.st_ino

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise _told(self._path, error) from error


def _told(path: str, error: sqlite3.Error) -> CqrsError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_NOTADB:
        return Misuse(f"{path} is no SQLite database", hint="the file of the other store", code="no-database")
    if code == sqlite3.SQLITE_CORRUPT:
        return Damaged(f"{path} is damaged: {error}", hint="mend it with the tools of the store that wrote it")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Unavailable(f"{path} is locked by another program", hint="try again", code="locked")
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_READONLY):
        hint = "may you read it, and its folder, where SQLite keeps what belongs to it?"
        return Unavailable(f"{path} can't be opened: {error}", hint=hint, code="unreadable-source")
    hint = "try again; if it stays, look at the file with the tools of the store that wrote it"
    return Unavailable(f"{path} can't be read: {error}", hint=hint, code="unreadable-source")
