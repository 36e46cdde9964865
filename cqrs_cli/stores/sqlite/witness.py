"""What a file was like when it was last seen to be right, and whether SQLite alone has written to it since.

`cp backup.db shop.db` leaves the file that it is, and changes what is in it. With a write-ahead log SQLite writes to
the file itself in checkpoints only, and says in the log's index how far they came: up to there the file has what the
log has. Whoever writes past SQLite says nothing, or has something else there. Index and log are laid out as in
https://sqlite.org/walformat.html and https://sqlite.org/fileformat2.html.
"""

from __future__ import annotations

import os
import struct
import time
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from typing import NamedTuple

from cqrs_cli.stores.sqlite import lock
from cqrs_cli.stores.sqlite.connection import (
    Connection,
    Identity,
    State,
    give_back,
    identity_of,
    past_sqlite,
    stat_of,
    state_of,
)
from cqrs_cli.stores.sqlite.errors import overwritten, replaced

_INDEX = struct.Struct("=40sII48sI28sI")
_HEADER = struct.Struct("=12xBxHII8x8s")
_PAGE_SIZE = struct.Struct(">16xBx")
_FRAME = struct.Struct(">I4x8s")
_FRAMES_START, _FRAME_HEADER = 32, 24
_SALT_AT = 32
_AS = " as "
_COMPARED = 64
"""Of so many frames, the last that a checkpoint took, the pages are compared."""
_SAMPLED = 16
"""Pages that a sample has of the end of the file, and as many of the rest, at equal distances."""
_PAUSES = (0, 0.01, 0.05, 0.1, 0.3)
"""Seconds before each look: a checkpoint may be on its way."""


class Index(NamedTuple):
    """What the log's index says. frames: in the log. pages: of the database. backfilled: frames that checkpoints
    have taken, all of them in the file. attempted: frames of which a checkpoint that began has perhaps taken some.
    """

    page_size: int
    frames: int
    pages: int
    salt: bytes
    backfilled: int
    attempted: int

    @classmethod
    def read(cls, descriptor: int) -> Index | None:
        """None of one that is being written to, or is not one (after a power loss)."""
        found = os.pread(descriptor, _INDEX.size, 0)
        if len(found) < _INDEX.size:
            return None
        header, first, second, copy, backfilled, _, attempted = _INDEX.unpack(found)
        begun, size, frames, pages, salt = _HEADER.unpack(header)
        if not begun or (first, second) != _checksum(header) or copy != found[:48]:
            return None
        return cls(65536 if size == 1 else size, frames, pages, salt, backfilled, attempted)


class Witness(NamedTuple):
    """Digests of what was there. boot: the start of the system in which that was. state: of the file's.
    generation: of the log, which is begun anew when all of it is taken. progress: how far checkpoints had come in it.
    sample: of some pages of the file.
    """

    boot: str
    state: str
    generation: str
    progress: str
    sample: str

    @property
    def text(self) -> str:
        """It in one word."""
        return ".".join(self)

    @classmethod
    def noted(cls, path: str) -> Witness | None:
        """The one that is noted in the lock file; None without one, or if it is of before the system was started."""
        parts = lock.noted(f"{path}-lock").rpartition(_AS)[0].split(".")
        return cls(*parts) if len(parts) == len(cls._fields) and parts[0] and parts[0] == _boot() else None

    def note(self, whose_log: str) -> str:
        """What is noted of it, before what else is noted."""
        return f"{self.text}{_AS}{whose_log}"

    @classmethod
    def of(cls, path: str) -> Witness | None:
        """Of the file at `path`; None while a log or its index is not there or written to."""
        with suppress(OSError), past_sqlite(path) as (file, index_file):
            state, index = state_of(os.fstat(file)), Index.read(index_file)
            if index is not None:
                sample = _sample(file, state[1])
                if state_of(os.fstat(file)) == state and Index.read(index_file) == index:
                    return cls(_boot(), _digest(repr(state).encode()), index.salt.hex(), _progress(index), sample)
        return None

    def has_seen(self, found: os.stat_result) -> bool:
        """Whether the file was as it is now."""
        return self.state == _digest(repr(state_of(found)).encode())


def is_sqlites(path: str, before: Witness) -> bool | None:
    """Whether what became of the file since then is SQLite's doing.

    None if the log can't tell: it is empty, or was begun anew since then, which those who note it did not do.
    """
    told: bool | None = None
    for pause in _PAUSES:
        time.sleep(pause)
        told = None
        with suppress(OSError), past_sqlite(path) as (file, index_file):
            index = Index.read(index_file)
            if index is None:
                continue
            if not index.frames:
                return None
            if index.salt.hex() != before.generation:
                told = None if _has_what_was_taken(path, file, index) else False
            elif _progress(index) == before.progress:
                told = before.sample == _sample(file, os.fstat(file).st_size)  # only touched
            elif index.attempted > index.backfilled:
                told = True  # if its process was killed; else it is soon over
                continue
            else:
                told = _has_what_was_taken(path, file, index)
            if told is not False:
                break
    return told


