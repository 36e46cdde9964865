"""What a store on a server is asked for, to prove what was read from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cqrs_cli.stores.postgres.connection import Row
from cqrs_cli.stores.postgres.link import Link
from cqrs_cli.stores.proof import Proof

_PREVIOUS = (
    "(SELECT p.hash FROM {s}.commits p WHERE p.first_position < c.first_position "
    "ORDER BY p.first_position DESC LIMIT 1)"
)
_COMMIT = (
    "SELECT c.first_position, c.event_count, c.id, c.command_type, c.command_schema_version, c.command_digest, "
    "textsend(c.command_data), c.issued_at, coalesce(c.correlation_id, c.id), c.causation_id, c.user_id, c.metadata, "
    "c.recorded_at, c.hash, {before} FROM {s}.commits c "
)
_THOSE_BETWEEN = "WHERE c.first_position BETWEEN %b::bigint AND %b::bigint ORDER BY c.first_position"
_LINKED = (
    "SELECT e.position, e.stream, e.version, e.type, e.schema_version, textsend(e.data) FROM {s}.events e "
    "WHERE e.position BETWEEN %b::bigint AND %b::bigint ORDER BY e.position"
)


class PostgresProof(Proof):
    """The checks of what is read from one store on a server."""

    def __init__(self, link: Link) -> None:
        super().__init__(link.name)
        self._link = link

    def commits_where(self, rest: str, values: Sequence[Any]) -> list[Row]:
        """Rows of commits, each with the hash of the commit before it. rest: what stands after FROM."""
        s = self._link.s
        return self._link.query(_COMMIT.format(s=s, before=_PREVIOUS.format(s=s)) + rest, values)

    def count(self, low: int, high: int) -> int:
        """How many events have positions from one to another."""
        sql = f"SELECT count(*) FROM {self._link.s}.events WHERE position BETWEEN %b::bigint AND %b::bigint"
        return int(self._link.query(sql, (low, high))[0][0])

    def events(self, first: int, last: int) -> Sequence[Row]:
        """The events from one position to another, in order."""
        return self._link.query(_LINKED.format(s=self._link.s), (first, last))

    def commits(self, firsts: Sequence[int], is_dense: bool) -> Sequence[Row]:
        """The commits that begin at these positions, in order; dense, all of the range."""
        if not is_dense:
            rest = "WHERE c.first_position = ANY(%b::bigint[]) ORDER BY c.first_position"
            return self.commits_where(rest, (list(firsts),))
        s = self._link.s
        before = f"CASE WHEN c.first_position = %b::bigint THEN {_PREVIOUS.format(s=s)} END"
        sql = _COMMIT.format(s=s, before=before) + _THOSE_BETWEEN
        return self._link.query(sql, (firsts[0], firsts[0], firsts[-1]))
