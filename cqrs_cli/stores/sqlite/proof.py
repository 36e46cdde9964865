"""What a SQLite file is asked for, to prove what was read from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cqrs_cli.errors import CqrsError, Damaged
from cqrs_cli.stores.proof import Proof
from cqrs_cli.stores.sqlite.file import SQLiteFile

_PREVIOUS = (
    "SELECT p.hash FROM commits p WHERE p.first_position < c.first_position ORDER BY p.first_position DESC LIMIT 1"
)
_COMMIT = (
    "SELECT c.first_position, c.event_count, c.id, c.command_type, c.command_schema_version, c.command_digest, "
    "CAST(c.command_data AS BLOB), c.issued_at, coalesce(c.correlation_id, c.id), c.causation_id, c.user_id, "
    "c.metadata, c.recorded_at, c.hash, "
)
_FROM = "FROM commits c "
COMMITS = f"{_COMMIT}({_PREVIOUS}) {_FROM}"
"""A commit's row, with the hash of the commit before it."""
_THOSE_BETWEEN = (
    f"{_COMMIT}CASE WHEN c.first_position = ? THEN ({_PREVIOUS}) END {_FROM}"
    "WHERE c.first_position BETWEEN ? AND ? ORDER BY c.first_position"
)
_LINKED = (
    "SELECT e.position, s.name, e.version, t.name, e.schema_version, CAST(e.data AS BLOB) FROM events e "
    "LEFT JOIN streams s ON s.id = e.stream_id LEFT JOIN event_types t ON t.id = e.type_id "
    "WHERE e.position BETWEEN ? AND ? ORDER BY e.position"
)


class SQLiteProof(Proof):
    """The checks of what is read from one file."""

    def __init__(self, file: SQLiteFile) -> None:
        super().__init__(file.path)
        self._file = file

    def count(self, low: int, high: int) -> int:
        """How many events have positions from one to another."""
        sql = "SELECT count(*) FROM events WHERE position BETWEEN ? AND ?"
        return int(self._file.query(sql, (low, high))[0][0])

    def events(self, first: int, last: int) -> Sequence[tuple[Any, ...]]:
        """The events from one position to another, in order."""
        return self._file.query(_LINKED, (first, last))

    def commits(self, firsts: Sequence[int], is_dense: bool) -> Sequence[tuple[Any, ...]]:
        """The commits that begin at these positions, in order; dense, all of the range."""
        if is_dense:
            return self._file.query(_THOSE_BETWEEN, (firsts[0], firsts[0], firsts[-1]))
        return self._file.query(f"{COMMITS}WHERE c.first_position IN ({', '.join(map(str, firsts))})", ())

    def _explained(self, damage: Damaged) -> CqrsError:
        return self._file.explained(damage)

    def check_names(self) -> None:
        """Raise `Damaged` unless the streams are numbered without a gap, for who reads them one after the other."""
        found, last = self._file.query("SELECT count(*), coalesce(max(id), 0) FROM streams")[0]
        if found != last:
            raise self.damage(f"of {last} streams {found} are to be found")
