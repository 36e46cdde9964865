"""The way into a transaction that writes, and out: in which order turns, lock and file are taken and given back."""

from __future__ import annotations

import threading
from typing import Protocol

from cqrs_cli.stores.sqlite.connection import Connection
from cqrs_cli.stores.sqlite.lock import WriteLock


class Target(Protocol):
    """What is written to. writers, turn: of threads; the second is for who reads, too. writer: whose turn it is."""

    writers: threading.RLock
    turn: threading.RLock
    lock: WriteLock
    writer: int | None
    made: bool

    def wait_for(self, turn: threading.RLock) -> None:
        """Take a turn, or raise `Unavailable`."""

    def check_use(self) -> None:
        """Raise a typed error if it is not to be used here."""

    def begin(self) -> tuple[Connection, bool]:
        """A connection with an open transaction, and whether the file is made by it."""
        ...

    def commit(self, connection: Connection) -> None:
        """What was written is there, or a typed error is raised."""

    def give_up(self, connection: Connection, made: bool, error: BaseException) -> None:
        """Undo the transaction that `error` ended."""

    def has(self, connection: Connection) -> bool:
        """Whether it is still the connection."""
        ...

    def narrow(self) -> None:
        """The transaction is over."""


class Transaction:
    """`SQLiteFile.transaction`. A class, for a generator takes twice as long round each commit."""

    __slots__ = ("_connection", "_file", "_made", "_turn", "_writers")

    def __init__(self, file: Target) -> None:
        self._file = file
        self._writers, self._turn = file.writers, file.turn  # after a fork the file has others

    def __enter__(self) -> Connection:
        file = self._file
        if not self._writers.acquire(False):
            file.wait_for(self._writers)
        try:
            file.check_use()
            file.lock.acquire()  # before the turn: others may read while we wait for another process
            try:
                if not self._turn.acquire(False):
                    file.wait_for(self._turn)
                try:
                    self._connection, self._made = file.begin()
                    file.writer = threading.get_ident()
                except BaseException:
                    self._turn.release()
                    raise
            except BaseException:
                file.lock.release()
                raise
        except BaseException:
            self._writers.release()
            raise
        return self._connection

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        file = self._file
        try:
            if error is not None:
                file.give_up(self._connection, self._made, error)
                return
            try:
                file.commit(self._connection)
            except BaseException as failure:
                # Once COMMIT is through, whatever comes after it, the file stays: others may have opened it.
                is_through = file.has(self._connection) and not self._connection.in_transaction
                file.give_up(self._connection, self._made and not is_through, failure)
                raise
            file.made = file.made or self._made
        finally:
            file.writer = None
            file.narrow()
            self._turn.release()
            file.lock.release()
            self._writers.release()