def _has_what_was_taken(path: str, file: int, index: Index) -> bool:
    """Whether the file has the pages that checkpoints took from the log, but for those that wait there anew."""
    if not index.backfilled:
        return True
    log = os.open(f"{path}-wal", os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    try:
        length = _FRAME_HEADER + index.page_size
        waiting, last = set(), {}
        for number in range(index.backfilled, index.frames):
            head = os.pread(log, _FRAME.size, _FRAMES_START + number * length)
            if len(head) < _FRAME.size:
                return False  # it is cut off meanwhile: who closes last does that
            waiting.add(_FRAME.unpack(head)[0])
        for number in range(max(0, index.backfilled - _COMPARED), index.backfilled):
            frame = os.pread(log, length, _FRAMES_START + number * length)
            if len(frame) < length:
                return False
            page, salt = _FRAME.unpack(frame[: _FRAME.size])
            if salt != index.salt:
                return False  # it is begun anew meanwhile
            last[page] = frame[_FRAME_HEADER:]
    finally:
        give_back(log)
    taken = [page for page in last if page not in waiting and page <= index.pages]
    return all(os.pread(file, index.page_size, (page - 1) * index.page_size) == last[page] for page in taken)


class Watch:
    """Over the files of one connection. witness: when they were last seen to be right; None before that, and where no
    log is shared.
    """

    __slots__ = ("_beside", "_connection", "_index_file", "_path", "_real_path", "_salt", "_state", "witness")

    def __init__(self, connection: Connection, path: str, real_path: str, state: State | None) -> None:
        """path: as in messages. state: of the file, before anything of it was read."""
        self._connection, self._path, self._real_path, self._state = connection, path, real_path, state
        self.witness: Witness | None = None
        self._beside: tuple[Identity | None, Identity | None] | None = None

    def has_seen(self, found: os.stat_result) -> bool:
        """Whether the file was as it is now."""
        return self._state == state_of(found)

    def begin(self) -> None:
        """See how all is, unless that was seen."""
        if self.witness is not None:
            return
        found, witness = stat_of(self._real_path), Witness.of(self._real_path)
        if found is not None and witness is not None and self.has_seen(found) and witness.has_seen(found):
            with suppress(OSError), past_sqlite(self._real_path) as (_, self._index_file):  # kept while it is open
                self.witness, self._beside = witness, self._look_beside()
                self._salt = bytes.fromhex(witness.generation)

    def check_beside(self) -> None:
        """Raise `Unavailable` if somebody took the log or its index away: who opens the store finds nothing of it."""
        if self._beside is not None and self._look_beside() != self._beside:
            self._connection.abandon()
            raise replaced(self._path, "lost its write-ahead log while it was open: it was moved or deleted")

    def check(self) -> bool:
        """Whether the file may be gone on with as it is; False if it is to be opened anew, as its log can't tell.

        Raises `Unavailable` if somebody wrote to it past SQLite.
        """
        self.check_beside()
        found, noted = stat_of(self._real_path), Witness.noted(self._real_path)
        before = noted or self.witness
        if found is None or before is None:
            return False
        told = before.has_seen(found) or is_sqlites(self._real_path, before)
        if told is False:
            self._connection.abandon()
            raise overwritten(self._path)
        if told:
            self._state, self.witness = state_of(found), None
            self.begin()
        return bool(told)

    def check_written(self, found: os.stat_result) -> None:
        """After a commit, to what is found at the path. Raises `Unavailable` if it is not where one will look for it.

        Of a file that has to be opened anew, the next transaction finds it.
        """
        if not self.has_seen(found):
            self.check()
        else:
            self.check_beside()
            if self.witness is None or self._salt_now() != self._salt:
                self.witness = None
                self.begin()

    def _salt_now(self) -> bytes | None:
        """That of the write-ahead log, None if it can't be read: then all is looked at anew."""
        try:
            return os.pread(self._index_file, len(self._salt), _SALT_AT)
        except OSError:
            return None

    def _look_beside(self) -> tuple[Identity | None, Identity | None]:
        return identity_of(self._real_path + "-wal"), identity_of(self._real_path + "-shm")


def _progress(index: Index) -> str:
    return _digest(struct.pack("=II", index.backfilled, index.attempted))


def _sample(file: int, size: int) -> str:
    page_size = _PAGE_SIZE.unpack(os.pread(file, 18, 0).ljust(18, b"\0"))[0] << 8 or 65536  # as it is written there
    pages = size // page_size
    wanted = {0, *range(max(0, pages - _SAMPLED), pages), *range(0, pages, max(1, pages // _SAMPLED))}
    return _digest(b"".join(os.pread(file, page_size, page * page_size) for page in sorted(wanted)))


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=6).hexdigest()


def _checksum(header: bytes) -> tuple[int, int]:
    """SQLite's, of the index's header, in the machine's own order of bytes."""
    first = second = 0
    numbers = struct.unpack("=10I", header)
    for at in range(0, 10, 2):
        first = (first + numbers[at] + second) & 0xFFFFFFFF
        second = (second + numbers[at + 1] + first) & 0xFFFFFFFF
    return first, second


@cache
def _boot() -> str:
    """Which start of the system this is; nothing where it does not say. What it wrote just before may be lost."""
    with suppress(OSError), open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read(8)
    return ""
