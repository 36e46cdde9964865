"""Reading the log of a store on a server, in short pages (`cqrs_cli.stores.pages`).

Each page's statement is such that one index answers it, whatever the server thinks of the table: conditions that are
to be looked at only afterwards are written so that no index has them (`position + 0`).
"""

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
from cqrs_cli.stores.postgres.connection import Row
from cqrs_cli.stores.postgres.link import Link
from cqrs_cli.stores.postgres.proof import PostgresProof

T = TypeVar("T")

_EVERYTHING = Selection()
_STORED = "e.position, e.stream, e.version, e.type, e.schema_version, textsend(e.data)"
_ENVELOPE = (
    "c.id, (e.position - c.first_position + 1)::int, c.command_type, coalesce(c.correlation_id, c.id), "
    "c.causation_id, c.user_id, c.recorded_at, c.metadata"
)
_JOINED = "JOIN {s}.commits c ON c.first_position = e.commit_position"
_ENDS = (
    "SELECT (SELECT min(position) FROM {s}.events), (SELECT max(position) FROM {s}.events), "
    "(SELECT min(first_position) FROM {s}.commits), "
    "(SELECT first_position + event_count - 1 FROM {s}.commits ORDER BY first_position DESC LIMIT 1)"
)
_STREAMS = """
SELECT f.stream, split_part(f.stream, '-', 1), l.version, fc.recorded_at, lc.recorded_at
FROM {s}.events f
CROSS JOIN LATERAL (
    SELECT e.version, e.commit_position FROM {s}.events e WHERE e.stream = f.stream ORDER BY e.version DESC LIMIT 1) l
LEFT JOIN {s}.commits fc ON fc.first_position = f.commit_position
LEFT JOIN {s}.commits lc ON lc.first_position = l.commit_position
WHERE f.version = 1 AND f.stream > %b AND {where} ORDER BY f.stream LIMIT %b::bigint
"""
_COMMITS_A_PAGE = 32
_IDS_A_QUERY = 5_000


