"""The lock between processes: an exclusive `flock` on a file beside the store.

It is held round a write transaction, the checkpoint after it and the close that may checkpoint, so
that no checkpoint ever runs beside a commit (SQLite's WAL-reset bug), and because waiting on it is
fairer and faster than SQLite's sleep-and-retry.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress

from cqrs_cli.stores.sqlite.errors import locked, read_only, unlockable

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]

PROBES = 20
PROBE_SECONDS = 0.01
"""How often `is_held` looks, and how long it rests: a commit holds the lock for a few milliseconds."""

MOUNTS = "/proc/self/mounts"
_NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "9p", "ceph", "lustre", "glusterfs", "beegfs", "gfs2", "ocfs2"}
)


def why_not(path: str) -> str | None:
    """Why no such lock can be had for a store at `path`, or None if one can."""
    if fcntl is None:
        return "this system has no flock"
    kind = _file_system(path)
    if kind in _NETWORK or kind.startswith("fuse."):
        return f"{kind} is a network file system"
    return None


def _file_system(path: str) -> str:
    """The kind of file system that holds `path`; empty where the system does not say."""
    try:
        with open(MOUNTS, encoding="utf-8", errors="surrogateescape") as lines:
            mounts = [line.split(" ")[1:3] for line in lines]
    except OSError:
        return ""
    best, kind = -1, ""
    for at, name in mounts:
        at = at.replace("\\040", " ")
        if (path == at or path.startswith(at.rstrip("/") + "/")) and len(at) >= best:
            best, kind = len(at), name
    return kind


def is_held(store: str, path: str) -> bool | None:
    """Whether somebody holds the lock file at `path` and keeps it; None if we may not look. Makes no file.

    store: as in messages. Raises `Unavailable` if the file system can't lock.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        for _ in range(PROBES):
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return False
            except BlockingIOError:
                time.sleep(PROBE_SECONDS)
            except OSError as error:
                raise unlockable(store, path, error) from error
        return True
    finally:
        os.close(file)


class WriteLock:
    """One holder at a time among all processes and all `WriteLock`s of one path.

    timed_out: the last wait was in vain.
    """

    def __init__(self, store: str, path: str, timeout: float) -> None:
        """store: the store's path as the user gave it, for messages. path: of the lock file. timeout: seconds."""
        self._store = store
        self._path = path
        self._timeout = timeout
        self._file: int | None = None
        self.timed_out = False

    def acquire(self, wait: bool = True) -> None:
        """Take the lock.

        Raises `Unavailable`: locked (for too long, if we wait), no lock file can be made, or it can't be locked.
        """
        while True:
            if self._file is None:
                try:
                    self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                except OSError as error:
                    raise read_only(self._store, f"{self._path}: {error.strerror}") from error
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not wait:
                    raise locked(self._store, 0) from None
                self._wait(self._file)
            except OSError as error:
                self.close()
                raise unlockable(self._store, self._path, error) from error
            if os.fstat(self._file).st_nlink:
                self.timed_out = False
                return
            self.close()  # its holder took the file away: others lock the one that is there now

    def _wait(self, file: int) -> None:
        """Block in a thread of its own, because `flock` knows no time-out."""
        done, guard, given_up = threading.Event(), threading.Lock(), False
        failure: OSError | None = None

        def block() -> None:
            nonlocal failure
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError as error:
                failure = error
            finally:
                with guard:
                    if given_up:
                        os.close(file)
                    done.set()

        threading.Thread(target=block, name="cqrs-lock", daemon=True).start()
        try:
            done.wait(self._timeout)
        finally:
            with guard:
                if not done.is_set():  # timed out or interrupted: the thread closes the file when it gets the lock
                    given_up = True
                    self._file = None
        if given_up:
            self.timed_out = True
            raise locked(self._store, self._timeout)
        if failure is not None:
            self.close()
            raise unlockable(self._store, self._path, failure) from failure

    def release(self) -> None:
        """Let the next one in. Where unlocking fails, giving the file back does it: what was written stands."""
        if self._file is not None:
            try:
                fcntl.flock(self._file, fcntl.LOCK_UN)
            except OSError:
                self.close()

    def remove(self) -> None:
        """Take the lock file away while the lock is held: whoever waits for it begins again."""
        if self._file is not None:
            with suppress(OSError):
                os.unlink(self._path)

    def close(self) -> None:
        """Give the lock file back. After a fork this leaves the parent's lock alone."""
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):  # it is closed all the same
                os.close(file)


class NoLock(WriteLock):
    """Where no lock can be had: SQLite's own locks have to do, with a rollback journal."""

    def acquire(self, wait: bool = True) -> None:
        """Nothing to wait for."""

    def release(self) -> None:
        """Nothing to release."""
