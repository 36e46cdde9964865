"""Rows and checkpoints on PostgreSQL, to read: by key, filtered, in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import psycopg

from cqrs_cli.errors import CqrsError, Misuse, NeedsRebuild
from cqrs_cli.stores.operational import OPERATIONAL
from cqrs_cli.stores.postgres.connection import Row
from cqrs_cli.stores.postgres.errors import text_of
from cqrs_cli.stores.postgres.link import Link, quote
from cqrs_cli.stores.postgres.select import Scalars, Select, Values
from cqrs_cli.stores.rows import Checkpoint, Order, Table, Where, reader_of

_CHUNK = 5_000
_IN_MEMORY = 5_000
OWN_TABLES = frozenset(table.name for table in OPERATIONAL)
"""Tables that are there since the store was made."""
RowError = psycopg.Error | UnicodeEncodeError
_CHECKPOINTS = (
    "SELECT c.name, c.position, coalesce(d.definition, ''), to_regclass(%b::text || '.' || quote_ident(c.name)) "
    "IS NOT NULL FROM {s}.cqrs_checkpoints c LEFT JOIN {s}.cqrs_definitions d ON d.name = c.name"
)
"""Each with whether there is a table of its name: who looks where rows stand asks next whether they are there."""


class PostgresRowReader:
    """Rows and checkpoints, read only."""

    _locked = ""

    def __init__(self, link: Link) -> None:
        self._link = link

    def checkpoint(self, name: str) -> Checkpoint | None:
        """The checkpoint, or None."""
        found = self._looked("WHERE c.name = %b::text", [name])
        return found[0] if found else None

    def checkpoints(self) -> list[Checkpoint]:
        """All checkpoints, by name."""
        return self._looked("ORDER BY c.name")

    def _looked(self, which: str, names: Sequence[str] = ()) -> list[Checkpoint]:
        """The checkpoints of these names, or all; and it is remembered which of their tables are there."""
        found = self._link.query(f"{_CHECKPOINTS.format(s=self._link.s)} {which}", (self._link.s, *names))
        there = {name for name, _, _, is_there in found if is_there}
        self._link.tables.difference_update(set(names or self._link.tables) - there)
        self._link.tables.update(there)
        return [Checkpoint(name, position, definition) for name, position, definition, _ in found]

    def load(self, table: Table, keys: Sequence[Scalars]) -> dict[Scalars, Scalars]:
        """The rows that exist among `keys`, by key."""
        source = self._source(table.name)
        if source is None:
            return {}
        key_in = reader_of(table, table.key)
        found: dict[Scalars, Scalars] = {}
        for start in range(0, len(keys), _CHUNK):
            sql, values = Select(table, source).load(keys[start : start + _CHUNK])
            rows = self._query(table, sql + self._locked, values)
            found.update(zip(map(key_in, rows), rows, strict=True))
        return found

    def select(
        self,
        table: Table,
        where: Sequence[Where] = (),
        order: Sequence[Order] = (),
        after: Scalars | None = None,
        limit: int | None = None,
    ) -> Iterator[Scalars]:
        """Rows in order, then by key. A result of more than 5,000 rows is streamed, as it was at one moment."""
        source = self._source(table.name)
        sql, values = Select(table, source or "").statement(where, order, after)
        if source is None:
            return iter(())
        if limit is not None:
            sql, values = f"{sql} LIMIT %b::bigint", [*values, max(limit, 0)]
        if self._link.in_transaction or (limit is not None and limit <= _IN_MEMORY):
            return iter(self._query(table, sql + self._locked, values))
        return self._stream(table, sql, values)

    def few(self, tables: Sequence[Table], limit: int) -> list[list[Row]]:
        """The rows of each of these tables by key, at most so many of each; in one trip."""
        if any(table.name not in OWN_TABLES for table in tables):  # one that is not there would be the end of all
            return [list(self.select(table, limit=limit)) for table in tables]
        asked = []
        for table in tables:
            sql, values = Select(table, self._named(table.name)).statement((), (), None)
            asked.append((f"{sql} LIMIT %b::bigint{self._locked}", [*values, max(limit, 0)]))
        return self._link.query_all(asked)

    def plan(
        self,
        table: Table,
        where: Sequence[Where] = (),
        order: Sequence[Order] = (),
        after: Scalars | None = None,
    ) -> str:
        """PostgreSQL's plan, its lines with semicolons; empty if there is no such table."""
        source = self._source(table.name)
        sql, values = Select(table, source or "").statement(where, order, after)
        lines = [] if source is None else self._query(table, f"EXPLAIN (COSTS OFF) {sql}", values)
        return "; ".join(str(line).strip() for (line,) in lines)

    def count(self, table: Table, where: Sequence[Where] = ()) -> int:
        """How many rows fulfil the conditions; 0 if there is no such table."""
        source = self._source(table.name)
        sql, values = Select(table, source or "").count(where)
        found = [] if source is None else self._query(table, sql, values)
        return int(found[0][0]) if found else 0

    def exists(self, table: Table) -> bool:
        """Whether there is such a table, or was when its checkpoint was looked at last: no trip is made for that."""
        is_known = table.name in self._link.tables and not self._link.in_transaction
        return is_known or self._exists(table.name)

    def _source(self, name: str) -> str | None:
        """What to read the rows from, quoted; None if it is known that there is none. A reader does not ask first."""
        return self._named(name) if name else None

    def _named(self, name: str) -> str:
        return f"{self._link.s}.{quote(name)}"

    def _exists(self, name: str) -> bool:
        sql = (
            "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = %b AND c.relname = %b AND c.relkind IN ('r', 'v', 'm', 'p', 'f')"
        )
        return bool(self._link.query(sql, (self._link.schema, name)))

    def _query(self, table: Table, sql: str, values: Values) -> list[Row]:
        """The rows; none if there is no such table, where that does no harm."""
        try:
            return self._link.ask(lambda connection: connection.run(sql, values).fetchall())
        except psycopg.errors.UndefinedTable as error:
            self._missed(table.name, error)
            return []
        except (psycopg.Error, UnicodeEncodeError) as error:
            raise self._refused(table.name, error) from error

    def _stream(self, table: Table, sql: str, values: Values) -> Iterator[Scalars]:
        try:
            yield from self._link.stream(sql, values)
        except psycopg.errors.UndefinedTable as error:
            self._missed(table.name, error)
        except (psycopg.Error, UnicodeEncodeError) as error:
            raise self._refused(table.name, error) from error

    def _missed(self, name: str, error: psycopg.errors.UndefinedTable) -> None:
        """A table is not there. It has no rows then, unless it is one of the store's own, or was known to be there."""
        was_there = name in self._link.tables
        self._link.tables.discard(name)
        if self._link.in_transaction or name in OWN_TABLES:
            raise self._refused(name, error) from error
        if was_there:
            raise changed(name, "it is gone") from error

    def _refused(self, name: str, error: RowError) -> CqrsError | psycopg.Error:
        """The typed error for what was raised about the table of a read model."""
        if isinstance(error, UnicodeEncodeError):
            return row_value(name, str(error))
        state, text = error.sqlstate or "", text_of(error, self._link.address)
        if name not in OWN_TABLES and state in ("42703", "42804", "42883", "42P01"):
            return changed(name, text)
        is_value = state.startswith("22") or state in ("23502", "23514", "54000")
        if is_value or (not state and isinstance(error, psycopg.DataError | psycopg.ProgrammingError)):
            return row_value(name, text)
        return self._link.translate(error)


def changed(name: str, why: str) -> NeedsRebuild:
    """The table is not the projection's any more."""
    return NeedsRebuild(f"the table {name} is not as the projection made it: {why}", code="table-changed", table=name)


def row_value(name: str, why: str) -> Misuse:
    """A value does not fit its column."""
    return Misuse(f"{name} can't take a row: {why}", hint="its values don't fit its columns", code="row-value")
