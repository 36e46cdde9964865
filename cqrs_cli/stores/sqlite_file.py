"""A SQLite file as a store: how it is made, opened and recognised, and the one place that opens transactions."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Literal

from cqrs_cli.errors import ConfigurationError, CqrsError, Misuse, NotFound, Unavailable
from cqrs_cli.stores import sqlite_lock
from cqrs_cli.stores.sqlite_errors import foreign, missing, read_only, translate
from cqrs_cli.stores.sqlite_tail import Tail

APPLICATION_ID = 0x63717273  # "cqrs"
FORMAT = 1
MINIMUM_SQLITE = (3, 37, 0)
TIMEOUT = 10.0
"""Seconds to wait for another writer before `Unavailable` (code `locked`)."""

_SYNCHRONOUS = {"full": "EXTRA", "relaxed": "NORMAL"}
# With a rollback journal a power loss does more. After FULL the journal may not be gone: it comes back, and takes the
# last commit with it; EXTRA syncs the folder too. After NORMAL the journal may be used although its pages did not
# arrive, and the store is damaged: that is no durability to offer.
_SYNCHRONOUS_WITHOUT_WAL = {"full": "EXTRA", "relaxed": "FULL"}
_HEADER = b"SQLite format 3\0"
_JOURNAL_HEADER = bytes.fromhex("d9d505f920a163d7")
_open_files: weakref.WeakSet[SQLiteFile] = weakref.WeakSet()


class SQLiteFile:
    """One connection to one store file, for one thread of one process.

    path: as the user gave it. facts: what the store says about itself. After a fork the child gets a
    connection of its own; a second thread gets `Misuse`.

    A file to be made "lazily" is made by the first transaction that writes, and goes again when that
    one fails; until then an empty log in memory is read in its place.
    """

    def __init__(
        self,
        path: str,
        *,
        create: bool | Literal["lazily"],
        read_only: bool,
        durability: str | None,
        timeout: float | None = None,
    ) -> None:
        if sqlite3.sqlite_version_info < MINIMUM_SQLITE:
            raise Unavailable(
                f"SQLite {sqlite3.sqlite_version} is too old: cqrs needs {'.'.join(map(str, MINIMUM_SQLITE))}",
                hint="use a Python that is linked to a newer SQLite",
                code="sqlite-too-old",
            )
        if durability is not None and durability not in _SYNCHRONOUS:
            raise ConfigurationError(f"no such durability: {durability!r}", hint="full or relaxed")
        if not path or path == ":memory:" or "\0" in path:
            raise ConfigurationError(f"{path!r} is no path of a store", hint="a store is a file, as in --store shop.db")
        self.path = path
        self.real_path = os.path.realpath(path)
        self.read_only = read_only
        self.immutable = False
        self.timeout = TIMEOUT if timeout is None else timeout
        self.unlocked_because = sqlite_lock.why_not(self.real_path)
        kind = sqlite_lock.WriteLock if self.unlocked_because is None else sqlite_lock.NoLock
        self._lock = kind(path, self.real_path + "-lock", self.timeout)
        self._connection: sqlite3.Connection | None = None
        self._thread = threading.get_ident()
        self._closed = False
        self.facts: dict[str, str] = {}
        self.tail = Tail()
        self._durability = durability
        if read_only:
            create = False
        self._check_folder(bool(create))
        self._absent = not self._found()
        self._new = False  # the file was made by the transaction that is open
        if self._absent and not create:
            raise missing(path)
        if self._absent and create != "lazily":
            with self.transaction():
                pass
        _open_files.add(self)

    def _check_folder(self, create: bool) -> None:
        if os.path.isdir(self.real_path):
            raise ConfigurationError(f"{self.path} is a folder", hint="a store is a file, as in --store shop.db")
        if create and not os.path.isdir(os.path.dirname(self.real_path)):
            raise NotFound(
                f"no folder for the store {self.path}",
                hint="make the folder first",
                code="store-not-found",
                store=self.path,
            )

    # ── opening ───────────────────────────────────────────────────────────────────────────────

    def _found(self) -> bool:
        """Connect to the store; False if there is none: no file, an empty one, or what an interrupted creation left."""
        if not self._has_file():
            return False
        if not self._has_header() and self.read_only:
            return False
        if not self.read_only and not os.access(self.real_path, os.W_OK):
            raise read_only(self.path, "no right to write")  # SQLite would open it for reading, and fail at a write
        connection = self._open()
        try:
            self._recognise(connection)
        except NotFound:
            connection.close()
            return False
        except BaseException:
            connection.close()
            raise
        self._connection, self._absent = connection, False
        self.tail.forget()
        if not self.read_only:
            try:
                self._check_durability()
            except ConfigurationError:
                self.close()
                raise
            self._set_modes(connection, self.facts["durability"])
        return True

    def _has_file(self) -> bool:
        with suppress(OSError):
            return os.path.getsize(self.real_path) > 0
        return False

    def _check_durability(self) -> None:
        recorded = self.facts["durability"]
        if self._durability not in (None, recorded):
            raise ConfigurationError(
                f"{self.path} was made with durability {recorded}, not {self._durability}",
                hint=f"leave the setting out, or set it to {recorded}",
            )

    def _has_header(self) -> bool:
        """Whether it begins as a database does. False if the power failed while it was being made; else it is foreign.

        SQLite takes a file of less than 512 bytes for an empty database, and would overwrite it.
        """
        with suppress(OSError), open(self.real_path, "rb") as file:  # what can't be read, SQLite reports
            if file.read(16) != _HEADER:
                if not self._was_empty():
                    raise foreign(self.path, "is not a SQLite database, or its header is damaged")
                return False
        return True

    def _was_empty(self) -> bool:
        """Whether a rollback journal is there that empties the file again: it says how many pages were there before."""
        with suppress(OSError), open(self.real_path + "-journal", "rb") as file:
            header = file.read(20)
            return header[:8] == _JOURNAL_HEADER and header[16:] == bytes(4)
        return False

    def _open(self) -> sqlite3.Connection:
        """A connection, with all its pragmas; nothing is created."""
        if not self.read_only:
            return self._prepare("rw")
        connection = self._prepare("immutable" if self.immutable else "ro")
        try:
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()
        except sqlite3.OperationalError as error:
            name = error.sqlite_errorname
            # WAL needs files beside the store. Where none can be made, nobody writes either.
            medium = name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")) and not os.access(
                os.path.dirname(self.real_path), os.W_OK
            )
            if not medium or self._has_journal():
                return connection  # the first query says it again, as a typed error
            connection.close()
            self.immutable = True
            connection = self._prepare("immutable")
        except sqlite3.DatabaseError:
            pass
        return connection

    def _has_journal(self) -> bool:
        for suffix in ("-wal", "-journal"):
            with suppress(OSError):
                if os.path.getsize(self.real_path + suffix):
                    return True
        return False

    def _prepare(self, mode: str) -> sqlite3.Connection:
        quoted = self.real_path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
        uri = f"file:{quoted}?{'mode=ro&immutable=1' if mode == 'immutable' else 'mode=' + mode}"
        try:
            connection = sqlite3.connect(
                uri, uri=True, isolation_level=None, timeout=self.timeout, cached_statements=256
            )
        except sqlite3.Error as error:
            raise translate(error, self.path) from error
        self._guard(connection)
        if mode != "rw":
            connection.execute("PRAGMA query_only=ON")
        return connection

    @staticmethod
    def _guard(connection: sqlite3.Connection) -> None:
        for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "recursive_triggers=ON"):
            connection.execute(f"PRAGMA {pragma}")

    def _recognise(self, connection: sqlite3.Connection) -> None:
        """Fill in `facts`, or raise: not a store, newer, damaged. `NotFound` if the database is empty."""
        try:
            application_id = connection.execute("PRAGMA application_id").fetchone()[0]
            if application_id != APPLICATION_ID:
                if application_id == 0 and connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None:
                    raise missing(self.path)
                raise foreign(self.path, "is a SQLite database, but not a cqrs store")
            self.facts = dict(connection.execute("SELECT name, value FROM cqrs_store"))
            stored = int(self.facts["format"])
            connection.execute("PRAGMA cache_size=-16000")
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorname", "") == "SQLITE_NOTADB":
                raise foreign(self.path, "is not a SQLite database, or its header is damaged") from error
            raise translate(error, self.path) from error
        except (KeyError, ValueError) as error:
            raise foreign(self.path, "does not say which format of a cqrs store it has") from error
        if stored > FORMAT:
            raise Unavailable(
                f"{self.path} has format {stored}, this cqrs knows up to {FORMAT}",
                hint="use a newer cqrs",
                code="newer-format",
                store=self.path,
            )

    def _set_modes(self, connection: sqlite3.Connection, durability: str) -> None:
        """Durability as recorded; a rollback journal where no lock can be had. For a connection that writes."""
        try:
            wal = connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
            levels = _SYNCHRONOUS if wal and self.unlocked_because is None else _SYNCHRONOUS_WITHOUT_WAL
            for pragma in (
                f"synchronous={levels[durability]}",
                "fullfsync=ON",
                "checkpoint_fullfsync=ON",
            ):
                connection.execute(f"PRAGMA {pragma}")
            connection.execute("PRAGMA journal_size_limit=67108864")
            connection.execute("PRAGMA wal_autocheckpoint=4000")
            if wal and self.unlocked_because is not None:
                connection.execute("PRAGMA journal_mode=delete")
        except sqlite3.Error as error:
            raise translate(error, self.path) from error

    # ── making ────────────────────────────────────────────────────────────────────────────────

    def _imagine(self) -> None:
        """An empty log in memory, to be read as long as there is no file."""
        connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=256)
        self._guard(connection)
        self._fill(connection)
        connection.execute("PRAGMA query_only=ON")
        self._connection = connection

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
            connection = self._connection = self._prepare("rw")
            # Of no effect in a transaction, so that it is done before.
            connection.execute(f"PRAGMA journal_mode={'wal' if self.unlocked_because is None else 'delete'}")
            self._set_modes(connection, self._durability or "full")
        except BaseException as error:
            self._unmake(self._connection)
            if isinstance(error, sqlite3.Error):
                raise translate(error, self.path) from error
            raise
        self._absent = False
        return True

    def _fill(self, connection: sqlite3.Connection) -> None:
        """The schema and the facts, in the transaction that is open."""
        from cqrs_cli.stores.sqlite_schema import bring_up_to_date  # sqlite-utils is for who makes a store

        if connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None:
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            bring_up_to_date(connection)
            facts = {
                "format": str(FORMAT),
                "durability": self._durability or "full",
                "created_at": str(time.time_ns() // 1000),
            }
            connection.executemany("INSERT INTO cqrs_store VALUES (?, ?)", facts.items())
        else:  # somebody was faster, where there is no lock
            self._new = False
        self._recognise(connection)
        self._check_durability()

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
        """The connection of this thread and process. Raises `Misuse` in another thread or after `close`."""
        self._check_use()
        if self._connection is None or (self._absent and self._has_file()):
            self._connect()
        assert self._connection is not None
        return self._connection

    def _check_use(self) -> None:
        if threading.get_ident() != self._thread:
            raise Misuse(
                f"{self.path} was opened in another thread",
                hint="open the store once in each thread",
                code="wrong-thread",
            )
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
            return self.connection.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise translate(error, self.path) from error

    @property
    def writing(self) -> bool:
        """Whether a transaction is open."""
        return self._connection is not None and self._connection.in_transaction

    @property
    def is_locked(self) -> bool | None:
        """Whether somebody keeps the lock between processes; None where there is none, or we may not look."""
        return sqlite_lock.is_held(self.real_path + "-lock") if self.unlocked_because is None else None

    @property
    def journal_mode(self) -> str:
        """`wal`, `delete` …: that of the file, as its header says; an immutable connection says `delete` of any."""
        if self.immutable:
            with suppress(OSError), open(self.real_path, "rb") as file:
                return "wal" if file.read(19)[18:] == b"\2" else "delete"
        return str(self.query("PRAGMA journal_mode")[0][0])

    @property
    def has_snapshots(self) -> bool:
        """Whether a reader may stay open while others write."""
        return self.immutable or self.journal_mode == "wal"

    @contextmanager
    def reader(self) -> Iterator[sqlite3.Connection]:
        """A second, read-only connection, for a result that is too long to be held in memory."""
        if self._absent:
            raise missing(self.path)
        connection = self._prepare("immutable" if self.immutable else "ro")
        try:
            yield connection
        except sqlite3.Error as error:
            raise translate(error, self.path) from error
        finally:
            connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The one place that writes: lock, BEGIN IMMEDIATE, COMMIT or ROLLBACK, unlock.

        Raises `Unavailable` and `Damaged` for what SQLite reports, and whatever the block raises;
        nothing is written then, and no file is made.
        """
        self._check_use()
        if self.read_only:
            raise read_only(self.path, "it was opened for reading only")
        if self.writing:
            raise Misuse("a transaction is open already", hint="they don't nest", code="nested-transaction")
        with self._locked():
            made = self._absent and self._make()
            connection = self.connection
            try:
                connection.execute("BEGIN IMMEDIATE")
                if made:
                    self._fill(connection)
                yield connection
                self._commit(connection)
            except BaseException as error:
                self._roll_back(connection)
                if made:
                    self._unmake(connection)
                if isinstance(error, sqlite3.Error):
                    raise translate(error, self.path) from error
                raise

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._lock.acquire()
        try:
            yield
        finally:
            self._lock.release()

    def _commit(self, connection: sqlite3.Connection) -> None:
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
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def close(self) -> None:
        """Close the connection, under the lock if it can checkpoint. Closing twice is harmless."""
        self._closed = True
        if self._connection is None:
            self._lock.close()
            return
        if self.read_only or self._absent:
            self._discard()
            self._lock.close()
            return
        try:
            # Without the lock SQLite still checkpoints only if nobody else has the store open.
            # Who has waited in vain just now does not wait once more.
            with suppress(CqrsError):
                self._lock.acquire(wait=not self._lock.timed_out)
            self._discard()
        finally:
            self._lock.release()
            self._lock.close()

    def abandon(self) -> None:
        """In the child of a fork: leave the parent's connection and lock alone, and open anew when asked."""
        connection, self._connection = self._connection, None
        self.tail = Tail()
        self._thread = threading.get_ident()
        self._lock.close()
        if connection is not None:
            import ctypes

            # Never finalised here: closing it could roll back what the parent is writing.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


def _abandon_all() -> None:
    for file in list(_open_files):
        file.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)
