"""The connections of this process to files of stores, all of them known.

SQLite keeps a table of what it has locked, by file. The system keeps the locks by file and process. Two things make the
table false, and SQLite can't see either; the next process to close then believes to be the last, and takes the
write-ahead log away from under this one:

- Who closes any descriptor of a file loses all locks that the process has on it. So nobody reads a store's file past
  SQLite while a connection to it is open (`start_of`), or keeps the descriptor until none is (`past_sqlite`).
- The child of a fork has the table and not one of the locks. So nothing is open when a process forks, or the child is
  kept from the file: `hold`, `release` and `inherit`, which `forks` calls.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from cqrs_cli.stores.sqlite.errors import forked

PATIENCE = 10.0
"""Seconds that a fork waits until nobody is inside SQLite."""

_READING = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0)

Identity = tuple[int, int]
"""Device and inode: which file it is, whatever it is called by now."""
State = tuple[int, int]
"""When a file was last written to, in nanoseconds, and its size: nobody wrote to it as long as it has the same."""


class Connection(sqlite3.Connection):
    """identity: the file that is open; None of one in memory, and when it is closed. turn: held by who runs a statement
    outside the turns of the store. state: when the file was last written to, and its size, before it was opened.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        self.identity: Identity | None = None
        self.turn = threading.RLock()
        self._real_path, self.has_locks, self._abandoned = "", False, False
        self.state: State | None = None
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
        if self._abandoned:
            return
        super().close()
        identity, self.identity = self.identity, None
        if identity in _kept:
            _give_back(identity)

    def abandon(self) -> None:
        """Never close it: the last one to close takes what the log has into the file, which is no longer the log's."""
        if not self._abandoned:
            self._abandoned = True
            self.leave()

    def leave(self) -> None:
        """In a child of a fork: leave it to the parent. It is never finalised, which would close it."""
        import ctypes

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))


_guard = threading.RLock()
_open: weakref.WeakSet[Connection] = weakref.WeakSet()
_kept: dict[Identity, tuple[int, ...]] = {}  # descriptors of files that are open, and of the indexes of their logs
_inherited: set[Identity] = set()  # of what the parent had in use when it forked this process
_held: list[threading.RLock] = []


def stat_of(path: str) -> os.stat_result | None:
    """What is at the path; None if nothing is, or we may not look."""
    try:
        return os.stat(path)
    except OSError:
        return None


def identity_of(path: str) -> Identity | None:
    """Which file is at the path; None if there is none, or we may not look."""
    found = stat_of(path)
    return None if found is None else (found.st_dev, found.st_ino)


def state_of(found: os.stat_result) -> State:
    """Of what was found at a path."""
    return found.st_mtime_ns, found.st_size


def give_back(descriptor: int) -> None:
    """Close a descriptor of a file beside a store. Whatever the system says to that, it is closed."""
    with suppress(OSError):
        os.close(descriptor)


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
            found = stat_of(real_path)
            connection = sqlite3.connect(
                uri,
                uri=True,
                isolation_level=None,
                timeout=timeout,
                cached_statements=256,
                check_same_thread=False,  # threads take turns
                factory=Connection,
            )
            identity = None if found is None else (found.st_dev, found.st_ino)
            if found is not None and identity is not None and identity_of(real_path) == identity:
                connection.belongs_to(real_path, identity, mode != "immutable")
                connection.state = state_of(found)
                _open.add(connection)
                return connection
            sqlite3.Connection.close(connection)  # somebody puts another file there; of this one nothing was read


def start_of(real_path: str, size: int) -> bytes | None:
    """The first bytes of a file; None if this process has it open, for then it is a database. Raises `OSError`."""
    with _guard:
        if _is_open(identity_of(real_path)):
            return None
        with open(real_path, "rb") as file:
            return file.read(size)


@contextmanager
def past_sqlite(real_path: str) -> Iterator[tuple[int, ...]]:
    """Descriptors of a file and of the index of its log, to read from. Raises `OSError` if one of them is not there.

    They are kept as long as a connection of this process has the file open.
    """
    with _guard:
        identity = identity_of(real_path)
        if identity is None:
            raise FileNotFoundError(real_path)
        if identity not in _kept:
            _keep(identity, real_path)
        try:
            yield _kept[identity]
        finally:
            _give_back(identity)


def _keep(identity: Identity, real_path: str) -> None:
    index = os.open(f"{real_path}-shm", _READING)
    try:
        file = os.open(real_path, _READING)
    except OSError:
        give_back(index)
        raise
    found = os.fstat(file)
    if (found.st_dev, found.st_ino) != identity:  # somebody puts another file there
        give_back(file)
        give_back(index)
        raise FileNotFoundError(real_path)
    _kept[identity] = file, index


def _give_back(identity: Identity | None) -> None:
    with _guard:
        if identity is not None and not _is_open(identity):
            for descriptor in _kept.pop(identity, ()):
                give_back(descriptor)


def _is_open(identity: Identity | None) -> bool:
    """Whether a connection of this process has locks on the file."""
    return identity in {connection.identity for connection in list(_open) if connection.has_locks}


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
    _kept.clear()
    for connection in list(_open):
        if connection.identity is not None:
            _inherited.add(connection.identity)
            connection.leave()
    _open.clear()
