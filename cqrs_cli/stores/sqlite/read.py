"""Reading the log of a SQLite file, in short pages (`cqrs_cli.stores.pages`)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, TypeVar

from cqrs_cli.errors import Misuse
from cqrs_cli.stores.commits import Recorded, RecordedCommit, StoredEvent
from cqrs_cli.stores.contract import Selection
from cqrs_cli.stores.pages import (
    LAST,
    Page,
    PagedLog,
    bounded,
    log_pages,
    make_recorded,
    make_stored,
    versions,
    within,
)
from cqrs_cli.stores.proof import Row
from cqrs_cli.stores.sqlite.file import SQLiteFile
from cqrs_cli.stores.sqlite.proof import COMMITS, SQLiteProof

T = TypeVar("T")

_EVERYTHING = Selection()

_STORED = "e.position, s.name, e.version, t.name, e.schema_version, CAST(e.data AS BLOB)"
_ENVELOPE = (
    "c.id, e.position - c.first_position + 1, c.command_type, coalesce(c.correlation_id, c.id), "
    "c.causation_id, c.user_id, c.recorded_at, c.metadata"
)
# CROSS JOIN keeps the order of the tables: events first, in the order of the log.
_STORED_FROM = "FROM events e CROSS JOIN streams s ON s.id = e.stream_id CROSS JOIN event_types t ON t.id = e.type_id"
_RECORDED_FROM = _STORED_FROM + " CROSS JOIN commits c ON c.first_position = e.commit_position"
_EVENTS_BETWEEN = f"SELECT {_STORED}, {_ENVELOPE} {_RECORDED_FROM} WHERE e.position BETWEEN ? AND ? ORDER BY e.position"
_ENDS = (
    "SELECT (SELECT min(position) FROM events), (SELECT max(position) FROM events), "
    "(SELECT min(first_position) FROM commits), "
    "(SELECT first_position + event_count - 1 FROM commits ORDER BY first_position DESC LIMIT 1)"
)
_ENDS_AND_TYPES = (
    f"SELECT NULL AS id, NULL AS name, ends.* FROM ({_ENDS}) ends "
    "UNION ALL SELECT id, name, NULL, NULL, NULL, NULL FROM event_types"
)
_COMMITS_A_PAGE = 32
_IDS_A_QUERY = 500
_STREAMS = """
SELECT s.name, s.category, e.version,
       (SELECT c.recorded_at FROM events f JOIN commits c ON c.first_position = f.commit_position
        WHERE f.stream_id = s.id AND f.version = 1),
       c.recorded_at
