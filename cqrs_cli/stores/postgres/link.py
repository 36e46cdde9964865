"""Connections to a server: each thread's call has one of its own, and a transaction keeps the one that it began on.

Nothing is set on a session, no statement is prepared: behind a pooler the next statement may run on another one.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import make_conninfo

from cqrs_cli.errors import CqrsError, Misuse, Passing, Unavailable
from cqrs_cli.stores.postgres.address import Address, address_of
from cqrs_cli.stores.postgres.connection import Connection, Row
from cqrs_cli.stores.postgres.errors import (
    has_no_primary,
    is_of_a_swap,
    outcome_unknown,
    read_only,
    translate,
    unreachable,
)
from cqrs_cli.stores.postgres.limits import Limits

T = TypeVar("T")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
_READS = 5
"""How often a read is tried that a lost connection has ended."""
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_AGAIN = ("40001", "40P01")
"""A standby took away what was being read, or others waited in a circle with us."""


class Link:
    """The way to one store on a server. s: its schema, quoted for SQL. tables: those seen with their checkpoints."""

    def __init__(self, url: str, *, read_only: bool, limits: Limits) -> None:
        self.address: Address = address_of(url)
        self.name, self.schema, self.s = self.address.shown, self.address.schema, quote(self.address.schema)
        self.read_only, self.limits = read_only, limits
        self.facts: dict[str, str] = {}
        self.tables: set[str] = set()
        self._closed = self._met = False
        self._begin_anew()
        _links.add(self)

    def _begin_anew(self) -> None:
        self._guard, self._mine = threading.Lock(), threading.local()
        self._idle: list[Connection] = []
        self._forked = False

    # ── connecting ────────────────────────────────────────────────────────────────────────────

    def dial(self, **settings: Any) -> Connection:
        """A new connection, which whoever has it closes. Raises psycopg's own errors."""
        which = "any" if self.read_only else "read-write"
        if not self.read_only or "target_session_attrs" not in self.address.libpq:  # which is for who reads
            settings = {"target_session_attrs": which} | settings
        conninfo = make_conninfo(**(self.address.libpq | settings))
        connection = Connection.connect(conninfo, autocommit=True, prepare_threshold=None)
        connection.add_notice_handler(connection.note)
        connection.used = time.monotonic()
        info = connection.info
        there = {"host": info.host, "port": info.port, "hostaddr": info.hostaddr}
        connection.silence, connection.is_alive = self.limits.answer, lambda: self._answers(there)
        return connection

    def _answers(self, there: dict[str, Any]) -> bool:
        """Whether a server lets one in, or says why not; one that stands still does neither."""
        try:
            Connection.connect(make_conninfo(**(self.address.libpq | there | {"target_session_attrs": "any"}))).close()
        except psycopg.errors.ConnectionTimeout:
            return False
        except psycopg.Error:
            return True
        return True

    def _dialled(self) -> Connection:
        """A new connection. A server that was there before may be away for as long as the URL says, and so may the
        primary of several servers of which one is there."""
        began = time.monotonic()
        for pause in pauses():
            try:
                connection = self.dial()
                self._met = True
                return connection
            except psycopg.Error as error:
                failure = unreachable(error, self.address)
                waits = self._met or has_no_primary(error, self.address)
                end = began + (self.address.timeout if waits else 0)
                if not isinstance(failure, Passing) or time.monotonic() + pause > end:
                    raise failure from error
            time.sleep(pause)
        raise AssertionError

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """The connection of this thread's transaction, or one that nobody else has meanwhile."""
        self.check_use()
        own = self._own
        if own is not None:
            yield own
            return
        connection = self._taken()
        try:
            yield connection
        finally:
            self._give_back(connection)

    @property
    def _own(self) -> Connection | None:
        return getattr(self._mine, "connection", None)

    def _taken(self) -> Connection:
        while True:
            with self._guard:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                return self._dialled()
            if not connection.is_stale:
                return connection
            _close(connection)

    def _give_back(self, connection: Connection) -> None:
        with self._guard:
            if connection.is_lost:
                others, self._idle = self._idle, []  # most likely they are lost, too
            elif connection.is_idle and not self._closed and len(self._idle) < self.limits.idle:
                connection.patience, connection.used = None, time.monotonic()
                self._idle.append(connection)
                return
            else:
                others = []
        for one in (connection, *others):
            _close(one)

    def check_use(self) -> None:
        """Raise a typed error if it is not to be used here."""
        if self._closed:
            raise Misuse(f"the store {self.name} is closed", hint="open it again", code="closed")
        if self._forked:
            raise Unavailable(
                f"{self.name} was in use when this process was forked, and can't be used in it",
                hint="fork while no transaction is open, or begin the process anew (spawn)",
                code="forked",
                store=self.name,
            )

    @property
    def in_transaction(self) -> bool:
        """Whether this thread has a transaction open."""
        return self._own is not None

    def close(self) -> None:
        """Give all connections back; closing twice is harmless."""
        with self._guard:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            _close(connection)

    def after_fork(self) -> None:
        """In the child: the parent's connections are the parent's, who would lose them if they were closed here."""
        idle, forked = self._idle, self._own
        self._begin_anew()
        self._forked = forked is not None
        for one in (*idle, forked):
            if one is not None:
                leave_to_parent(one)

    # ── running ───────────────────────────────────────────────────────────────────────────────

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """All rows, as typed errors say. Outside of a transaction it is asked again when the connection was lost."""
        try:
            return self.ask(lambda connection: connection.run(sql, values).fetchall())
        except psycopg.Error as error:
            raise self.translate(error) from error

    def query_all(self, asked: Sequence[tuple[str, Sequence[Any]]]) -> list[list[Row]]:
        """The rows of several statements, in one trip."""

        def question(connection: Connection) -> list[list[Row]]:
            with connection.piped():
                cursors = [connection.later(sql, values) for sql, values in asked]
            return [cursor.fetchall() for cursor in cursors]

        try:
            return self.ask(question)
        except psycopg.Error as error:
            raise self.translate(error) from error

    def ask(self, question: Callable[[Connection], T]) -> T:
        """What a question that reads is answered. Raises psycopg's errors, and what connecting raises."""
        for left in reversed(range(_READS)):
            with self.connection() as connection:
                try:
                    return question(connection)
                except psycopg.Error as error:
                    if not left or not self._passes(error, connection):
                        raise
        raise AssertionError

    def stream(self, sql: str, values: Sequence[Any]) -> Iterator[Row]:
        """The rows of one statement, as they come. It is begun again as `ask` is, as long as none was given out.

        Raises psycopg's errors, and what connecting raises.
        """
        for left in reversed(range(_READS)):
            with self.connection() as connection, closing(connection.streamed(sql, values)) as rows:
                try:
                    first = next(rows, None)
                except psycopg.Error as error:
                    if not left or not self._passes(error, connection):
                        raise
                    continue
                if first is not None:
                    yield first
                    yield from rows
                return
        raise AssertionError

    def _passes(self, error: psycopg.Error, connection: Connection) -> bool:
        """Whether a question that reads may have another answer when it is asked again."""
        is_passing = connection.is_lost or error.sqlstate in _AGAIN or is_of_a_swap(error)
        return is_passing and not self.in_transaction

    @contextmanager
    def transaction(self, *, appending: bool = False, piped: bool = True) -> Iterator[Connection]:
        """A transaction that writes, of this thread; psycopg's errors leave it as typed ones.

        It begins with the first trip of its statements, and its end shares the last one. appending: a commit without
        an answer is an `outcome-unknown`; else it is a lost connection, after which the same can be done again,
        whether it was done or not. piped: else each statement is a trip, and may be several.
        """
        self.check_writable()
        connection = self._ready()
        self._mine.connection = connection
        done: psycopg.Cursor[Row] | None = None
        try:
            with connection.piped() if piped else nullcontext():
                if connection.is_idle:
                    connection.later(_BEGIN)
                yield connection
                connection.warned = False
                connection.patience = self.limits.answer if appending else None  # a standby may be away for long
                done = connection.later("COMMIT")
            self._check_commit(connection, done, appending)
        except BaseException as error:
            if not connection.is_lost and not connection.is_idle:
                with suppress(psycopg.Error):
                    connection.run("ROLLBACK")
            if not isinstance(error, psycopg.Error):
                raise
            if done is not None and connection.is_lost and appending:
                raise outcome_unknown(self.name) from error
            raise self.translate(error, connection) from error
        finally:
            self._mine.connection = None
            self._give_back(connection)

    def _ready(self) -> Connection:
        """A connection for a transaction. One that rested for long has begun it: if it is gone, another one does."""
        for left in reversed(range(_READS)):
            connection = self._taken()
            if time.monotonic() - connection.used < self.limits.rest:
                return connection
            try:
                connection.run(_BEGIN)
                return connection
            except psycopg.Error as error:
                passing = connection.is_lost and left
                self._give_back(connection)
                if not passing:
                    raise self.translate(error, connection) from error
        raise AssertionError

    def check_writable(self) -> None:
        """Raise a typed error unless a transaction may begin here."""
        self.check_use()
        if self.read_only:
            raise read_only(self.name)
        if self.in_transaction:
            raise Misuse("a transaction is open already", hint="they don't nest", code="nested-transaction")

    def _check_commit(self, connection: Connection, done: psycopg.Cursor[Row], appending: bool) -> None:
        if connection.warned and appending:  # it was not waited for the standby: what is here may be lost
            _close(connection)
            raise outcome_unknown(self.name)
        if done.statusmessage != "COMMIT":  # the server's answer where a statement has failed
            raise Misuse(
                "the transaction was rolled back: one of its statements failed, and it was gone on with",
                hint="let the error end the transaction",
                code="transaction-over",
            )

    def translate(self, error: psycopg.Error, connection: Connection | None = None) -> CqrsError | psycopg.Error:
        """The typed error for what the server or the connection raised."""
        connection = connection or self._own
        lost = (connection is not None and connection.is_lost) or (
            isinstance(error, psycopg.OperationalError) and error.sqlstate is None
        )
        return translate(error, self.address, lost=lost)


def pauses() -> Iterator[float]:
    """Seconds to wait between two tries, without end."""
    pause = _FIRST_PAUSE
    while True:
        yield pause
        pause = min(pause * 2, _LONGEST_PAUSE)


def quote(name: str) -> str:
    """A name as a SQL identifier, in a statement that takes values."""
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'


def _close(connection: Connection) -> None:
    with suppress(psycopg.Error):
        connection.close()


_links: weakref.WeakSet[Link] = weakref.WeakSet()
_parents: list[Connection] = []


def leave_to_parent(connection: Connection) -> None:
    """In the child of a fork: keep a connection that is the parent's, who would lose it if it were closed here."""
    _parents.append(connection)


def _after_fork() -> None:
    for link in list(_links):
        link.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