class PostgresLogReader(PagedLog):
    """The log, read only; the contract says more of each method."""

    _proof: PostgresProof

    def __init__(self, link: Link) -> None:
        super().__init__(PostgresProof(link), link.limits)
        self._link = link

    def scan(self, selection: Selection = _EVERYTHING) -> Iterator[StoredEvent]:
        """The selected events without envelopes."""
        return self._select(_STORED, "", make_stored, selection, proved=False)

    def read(self, selection: Selection = _EVERYTHING) -> Iterator[Recorded]:
        """The selected events with envelopes."""
        columns, joined = f"{_STORED}, {_ENVELOPE}", _JOINED.format(s=self._link.s)
        return self._select(columns, joined, make_recorded, selection, proved=not selection.as_found)

    def _select(
        self, columns: str, joined: str, make: Callable[[Row], T], selection: Selection, proved: bool
    ) -> Iterator[T]:
        if selection.by_stream and selection.backwards:
            raise Misuse("stream by stream is read forwards only", code="selection")
        source = _Source(self._link, self._proof, columns, joined, selection)
        if source.is_vain:
            return
        if selection.stream is not None:
            pages = _stream_pages(source, self._proof)
        elif selection.by_stream:
            pages = _grouped_pages(source, self._proof)
        else:
            pages = log_pages(source, self._proof, self._sizes, selection)
        for rows in pages:
            if proved and rows:
                self._proof.check_recorded(rows)
            yield from map(make, rows)

    def commit(self, id: str) -> RecordedCommit | None:
        """The commit with this id, or None."""
        if not _is_text(id):
            return None
        found = self._proof.commits_where("WHERE c.id = %b", (id,))
        return next(self._commits_of(found, Page(self._sizes))) if found else None

    def known(self, ids: Sequence[str]) -> set[str]:
        """Those of the commit ids that the log has."""
        found: set[str] = set()
        texts = [id for id in ids if _is_text(id)]
        for at in range(0, len(texts), _IDS_A_QUERY):
            sql = f"SELECT id FROM {self._link.s}.commits WHERE id = ANY(%b::text[])"
            found.update(row[0] for row in self._link.query(sql, (texts[at : at + _IDS_A_QUERY],)))
        return found

    def ids_beginning(self, beginning: str, limit: int) -> list[str]:
        """Commit ids that begin so, by the index of the ids."""
        if not _is_text(beginning):
            return []
        sql = f"SELECT id FROM {self._link.s}.commits WHERE id >= %b AND id < %b ORDER BY id LIMIT %b::bigint"
        return [row[0] for row in self._link.query(sql, (beginning, beginning + "\U0010ffff", max(limit, 0)))]

    def correlated(self, correlation_id: str) -> Iterator[RecordedCommit]:
        """Commits with this correlation id, in order; the commit that began it has it as its own id."""
        rest = (
            "WHERE (c.correlation_id = %b OR c.id = %b AND c.correlation_id IS NULL) AND c.first_position > %b::bigint "
            "ORDER BY c.first_position LIMIT %b::bigint"
        )
        after = 0
        while _is_text(correlation_id):
            rows = self._proof.commits_where(rest, (correlation_id, correlation_id, after, _COMMITS_A_PAGE))
            for row in rows:
                yield from self._commits_of([row], Page(self._sizes))
            if not rows:
                return
            after = rows[-1][0]

    def _commits_after(self, position: int, wanted: int) -> list[Row]:
        rest = "WHERE c.first_position > %b::bigint ORDER BY c.first_position LIMIT %b::bigint"
        return self._proof.commits_where(rest, (position, wanted))

    def _recorded_between(self, first: int, last: int) -> list[Row]:
        sql = (
            f"SELECT {_STORED}, {_ENVELOPE} FROM {self._link.s}.events e {_JOINED.format(s=self._link.s)} "
            "WHERE e.position BETWEEN %b::bigint AND %b::bigint ORDER BY e.position"
        )
        return self._link.query(sql, (first, last))

    def version(self, stream: str) -> int:
        """The stream's version; 0 if there is none."""
        return _version(self._link, stream) if _is_text(stream) else 0

    def _within(self, category: str | None) -> list[tuple[str, tuple[str, ...]]]:
        return within(category, "f.stream", "%b") if category is None or _is_text(category) else []

    def _streams_of(self, within: tuple[str, tuple[str, ...]], name: str, wanted: int) -> list[Row]:
        return self._link.query(_STREAMS.format(s=self._link.s, where=within[0]), (name, *within[1], wanted))

    def head(self) -> int:
        """The last position; 0 for an empty log."""
        return _head(self._link, self._proof)

    def _last_commit_up_to(self, position: int) -> list[Row]:
        sql = (
            f"SELECT first_position, event_count, recorded_at FROM {self._link.s}.commits "
            "WHERE first_position <= %b::bigint ORDER BY first_position DESC LIMIT 1"
        )
        return self._link.query(sql, (position,))

    def types(self, before: int | None = None) -> dict[str, int]:
        """Event types with the number of their events, by name."""
        end = self.head() + 1
        end = end if before is None else max(1, min(before, end))
        sql = (
            f"SELECT type, count(*) FROM {self._link.s}.events WHERE position < %b::bigint GROUP BY type ORDER BY type"
        )
        found: dict[str, int] = dict(self._link.query(sql, (end,)))
        if sum(found.values()) != end - 1:
            raise self._proof.damage(f"not all of {end - 1} events are to be found")
        return found

    def type_names(self) -> frozenset[str]:
        """The event types of the log."""
        return frozenset(name for (name,) in self._link.query(f"SELECT type FROM {self._link.s}.cqrs_event_types"))

    def kinds(
        self, types: Collection[str] | None = None, categories: Collection[str] | None = None, after: int = 0
    ) -> dict[tuple[str, int], int]:
        """The number of events by type and schema version."""
        filters = ""
        values: list[Any] = [bounded(after)]
        if types is not None:
            filters += " AND e.type = ANY(%b::text[])"
            values.append([one for one in types if _is_text(one)])
        if categories is not None:
            filters += " AND split_part(e.stream, '-', 1) = ANY(%b::text[])"
            values.append([one for one in categories if _is_text(one)])
        sql = (
            f"SELECT e.type, e.schema_version, count(*) FROM {self._link.s}.events e WHERE e.position > %b::bigint"
            f"{filters} GROUP BY e.type, e.schema_version ORDER BY e.type, e.schema_version"
        )
        return {(name, version): count for name, version, count in self._link.query(sql, values)}


