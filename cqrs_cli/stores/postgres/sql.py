"""Somebody's own SQL over the store, which can only read: a cursor, which is of nothing but a query, in a transaction
that is read only. The protocol takes one statement at a time; without that, `SELECT 1; COMMIT; …` would get out of it.

It is no boundary against who has the rights of a superuser: there are functions that read files. Give readers a role.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg

from cqrs_cli.errors import CqrsError, Misuse, Passing, Unavailable
from cqrs_cli.stores.headings import different
from cqrs_cli.stores.moments import micros, rfc3339
from cqrs_cli.stores.postgres.append import patience
from cqrs_cli.stores.postgres.connection import Connection, Row
from cqrs_cli.stores.postgres.errors import text_of, unreachable
from cqrs_cli.stores.postgres.link import Link

_PAGE = 500
_TRIES = 5
"""How often a statement is begun that the server ended because others waited for it in a circle."""
_TOKENS = re.compile(
    r"""(?P<skip>'(?:[^']|'')*'|[eE]'(?:[^'\\]|\\.|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|::)
    |:(?P<name>[A-Za-z_]\w*)""",
    re.DOTALL | re.VERBOSE,
)
"""What a parameter may not stand in, or a parameter."""
_SETTINGS = (
    "set_config('search_path', %b, true), set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO', true), "
    "set_config('IntervalStyle', 'postgres', true), set_config('bytea_output', 'hex', true)"
)
"""Of the transaction: an answer is the same whatever the role or the server likes."""
_WRONG = ("42", "22", "0A", "21", "26", "34", "25006", "54", "P0", "CQ")


class ReadOnlySQL:
    """One statement and its rows. columns: their names, made different where they are equal.

    Raises `Misuse` for SQL that is wrong or that writes, `Unavailable` (code `timed-out`) over the limit.
    """

    def __init__(self, link: Link, statement: str, parameters: Mapping[str, Any], seconds: float) -> None:
        self._link, self._given = link, sorted(parameters)
        self._limit = self._left = seconds
        text = self._bound(statement, parameters)
        for tries in range(1, _TRIES + 1):
            try:
                self._begin(text, parameters)
                break
            except Passing as error:
                if error.code != "busy" or tries == _TRIES:
                    raise
        if self._rows.description is None:
            self._stack.close()
            raise Misuse("the statement is empty", code="sql")
        self.columns = different([description.name for description in self._rows.description])

    def _begin(self, text: str, parameters: Mapping[str, Any]) -> None:
        self._stack = ExitStack()
        try:
            self._connection = self._stack.enter_context(_dialled(self._link))
            self._run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            self._run(f"SELECT {_SETTINGS}", (self._link.s,))
            explains = re.match(r"\s*EXPLAIN\b", text, re.IGNORECASE) is not None
            if not explains:
                self._run(f"DECLARE cqrs_sql NO SCROLL CURSOR FOR {text}", dict(parameters))
            self._rows = self._run(text, dict(parameters)) if explains else self._fetch()
            self._is_whole = explains
        except BaseException:
            self._stack.close()
            raise

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        with self._stack:
            while rows := self._page():
                begun = time.thread_time()  # which stands still while a pipe is full
                yield from (tuple(map(_plain, row)) for row in rows)
                self._left -= max(0.0, time.thread_time() - begun)
                if self._is_whole:
                    return
                self._rows = self._fetch()

    def _bound(self, statement: str, parameters: Mapping[str, Any]) -> str:
        """The statement with psycopg's marks in the place of `:name`."""

        def mark(match: re.Match[str]) -> str:
            name = match["name"]
            if name is None:
                return match[0].replace("%", "%%")
            if name not in parameters:
                raise Misuse(f"no value for the parameter :{name}", code="sql", given=self._given)
            return f"%({name})s"

        text = statement.strip().rstrip(";").rstrip()
        if not text:
            raise Misuse("the statement is empty", code="sql")
        parts, at = [], 0
        for match in _TOKENS.finditer(text):
            parts += [text[at : match.start()].replace("%", "%%"), mark(match)]
            at = match.end()
        return "".join(parts) + text[at:].replace("%", "%%")

    def _page(self) -> list[Row]:
        try:
            return self._rows.fetchall()
        except psycopg.Error as error:  # a time after the year 9999, say
            message = f"a value that the statement gives can't be read here: {text_of(error, self._link.address)}"
            raise Misuse(message, code="sql", hint="as a text: …::text") from error

    def _fetch(self) -> psycopg.Cursor[Row]:
        return self._run(f"FETCH {_PAGE} FROM cqrs_sql", binary=False)

    def _run(self, sql: str, values: Any = (), binary: bool = True) -> psycopg.Cursor[Row]:
        """One statement. The server's limit is for each: it gets what is left of the whole."""
        if self._left <= 0:
            raise self._timed_out()
        started = time.monotonic()
        try:
            if self._connection.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS:
                self._connection.run("SELECT set_config('statement_timeout', %b, true)", (patience(self._left),))
            return self._connection.execute(sql.encode(), values, binary=binary)
        except UnicodeEncodeError as error:
            raise Misuse("the statement is no text in UTF-8", code="sql", hint="UTF-8 is taken here") from error
        except psycopg.Error as error:
            raise self._complaint(error) from error
        finally:
            self._left -= time.monotonic() - started

    def _complaint(self, error: psycopg.Error) -> CqrsError | psycopg.Error:
        """What is wrong with the statement, unless the store is to blame."""
        state, text = error.sqlstate or "", text_of(error, self._link.address)
        if state == "57014":
            return self._timed_out()
        if state in ("25006", "42501"):
            return Misuse(f"SQL may only read here: {text}", code="sql", refused=text)
        if state.startswith(_WRONG) or (not state and isinstance(error, psycopg.ProgrammingError | psycopg.DataError)):
            return Misuse(text, code="sql", given=self._given)
        return self._link.translate(error, self._connection)

    def _timed_out(self) -> Unavailable:
        message = f"the statement worked longer than {self._limit:g} s"
        return Unavailable(message, code="timed-out", seconds=self._limit)


def _dialled(link: Link) -> Connection:
    """A connection of the statement's own, which closes with it."""
    link.check_use()
    try:
        return link.dial(target_session_attrs="any")
    except psycopg.Error as error:
        raise unreachable(error, link.address) from error


def _plain(value: Any) -> Any:
    """A value as documents take it: what JSON has no name for is a text."""
    if value is None or isinstance(value, str | int | float | bytes):
        return value
    if isinstance(value, datetime) and value.tzinfo is not None:
        return rfc3339(micros(value))
    if isinstance(value, Decimal):
        return format(value, "f") if value.is_finite() else str(value)
    if isinstance(value, list | dict):
        import json

        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
