"""What was read of a file, put down so that it need not be read again: parcels in their order, each as it was made."""

from __future__ import annotations

import marshal
import tempfile
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import IO, Any

from cqrs_cli.errors import Unavailable
from cqrs_cli.stores.commits import Commit, NewEvent, SentCommand
from cqrs_cli.stores.contract import ChainLink
from cqrs_cli.transfer.parcel import Parcel

_IN_MEMORY = 64 * 1024
_TOGETHER, _BYTES_TOGETHER = 100, 64 * 1024
_LENGTH = 8

_new_event: Callable[[tuple[Any, ...]], NewEvent] = partial(tuple.__new__, NewEvent)
_new_commit: Callable[[tuple[Any, ...]], Commit] = partial(tuple.__new__, Commit)
_new_parcel: Callable[[tuple[Any, ...]], Parcel] = partial(tuple.__new__, Parcel)
_new_link: Callable[[tuple[Any, ...]], ChainLink] = partial(tuple.__new__, ChainLink)


class LookedAt:
    """Takes parcels, and gives them again. What is more than a little is in a file without a name.

    is_whole: whether all of them could be put down; where there is no room, nothing is kept.
    """

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY, prefix="cqrs-import-")  # noqa: SIM115
        self._closed = weakref.finalize(self, self._file.close)
        self._part: list[Any] = []
        self._size = 0
        self.is_whole = True

    def add(self, parcel: Parcel, link: ChainLink | None) -> None:
        """Put one down, with what its hash was found to be."""
        (id, events, command, *envelope), position, mark, versions, _ = parcel
        plain: list[tuple[Any, ...]] = [tuple(event) for event in events]
        sent, known = None if command is None else tuple(command), None if link is None else link[:2]
        self._part.append((position, mark, versions, known, id, plain, sent, envelope))
        self._size += sum([len(event[3]) for event in plain])
        if len(self._part) >= _TOGETHER or self._size >= _BYTES_TOGETHER:
            self._write()

    def end(self) -> bool:
        """After the last one: whether all of them can be given again."""
        self._write()
        return self.is_whole

    def _write(self) -> None:
        part, self._part, self._size = marshal.dumps(self._part, 2), [], 0
        if self.is_whole:
            try:
                self._file.write(len(part).to_bytes(_LENGTH) + part)
                self._file.flush()
            except OSError:
                self.is_whole = False
                self.close()

    def parcels(self, after: int) -> Iterator[Parcel]:
        """Those that stand after a position. Raises `Unavailable` if they can't be read."""
        at = 0
        while part := self._read(at):
            at += _LENGTH + len(part)
            for one in marshal.loads(part):
                if one[0] > after:
                    yield _parcel(one)

    def _read(self, at: int) -> bytes:
        try:
            self._file.seek(at)
            return self._file.read(int.from_bytes(self._file.read(_LENGTH)))
        except OSError as error:
            raise Unavailable(
                f"what was put down of the file can't be read again: {error.strerror or error}",
                hint="check the disk of the folder for temporary files, or set another (TMPDIR)",
                code="io-error",
            ) from error

    def close(self) -> None:
        """Give back what it takes."""
        with suppress(OSError):
            self._closed()


def _parcel(one: tuple[Any, ...]) -> Parcel:
    position, mark, versions, link, id, events, command, envelope = one
    commit = (id, tuple(map(_new_event, events)), None if command is None else SentCommand(*command), *envelope)
    found = None if link is None else _new_link((*link, versions))
    return _new_parcel((_new_commit(commit), position, mark, versions, found))
