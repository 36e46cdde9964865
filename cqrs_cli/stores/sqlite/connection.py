"""The connections of this process to files of stores, all of them known.

SQLite keeps a table of what it has locked, by file. The system keeps the locks by file and process. Two things make the
table false, and SQLite can't see either; the next process to close then believes to be the last, and takes the
write-ahead log away from under this one:

- Who closes any descriptor of a file loses all locks that the process has on it. So nobody reads a store's file past
  SQLite while a connection to it is open: `start_of`.
- The child of a fork has the table and not one of the locks. So nothing is open when a process forks, or the child is
  kept from the file: `hold`, `release` and `inherit`, which `forks` calls.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from contextlib import suppress
from typing import Any

from cqrs_cli.stores.sqlite.errors import forked

PATIENCE = 10.0
"""Seconds that a fork waits until nobody is inside SQLite."""

Identity = tuple[int, int]
"""Device and inode: which file it is, whatever it is called by now."""


class Connection(sqlite3.Connection):
    """identity: the file that is open; None of one in memory, and when it is closed. turn: held by who runs a statement
    outside the turns of the store.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        self.identity: Identity | None = None
        self.turn = threading.RLock()
        self._real_path, self.has_locks = "", False
        super().__init__(*args, **options)

    def belongs_to(self, real_path: str, identity: Identity, has_locks: bool) -> None:
        """Say which file it is, under which name, and whether SQLite locks it."""
        self._real_path, self.identity, self.has_locks = real_path, identity, has_locks

    @property
    def is_in_place(self) -> bool:
        """Whether the file that is open is still the one at its path."""
        return self.identity is None or identity_of(self._real_path) == self.identity

    def close(self) -> None:
        """Close it. Where another file is at the path by now, SQLite leaves that one's write-ahead log alone."""
        super().close()
        self.identity = None

    def leave(self) -> None:
        """In a child of a fork: leave it to the parent. It is never finalised, which would close it."""
        import ctypes

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))


_guard = threading.RLock()
_open: weakref.WeakSet[Connection] = weakref.WeakSet()
_inherited: set[Identity] = set()  # of what the parent had in use when it forked this process
_held: list[threading.RLock] = []


def identity_of(path: str) -> Identity | None:
    """Which file is at the path; None if there is none, or we may not look."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def check_inheritance(path: str, real_path: str) -> None:
    """Raise `Unavailable` (`forked`) if the parent of this process had the file in use when it forked."""
    if _inherited and identity_of(real_path) in _inherited:
        raise forked(path)


def connect(path: str, real_path: str, mode: str, timeout: float) -> Connection:
    """A connection to the file at `real_path`, of which nothing was read yet.

    path: as in messages. mode: `rw`, `ro` or `immutable`. Raises what SQLite does, and `Unavailable` (`forked`).
    """
    quoted = real_path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    uri = f"file:{quoted}?{'mode=ro&immutable=1' if mode == 'immutable' else 'mode=' + mode}"
    with _guard:
        while True:
            check_inheritance(path, real_path)
            identity = identity_of(real_path)
            connection = sqlite3.connect(
                uri,
                uri=True,
                isolation_level=None,
                timeout=timeout,
                cached_statements=256,
                check_same_thread=False,  # threads take turns
                factory=Connection,
            )
            if identity is not None and identity_of(real_path) == identity:
                connection.belongs_to(real_path, identity, mode != "immutable")
                _open.add(connection)
                return connection
            sqlite3.Connection.close(connection)  # somebody puts another file there; of this one nothing was read


def start_of(real_path: str, size: int) -> bytes | None:
    """The first bytes of a file; None if this process has it open, for then it is a database. Raises `OSError`."""
    with _guard:
        identity = identity_of(real_path)
        if identity in {connection.identity for connection in list(_open) if connection.has_locks}:
            return None
        with open(real_path, "rb") as file:
            return file.read(size)


# ── forks ─────────────────────────────────────────────────────────────────────────────────────


def hold() -> None:
    """Before a fork: wait until nobody connects, and nobody is inside SQLite with one of these."""
    _guard.acquire()
    ends = time.monotonic() + PATIENCE
    for connection in list(_open):
        if connection.turn.acquire(timeout=max(0.0, ends - time.monotonic())):
            _held.append(connection.turn)


def release() -> None:
    """After the fork, in the parent."""
    while _held:
        _held.pop().release()
    with suppress(RuntimeError):  # an interrupt came before it was taken
        _guard.release()


def inherit() -> None:
    """After the fork, in the child: what is open belongs to the parent, and so do its files."""
    global _guard
    _guard = threading.RLock()
    _held.clear()
    for connection in list(_open):
        if connection.identity is not None:
            _inherited.add(connection.identity)
            connection.leave()
    _open.clear()
