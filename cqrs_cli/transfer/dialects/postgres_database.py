"""A PostgreSQL database of another program, in sessions that can't write: a role without writes suffices."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import quote

from cqrs_cli.errors import CqrsError, Misuse, Unavailable
from cqrs_cli.stores.addresses import shown, without_secrets
from cqrs_cli.transfer.dialects.database import Kind, Select, Table, newest_statement, statement
from cqrs_cli.transfer.dialects.event import Row

_DEFAULTS = {"connect_timeout": "5", "keepalives_idle": "5", "keepalives_interval": "2", "keepalives_count": "3"}
_OPTIONS = "-c default_transaction_read_only=on -c timezone=UTC -c datestyle=ISO -c bytea_output=hex"
_TABLES = """
SELECT n.nspname, c.relname, json_object_agg(a.attname, format_type(a.atttypid, NULL))::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND has_schema_privilege(n.oid, 'USAGE')
AND (has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT'))
GROUP BY 1, 2 ORDER BY 1, 2
"""
# Who holds or waits for the lock that an INSERT takes before it takes a number; the parts of a table, too.
_WRITERS = """
SELECT DISTINCT virtualtransaction FROM pg_locks
WHERE locktype = 'relation'
AND mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND relation IN (WITH RECURSIVE parts (oid) AS (
                     SELECT t.oid FROM unnest(%s::regclass[]) AS t(oid)
                     UNION SELECT i.inhrelid FROM pg_inherits i JOIN parts ON i.inhparent = parts.oid)
                 SELECT oid FROM parts)
"""
_VIEWS = "SELECT oid::regclass::text FROM pg_class WHERE oid = ANY(%s::regclass[]) AND relkind NOT IN ('r', 'p')"
# Sequences that a column of the tables takes its numbers from, of which a session keeps some for later.
_KEPT = """
SELECT c.relname, s.seqcache FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
WHERE s.seqcache > 1 AND s.seqrelid IN (
    SELECT d.objid FROM pg_depend d
    WHERE d.classid = 'pg_class'::regclass AND d.refobjid = ANY(%s::regclass[]) AND d.deptype IN ('a', 'i')
    UNION SELECT d.refobjid FROM pg_depend d JOIN pg_attrdef f ON f.oid = d.objid AND d.classid = 'pg_attrdef'::regclass
    WHERE f.adrelid = ANY(%s::regclass[]) AND d.refclassid = 'pg_class'::regclass)
"""


class PostgresDatabase:
    """Everything is one SELECT a transaction, but for a page, whose rows come as they are asked for.

    Raises `Misuse` (`driver-missing`) without psycopg, and `Unavailable`; each read does.
    """

    kind: Kind = "postgresql"
    has_gaps = True

    def __init__(self, url: str) -> None:
        self._psycopg = _driver()
        self._url = url
        self._connection: Any = None
        self._other: Any = None
        self._connection = self._connect()
        try:
            info = self._connection.info
            host = info.host if info.host and not info.host.startswith("/") else "localhost"
            self.name = f"postgresql://{quote(host)}:{info.port}/{quote(info.dbname, safe='')}"
            self._check_primary()
        except BaseException:
            self.close()
            raise

    def tables(self) -> Sequence[Table]:
        """Those that this role may read."""
        import json

        return [Table(schema, name, json.loads(columns)) for schema, name, columns in self._all(_TABLES)]

    def page(self, select: Select, after: int, limit: int) -> Iterator[Row]:
        """The rows after a position."""
        with self._told(), self._connection.cursor() as cursor:
            rows = cursor.stream(_escaped(statement(select, "> %s", "%s")), (after, limit), binary=True)
            try:
                yield from rows
            finally:
                rows.close()

    def at(self, select: Select, position: int) -> Row | None:
        """The row at a position."""
        return self._one(_escaped(statement(select, "= %s", "1")), (position,))

    def newest(self, select: Select) -> int:
        """The last position that can be seen."""
        found = self._one(_escaped(newest_statement(select)), ())
        return 0 if found is None else int(found[0])

    def first(self, sql: str, parameter: object) -> Row | None:
        """The first row of another SELECT."""
        return self._one(_escaped(sql).replace("?", "%s"), (parameter,))

    def writers(self, tables: Sequence[Table]) -> frozenset[str]:
        """The transactions that may be writing to the tables now."""
        names = [table.quoted for table in tables]
        return frozenset([name for (name,) in self._all(_WRITERS, (names,))])

    def check_order(self, tables: Sequence[Table]) -> None:
        """Raise `Misuse` for a sequence of which each session keeps numbers (`kept-numbers`), and a view (`view`)."""
        names = [table.quoted for table in tables]
        for (name,) in self._all(_VIEWS, (names,)):
            raise Misuse(
                f"{name} is a view: who is writing to what it shows can't be known, so that what commits late is lost",
                hint="name the table that it shows, as [mirror.NAME] table",
                code="view",
            )
        for sequence, kept in self._all(_KEPT, (names, names)):
            raise Misuse(
                f"the sequence {sequence} gives each session {kept} numbers at a time (CACHE {kept})",
                hint="so a later commit may have a smaller number, and no reader can know what is still to come: "
                f"ALTER SEQUENCE {sequence} CACHE 1",
                code="kept-numbers",
            )

    def check_there(self) -> None:
        """It is what answers at the address."""

    def close(self) -> None:
        """End both sessions."""
        for connection in (self._connection, self._other):
            if connection is not None:
                with suppress(Exception):
                    connection.close()

    def _connect(self) -> Any:
        from psycopg.conninfo import conninfo_to_dict

        with self._told():
            given = conninfo_to_dict(self._url)
            options = f"{given.pop('options', '') or ''} {_OPTIONS}".strip()
            given = {"application_name": "cqrs mirror", **_DEFAULTS, **given}
            return self._psycopg.connect(**given, options=options, autocommit=True, prepare_threshold=None)

    def _check_primary(self) -> None:
        """A standby does not tell who is writing, so that it can't be known what is still to come."""
        version = self._connection.info.server_version
        if version < 120000:
            raise Misuse(
                f"the server is PostgreSQL {version // 10000}",
                hint="12 and newer are understood",
                code="old-server",
            )
        if self._all("SELECT pg_is_in_recovery()")[0][0]:
            raise Misuse(
                f"{shown(self._url)} is a standby, where it can't be seen who is writing",
                hint="mirror from the primary: a number that is missing may still come, and only there it is known",
                code="standby",
            )

    def _one(self, sql: str, parameters: tuple[Any, ...]) -> Row | None:
        if self._other is None or self._other.closed:
            self._other = self._connect()
        with self._told(), self._other.cursor(binary=True) as cursor:
            found: Row | None = cursor.execute(sql, parameters).fetchone()
        return found

    def _all(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[Row]:
        if self._other is None or self._other.closed:
            self._other = self._connect()
        with self._told(), self._other.cursor() as cursor:
            found: list[Row] = cursor.execute(sql, parameters).fetchall()
        return found

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except self._psycopg.Error as error:
            raise _told(self._url, error) from None  # the error of the driver may quote the address


def _driver() -> Any:
    try:
        import psycopg
    except ImportError as error:
        raise Misuse(
            f"PostgreSQL is read by psycopg, which is not here: {error}",
            code="driver-missing",
            extra="postgres",
            python=sys.executable,
        ) from None
    return psycopg


def _escaped(sql: str) -> str:
    """With the percent signs of names and patterns as the driver wants them."""
    return sql.replace("%s", "\0").replace("%", "%%").replace("\0", "%s")


def _told(url: str, error: Any) -> CqrsError:
    state, text = error.sqlstate or "", without_secrets(" ".join(str(error).split()), url)
    where = shown(url)
    if state.startswith("28") or state in ("3D000", "42501"):
        hint = "user, password, database, and the right to SELECT from the tables of the log: is each as it should be?"
        return Unavailable(f"{where} does not let us in: {text}", hint=hint, code="no-permission")
    if type(error).__name__ == "ProgrammingError" and not state:
        return Misuse(f"{where} can't be understood: {text}", hint="postgresql://USER@HOST:PORT/DATABASE")
    if not state or state[:2] in ("08", "57", "53"):
        hint = "is the server there, and are database, user and password as they should be?"
        return Unavailable(f"{where} can't be reached: {text}", hint=hint, code="unreachable")
    hint = "is this the schema that the dialect knows? Its tables are in docs/mirrors.md"
    return Unavailable(f"{where} can't be read: {text}", hint=hint, code="unreadable-source")
