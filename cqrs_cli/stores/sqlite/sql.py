"""Somebody's own SQL over the store, which can only read.

Four locks, each enough by itself: the file is opened `mode=ro`, `query_only` is set, an authorizer
allows nothing but reading, and one statement is taken. A time limit counts what is worked, by SQLite
and by whoever prints the rows, and not how long they wait for somebody to read them.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from typing import Any

from cqrs_cli.errors import CqrsError, Misuse, Unavailable
from cqrs_cli.stores.headings import different
from cqrs_cli.stores.sqlite.errors import reported
from cqrs_cli.stores.sqlite.file import SQLiteFile
from cqrs_cli.stores.sqlite.opening import LONGEST

_PAGE = 500
_STEPS = 20_000
_LARGEST_ROW = 256 * 1024 * 1024
"""Bytes that the values of a row may have together. `zeroblob(1e9)` is one step, which no time limit stops."""
_PAGE_BYTES = 16 * 1024 * 1024
_READS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})
_PRAGMAS = (
    "table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list",
    "database_list", "function_list", "collation_list", "compile_options", "foreign_key_check",
)  # fmt: skip
_TABLES = ("json_each", "json_tree", *(f"pragma_{name}" for name in _PRAGMAS))
"""Virtual tables without a place in the file, which only read."""
_FUNCTIONS = frozenset({"load_extension", "writefile", "readfile", "edit", "fts3_tokenizer"})
_ACTIONS = {
    getattr(sqlite3, f"SQLITE_{name}"): name.replace("_", " ").lower()
    for name in (
        "INSERT", "UPDATE", "DELETE", "PRAGMA", "ATTACH", "DETACH", "TRANSACTION", "CREATE_TABLE",
        "CREATE_TEMP_TABLE", "CREATE_VIEW", "CREATE_INDEX", "CREATE_TRIGGER", "DROP_TABLE", "DROP_VIEW",
        "DROP_INDEX", "DROP_TRIGGER", "ALTER_TABLE", "REINDEX", "ANALYZE", "SAVEPOINT", "CREATE_VTABLE",
    )
}  # fmt: skip


class ReadOnlySQL:
    """One statement and its rows. columns: their names, made different where they are equal.

    Raises `Misuse` for SQL that is wrong or that writes, `Unavailable` (code `timed-out`) over the limit.
    """

    def __init__(self, file: SQLiteFile, statement: str, parameters: Mapping[str, Any], seconds: float) -> None:
        self._file, self._path, self._given = file, file.path, sorted(parameters)
        self._limit = self._left = seconds
        self._stack = ExitStack()
        self._started = time.monotonic()
        self._refused: str | None = None
        self._connection = self._stack.enter_context(file.reader())
        self._rest = file.rest
        # At its first use SQLite makes such a table, and asks as if the schema were to be updated: so before
        # somebody answers. What goes wrong here the statement meets again, if it concerns it.
        with suppress(sqlite3.Error, UnicodeDecodeError), self._connection.turn:
            for table in _TABLES:
                self._connection.execute(f"EXPLAIN SELECT 1 FROM {table}")
        self._connection.set_authorizer(self._authorize)
        self._connection.set_progress_handler(self._out_of_time, _STEPS)
        self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, self._longest(statement, parameters))
        self._refused = None  # what is refused is so again, and told then
        try:
            self._cursor = self._run(lambda: self._connection.execute(statement, dict(parameters)))
            if self._cursor.description is None:  # whatever reads has columns
                raise Misuse("the statement is empty", code="sql")
        except BaseException:
            self._stack.close()
            raise
        self.columns = different([description[0] for description in self._cursor.description])

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        with self._stack:
            while rows := self._run(self._page):
                begun = time.thread_time()  # which stands still while a pipe is full
                yield from rows
                self._left -= max(0.0, time.thread_time() - begun)
                if self._left <= 0:
                    raise self._timed_out()

    def _page(self) -> list[tuple[Any, ...]]:
        """The next rows: so many, or fewer when they are large."""
        rows: list[tuple[Any, ...]] = []
        size = 0
        while len(rows) < _PAGE and size < _PAGE_BYTES and (row := self._cursor.fetchone()) is not None:
            rows.append(row)
            size += sum([len(value) for value in row if isinstance(value, str | bytes)])
        self._file.check_rest(self._rest)
        return rows

    def _longest(self, statement: str, parameters: Mapping[str, Any]) -> int:
        """How long a value may be, so that a row of as many as the statement gives has its bounds."""
        with suppress(sqlite3.Error, sqlite3.Warning, UnicodeError), self._connection.turn:
            plan = self._connection.execute(f"EXPLAIN {statement}", dict(parameters)).fetchall()
            columns = max([step[3] for step in plan if step[1] == "ResultRow"], default=1)
            return min(LONGEST, _LARGEST_ROW // columns)
        return LONGEST

    def _run(self, work: Any) -> Any:
        if self._left <= 0:
            raise self._timed_out()
        self._started = time.monotonic()
        try:
            with self._connection.turn:
                return work()
        except (sqlite3.Error, UnicodeError) as error:
            raise self._complaint(error) from error
        except MemoryError as error:
            raise Misuse("out of memory", code="too-big", hint="fewer or smaller values") from error
        finally:
            self._left -= time.monotonic() - self._started

    def _complaint(self, error: sqlite3.Error | UnicodeError) -> CqrsError:
        """What is wrong with the statement, unless the store is to blame."""
        if self._refused is not None:
            return Misuse(f"SQL may only read here: {self._refused}", code="sql", refused=self._refused)
        if isinstance(error, UnicodeEncodeError):  # bytes of a command line that were none
            wrong = error.object[error.start : error.end]
            return Misuse(f"{wrong!r} is no text in UTF-8", code="sql", hint="UTF-8 is taken here")
        if isinstance(error, UnicodeError) or str(error).startswith("Could not decode to UTF-8"):
            message = f"a text that the statement gives is no UTF-8: {error}"
            return Misuse(message, code="sql", hint="hex(…) shows its bytes")
        if isinstance(error, sqlite3.ProgrammingError):
            return Misuse(str(error), code="sql", given=self._given)
        if getattr(error, "sqlite_errorname", "") == "SQLITE_INTERRUPT":
            if not self._out_of_time():
                raise KeyboardInterrupt  # it came while `_out_of_time` was asked, where SQLite swallows it
            return self._timed_out()
        found = reported(error, self._path)
        if isinstance(found, Misuse):  # a value or the statement is too long
            return Misuse(str(error), code=found.code, hint="fewer or smaller values")
        return found or Misuse(str(error), code="sql")

    def _timed_out(self) -> Unavailable:
        message = f"the statement worked longer than {self._limit:g} s"
        return Unavailable(message, code="timed-out", seconds=self._limit)

    def _out_of_time(self) -> int:
        return int(time.monotonic() - self._started > self._left)

    def _authorize(self, action: int, first: str | None, second: str | None, _: str | None, __: str | None) -> int:
        if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in _FUNCTIONS:
            self._refused = f"the function {second}"
        elif action in _READS or (action == sqlite3.SQLITE_PRAGMA and (first or "").lower() in _PRAGMAS):
            return sqlite3.SQLITE_OK
        else:
            self._refused = f"{_ACTIONS.get(action, 'this statement')} {first or ''}".strip()
        return sqlite3.SQLITE_DENY
