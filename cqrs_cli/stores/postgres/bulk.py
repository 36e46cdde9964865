"""The rows of a store on a server, for copies of many events."""

from __future__ import annotations

from cqrs_cli.stores.bulk import WrittenReader
from cqrs_cli.stores.pages import PagedLog
from cqrs_cli.stores.postgres.connection import Row
from cqrs_cli.stores.postgres.link import Link

_COMMITS = (
    "SELECT first_position, event_count, id, command_type, command_schema_version, command_digest, "
    "textsend(command_data), issued_at, coalesce(correlation_id, id), causation_id, user_id, metadata, "
    "recorded_at, hash FROM {s}.commits WHERE first_position > %b::bigint ORDER BY first_position LIMIT %b::bigint"
)
_EVENTS = (
    "SELECT position, commit_position, stream, version, type, schema_version, textsend(data) "
    "FROM {s}.events WHERE position BETWEEN %b::bigint AND %b::bigint ORDER BY position"
)
_BEFORE = "SELECT hash FROM {s}.commits WHERE first_position <= %b::bigint ORDER BY first_position DESC LIMIT 1"


class _Names(dict[str, str]):
    """Names stand for themselves."""

    def __missing__(self, name: str) -> str:
        return name


class PostgresWrittenReader(WrittenReader):
    """The commits of a store, as they would be appended again."""

    def __init__(self, log: PagedLog, link: Link) -> None:
        super().__init__(log, _Names(), _Names())
        self._link = link

    def commits(self, after: int, wanted: int) -> list[Row]:
        """Commits that begin after a position."""
        return self._link.query(_COMMITS.format(s=self._link.s), (after, wanted))

    def events(self, first: int, last: int) -> list[Row]:
        """Events from one position to another."""
        return self._link.query(_EVENTS.format(s=self._link.s), (first, last))

    def hash_up_to(self, position: int) -> bytes | None:
        """The hash of the last commit that begins at or before a position."""
        found = self._link.query(_BEFORE.format(s=self._link.s), (position,))
        return found[0][0] if found else None
