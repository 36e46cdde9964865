"""`cqrs send --batch`: the lines of a file become requests, one at a time."""

from __future__ import annotations

import select
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cqrs_cli.cli.options.sources import unreadable
from cqrs_cli.errors import InvalidInput
from cqrs_cli.payloads.lines import LINE, RequestReader
from cqrs_cli.workbench.outcome import Request

if TYPE_CHECKING:
    from typing import BinaryIO

    from cqrs_cli.domain.domain import Domain

MAX_LINE_BYTES = 32 * 1024 * 1024
_CHUNK = 256 * 1024
FILE = "a file of JSON lines, or - for standard input"


class LineReader(RequestReader):
    """Makes requests of the lines of a file."""

    def __init__(self, domain: Domain) -> None:
        super().__init__(domain, _shows)
        self._stopped = False

    def requests(self, file: BinaryIO) -> Iterator[Request | None]:
        """A request for each line that is not blank, one in memory at a time; None when no more is at hand now.

        Lines count from 1.
        """
        number = 0
        for line in _lines(file):
            if isinstance(line, _Idle):
                yield None
            else:
                number += 1
                if line is None:
                    yield Request(number, None, error=InvalidInput(f"longer than {MAX_LINE_BYTES} bytes", hint=LINE))
                elif line and not line.isspace():
                    yield self.request(number, line)
            if self._stopped:  # before the next line is waited for
                return

    def stop(self) -> None:
        """Read no further line."""
        self._stopped = True


def _shows(name: str | None) -> str:
    return "cqrs send --help lists the commands" if name is None else f"cqrs schema {name} shows its fields"


class _Idle:
    """Nothing more is at hand now: whoever writes the other end of the pipe waits, perhaps for our answers."""


def _lines(file: BinaryIO) -> Iterator[bytes | _Idle | None]:
    """Lines one by one; None for one that is too long, which is read past but never held."""
    rest, too_long = b"", False
    while chunk := _read(file):
        *lines, last = chunk.split(b"\n")
        for line in lines:
            whole, rest = rest + line if rest else line, b""
            yield None if too_long or len(whole) > MAX_LINE_BYTES else whole
            too_long = False
        rest = b"" if too_long else rest + last
        if len(rest) > MAX_LINE_BYTES:
            rest, too_long = b"", True
        if not _is_ready(file):
            yield _Idle()
    if too_long or rest:
        yield None if too_long else rest


def _read(file: BinaryIO) -> bytes:
    try:
        chunk: bytes = file.read1(_CHUNK)  # type: ignore[attr-defined]  # every binary file of a shell is buffered
    except OSError as error:
        raise unreadable("--batch: the lines can't be read", error, FILE) from error
    return chunk


def _is_ready(file: BinaryIO) -> bool:
    """Whether there is something to read without waiting; a file on disk always has, also its end."""
    try:
        return bool(select.select([file], [], [], 0)[0])
    except (OSError, ValueError):  # no file of the operating system
        return True
