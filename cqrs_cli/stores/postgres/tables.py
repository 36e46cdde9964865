"""The tables of read models: a view is the public face of a table, which a rebuild replaces."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any

import psycopg

from cqrs_cli.errors import Misuse, NeedsRebuild, Passing
from cqrs_cli.stores.postgres.append import patience
from cqrs_cli.stores.postgres.columns import compared, declared, type_of
from cqrs_cli.stores.postgres.holding import PostgresHolding, is_plain
from cqrs_cli.stores.postgres.link import quote
from cqrs_cli.stores.postgres.row_reader import changed
from cqrs_cli.stores.rows import LONGEST_COLUMN, Table

_RESERVED = frozenset(
    {"commits", "events", "event_log", "stream_summary", "projection_status", "streams", "event_types"}
    | {"cqrs_store", "cqrs_checkpoints", "cqrs_definitions", "cqrs_read_models", "cqrs_event_types"}
)
_LOCK_TIMEOUT = "SELECT set_config('lock_timeout', %b, true)"
_CIRCLES = 4
"""How many times sooner than the server looks whether processes wait for each other in a circle."""
_MADE = "cqrs_rows_"
"""How the tables behind views begin. Names are cut from the end, so that each has its own number."""


class PostgresTables(PostgresHolding):
    """Tables that are made, shown, replaced and dropped in the transaction that is open."""

    def create(self, table: Table) -> None:
        """Make the table if it is not there; `Misuse` if one with other columns is."""
        check_name(table.name)
        relation = self._relation(table.name)
        if relation is not None and self._exists(relation):
            if self._columns_of(relation) != _wanted(table):
                raise NeedsRebuild(
                    f"the table {table.name} has other columns than the projection",
                    code="table-changed",
                    table=table.name,
                )
            return
        if self._exists(table.name):
            raise Misuse(
                f"a read model can't be named {table.name}: a view or table has the name",
                hint="another name=, or drop it with psql",
                code="table-name",
            )
        relation = table.name if is_plain(table.name) else _new_name(table.name)
        columns = ", ".join(declared(table, column) for column in table.columns)
        groups = [f"PRIMARY KEY ({', '.join(map(quote, table.key))})"]
        others = [group for group in table.unique if set(group) != set(table.key)]  # which is unique as it is
        groups += [f"UNIQUE ({', '.join(map(quote, group))}) DEFERRABLE" for group in others]
        self._run(table.name, f"CREATE TABLE {self._named(relation)} ({columns}, {', '.join(groups)})")
        self._relations[table.name] = relation
        self.index(table)
        if not is_plain(table.name):
            self._show(table.name, relation)

    def _columns_of(self, relation: str) -> list[tuple[Any, ...]]:
        sql = (
            "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull, "
            "coalesce(array_position(i.indkey::int2[], a.attnum), -1) + 1 FROM pg_attribute a "
            "JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
            "LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary "
            "WHERE n.nspname = %b AND c.relname = %b AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
        )
        return [tuple(row) for row in self._link.query(sql, (self._link.schema, relation))]

    def index(self, table: Table) -> None:
        """Make those of the table's indexes that are not there yet."""
        relation = self._relation(table.name)
        if relation is None or not table.indexes:
            return
        kinds = {column.name: column.kind for column in table.columns}
        nullable = {column.name for column in table.columns if column.nullable}
        sql = (
            "SELECT obj_description(i.indexrelid, 'pg_class') FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid "
            "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %b AND c.relname = %b"
        )
        made = {told for (told,) in self._link.query(sql, (self._link.schema, relation))}
        for group in table.indexes:
            told = f"cqrs: {', '.join(group)}"
            if told in made:
                continue
            name = quote(f"cqrs_index_{os.urandom(8).hex()}")
            terms = ", ".join(compared(kinds[one], quote(one)) + " NULLS FIRST" * (one in nullable) for one in group)
            self._run(table.name, f"CREATE INDEX {name} ON {self._named(relation)} ({terms})")
            self._run(table.name, f"COMMENT ON INDEX {self._link.s}.{name} IS {_literal(told)}")
        self._run(table.name, f"ANALYZE {self._named(relation)}")

    def _show(self, name: str, relation: str) -> None:
        """Let the view of a read model show this table; grants, and views of others that stand on it, stay."""
        columns = ", ".join(quote(row[0]) for row in self._columns_of(relation))
        view = f"VIEW {self._named(name)} AS SELECT {columns} FROM {self._named(relation)}"
        error = self._tried(f"CREATE OR REPLACE {view}")
        if isinstance(error, psycopg.errors.InvalidTableDefinition):  # it has other columns
            sql = (
                "SELECT a.grantee::regrole::text, a.privilege_type FROM pg_class c "
                "JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN LATERAL aclexplode(c.relacl) a "
                "WHERE n.nspname = %b AND c.relname = %b"
            )
            granted = self._link.query(sql, (self._link.schema, name))
            self._hide(name)
            self._run(name, f"CREATE {view}")
            for role, right in granted:
                self._run(name, f"GRANT {right} ON {self._named(name)} TO {'PUBLIC' if role == '-' else role}")
        elif error is not None:
            raise self._refused(name, error) from error
        sql = (
            f"INSERT INTO {self._link.s}.cqrs_read_models VALUES (%b, %b) "
            "ON CONFLICT (name) DO UPDATE SET relation = excluded.relation"
        )
        self._run(name, sql, (name, relation))
        self._relations[name] = relation

    def _hide(self, name: str) -> None:
        """Drop the view of a read model. Raises `Misuse` if somebody else's stands on it."""
        error = self._tried(f"DROP VIEW IF EXISTS {self._named(name)}")
        if isinstance(error, psycopg.errors.DependentObjectsStillExist):
            others = "; ".join((error.diag.message_detail or "").splitlines())
            raise Misuse(
                f"{name} can't be replaced by a table of other columns: others stand on it ({others})",
                hint="drop them, rebuild, make them anew",
                code="table-depended-on",
                table=name,
            ) from error
        if error is not None:
            raise self._refused(name, error) from error

    def _forget_table(self, name: str) -> None:
        self._run(name, f"DELETE FROM {self._link.s}.cqrs_read_models WHERE name = %b", (name,))
        self._relations[name] = None

    def refuse_foreign(self, name: str) -> None:
        """Raise `Misuse` if there is a table or view of that name that `create` did not make."""
        if self._relation(name) is None and self._exists(name):
            raise Misuse(
                f"the table or view {name} was not made by cqrs: its rows would be lost",
                hint="give the read model another name=, or rename what is there with psql",
                code="table-name",
                table=name,
            )

    def drop(self, name: str) -> None:
        """Remove the table if it is there, and its view; `Misuse` if somebody else made it."""
        check_name(name)
        self.refuse_foreign(name)
        relation = self._relation(name)
        if relation is None or not self._exists(relation):
            return
        self._link.tables.discard(name)
        self._keep_readers_out([name])
        if not is_plain(name):
            self._hide(name)
            self._forget_table(name)
        self._run(name, f"DROP TABLE {self._named(relation)}")

    def rename(self, table: Table, name: str) -> None:
        """Give `table` another name, replacing the table that has it. Raises `Passing` (code `locked`)."""
        self.rename_all([(table, name)])

    def rename_all(self, renames: Sequence[tuple[Table, str]]) -> None:
        """Give each table another name, replacing the one that has it. Raises `Passing` (code `locked`)."""
        for table, _ in renames:
            check_name(table.name)
        self.hold([one for table, name in renames for one in (table.name, name)])
        for table, name in renames:
            if self._relation(table.name) is None:
                raise changed(table.name, "it is not there")
            self.refuse_foreign(name)
        self._keep_readers_out([name for _, name in renames])
        for table, name in renames:
            self._replace(table.name, name)

    def _replace(self, source: str, name: str) -> None:
        made, old, relation = self._relation(source), self._relation(name), _new_name(name)
        if not is_plain(source):
            self._hide(source)
            self._forget_table(source)
        self._run(name, f"ALTER TABLE {self._named(str(made))} RENAME TO {quote(relation)}")
        self._show(name, relation)
        if old is not None:
            self._run(name, f"DROP TABLE IF EXISTS {self._named(old)}")

    def _keep_readers_out(self, names: Sequence[str]) -> None:
        """Lock the views and tables of these names; give up soon, for others queue behind us.

        Who reads two of them in another order waits for us while we wait for them. We give up before the server looks
        for such circles, which would end the reader; and whoever has these locks waits for nobody any more.
        """
        relations = [(name, one) for name in names for one in dict.fromkeys((name, self._relation(name))) if one]
        wanted = [(name, one) for name, one in relations if self._exists(one)]
        step = self._step()
        end = None
        for name, one in wanted:
            self._lock(name, one, step if end is None else end - time.monotonic())
            end = end or time.monotonic() + step
        self._run(", ".join(names), _LOCK_TIMEOUT, (patience(self._link.limits.patience),))

    def _step(self) -> float:
        """Seconds to wait for who reads what is to be replaced."""
        sql = "SELECT setting::bigint FROM pg_settings WHERE name = 'deadlock_timeout'"
        [(milliseconds,)] = self._link.query(sql)
        return min(self._link.limits.step, int(milliseconds) / 1000 / _CIRCLES)

    def _lock(self, name: str, relation: str, seconds: float) -> None:
        self._run(name, _LOCK_TIMEOUT, (patience(seconds),))
        try:
            self._connection.run(f"LOCK TABLE {self._named(relation)} IN ACCESS EXCLUSIVE MODE")
        except psycopg.errors.LockNotAvailable as error:
            message = f"{self._link.name}: {name} is being read, and can't be replaced now"
            raise Passing(
                message, hint="try again when the query is over", code="locked", store=self._link.name
            ) from error
        except psycopg.Error as error:
            raise self._refused(name, error) from error


def _new_name(name: str) -> str:
    """A name for the table behind a view."""
    return f"{_MADE}{name.encode()[:36].decode(errors='ignore')}_{os.urandom(4).hex()}"


def _wanted(table: Table) -> list[tuple[Any, ...]]:
    places = {name: place for place, name in enumerate(table.key, 1)}
    return [
        (
            column.name,
            type_of(table, column.kind),
            not column.nullable or column.name in places,
            places.get(column.name, 0),
        )
        for column in table.columns
    ]


def _literal(text: str) -> str:
    """A text in a statement that takes no values there."""
    return "'" + text.replace("'", "''").replace("%", "%%") + "'"


def check_name(name: str) -> None:
    """Raise `Misuse` for what no read model can be named."""
    folded = name.lower()
    if folded in _RESERVED or folded.startswith(("sqlite_", "pg_", _MADE)) or not folded or "\0" in folded:
        raise Misuse(
            f"a read model can't be named {name!r}: the name is taken by the store",
            hint="another name=",
            code="table-name",
        )
    if len(name.encode()) > LONGEST_COLUMN:
        raise Misuse(
            f"a read model can't be named {name!r}: PostgreSQL takes at most {LONGEST_COLUMN} bytes",
            hint="another name=",
            code="table-name",
        )
