"""Standard streams that the caller closed (`>&-`): Python has None in their place, which nobody expects."""

import errno
import io
import os
import sys
from typing import IO


class Refusing(io.TextIOBase):
    """Standard output: what can't be printed is an error, as on a full disk."""

    def write(self, text: str) -> int:
        """Raise `OSError`."""
        raise OSError(errno.EBADF, "it is closed")


class Unreadable(io.RawIOBase):
    """What standard input reads from: an error, as for any file that can't be read."""

    def readable(self) -> bool:
        """It is asked like one that is."""
        return True

    def readinto(self, buffer: object) -> int:
        """Raise `OSError`."""
        raise OSError(errno.EBADF, "it is closed")


class Silent(io.TextIOBase):
    """Standard error: the exit code has to do."""

    def write(self, text: str) -> int:
        """Drop the text."""
        return len(text)


def stand_in() -> None:
    """Put one of these where a standard stream is missing."""
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(Unreadable()))
    if sys.stdout is None:
        sys.stdout = Refusing()
    if sys.stderr is None:
        sys.stderr = Silent()


def tell(text: str) -> None:
    """A line on standard error; that nobody reads it is no reason to fail."""
    try:
        sys.stderr.write(text.encode("utf-8", "backslashreplace").decode() + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        return


def let_go(stream: IO[str] | None) -> None:
    """A standard stream can't be written: drop what is buffered, or Python complains when it exits."""
    if stream is None:  # nothing is buffered, and its descriptor may be that of a file of ours
        return
    try:
        descriptor = os.open(os.devnull, os.O_WRONLY)
        os.dup2(descriptor, stream.fileno())
        os.close(descriptor)
    except (OSError, ValueError):
        pass
