"""A file of lines, packed or not, and what comes through a pipe put down as one."""

from __future__ import annotations

import errno
import gzip
import os
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from io import FileIO
from typing import IO, Any, BinaryIO

from cqrs_cli.errors import Damaged, Misuse, NotFound, Unavailable
from cqrs_cli.passing import passing_folder

LONGEST_LINE = 128 * 1024 * 1024
"""Bytes: a commit of the largest size, every character of it escaped."""
_GZIP = b"\x1f\x8b"
_PIECE = 1 << 20


def cut(shown: str, line: int) -> Damaged:
    """The error for a file that ends before its end."""
    return Damaged(
        f"{shown} is cut: it ends after line {line:,}, before its last line",
        hint="copy the file again, or export again; nothing was taken from it",
        code="cut",
        line=line,
    )


def lines(path: str, shown: str) -> Iterator[tuple[int, bytes]]:
    """The lines with something in them, with their numbers from 1. shown: what the file is called in errors.

    What is packed with gzip is known by its first bytes. Raises `NotFound`, `Misuse` for what can't be read, `Damaged`
    for a packed file that is cut or was changed.
    """
    number = 0
    with closing(_opened(path, shown)) as file:
        while True:
            try:
                line = file.readline(LONGEST_LINE)
            except EOFError:
                raise cut(shown, number) from None
            except (zlib.error, gzip.BadGzipFile) as error:
                message = f"{shown} can't be unpacked after line {number:,}: {error}"
                raise Damaged(message, hint="copy the file again, or export again", code="file-damaged") from None
            except OSError as error:
                raise _unreadable(shown, error) from None
            if not line:
                return
            number += 1
            if line.strip():
                yield number, line


def _opened(path: str, shown: str) -> IO[bytes]:
    try:
        file: Any = open(path, "rb")  # noqa: SIM115
    except FileNotFoundError:
        raise NotFound(
            f"there is no file {shown}", hint="the path of a file, or - for a pipe", code="no-file"
        ) from None
    except (OSError, ValueError) as error:
        raise _unreadable(shown, error) from None
    try:
        magic = file.read(2)
        file.seek(0)
    except OSError as error:
        file.close()
        raise _unreadable(shown, error) from None
    opened: IO[bytes] = _Packed(file) if magic == _GZIP else file  # type: ignore[assignment]
    return opened


class _Packed(gzip.GzipFile):
    """Closes the file below, too."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(fileobj=file, mode="rb")
        self._below = file

    def close(self) -> None:
        super().close()
        self._below.close()


def _unreadable(shown: str, error: OSError | ValueError) -> Misuse:
    why = error.strerror if isinstance(error, OSError) else str(error)
    return Misuse(
        f"{shown} can't be read: {why}", hint="a file that can be read twice; - for a pipe", code="unreadable-file"
    )


@contextmanager
def put_down(stream: BinaryIO) -> Iterator[str]:
    """The path of a file with all that a stream has: for what is to be read more than once.

    It goes at the end, also at one by a signal. Raises `Unavailable` where it can't be put.
    """
    with passing_folder("cqrs-import-") as folder:
        path = os.path.join(folder, "lines")
        with open(path, "wb", buffering=0) as file:
            while piece := stream.read(_PIECE):
                _put(file, piece, folder)
        yield path


def _put(file: FileIO, piece: bytes, folder: str) -> None:
    left = memoryview(piece)
    try:
        while left:
            left = left[file.write(left) :]
    except OSError as error:
        code = "full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "io-error"
        raise Unavailable(
            f"what comes through the pipe can't be put down in {os.path.dirname(folder)}: {error.strerror or error}",
            hint="room there, or another folder (TMPDIR); or a file, which is not put down",
            code=code,
        ) from error
