"""So that no reading goes on for ever: pages of a damaged or hostile file can lead from one to the next without an end.

Counted in steps of SQLite's machine, not in seconds, and against the size of the file: an honest one never gets there,
on however slow a machine.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from itertools import repeat
from operator import length_hint

STEPS = 1_000_000
"""Steps to a tick."""
_TICKS = 100
_STEPS_A_BYTE = 10
_IN_A_TRANSACTION = 100


class Patience:
    """What one statement over a connection may still do; past it, SQLite ends the statement as interrupted."""

    __slots__ = ("_connection", "_left", "_path", "_ticks", "_times")

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        """path: of the file, with links resolved."""
        self._connection, self._path, self._times = connection, path, 1
        self._measure()
        self._allow()

    def renew(self) -> None:
        """Begin anew, for the next statement."""
        if length_hint(self._left) != self._ticks * self._times:
            self._measure()
            self._allow()

    def widen(self) -> None:
        """Enough for all statements of one transaction together."""
        self._times = _IN_A_TRANSACTION
        self._allow()

    def narrow(self) -> None:
        """The transaction is over."""
        self._times = 1
        self._allow()

    def _measure(self) -> None:
        size = 0
        for suffix in ("", "-wal"):
            with suppress(OSError):
                size += os.path.getsize(self._path + suffix)
        self._ticks = _TICKS + size * _STEPS_A_BYTE // STEPS

    def _allow(self) -> None:
        self._left = repeat(0, self._ticks * self._times)
        # No function of Python's is called, in which Ctrl-C would be raised and lost.
        self._connection.set_progress_handler(self._left.__next__, STEPS)
