"""Ctrl-C while a batch is sent: what waits is written and told, then it ends and says how far it came."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from typing import BinaryIO


class Interruption:
    """The first Ctrl-C is a question between writes, or ends the wait for a line. The second has its usual effect.

    came: whether there was one. in_work: whether the second one came, in the middle of whatever was done then.
    """

    def __init__(self, stop: Callable[[], None]) -> None:
        """stop: read no further line."""
        self.came = self.in_work = False
        self._stop, self._waits = stop, False

    @contextmanager
    def heard(self) -> Iterator[None]:
        """While it is listened to; not where somebody else decided what Ctrl-C does."""
        before = signal.getsignal(signal.SIGINT)
        if before is not signal.default_int_handler:
            yield
            return
        signal.signal(signal.SIGINT, self._hear)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _hear(self, *_: object) -> None:
        self.in_work = self.came
        self.came = True
        self._stop()
        if self._waits or self.in_work:
            raise KeyboardInterrupt

    def reading(self, file: BinaryIO) -> BinaryIO:
        """The file, whose reads are interrupted while they wait."""
        return cast("BinaryIO", _Interruptible(file, self))

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """While a line is waited for. Raises `KeyboardInterrupt`."""
        self._waits = True
        try:
            if self.came:  # just before
                raise KeyboardInterrupt
            yield
        finally:
            self._waits = False


class _Interruptible:
    """What reading lines needs of a file."""

    def __init__(self, file: BinaryIO, interruption: Interruption) -> None:
        self._file, self._interruption = file, interruption
        self.fileno = file.fileno

    def read1(self, size: int) -> bytes:
        with self._interruption.waiting():
            chunk: bytes = self._file.read1(size)  # type: ignore[attr-defined]  # every binary file of a shell is buffered
            return chunk