def _is_text(value: str) -> bool:
    """Whether the server can hold it; what it can't is the name of nothing."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value


def _version_of(link: Link, stream: str) -> tuple[str, tuple[str]]:
    return f"SELECT coalesce(max(version), 0) FROM {link.s}.events WHERE stream = %b", (stream,)


def _version(link: Link, stream: str) -> int:
    return int(link.query(*_version_of(link, stream))[0][0])


def _head(link: Link, proof: PostgresProof) -> int:
    return proof.head(link.query(_ENDS.format(s=link.s))[0])


class _Source:
    """What of the log is selected, and the SQL of its pages.

    columns, joined: what is read of an event, and of its commit. filters: conditions besides positions.
    """

    def __init__(self, link: Link, proof: PostgresProof, columns: str, joined: str, selection: Selection) -> None:
        self.link, self._proof, self.columns, self.joined, self.selection = link, proof, columns, joined, selection
        self.filters = ""
        self.values: list[Any] = []
        if selection.types is not None:
            self._add("e.type = ANY(%b::text[])", sorted(one for one in selection.types if _is_text(one)))
        if selection.category is not None:
            self._add("split_part(e.stream, '-', 1) = %b", selection.category)
        if selection.stream is None and (selection.after_version > 0 or selection.before_version is not None):
            self._add("e.version + 0 > %b::bigint AND e.version + 0 < %b::bigint", *versions(selection))
        self.is_vain = not all(_is_text(one) for one in (selection.stream, selection.category) if one is not None)
        self.takes_all = not self.filters

    def _add(self, condition: str, *values: Any) -> None:
        self.filters += f" AND {condition}"
        self.values += values

    def of(self, where: str, order: str) -> str:
        """The statement with these conditions, before the filters, in an order."""
        source = f"SELECT {self.columns} FROM {self.link.s}.events e {self.joined}"
        return f"{source} WHERE {where}{self.filters} ORDER BY {order}"

    def look(self) -> int:
        """The head."""
        return _head(self.link, self._proof)

    def between(self, low: int, high: int, wanted: int) -> list[Row]:
        """Those between two positions, both exclusive."""
        order = f"e.position {'DESC' if self.selection.backwards else 'ASC'} LIMIT %b::bigint"
        sql = self.of("e.position > %b::bigint AND e.position < %b::bigint", order)
        return self.link.query(sql, (low, high, *self.values, wanted))


def _stream_pages(source: _Source, proof: PostgresProof) -> Iterator[list[Row]]:
    """Windows of the stream's versions, which have no holes; in a stream, versions rise with positions."""
    link, selection = source.link, source.selection
    assert selection.stream is not None
    after, before = bounded(selection.after), LAST if selection.before is None else min(selection.before, LAST)
    low, highest = versions(selection)
    page = Page(link.limits, selection.limit)
    is_whole = not source.filters and not after and selection.before is None
    order = f"e.version {'DESC' if selection.backwards else 'ASC'}"
    sql = source.of(
        "e.stream = %b AND e.version > %b::bigint AND e.version < %b::bigint "
        "AND e.position + 0 > %b::bigint AND e.position + 0 < %b::bigint",
        order,
    )

    def window(start: int, end: int) -> tuple[str, tuple[Any, ...]]:
        return sql, (selection.stream, start, end, after, before, *source.values)

    if selection.backwards or after:
        ahead: list[Row] | None = None
        high = min(highest, _version(link, selection.stream) + 1)
        low = low if selection.backwards else max(low, _version_at(link, selection.stream, after))
    else:  # most streams are short: their end and their first events are asked for in one trip
        size = page.size if is_whole else link.limits.largest
        asked = [_version_of(link, selection.stream), window(low, min(highest, low + 1 + size))]
        [(version,)], ahead = link.query_all(asked)
        high = min(highest, version + 1)
    while page.left and low < high - 1:
        size = page.size if is_whole else link.limits.largest
        start, end = (max(low, high - 1 - size), high) if selection.backwards else (low, min(high, low + 1 + size))
        # What came between the two questions is left for those who look later.
        rows = link.query(*window(start, end)) if ahead is None else [row for row in ahead if row[2] < end]
        if is_whole and len(rows) != end - start - 1:
            raise proof.damage(f"of {end - start - 1} events of {selection.stream} {len(rows)} are to be found")
        if is_whole:
            proof.check_stream(rows, *((end - 1, -1) if selection.backwards else (start + 1, 1)))
        rows = rows[: page.left]
        yield rows
        page.took(rows)
        if selection.backwards:
            high = start + 1
        else:
            low = end - 1
            if ahead is None and low >= high - 1 and high < highest:  # at the end as it was: there may be more
                high = min(highest, _version(link, selection.stream) + 1)
        ahead = None


def _version_at(link: Link, stream: str, position: int) -> int:
    """The version that this very event has in the stream; 0 if it belongs to another.

    Who goes on in a stream names an event of it: what came before is then not walked through again.
    """
    sql = f"SELECT version FROM {link.s}.events WHERE position = %b::bigint AND stream = %b"
    found = link.query(sql, (position, stream))
    return int(found[0][0]) if found else 0


def _grouped_pages(source: _Source, proof: PostgresProof) -> Iterator[list[Row]]:
    """Along the index of (stream, version), up to the head as it is at the start; every row of it is looked at."""
    link, selection = source.link, source.selection
    before = min(LAST if selection.before is None else selection.before, source.look() + 1)
    after, category = bounded(selection.after), selection.category
    end = "" if category is None else "AND i.stream < %b "
    walk = (
        f"SELECT i.position, i.stream, i.version FROM {link.s}.events i WHERE (i.stream, i.version) > (%b, %b::bigint) "
        f"{end}ORDER BY i.stream, i.version LIMIT %b::bigint"
    )
    wanted_ones = source.of("e.position = ANY(%b::bigint[])", "e.stream, e.version")
    page = Page(link.limits, selection.limit)
    # Before the first of a category, whose own name may be a stream, come other categories.
    at: tuple[str, int] = (category or "", 0)
    last: list[Row] = [(0, "", 0)]
    while page.left:
        size = page.size
        walked = link.query(walk, (*at, *(() if category is None else (category + ".",)), size))
        proof.check_versions(last + [row for row in walked if row[0] < before], from_start=True)
        positions = [row[0] for row in walked if after < row[0] < before]
        rows = link.query(wanted_ones, (positions, *source.values)) if positions else []
        if not source.filters and len(rows) != len(positions):
            raise proof.damage(f"of {len(positions)} events {len(rows)} are to be found")
        page.took(rows)
        yield rows
        if len(walked) < size:
            return
        at, last = (walked[-1][1], walked[-1][2]), walked[-1:]
