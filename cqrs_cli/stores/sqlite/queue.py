"""Who decides next for a stream: a courtesy among writers, so that none is outrun for ever.

What keeps the log right is the expected version of a commit, not this. But without a queue the slower of two writers
is outrun for as long as the faster one goes on. Nobody waits longer than the time-out, and who can't queue goes on.

A stream has two places: the turn, and the front of those who wait for it. Only who is at the front may take the turn,
so that whoever just had it queues again, behind the others.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from contextlib import suppress
from hashlib import blake2b

from cqrs_cli.stores.sqlite.connection import Identity, give_back, identity_of

if sys.platform == "linux":
    import fcntl
else:  # pragma: no cover - elsewhere locks on ranges would meet the `flock` on the same file
    fcntl = None  # type: ignore[assignment]

FRONT_SECONDS, BACK_SECONDS = 0.0005, 0.003
"""How long the first of the queue between processes, and those behind, rest between two looks."""


class _Places:
    """The places of one stream among the threads of this process. users: how many threads want one."""

    __slots__ = ("front", "turn", "users")

    def __init__(self) -> None:
        self.front, self.turn, self.users = threading.Lock(), threading.Lock(), 0


_guard = threading.Lock()
_places: dict[tuple[str, str], _Places] = {}  # by store and stream: a process may have a store open twice
_mine = threading.local()  # turns: those that this thread has


class Queue:
    """One at a time decides for a stream, among the threads and processes that have the store open."""

    def __init__(self, path: str, timeout: float, between_processes: bool) -> None:
        """path: of the store's lock file. timeout: seconds."""
        self.path, self._timeout = path, timeout
        self._file: int | None = None
        self._identity: Identity | None = None
        self._left: list[int] = []  # files whose place another took: a turn may still be held in one
        self._between_processes = between_processes and fcntl is not None

    def turn(self, stream: str) -> Turn:
        """Wait for the turn of the stream, and have it until the end; True if somebody else had it.

        Who has it already goes on at once.
        """
        return Turn(self, stream, time.monotonic() + self._timeout)

    def file(self) -> int | None:
        """The lock file that is at the path now, opened; None where none is used. Raises `OSError`."""
        if not self._between_processes:
            return None
        if self._file is not None and identity_of(self.path) != self._identity:
            self._left.append(self._file)
            self._file = None
        if self._file is None:
            file = self._file = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
            found = os.fstat(file)
            self._identity = found.st_dev, found.st_ino
        return self._file

    def close(self) -> None:
        """Give the files back."""
        file, self._file = self._file, None
        left, self._left = self._left, []
        for one in (*left, file):
            if one is not None:
                give_back(one)


class Turn:
    """The turn of a stream. A class, for a generator takes three times as long round each command."""

    __slots__ = ("_at", "_ends", "_file", "_has_turn", "_key", "_places", "_queue")

    def __init__(self, queue: Queue, stream: str, ends: float) -> None:
        self._queue, self._key, self._ends = queue, (queue.path, stream), ends
        self._places: _Places | None = None
        self._has_turn = False
        self._file: int | None = None

    def __enter__(self) -> bool:
        key = self._key
        mine = _mine.__dict__.setdefault("turns", set())
        if key in mine:
            return False
        with _guard:
            places = self._places = _places.setdefault(key, _Places())
            places.users += 1
        mine.add(key)
        try:
            waited = self._wait_for_threads(places)
            return self._wait_for_processes() or waited if self._has_turn else True
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *exc: object) -> None:
        places, key = self._places, self._key
        if places is None:
            return
        if self._file is not None:
            _unlock(self._file, self._at)
        if self._has_turn:
            places.turn.release()
        _mine.turns.discard(key)
        with _guard:
            places.users -= 1
            if not places.users:
                _places.pop(key, None)

    def _wait_for_threads(self, places: _Places) -> bool:
        is_first = places.front.acquire(False)
        if not is_first and not places.front.acquire(timeout=self._left()):
            return True
        try:
            is_next = places.turn.acquire(False)
            self._has_turn = is_next or places.turn.acquire(timeout=self._left())
        finally:
            places.front.release()
        return not (is_first and is_next)

    def _left(self) -> float:
        return max(0.0, self._ends - time.monotonic())

    def _wait_for_processes(self) -> bool:
        try:
            file = self._queue.file()
            if file is None:
                return False
            turn = self._at = int.from_bytes(blake2b(self._key[1].encode(), digest_size=7).digest()) * 2
            waited = self._lock(file, turn + 1, BACK_SECONDS)
            try:
                waited = self._lock(file, turn, FRONT_SECONDS) or waited
            finally:
                _unlock(file, turn + 1)
        except OSError:  # there is no lock file yet, or no such lock, or no time left
            return True
        self._file = file
        return waited

    def _lock(self, file: int, at: int, rest: float) -> bool:
        """Lock a byte; True if that had to be waited for. Raises `OSError`: no such lock, or the time is over."""
        waited = False
        while True:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, at)
                return waited
            except (BlockingIOError, PermissionError):  # either may say that somebody else has it
                waited = True
                if not self._left():
                    raise TimeoutError from None
                time.sleep(rest * (0.5 + random.random()))


def _unlock(file: int, at: int) -> None:
    with suppress(OSError):  # the store was closed meanwhile, and the lock went with the file
        fcntl.lockf(file, fcntl.LOCK_UN, 1, at)


def _begin_anew() -> None:
    """In the child of a fork, whose other threads are gone with what they had."""
    global _guard, _mine
    _guard, _mine = threading.Lock(), threading.local()
    _places.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
