"""The rows of a SQLite file, for copies of many events."""

from __future__ import annotations

from typing import Any

from cqrs_cli.stores.bulk import WrittenReader
from cqrs_cli.stores.pages import PagedLog
from cqrs_cli.stores.sqlite.file import SQLiteFile
from cqrs_cli.stores.sqlite.name_tables import NameTable

_COMMITS = (
    "SELECT first_position, event_count, id, command_type, command_schema_version, command_digest, "
    "CAST(command_data AS BLOB), issued_at, coalesce(correlation_id, id), causation_id, user_id, metadata, "
    "recorded_at, hash FROM commits WHERE first_position > ? ORDER BY first_position LIMIT ?"
)
_EVENTS = (
    "SELECT position, commit_position, stream_id, version, type_id, schema_version, CAST(data AS BLOB) "
    "FROM events WHERE position BETWEEN ? AND ? ORDER BY position"
)
_BEFORE = "SELECT hash FROM commits WHERE first_position <= ? ORDER BY first_position DESC LIMIT 1"


class SQLiteWrittenReader(WrittenReader):
    """The commits of a file, as they would be appended again."""

    def __init__(self, log: PagedLog, file: SQLiteFile) -> None:
        super().__init__(log, NameTable(file.query, "streams"), NameTable(file.query, "event_types"))
        self._query = file.query

    def commits(self, after: int, wanted: int) -> list[tuple[Any, ...]]:
        """Commits that begin after a position."""
        return self._query(_COMMITS, (after, wanted))

    def events(self, first: int, last: int) -> list[tuple[Any, ...]]:
        """Events from one position to another."""
        return self._query(_EVENTS, (first, last))

    def hash_up_to(self, position: int) -> bytes | None:
        """The hash of the last commit that begins at or before a position."""
        found = self._query(_BEFORE, (position,))
        return found[0][0] if found else None
