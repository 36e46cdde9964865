"""Reading the log in short pages: no statement stays open while the caller works.

A page of events ends where the caller's memory or the limit says, but the pages together end at a
commit: the last position is taken from the head, which is always the end of a commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

from cqrs_cli.errors import Damaged, Misuse
from cqrs_cli.stores.commits import Recorded, RecordedCommit, SentCommand, StoredEvent
from cqrs_cli.stores.contract import Selection
from cqrs_cli.stores.sqlite.file import SQLiteFile
from cqrs_cli.stores.sqlite.limits import FURTHEST, Limits
from cqrs_cli.stores.streams import StreamInfo

T = TypeVar("T")

_SMALL_BYTES, _LARGE_BYTES = 256 * 1024, 4 * 1024 * 1024
_LAST = 2**63 - 1
_BY_HAND = "another tool changed the store: restore a backup"
_EVERYTHING = Selection()

_STORED = "e.position, s.name, e.version, t.name, e.schema_version, CAST(e.data AS BLOB)"
_ENVELOPE = (
    "c.id, e.position - c.first_position + 1, c.command_type, coalesce(c.correlation_id, c.id), "
    "c.causation_id, c.user_id, c.recorded_at, c.metadata"
)
# CROSS JOIN keeps the order of the tables: events first, in the order of the log.
_STORED_FROM = "FROM events e CROSS JOIN streams s ON s.id = e.stream_id CROSS JOIN event_types t ON t.id = e.type_id"
_RECORDED_FROM = _STORED_FROM + " CROSS JOIN commits c ON c.first_position = e.commit_position"
_COMMIT = (
    "SELECT first_position, event_count, id, command_type, command_schema_version, command_digest, "
    "CAST(command_data AS BLOB), issued_at, coalesce(correlation_id, id), causation_id, user_id, metadata, "
    "recorded_at, hash "
    "FROM commits "
)
_EVENTS_BETWEEN = f"SELECT {_STORED}, {_ENVELOPE} {_RECORDED_FROM} WHERE e.position BETWEEN ? AND ? ORDER BY e.position"
_COMMITS_A_PAGE = 32
_IDS_A_QUERY = 500
_STREAMS = """
SELECT s.name, s.category, e.version,
       (SELECT c.recorded_at FROM events f JOIN commits c ON c.first_position = f.commit_position
        WHERE f.stream_id = s.id AND f.version = 1),
       c.recorded_at
