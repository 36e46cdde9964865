"""What appending must know of the log: its end, and the ids of streams and types."""

from __future__ import annotations

import sqlite3

from cqrs_cli.errors import Damaged
from cqrs_cli.stores import chain
from cqrs_cli.stores.batch import Tail
from cqrs_cli.stores.commits import FURTHEST

_DATA_VERSION = "PRAGMA data_version"
_LAST_COMMIT = (
    "SELECT first_position + event_count - 1, hash, recorded_at, first_position "
    "FROM commits ORDER BY first_position DESC LIMIT 1"
)
_STREAM = (
    "SELECT s.name, s.id, (SELECT max(version) FROM events WHERE stream_id = s.id) FROM streams s WHERE s.name IN ({})"
)
_NEXT_STREAM = "SELECT coalesce(max(id), 0) + 1 FROM streams"
_CHUNK = 500


class SQLiteTail(Tail):
    """The end of the log, as one connection knows it inside its write transaction.

    It is kept from one transaction to the next and holds as long as no other connection commits, which
    SQLite's `data_version` tells. Whoever rolls back calls `forget`.
    """

    def __init__(self, most_streams: int) -> None:
        """most_streams: whose ends are remembered."""
        self._most_streams = most_streams
        self.forget()

    def forget(self) -> None:
        """Know nothing: what was written did not last, or the connection is another."""
        self._data_version: int | None = None
        self.streams = {}
        self.types = {}
        self._types_are_read = False

    @property
    def end(self) -> tuple[int, bytes] | None:
        """The last commit: its first position and its hash; None of an empty log, and while nothing is known."""
        return (self.first, self.hash) if self._data_version is not None and self.head else None

    def read(self, connection: sqlite3.Connection, names: set[str]) -> None:
        """Bring up to date, with the streams of these names; inside a write transaction."""
        run = connection.execute
        data_version = run(_DATA_VERSION).fetchone()[0]
        if data_version != self._data_version:
            self._data_version = data_version
            self.streams = {}
            self._types_are_read, self._next_stream = False, 0
            last: tuple[int, bytes, int, int] = run(_LAST_COMMIT).fetchone() or (0, chain.GENESIS, 0, 0)
            self.head, self.hash, self.recorded_us, self.first = last
            whole = isinstance(self.head, int) and self.head < FURTHEST
            if not whole or not isinstance(self.hash, bytes) or not isinstance(self.recorded_us, int):
                raise Damaged(
                    "the last commit of the log is not whole", hint="another tool changed the store: restore a backup"
                )
        elif len(self.streams) > self._most_streams:
            self.streams = {}
        unknown = list(names.difference(self.streams))
        for at in range(0, len(unknown), _CHUNK):
            part = unknown[at : at + _CHUNK]
            for name, id, version in run(_STREAM.format(", ".join("?" * len(part))), part):
                self.streams[name] = (id, version)

    def new_stream(self, connection: sqlite3.Connection) -> int:
        """The id for a stream that the log has not."""
        id = self._next_stream or int(connection.execute(_NEXT_STREAM).fetchone()[0])
        self._next_stream = id + 1
        return id

    def type_id(self, connection: sqlite3.Connection, name: str) -> tuple[int, bool]:
        """The id of a type that is not among `types`, and whether it is new to the log."""
        if not self._types_are_read:
            self.types.update(connection.execute("SELECT name, id FROM event_types"))
            self._types_are_read = True
            if name in self.types:
                return self.types[name], False
        id = self.types[name] = len(self.types) + 1
        return id, True