FROM streams s
LEFT JOIN events e ON e.stream_id = s.id AND e.version = (SELECT max(version) FROM events WHERE stream_id = s.id)
LEFT JOIN commits c ON c.first_position = e.commit_position
WHERE s.name > ? AND {} ORDER BY s.name LIMIT ?
"""


class SQLiteLogReader(PagedLog):
    """The log, read only; the contract says more of each method."""

    _proof: SQLiteProof

    def __init__(self, file: SQLiteFile) -> None:
        super().__init__(SQLiteProof(file), file.limits)
        self._file = file

    def scan(self, selection: Selection = _EVERYTHING) -> Iterator[StoredEvent]:
        """The selected events without envelopes."""
        return self._select(f"SELECT {_STORED} {_STORED_FROM}", make_stored, selection, proved=False)

    def read(self, selection: Selection = _EVERYTHING) -> Iterator[Recorded]:
        """The selected events with envelopes."""
        sql = f"SELECT {_STORED}, {_ENVELOPE} {_RECORDED_FROM}"
        return self._select(sql, make_recorded, selection, proved=not selection.as_found)

    def _select(self, sql: str, make: Callable[[Row], T], selection: Selection, proved: bool) -> Iterator[T]:
        if selection.by_stream and selection.backwards:
            raise Misuse("stream by stream is read forwards only", code="selection")
        source = _Source(self._file, self._proof, sql, selection)
        if selection.stream is not None:
            pages = _stream_pages(source, self._proof)
        elif selection.by_stream:
            pages = _grouped_pages(source, self._proof)
        else:
            pages = log_pages(source, self._proof, self._sizes, selection)
        for rows in pages:
            if proved:
                self._proof.check_recorded(rows)
            yield from map(make, rows)

    def commit(self, id: str) -> RecordedCommit | None:
        """The commit with this id, or None."""
        for row in self._file.query(COMMITS + "WHERE c.id = ?", (id,)):
            return next(self._commits_of([row], Page(self._sizes)))
        return None

    def known(self, ids: Sequence[str]) -> set[str]:
        """Those of the commit ids that the log has."""
        found: set[str] = set()
        for at in range(0, len(ids), _IDS_A_QUERY):
            some = ids[at : at + _IDS_A_QUERY]
            sql = f"SELECT id FROM commits WHERE id IN ({', '.join('?' * len(some))})"
            found.update(row[0] for row in self._file.query(sql, some))
        return found

    def ids_beginning(self, beginning: str, limit: int) -> list[str]:
        """Commit ids that begin so, by the index of the ids."""
        sql = "SELECT id FROM commits WHERE id >= ? AND id < ? ORDER BY id LIMIT ?"
        return [row[0] for row in self._file.query(sql, (beginning, beginning + "\U0010ffff", max(limit, 0)))]

    def correlated(self, correlation_id: str) -> Iterator[RecordedCommit]:
        """Commits with this correlation id, in order; the commit that began it has it as its own id."""
        sql = (
            "WHERE (c.correlation_id = :id OR c.id = :id AND c.correlation_id IS NULL) AND c.first_position > :after "
            "ORDER BY c.first_position LIMIT :page"
        )
        after = 0
        while rows := self._file.query(COMMITS + sql, {"id": correlation_id, "after": after, "page": _COMMITS_A_PAGE}):
            for row in rows:
                yield from self._commits_of([row], Page(self._sizes))
            after = rows[-1][0]

    def _commits_after(self, position: int, wanted: int) -> list[Row]:
        sql = COMMITS + "WHERE c.first_position > ? ORDER BY c.first_position LIMIT ?"
        return self._file.query(sql, (position, wanted))

    def _recorded_between(self, first: int, last: int) -> list[Row]:
        return self._file.query(_EVENTS_BETWEEN, (first, last))

    def version(self, stream: str) -> int:
        """The stream's version; 0 if there is none."""
        sql = "SELECT coalesce(max(version), 0) FROM events WHERE stream_id = (SELECT id FROM streams WHERE name = ?)"
        return int(self._file.query(sql, (stream,))[0][0])

    def _within(self, category: str | None) -> list[tuple[str, tuple[str, ...]]]:
        return within(category, "s.name", "?")

    def _streams_of(self, within: tuple[str, tuple[str, ...]], name: str, wanted: int) -> list[Row]:
        return self._file.query(_STREAMS.format(within[0]), (name, *within[1], wanted))

    def head(self) -> int:
        """The last position; 0 for an empty log."""
        return self._proof.head(self._file.query(_ENDS)[0])

    def _last_commit_up_to(self, position: int) -> list[Row]:
        sql = (
            "SELECT first_position, event_count, recorded_at FROM commits WHERE first_position <= ? "
            "ORDER BY first_position DESC LIMIT 1"
        )
        return self._file.query(sql, (position,))

    def types(self, before: int | None = None) -> dict[str, int]:
        """Event types with the number of their events, by name."""
        sql = (
            "SELECT t.name, c.n FROM (SELECT type_id, count(*) AS n FROM events WHERE position < ? GROUP BY type_id) c "
            "LEFT JOIN event_types t ON t.id = c.type_id ORDER BY t.name"
        )
        end = self.head() + 1
        end = end if before is None else max(1, min(before, end))
        found = dict(self._file.query(sql, (end,)))
        if None in found or sum(found.values()) != end - 1:
            raise self._proof.damage(f"not all of {end - 1} events are to be found")
        return found

    def type_names(self) -> frozenset[str]:
        """The event types of the log."""
        if not self._file.is_there:
            return frozenset()  # no empty log is made up for that
        return frozenset([name for (name,) in self._file.query("SELECT name FROM event_types")])

    def kinds(
        self, types: Collection[str] | None = None, categories: Collection[str] | None = None, after: int = 0
    ) -> dict[tuple[str, int], int]:
        """The number of events by type and schema version."""
        filters: str = ""
        values: list[Any] = [bounded(after)]
        if categories is not None:
            filters += (
                " AND EXISTS (SELECT 1 FROM streams s WHERE s.id = e.stream_id "
                f"AND s.category IN ({', '.join('?' * len(categories))}))"
            )
            values += categories
        sql = (
            "SELECT t.name, c.schema_version, c.n FROM (SELECT type_id, schema_version, count(*) AS n FROM events e "
            f"WHERE position > ?{filters} GROUP BY type_id, schema_version) c "
            "LEFT JOIN event_types t ON t.id = c.type_id ORDER BY t.name, c.schema_version"
        )
        found = self._file.query(sql, values)
        if any(name is None for name, _, _ in found):
            raise self._proof.damage("the type of some events is not to be found")
        return {(name, version): count for name, version, count in found if types is None or name in types}


