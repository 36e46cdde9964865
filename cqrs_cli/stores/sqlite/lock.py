"""The lock between processes: an exclusive `flock` on a file beside the store.

It is held round a write transaction, the checkpoint after it and the close that may checkpoint, so
that no checkpoint ever runs beside a commit (SQLite's WAL-reset bug), and because waiting on it is
fairer and faster than SQLite's sleep-and-retry.
"""

from __future__ import annotations

import os
import stat
import sys
import threading
import time
from contextlib import suppress

from cqrs_cli.stores.sqlite.connection import Identity, give_back, identity_of
from cqrs_cli.stores.sqlite.errors import locked, read_only, unlockable
from cqrs_cli.stores.sqlite.mounts import file_system

if sys.platform == "win32":  # pragma: no cover
    fcntl = None
else:
    import fcntl

PROBES = 20
PROBE_SECONDS = 0.01
"""How often `is_held` looks, and how long it rests: a commit holds the lock for a few milliseconds."""

_LONGEST_NOTE = 200
_FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_NETWORK = frozenset(
    {
        "9p", "acfs", "afpfs", "afs", "beegfs", "ceph", "cifs", "coda", "cvfs", "davfs", "fhgfs", "fuse", "gfs", "gfs2",
        "glusterfs", "gpfs", "kafs", "lustre", "ncpfs", "nfs", "nfs3", "nfs4", "ocfs2", "orangefs", "panfs", "pvfs2",
        "smb2", "smb3", "smbfs", "v9fs", "wekafs",
    }
)  # fmt: skip
_OF_A_HOST = frozenset(
    {"drvfs", "fakeowner", "grpcfuse", "hgfs", "osxfs", "prl_fs", "prl_fs_freeze", "vboxsf", "virtiofs", "vmhgfs"}
)
"""How a virtual machine or a container sees folders of its host; its locks and its mapped memory end at the border."""


def why_not(path: str) -> str | None:
    """Why no such lock can be had for a store at `path`, or None if one can."""
    if fcntl is None:
        return "this system has no flock"
    kind = file_system(path)
    if kind in _OF_A_HOST:
        return f"{kind} is a file system that is shared with another system"
    if kind in _NETWORK or kind.startswith(("9p", "fuse.")):
        return f"{kind} is a network file system"
    return None


def is_held(store: str, path: str) -> bool | None:
    """Whether somebody holds the lock file at `path` and keeps it; None if we may not look. Makes no file.

    store: as in messages. Raises `Unavailable` if the file system can't lock.
    """
    try:
        file = os.open(path, os.O_RDONLY | _FLAGS)
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
        give_back(file)


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
        self._identity: Identity | None = None
        self.timed_out = False

    def acquire(self, wait: bool = True) -> None:
        """Take the lock.

        Raises `Unavailable`: locked (for too long, if we wait), no lock file can be made, or it can't be locked.
        """
        while True:
            file = self._open() if self._file is None else self._file
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not wait:
                    raise locked(self._store, 0) from None
                self._wait(file)
            except OSError as error:
                self.close()
                raise unlockable(self._store, self._path, error) from error
            if identity_of(self._path) == self._identity:
                self.timed_out = False
                return
            self.close()  # somebody took the file away: others lock the one that is there now

    def _open(self) -> int:
        try:
            file = self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | _FLAGS, 0o600)
            found = os.fstat(file)
        except OSError as error:
            self.close()
            raise read_only(self._store, f"{self._path}: {error.strerror}") from error
        self._identity = found.st_dev, found.st_ino
        _share(file, found, self._path.removesuffix("-lock"))
        return file

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
                        with suppress(OSError):  # a child of a fork may have the file too, and with it the lock
                            fcntl.flock(file, fcntl.LOCK_UN)
                        give_back(file)
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

    def note(self, text: str) -> None:
        """Write down what whoever opens the store is to know (`noted`), while the lock is held. Never an error."""
        file = self._file
        if file is None:
            return
        note = f"cqrs {self._identity}: {text}\n".encode()
        with suppress(OSError):
            before = os.pread(file, _LONGEST_NOTE, 0)
            if before != note and _is_a_lock(os.fstat(file)) and before[:5] in (b"", note[:5]):
                os.pwrite(file, note, 0)
                os.ftruncate(file, len(note))

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
            give_back(file)


def _is_a_lock(found: os.stat_result) -> bool:
    """Whether it looks like a file of ours. What lies in a folder of others may be a trap: root would give it away."""
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and found.st_size <= _LONGEST_NOTE


def _share(file: int, found: os.stat_result, store: str) -> None:
    """Give a lock file the owner, group and mode of the store, as SQLite does with the files that it makes.

    Or a command of root's, or of one of a group, would keep the others out. found: what the file is.
    """
    if not _is_a_lock(found):
        return
    with suppress(OSError):  # the file may be somebody else's, who has done it
        wanted = os.stat(store)
        if not wanted.st_size:
            return  # it is still to be made
        if os.geteuid() == 0 and found.st_uid != wanted.st_uid:
            os.fchown(file, wanted.st_uid, -1)
        if found.st_gid != wanted.st_gid:
            os.fchown(file, -1, wanted.st_gid)
        mode = stat.S_IMODE(wanted.st_mode) & 0o666 | 0o600
        if stat.S_IMODE(found.st_mode) != mode:
            os.fchmod(file, mode)


def noted(path: str) -> str:
    """What was written down in this very lock file, and not in one that it is a copy of; nothing if we may not look."""
    try:
        file = os.open(path, os.O_RDONLY | _FLAGS)
    except OSError:
        return ""
    try:
        found = os.fstat(file)
        which, _, text = os.read(file, _LONGEST_NOTE).decode("ascii", "replace").partition(": ")
        return text.strip() if which == f"cqrs {(found.st_dev, found.st_ino)}" else ""
    except OSError:
        return ""
    finally:
        give_back(file)


class NoLock(WriteLock):
    """Where no lock can be had: SQLite's own locks have to do, with a rollback journal."""

    def acquire(self, wait: bool = True) -> None:
        """Nothing to wait for."""

    def release(self) -> None:
        """Nothing to release."""