FROM streams s
CROSS JOIN events e ON e.stream_id = s.id AND e.version = (SELECT max(version) FROM events WHERE stream_id = s.id)
CROSS JOIN commits c ON c.first_position = e.commit_position
WHERE s.name > ? AND {} ORDER BY s.name LIMIT ?
"""

_make_stored: Callable[[tuple[Any, ...]], StoredEvent] = partial(tuple.__new__, StoredEvent)
_make_recorded: Callable[[tuple[Any, ...]], Recorded] = partial(tuple.__new__, Recorded)


class SQLiteLogReader:
    """The log, read only; the contract says more of each method."""

    def __init__(self, file: SQLiteFile) -> None:
        self._file = file

    def scan(self, selection: Selection = _EVERYTHING) -> Iterator[StoredEvent]:
        """The selected events without envelopes."""
        return _select(self._file, f"SELECT {_STORED} {_STORED_FROM}", _make_stored, selection)

    def read(self, selection: Selection = _EVERYTHING) -> Iterator[Recorded]:
        """The selected events with envelopes."""
        return _select(self._file, f"SELECT {_STORED}, {_ENVELOPE} {_RECORDED_FROM}", _make_recorded, selection)

    def commit(self, id: str) -> RecordedCommit | None:
        """The commit with this id, or None."""
        for row in self._file.query(_COMMIT + "WHERE id = ?", (id,)):
            return _commit_of(self._file, row)
        return None

    def known(self, ids: Sequence[str]) -> set[str]:
        """Those of the commit ids that the log has."""
        found: set[str] = set()
        for at in range(0, len(ids), _IDS_A_QUERY):
            some = ids[at : at + _IDS_A_QUERY]
            sql = f"SELECT id FROM commits WHERE id IN ({', '.join('?' * len(some))})"
            found.update(row[0] for row in self._file.query(sql, some))
        return found

    def correlated(self, correlation_id: str) -> Iterator[RecordedCommit]:
        """Commits with this correlation id, in order; the commit that began it has it as its own id."""
        sql = (
            "WHERE (correlation_id = :id OR id = :id AND correlation_id IS NULL) AND first_position > :after "
            "ORDER BY first_position LIMIT :page"
        )
        after = 0
        while rows := self._file.query(_COMMIT + sql, {"id": correlation_id, "after": after, "page": _COMMITS_A_PAGE}):
            for row in rows:
                yield _commit_of(self._file, row)
            after = rows[-1][0]

    def commits(self, after: int = 0, limit: int | None = None) -> Iterator[RecordedCommit]:
        """Commits that begin after a position, in order."""
        after = max(0, min(after, _LAST))
        left = _LAST if limit is None else limit
        while left > 0:
            rows = self._file.query(
                _COMMIT + "WHERE first_position > ? ORDER BY first_position LIMIT ?",
                (after, min(left, _COMMITS_A_PAGE)),
            )
            for row in rows:
                yield _commit_of(self._file, row)
            if len(rows) < min(left, _COMMITS_A_PAGE):
                return
            left -= len(rows)
            after = rows[-1][0]

    def version(self, stream: str) -> int:
        """The stream's version; 0 if there is none."""
        sql = "SELECT coalesce(max(version), 0) FROM events WHERE stream_id = (SELECT id FROM streams WHERE name = ?)"
        return int(self._file.query(sql, (stream,))[0][0])

    def streams(
        self, category: str | None = None, after: str | None = None, limit: int | None = None
    ) -> Iterator[StreamInfo]:
        """Streams by name (order of code points)."""
        # A category's own name, if it is a stream, sorts before all others of the category.
        ranges: list[tuple[str, tuple[str, ...]]] = [("TRUE", ())]
        if category is not None:
            ranges = [("s.name = ?", (category,)), ("s.name >= ? AND s.name < ?", (category + "-", category + "."))]
        left = _LAST if limit is None else max(limit, 0)
        for condition, values in ranges:
            name = after or ""
            while left:
                wanted = min(left, self._file.limits.largest)
                rows = self._file.query(_STREAMS.format(condition), (name, *values, wanted))
                for row in rows:
                    yield StreamInfo(*row)
                left -= len(rows)
                if len(rows) < wanted:
                    break
                name = rows[-1][0]

    def head(self) -> int:
        """The last position; 0 for an empty log."""
        return _head(self._file)

    def position_at(self, recorded_us: int) -> int:
        """The last position recorded at or before a moment, by bisection: times never fall along the log."""
        low, high, found = 0, self.head(), 0  # nothing at or below low is still to be looked at, nothing above high
        while low < high:
            middle = (low + high + 1) // 2
            rows = self._file.query(
                "SELECT first_position, event_count, recorded_at FROM commits WHERE first_position <= ? "
                "ORDER BY first_position DESC LIMIT 1",
                (middle,),
            )
            for first, count, at in rows:
                if at <= recorded_us:
                    low, found = max(middle, first + count - 1), first + count - 1
                else:
                    high = first - 1
            if not rows:
                low = middle
        return found

    def types(self, before: int | None = None) -> dict[str, int]:
        """Event types with the number of their events, by name."""
        sql = (
            "SELECT t.name, c.n FROM (SELECT type_id, count(*) AS n FROM events WHERE position < ? GROUP BY type_id) c "
            "JOIN event_types t ON t.id = c.type_id ORDER BY t.name"
        )
        return dict(self._file.query(sql, (_LAST if before is None else min(before, _LAST),)))


