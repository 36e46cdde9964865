"""A SQLite file as a store: how it is made, used and closed, and the one place that opens transactions."""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Literal

from cqrs_cli.errors import ConfigurationError, CqrsError, Misuse
from cqrs_cli.stores.sqlite import lock as sqlite_lock
from cqrs_cli.stores.sqlite.definitions import check_rows
from cqrs_cli.stores.sqlite.errors import disturbed, locked, missing, read_only, translate
from cqrs_cli.stores.sqlite.limits import Limits
from cqrs_cli.stores.sqlite.opening import Opening, Rest, establish, guard, is_older, recognise, upgrade
from cqrs_cli.stores.sqlite.patience import Patience
from cqrs_cli.stores.sqlite.tail import Tail

_open_files: weakref.WeakSet[SQLiteFile] = weakref.WeakSet()


class SQLiteFile:
    """One connection to one store file, for the threads of one process: they take turns.

    path: as the user gave it. facts: what the store says about itself. clock: nanoseconds since 1970. commits: how many
    were made here. A transaction keeps its turn until it ends; who waits for it for longer than the limits allow
    gets `Unavailable`. After a fork the child gets a connection of its own. docs/decisions/0010-threads.md says
    why it is one connection.

    A file of an older format is upgraded by the first transaction that writes; until then a table may be absent.
    A file to be made "lazily" is made by it, and goes again when that one fails; until then an empty log in
    memory is read in its place.
    """

    def __init__(
        self,
        path: str,
        *,
        create: bool | Literal["lazily"],
        read_only: bool,
        durability: str | None,
        limits: Limits,
        clock: Callable[[], int],
    ) -> None:
        self.limits, self.clock = limits, clock
        self._opening = Opening(path, read_only=read_only, durability=durability, timeout=limits.timeout)
        self.path, self.real_path, self.read_only = path, self._opening.real_path, read_only
        self.unlocked_because = self._opening.unlocked_because
        kind = sqlite_lock.WriteLock if self.unlocked_because is None else sqlite_lock.NoLock
        self._lock = kind(path, self.real_path + "-lock", limits.timeout)
        self._connection: sqlite3.Connection | None = None
        self._patience: Patience | None = None  # of that connection
        self._plain: set[str] = set()  # tables in it that are known to be rows and no more
        self._writers, self._turn = threading.RLock(), threading.RLock()
        self._writer: int | None = None  # the thread whose transaction is open
        self._closed = self._is_older = False
        self.commits = 0
        self.facts: dict[str, str] = {}
        self.tail = Tail(limits.streams)
        if read_only:
            create = False
        self._opening.check_folder(bool(create))
        self._absent = not self._found()
        self._new = False  # the file was made by the transaction that is open
        if self._absent and not create:
            raise missing(path)
        if self._absent and create != "lazily":
            with self.transaction():
                pass
        _open_files.add(self)

    def _found(self) -> bool:
        """Connect to the store, if there is one."""
        opened = self._opening.open()
        if opened is None:
            return False
        (connection, self.facts), self._absent = opened, False
        self._use(connection)
        self._is_older = is_older(self.facts)
        self.tail.forget()
        if not self.read_only:
            try:
                self._opening.check_durability(self.facts["durability"])
            except ConfigurationError:
                self.close()
                raise
            self._opening.set_modes(connection, self.facts["durability"])
        return True

    def _use(self, connection: sqlite3.Connection | None) -> None:
        self._connection, self._plain = connection, set()
        self._patience = None if connection is None else Patience(connection, self.real_path)

    # ── making ────────────────────────────────────────────────────────────────────────────────

    def _imagine(self) -> None:
        """An empty log in memory, to be read as long as there is no file."""
        connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=256, check_same_thread=False)
        guard(connection)
        self._fill(connection)
        connection.execute("PRAGMA query_only=ON")
        self._use(connection)

    def _make(self) -> bool:
        """An empty file for the transaction that fills it, under the lock; False if somebody else made the store."""
        self._discard()
        if self._found():
            return False
        self._new = not os.path.exists(self.real_path)
        try:
            descriptor = os.open(self.real_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise read_only(self.path, error.strerror or str(error)) from error
        with suppress(OSError):  # not ours, or on a file system without modes: doctor says who may read it
            os.chmod(self.real_path, 0o600)  # an empty file may have been there
        os.close(descriptor)
        try:
            connection = self._opening.connect("rw")
            self._use(connection)
            # Of no effect in a transaction, so that it is done before.
            connection.execute(f"PRAGMA journal_mode={self._opening.journal}")
            self._opening.set_modes(connection, self._opening.durability)
        except BaseException as error:
            self._unmake(self._connection)
            if isinstance(error, sqlite3.Error):
                raise translate(error, self.path) from error
            raise
        self._absent = False
        return True

    def _fill(self, connection: sqlite3.Connection) -> None:
        """The schema and the facts, in the transaction that is open."""
        if not establish(
            connection, self._opening.durability, self.clock() // 1000
        ):  # somebody was faster, where there is no lock
            self._new = False
        self.facts = recognise(connection, self.path)
        self._opening.check_durability(self.facts["durability"])

    def _upgrade(self, connection: sqlite3.Connection) -> None:
        """Bring a store of an older format up to date, in a transaction of its own; then the caller's begins."""
        self.facts = upgrade(connection, self.path)
        connection.execute("COMMIT")
        self._is_older = False
        connection.execute("BEGIN IMMEDIATE")

    def _unmake(self, connection: sqlite3.Connection | None) -> None:
        """Take away the file that a failed transaction was to fill. Nobody can use it yet, if all wait for the lock."""
        if connection is not self._connection:  # a child's view of its parent's, or a commit whose end is not known
            return
        self._discard()
        self._absent = True
        if self._new and self.unlocked_because is None:
            with suppress(OSError):
                os.unlink(self.real_path)
            self._lock.remove()

    # ── using ─────────────────────────────────────────────────────────────────────────────────

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection of this process, for who has the turn. Raises `Misuse` after `close`."""
        self._check_use()
        if self._connection is None or (self._absent and self._opening.is_there):
            self._connect()
        assert self._connection is not None
        return self._connection

    def _check_use(self) -> None:
        if self._closed:
            raise Misuse(f"the store {self.path} is closed", code="closed")

    def _connect(self) -> None:
        imagined = self._connection if self._absent else None
        if self._found():
            if imagined is not None:
                imagined.close()
        elif not self._absent:
            raise missing(self.path)
        elif imagined is None:
            self._imagine()

    def query(self, sql: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
        """All rows of one statement. Raises typed errors."""
        try:
            return self.execute(sql, parameters)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise translate(error, self.path) from error

    def execute(
        self, sql: str, parameters: Any = (), prepare: Callable[[sqlite3.Connection], None] | None = None
    ) -> list[tuple[Any, ...]]:
        """All rows of one statement, in one turn. prepare: gives the connection what the statement wants.

        Raises what SQLite does, and `Unavailable` if a transaction of another thread goes on for too long.
        """
        turn = self._turn
        if not turn.acquire(False):
            self._wait_for(turn)
        try:
            connection = self._connection
            if connection is None or self._absent or self._closed:
                connection = self.connection
            if prepare is not None:
                prepare(connection)
            if self._patience is not None:
                self._patience.renew()
            if self._opening.rest is not None:
                return self._read_at_rest(sql, parameters, prepare)
            return connection.execute(sql, parameters).fetchall()
        finally:
            turn.release()

    def _read_at_rest(
        self, sql: str, parameters: Any, prepare: Callable[[sqlite3.Connection], None] | None
    ) -> list[tuple[Any, ...]]:
        """All rows of one statement over a file that nobody shares: read again, anew, if somebody came meanwhile."""
        while True:
            connection = self.connection
            if prepare is not None:
                prepare(connection)
            try:
                rows = connection.execute(sql, parameters).fetchall()
            except sqlite3.Error:
                if self._opening.is_at_rest(self._opening.rest):
                    raise
            else:
                if self._opening.is_at_rest(self._opening.rest):
                    return rows
            self._discard()

    @property
    def rest(self) -> Rest | None:
        """By what a `reader` can tell that what it gives is true; None if it is anyhow."""
        return self._opening.rest

    def check_rest(self, rest: Rest | None) -> None:
        """Raise `Unavailable` if somebody came to write since then."""
        if not self._opening.is_at_rest(rest):
            raise disturbed(self.path)

    def holds_rows(self, table: str) -> bool:
        """Whether there is a table of that name. Raises `Damaged` if something is there that is not rows alone."""
        if table in self._plain:
            return True
        found = check_rows(self.query, self.path, table)
        if found:
            self._plain.add(table)
        return found

    def mark(self) -> tuple[object, ...]:
        """What is another one after every commit: of others, of this connection's, or with the file itself."""
        version = self.query("PRAGMA data_version")[0][0]  # changes with the commits of others only
        return self._connection, version, self.commits

    @property
    def writing(self) -> bool:
        """Whether a transaction of this thread is open."""
        return self._writer == threading.get_ident()

    @property
    def is_locked(self) -> bool | None:
        """Whether somebody keeps the lock between processes; None where there is none, or we may not look.

        Raises `Unavailable` if the file system can't lock.
        """
        return sqlite_lock.is_held(self.path, self.real_path + "-lock") if self.unlocked_because is None else None

    @property
    def immutable(self) -> bool:
        """Whether the file is on a medium that nobody can write to."""
        return self._opening.immutable

    @property
    def journal_mode(self) -> str:
        """`wal`, `delete` …: that of the file."""
        return self._opening.journal_of_medium() or str(self.query("PRAGMA journal_mode")[0][0])

    @property
    def has_snapshots(self) -> bool:
        """Whether a reader may stay open while others write."""
        return self.immutable or (self._opening.rest is None and self.journal_mode == "wal")

    @contextmanager
    def reader(self) -> Iterator[sqlite3.Connection]:
        """A second, read-only connection, for a result that is too long to be held in memory."""
        if self._absent:
            raise missing(self.path)
        self.query("SELECT 1")  # a file that lay by itself is opened anew, if it does no more
        connection = self._opening.connect_reader()
        try:
            yield connection
        except sqlite3.Error as error:
            raise translate(error, self.path) from error
        finally:
            connection.close()

    def transaction(self) -> _Transaction:
        """The one place that writes: lock, BEGIN IMMEDIATE, COMMIT or ROLLBACK, unlock.

        Raises `Unavailable` and `Damaged` for what SQLite reports, and whatever the block raises;
        nothing is written then, and no file is made.
        """
        if self.read_only and not self._closed:
            raise read_only(self.path, "it was opened for reading only")
        if self.writing:
            raise Misuse("a transaction is open already", hint="they don't nest", code="nested-transaction")
        return _Transaction(self)

    def _begin(self) -> tuple[sqlite3.Connection, bool]:
        """The connection with an open transaction, and whether the file is made by it."""
        made = self._absent and self._make()
        connection = self._connection or self.connection
        if self._opening.lacks_wal:
            self._opening.give_wal(connection, self.facts["durability"])
        if self._patience is not None:
            self._patience.widen()
        try:
            connection.execute("BEGIN IMMEDIATE")
            if made:
                self._fill(connection)
            elif self._is_older:
                self._upgrade(connection)
        except BaseException as error:
            self._give_up(connection, made, error)
            raise
        return connection, made

    def _give_up(self, connection: sqlite3.Connection, made: bool, error: BaseException) -> None:
        """Undo the transaction that `error` ended. Raises the typed error in its place if SQLite raised it."""
        self._roll_back(connection)
        if made:
            self._unmake(connection)
        if isinstance(error, sqlite3.Error):
            raise translate(error, self.path) from error

    def _commit(self, connection: sqlite3.Connection) -> None:
        self.commits += 1
        try:
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            known = translate(error, self.path, committing=True)
            if isinstance(known, CqrsError):
                # What SQLite believes about pages whose sync failed can't be trusted: begin afresh.
                self._roll_back(connection)
                self._discard()
            raise known from error

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        self.tail.forget()
        if connection is self._connection and connection.in_transaction:  # not a child's view of its parent's
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")

    def _discard(self) -> None:
        self.tail.forget()
        connection = self._connection
        self._use(None)
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def close(self) -> None:
        """Close the connection, under the lock if it can checkpoint. Closing twice is harmless.

        Waits for the transaction of another thread; raises `Unavailable` if that goes on for too long.
        """
        writers, turn = self._writers, self._turn
        self._wait_for(writers)
        try:
            self._wait_for(turn)
            try:
                self._close()
            finally:
                turn.release()
        finally:
            writers.release()

    def _close(self) -> None:
        self._closed = True
        if self._connection is None or self.read_only or self._absent:
            self._discard()
            self._lock.close()
            return
        try:
            # Without the lock SQLite still checkpoints only if nobody else has the store open, and it keeps others
            # out meanwhile. So who wrote nothing does not wait, nor who has waited in vain just now.
            with suppress(CqrsError):
                self._lock.acquire(wait=self.commits > 0 and not self._lock.timed_out)
            self._discard()
        finally:
            self._lock.release()
            self._lock.close()

    def _wait_for(self, turn: threading.RLock) -> None:
        if not turn.acquire(True, self.limits.timeout):
            raise locked(self.path, self.limits.timeout)

    def abandon(self) -> None:
        """In the child of a fork: leave the parent's connection and lock alone, and open anew when asked."""
        connection = self._connection
        self._use(None)
        self.tail = Tail(self.limits.streams)
        self._writers, self._turn, self._writer = threading.RLock(), threading.RLock(), None
        self._lock.close()
        if connection is not None:
            import ctypes

            # Never finalised here: closing it could roll back what the parent is writing.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


class _Transaction:
    """`SQLiteFile.transaction`. A class, for a generator takes twice as long round each commit."""

    __slots__ = ("_connection", "_file", "_made", "_turn", "_writers")

    def __init__(self, file: SQLiteFile) -> None:
        self._file = file
        self._writers, self._turn = file._writers, file._turn  # after a fork the file has others

    def __enter__(self) -> sqlite3.Connection:
        file = self._file
        if not self._writers.acquire(False):
            file._wait_for(self._writers)
        try:
            file._check_use()
            file._lock.acquire()  # before the turn: others may read while we wait for another process
            try:
                if not self._turn.acquire(False):
                    file._wait_for(self._turn)
                try:
                    self._connection, self._made = file._begin()
                except BaseException:
                    self._turn.release()
                    raise
            except BaseException:
                file._lock.release()
                raise
        except BaseException:
            self._writers.release()
            raise
        file._writer = threading.get_ident()
        return self._connection

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        file = self._file
        try:
            if error is not None:
                file._give_up(self._connection, self._made, error)
                return
            try:
                file._commit(self._connection)
            except BaseException as failure:
                file._give_up(self._connection, self._made, failure)
                raise
        finally:
            file._writer = None
            if file._patience is not None:
                file._patience.narrow()
            self._turn.release()
            file._lock.release()
            self._writers.release()


def _abandon_all() -> None:
    for file in list(_open_files):
        file.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)
