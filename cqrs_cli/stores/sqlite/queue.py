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
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from hashlib import blake2b

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
_mine = threading.local()  # streams: those this thread has the turn of


class Queue:
    """One at a time decides for a stream, among the threads and processes that have the store open."""

    def __init__(self, path: str, timeout: float, between_processes: bool) -> None:
        """path: of the store's lock file. timeout: seconds."""
        self._path, self._timeout = path, timeout
        self._file: int | None = None
        self._between_processes = between_processes and fcntl is not None

    @contextmanager
    def turn(self, stream: str) -> Iterator[bool]:
        """Wait for the turn of the stream, and have it until the end; True if somebody else had it.

        Who has it already goes on at once.
        """
        key = (self._path, stream)
        mine: set[tuple[str, str]] = _mine.__dict__.setdefault("streams", set())
        if key in mine:
            yield False
            return
        ends = time.monotonic() + self._timeout
        with _guard:
            places = _places.setdefault(key, _Places())
            places.users += 1
        mine.add(key)
        try:
            with ExitStack() as turn:
                waited = _among_threads(places, ends, turn)
                yield self._among_processes(stream, ends, turn) or waited
        finally:
            mine.discard(key)
            with _guard:
                places.users -= 1
                if not places.users:
                    _places.pop(key, None)

    def _among_processes(self, stream: str, ends: float, turn: ExitStack) -> bool:
        if not self._between_processes:
            return False
        at = int.from_bytes(blake2b(stream.encode(), digest_size=7).digest()) * 2
        try:
            if self._file is None:
                self._file = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
            with ExitStack() as front:
                waited = _lock(self._file, at + 1, ends, BACK_SECONDS, front)
                return _lock(self._file, at, ends, FRONT_SECONDS, turn) or waited
        except OSError:  # there is no lock file yet, or no such lock, or no time left
            return True

    def close(self) -> None:
        """Give the file back."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)


def _among_threads(places: _Places, ends: float, turn: ExitStack) -> bool:
    is_first = places.front.acquire(False)
    if is_first or places.front.acquire(timeout=max(0.0, ends - time.monotonic())):
        is_next = places.turn.acquire(False)
        if is_next or places.turn.acquire(timeout=max(0.0, ends - time.monotonic())):
            turn.callback(places.turn.release)
        places.front.release()
        return not (is_first and is_next)
    return True


def _lock(file: int, at: int, ends: float, rest: float, until: ExitStack) -> bool:
    """Lock a byte; True if that had to be waited for. Raises `OSError`: no such lock, or the time is over."""
    waited = False
    while True:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, at)
        except (BlockingIOError, PermissionError):  # either may say that somebody else has it
            waited = True
            if time.monotonic() > ends:
                raise TimeoutError from None
            time.sleep(rest * (0.5 + random.random()))
        else:
            until.callback(_unlock, file, at)
            return waited


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