def _head(file: SQLiteFile) -> int:
    head = int(file.query("SELECT coalesce(max(position), 0) FROM events")[0][0])
    if head >= FURTHEST:
        raise Damaged(f"{file.path} is damaged: no log has a position {head}", hint=_BY_HAND, store=file.path)
    return head


def _next(file: SQLiteFile, after: int, backwards: bool) -> int | None:
    """The nearest position beyond `after` that an event has: a hole, which another tool made, may be huge."""
    end, past = ("max", "<") if backwards else ("min", ">")
    found: int | None = file.query(f"SELECT {end}(position) FROM events WHERE position {past} ?", (after,))[0][0]
    return found


class _Page:
    """How many rows to take at once: few when events are large, more while they are small."""

    def __init__(self, limits: Limits, limit: int | None) -> None:
        self.left = _LAST if limit is None else max(limit, 0)
        self._size, self._largest = limits.smallest, limits.largest

    @property
    def size(self) -> int:
        return min(self._size, self.left)

    def took(self, rows: list[tuple[Any, ...]]) -> None:
        self.left -= len(rows)
        weight = sum([len(row[5]) for row in rows])
        if weight < _SMALL_BYTES:
            self._size = min(self._size * 4, self._largest)
        elif weight > _LARGE_BYTES:
            self._size = max(self._size // 4, 1)


def _select(file: SQLiteFile, sql: str, make: Callable[[tuple[Any, ...]], T], selection: Selection) -> Iterator[T]:
    filters = ""
    values: list[Any] = []
    if selection.types is not None:
        known = _type_ids(file, selection.types)
        filters += f" AND e.type_id IN ({', '.join(map(str, known))})"
    if selection.category is not None:
        # By range, so that no wildcard of LIKE leaks into other categories: '.' follows '-' in ASCII.
        filters += " AND (s.name = ? OR (s.name >= ? AND s.name < ?))"
        values += [selection.category, selection.category + "-", selection.category + "."]
    if selection.stream is None and (selection.after_version > 0 or selection.before_version is not None):
        filters += " AND e.version > ? AND e.version < ?"
        values += _versions(selection)
    if selection.by_stream and selection.backwards:
        raise Misuse("stream by stream is read forwards only", code="selection")
    pages = _stream_pages if selection.stream is not None else _grouped_pages if selection.by_stream else _log_pages
    for rows in pages(file, sql, filters, values, selection):
        yield from map(make, rows)


def _type_ids(file: SQLiteFile, names: frozenset[str]) -> list[int]:
    return [id for id, name in file.query("SELECT id, name FROM event_types") if name in names]


def _log_pages(
    file: SQLiteFile, sql: str, filters: str, values: list[Any], selection: Selection
) -> Iterator[list[tuple[Any, ...]]]:
    """Windows of positions, so that a rare type is not looked for in one long statement."""
    order = "DESC" if selection.backwards else "ASC"
    statement = f"{sql} WHERE e.position > ? AND e.position < ?{filters} ORDER BY e.position {order} LIMIT ?"
    page, window = _Page(file.limits, selection.limit), file.limits.window
    low = max(0, min(selection.after, _LAST))
    before = _LAST if selection.before is None else min(selection.before, _LAST)
    high = min(before, _head(file) + 1)
    while page.left and low < high - 1:
        start, end = (max(low, high - 1 - window), high) if selection.backwards else (low, min(high, low + 1 + window))
        wanted = page.size
        rows = file.query(statement, (start, end, *values, wanted))
        page.took(rows)
        full = len(rows) == wanted
        if selection.backwards:
            high = rows[-1][0] if full else start + 1
            if not rows:
                high = (_next(file, high, backwards=True) or 0) + 1
        else:
            low = rows[-1][0] if full else end - 1
            if not rows:
                low = max(low, min((_next(file, low, backwards=False) or high), high) - 1)
            if low >= high - 1 and high < before:  # at the head as it was: there may be more by now
                high = min(before, _head(file) + 1)
        yield rows


def _stream_pages(
    file: SQLiteFile, sql: str, filters: str, values: list[Any], selection: Selection
) -> Iterator[list[tuple[Any, ...]]]:
    """Along the index of the stream; in a stream, versions rise with positions."""
    order = "DESC" if selection.backwards else "ASC"
    # The unary plus keeps SQLite from walking the positions instead.
    statement = (
        f"{sql} WHERE e.stream_id = (SELECT id FROM streams WHERE name = ?) AND e.version > ? AND e.version < ? "
        f"AND +e.position > ? AND +e.position < ?{filters} ORDER BY e.version {order} LIMIT ?"
    )
    page = _Page(file.limits, selection.limit)
    after = max(0, min(selection.after, _LAST))
    low, high = _versions(selection)
    if not selection.backwards:
        low = max(low, _version_at(file, selection.stream, after))
    before = _LAST if selection.before is None else min(selection.before, _LAST)
    while page.left:
        wanted = page.size
        rows = file.query(statement, (selection.stream, low, high, after, before, *values, wanted))
        yield rows
        if len(rows) < wanted:
            return
        page.took(rows)
        low, high = (low, rows[-1][2]) if selection.backwards else (rows[-1][2], high)


def _versions(selection: Selection) -> tuple[int, int]:
    """The bounds of the versions, both exclusive, as SQLite can hold them."""
    before = selection.before_version
    return max(0, min(selection.after_version, _LAST)), _LAST if before is None else max(0, min(before, _LAST))


def _version_at(file: SQLiteFile, stream: str | None, position: int) -> int:
    """The version that this very event has in the stream; 0 if it belongs to another.

    Who goes on in a stream names an event of it: what came before is then not walked through again.
    """
    sql = "SELECT version FROM events WHERE position = ? AND stream_id = (SELECT id FROM streams WHERE name = ?)"
    found = file.query(sql, (position, stream)) if position else ()
    return int(found[0][0]) if found else 0


def _grouped_pages(
    file: SQLiteFile, sql: str, filters: str, values: list[Any], selection: Selection
) -> Iterator[list[tuple[Any, ...]]]:
    """Along the index of (stream, version), up to the head as it is at the start."""
    statement = (
        f"{sql} WHERE (e.stream_id, e.version) > (?, ?) AND +e.position > ? AND +e.position < ?{filters} "
        "ORDER BY e.stream_id, e.version LIMIT ?"
    )
    page = _Page(file.limits, selection.limit)
    stream_id = version = 0
    after = max(0, min(selection.after, _LAST))
    before = min(_LAST if selection.before is None else selection.before, _head(file) + 1)
    while page.left:
        wanted = page.size
        rows = file.query(statement, (stream_id, version, after, before, *values, wanted))
        yield rows
        if len(rows) < wanted:
            return
        page.took(rows)
        stream_id, version = file.query("SELECT stream_id, version FROM events WHERE position = ?", (rows[-1][0],))[0]


def _commit_of(file: SQLiteFile, row: tuple[Any, ...]) -> RecordedCommit:
    first, count, id, *sent, correlation_id, causation_id, user_id, metadata, at, hash = row
    type, _, digest, *_ = sent
    events: tuple[Recorded, ...] = ()
    if isinstance(first, int) and isinstance(count, int) and first + count < FURTHEST:
        events = tuple(map(_make_recorded, file.query(_EVENTS_BETWEEN, (first, first + count - 1))))
    if not events or not isinstance(hash, bytes) or (type is not None and not isinstance(digest, bytes)):
        raise Damaged(f"the commit {id!r} is not whole", hint=_BY_HAND)
    command = None if type is None else SentCommand(*sent)
    return RecordedCommit(id, command, correlation_id, causation_id, user_id, metadata, at, hash, events)