class _Source:
    """What of the log is selected, and its SQL up to the conditions."""

    def __init__(self, file: SQLiteFile, proof: SQLiteProof, sql: str, selection: Selection) -> None:
        self.file, self._proof, self.sql, self.selection = file, proof, sql, selection
        self._types = selection.types
        self._conditions = ""
        self._ids: list[int] = []
        self.values: list[Any] = []
        if selection.category is not None:
            ranges = within(selection.category, "s.name", "?")
            self._conditions += f" AND ({' OR '.join([condition for condition, _ in ranges])})"
            self.values += [value for _, values in ranges for value in values]
        if selection.stream is None and (selection.after_version > 0 or selection.before_version is not None):
            self._conditions += " AND e.version > ? AND e.version < ?"
            self.values += versions(selection)
        self.takes_all = not self._conditions and self._types is None

    def look(self) -> int:
        """The head; the types that are selected are known up to there, and no further."""
        if self._types is None:
            return self._proof.head(self.file.query(_ENDS)[0])
        # One statement: a type that is read before the head would be missing from what is selected up to the head.
        (_, _, *ends), *types = self.file.query(_ENDS_AND_TYPES)
        last = max((id for id, *_ in types), default=0)
        if last != len(types):
            raise self._proof.damage(f"of {last} event types {len(types)} are to be found")
        self._ids = [id for id, name, *_ in types if name in self._types]
        return self._proof.head(ends)

    def end(self) -> int:
        """Before which position to read, so that no event of a type is left out that came while reading."""
        before = LAST if self.selection.before is None else min(self.selection.before, LAST)
        return before if self._types is None else min(before, self.look() + 1)

    @property
    def is_vain(self) -> bool:
        """The log has none of the types."""
        return self._types is not None and not self._ids

    @property
    def filters(self) -> str:
        """The conditions, to be added to others."""
        ids = "" if self._types is None else f" AND e.type_id IN ({', '.join(map(str, self._ids))})"
        return ids + self._conditions

    def between(self, low: int, high: int, wanted: int) -> list[Row]:
        """Those between two positions, both exclusive."""
        order = "DESC" if self.selection.backwards else "ASC"
        where = f"WHERE e.position > ? AND e.position < ?{self.filters} ORDER BY e.position {order} LIMIT ?"
        return self.file.query(f"{self.sql} {where}", (low, high, *self.values, wanted))


def _stream_pages(source: _Source, proof: SQLiteProof) -> Iterator[list[Row]]:
    """Along the index of the stream; in a stream, versions rise with positions."""
    file, selection = source.file, source.selection
    order = "DESC" if selection.backwards else "ASC"
    before = source.end()
    if source.is_vain:
        return
    # The unary plus keeps SQLite from walking the positions instead.
    statement = (
        f"{source.sql} WHERE e.stream_id = (SELECT id FROM streams WHERE name = ?) AND e.version > ? AND e.version < ? "
        f"AND +e.position > ? AND +e.position < ?{source.filters} ORDER BY e.version {order} LIMIT ?"
    )
    page = Page(file.limits, selection.limit)
    after = bounded(selection.after)
    low, high = versions(selection)
    at = 0 if selection.backwards else _version_at(file, selection.stream, after)
    is_known = not selection.backwards and (not after or 0 < at >= low)
    low = max(low, at)
    step = -1 if selection.backwards else 1
    due = low + 1 if is_known else None  # the version that comes next
    while page.left:
        wanted = page.size
        rows = file.query(statement, (selection.stream, low, high, after, before, *source.values, wanted))
        if rows and source.takes_all:
            start = rows[0][2] if due is None else due
            proof.check_stream(rows, start, step)
            due = start + step * len(rows)
        if len(rows) < wanted and due is not None and selection.backwards and not after and due != low:
            raise proof.damage(f"version {due} of {selection.stream} is not to be found")
        yield rows
        if len(rows) < wanted:
            return
        page.took(rows)
        low, high = (low, rows[-1][2]) if selection.backwards else (rows[-1][2], high)


def _version_at(file: SQLiteFile, stream: str | None, position: int) -> int:
    """The version that this very event has in the stream; 0 if it belongs to another.

    Who goes on in a stream names an event of it: what came before is then not walked through again.
    """
    sql = "SELECT version FROM events WHERE position = ? AND stream_id = (SELECT id FROM streams WHERE name = ?)"
    found = file.query(sql, (position, stream)) if position else ()
    return int(found[0][0]) if found else 0


def _grouped_pages(source: _Source, proof: SQLiteProof) -> Iterator[list[Row]]:
    """Along the index of (stream, version), up to the head as it is at the start."""
    file, selection = source.file, source.selection
    before = min(LAST if selection.before is None else selection.before, source.look() + 1)
    if source.is_vain:
        return
    statement = (
        f"{source.sql} WHERE (e.stream_id, e.version) > (?, ?) AND +e.position > ? AND +e.position < ?{source.filters} "
        "ORDER BY e.stream_id, e.version LIMIT ?"
    )
    page = Page(file.limits, selection.limit)
    stream_id = version = 0
    after = bounded(selection.after)
    proof.check_names()
    from_start = not after and not selection.after_version
    last: list[Row] = [(0, "", 0)]  # before the first
    while page.left:
        wanted = page.size
        rows = file.query(statement, (stream_id, version, after, before, *source.values, wanted))
        if selection.types is None:
            proof.check_versions(last + rows, from_start)
            last = rows[-1:]
        yield rows
        if len(rows) < wanted:
            return
        page.took(rows)
        stream_id, version = file.query("SELECT stream_id, version FROM events WHERE position = ?", (rows[-1][0],))[0]
