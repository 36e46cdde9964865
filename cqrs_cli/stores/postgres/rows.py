"""Read models and checkpoints on PostgreSQL, to write: a view is the public face of a table that a rebuild replaces."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from itertools import chain
from typing import Any

import psycopg

from cqrs_cli.errors import Conflict, Misuse, NeedsRebuild, NotUnique, Passing
from cqrs_cli.stores.checks import not_unique
from cqrs_cli.stores.postgres.append import patience
from cqrs_cli.stores.postgres.columns import bound_array, compared, declared, sent, taken, type_of
from cqrs_cli.stores.postgres.connection import Connection, Row
from cqrs_cli.stores.postgres.errors import text_of
from cqrs_cli.stores.postgres.link import Link, quote
from cqrs_cli.stores.postgres.row_reader import OWN_TABLES, PostgresRowReader, RowError, changed, row_value
from cqrs_cli.stores.postgres.select import Scalars, keyed
from cqrs_cli.stores.rows import LONGEST_COLUMN, Checkpoint, Table, Where

_RESERVED = frozenset(
    {"commits", "events", "event_log", "stream_summary", "projection_status", "streams", "event_types"}
    | {"cqrs_store", "cqrs_checkpoints", "cqrs_definitions", "cqrs_read_models", "cqrs_event_types"}
)
_CHUNK = 5_000
_OWN = "~own"
"""What is held for all of the store's own tables: their order in a transaction is then nobody's matter. It is behind
every name of a read model, as these tables are to come last."""
_LOCK_TIMEOUT = "SELECT set_config('lock_timeout', %b, true)"
_CIRCLES = 4
"""How many times sooner than the server looks whether processes wait for each other in a circle."""
_OURS = "cqrs_"
_MADE = "cqrs_rows_"
"""How the tables behind views begin. Names are cut from the end, so that each has its own number."""


class PostgresRows(PostgresRowReader):
    """Rows and checkpoints inside the transaction that is open; of no use after it.

    Names are held from their first use to the end of the transaction, and rows that are read are locked: what is read
    in it stays as it was read, though others append meanwhile.
    """

    _locked = " FOR UPDATE OF t"

    def __init__(self, link: Link, connection: Connection) -> None:
        super().__init__(link)
        self._connection = connection
        self._open = True
        self._held: set[str] = set()
        self._asked: list[psycopg.Cursor[Row]] = []
        self._relations: dict[str, str | None] = {}
        self._checkpoints: dict[str, Checkpoint | None] = {}

    def __enter__(self) -> PostgresRows:
        return self

    def __exit__(self, *exc: object) -> None:
        self._open = False

    # ── names and statements ──────────────────────────────────────────────────────────────────

    def _check(self) -> None:
        if not (self._open and self._link.in_transaction):
            raise Misuse(
                "these rows belong to a transaction that is over", hint="use them inside it", code="transaction-over"
            )

    def hold(self, names: Iterable[str]) -> None:
        """Hold the names, in their order, with the next trip. The store's own tables are one."""
        self._check()
        wanted = {_OWN if name in OWN_TABLES else name for name in names}
        new = sorted(wanted - self._held)
        if new:
            sql = f"SELECT * FROM {self._link.s}.hold(%b::text[], %b::text)"
            values = (new, patience(self._link.limits.patience))
            self._asked.append(self._later(sql, values, self._not_held))
            self._held.update(new)

    def _not_held(self, error: RowError) -> BaseException:
        return self._link.translate(error) if isinstance(error, psycopg.Error) else error

    def _hear(self) -> None:
        """Wait for what was said of the names that are held."""
        if self._asked:
            self._connection.settle()
        asked, self._asked = self._asked, []
        for name, relation, position, definition in chain.from_iterable(asked):
            self._relations[name] = name if _is_plain(name) else relation
            self._checkpoints[name] = None if position is None else Checkpoint(name, position, definition)

    def _relation(self, name: str) -> str | None:
        """The table of a read model. None if `create` made none; one of the store's own is what it is called."""
        self.hold([name])
        self._hear()
        return name if name in OWN_TABLES else self._relations[name]

    def _source(self, name: str) -> str | None:
        relation = self._relation(name)
        if relation is None or (_is_plain(name) and name not in OWN_TABLES and not self._exists(relation)):
            return None
        return self._named(relation)

    def _run(self, name: str, sql: str, values: Sequence[Any] = ()) -> None:
        """A statement about a read model, whose error may come with a later one's trip."""
        self._later(sql, values, lambda error: self._refused(name, error))

    def _later(
        self, sql: str, values: Sequence[Any], refused: Callable[[RowError], BaseException]
    ) -> psycopg.Cursor[Row]:
        self._check()
        try:
            return self._connection.later(sql, values, refused)
        except (psycopg.Error, UnicodeEncodeError) as error:
            raise refused(error) from error

    def _tried(self, sql: str) -> psycopg.Error | None:
        """What the server had against a statement, after which the transaction goes on; None if it was run."""
        self._check()
        connection = self._connection
        connection.settle()
        connection.later("SAVEPOINT tried")
        try:
            connection.run(sql)
        except psycopg.Error as error:
            if connection.is_lost:
                raise
            connection.later("ROLLBACK TO tried")
            connection.later("RELEASE tried")
            return error
        connection.later("RELEASE tried")
        return None

    # ── tables ────────────────────────────────────────────────────────────────────────────────

    def create(self, table: Table) -> None:
        """Make the table if it is not there; `Misuse` if one with other columns is."""
        _check_name(table.name)
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
        relation = table.name if _is_plain(table.name) else _new_name(table.name)
        columns = ", ".join(declared(table, column) for column in table.columns)
        groups = [f"PRIMARY KEY ({', '.join(map(quote, table.key))})"]
        others = [group for group in table.unique if set(group) != set(table.key)]  # which is unique as it is
        groups += [f"UNIQUE ({', '.join(map(quote, group))}) DEFERRABLE" for group in others]
        self._run(table.name, f"CREATE TABLE {self._named(relation)} ({columns}, {', '.join(groups)})")
        self._relations[table.name] = relation
        self.index(table)
        if not _is_plain(table.name):
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
        _check_name(name)
        self.refuse_foreign(name)
        relation = self._relation(name)
        if relation is None or not self._exists(relation):
            return
        self._link.tables.discard(name)
        self._keep_readers_out([name])
        if not _is_plain(name):
            self._hide(name)
            self._forget_table(name)
        self._run(name, f"DROP TABLE {self._named(relation)}")

    def rename(self, table: Table, name: str) -> None:
        """Give `table` another name, replacing the table that has it. Raises `Passing` (code `locked`)."""
        self.rename_all([(table, name)])

    def rename_all(self, renames: Sequence[tuple[Table, str]]) -> None:
        """Give each table another name, replacing the one that has it. Raises `Passing` (code `locked`)."""
        for table, _ in renames:
            _check_name(table.name)
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
        if not _is_plain(source):
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

    # ── rows ──────────────────────────────────────────────────────────────────────────────────

    def put(self, table: Table, rows: Iterable[Scalars]) -> None:
        """Insert or replace rows. Raises `Misuse` for a value that its column can't hold, and `NotUnique`."""
        _check_name(table.name)
        names = [column.name for column in table.columns]
        places = [names.index(name) for name in table.key]
        by_key: dict[Scalars, Scalars] = {}
        for row in rows:
            if len(row) != len(names):
                raise row_value(table.name, f"it has {len(row)} values instead of {len(names)}")
            by_key[tuple(row[place] for place in places)] = row
        relation = self._relation(table.name)
        every = list(by_key.values())
        if not every:
            return
        if relation is None:
            raise changed(table.name, "it is not there")
        if not table.unique:
            self._insert(table, relation, every)
            return
        connection = self._connection
        connection.later("SAVEPOINT put")
        connection.later("SET CONSTRAINTS ALL DEFERRED")  # a value may pass from one row to another
        try:
            self._insert(table, relation, every)
            connection.run("SET CONSTRAINTS ALL IMMEDIATE")
        except psycopg.errors.UniqueViolation as error:
            connection.run("ROLLBACK TO put")
            raise self._not_unique(table, every) or row_value(table.name, text_of(error, self._link.address)) from error
        except psycopg.Error as error:
            raise self._refused(table.name, error) from error
        connection.later("RELEASE put")

    def _insert(self, table: Table, relation: str, rows: Sequence[Scalars]) -> None:
        """Raises `UniqueViolation` as it is."""
        names, columns = [column.name for column in table.columns], list(enumerate(table.columns))
        picked = ", ".join(taken(column.kind, f"u.c{at}") for at, column in columns)
        arrays = ", ".join(bound_array(column.kind) for column in table.columns)
        others = [name for name in names if name not in table.key]
        replaced = ", ".join(f"{quote(name)} = excluded.{quote(name)}" for name in others)
        sql = (
            f"INSERT INTO {self._named(relation)} ({', '.join(map(quote, names))}) SELECT {picked} "
            f"FROM unnest({arrays}) AS u({', '.join(f'c{at}' for at, _ in columns)}) "
            f"ON CONFLICT ({', '.join(map(quote, table.key))}) DO {f'UPDATE SET {replaced}' if others else 'NOTHING'}"
        )

        def refused(error: RowError) -> BaseException:
            return error if isinstance(error, psycopg.errors.UniqueViolation) else self._refused(table.name, error)

        for start in range(0, len(rows), _CHUNK):
            part = rows[start : start + _CHUNK]
            self._later(sql, [[sent(column.kind, row[at]) for row in part] for at, column in columns], refused)

    def _not_unique(self, table: Table, rows: Sequence[Scalars]) -> NotUnique | None:
        """Which columns and value are taken already, by a row of the table or by two of these rows."""
        names = [column.name for column in table.columns]
        kinds = {column.name: column.kind for column in table.columns}
        keys = [names.index(name) for name in table.key]
        ours = {tuple(row[at] for at in keys) for row in rows}
        for group in table.unique:
            seen: set[tuple[Any, ...]] = set()
            for row in rows:
                values = [row[names.index(name)] for name in group]
                if None in values:
                    continue
                same = tuple(
                    Decimal(str(value)) if kinds[name] == "decimal" else value
                    for name, value in zip(group, values, strict=True)
                )
                equal = [Where(name, "=", value) for name, value in zip(group, values, strict=True)]
                there = {tuple(found[at] for at in keys) for found in self.select(table, equal)}
                if same in seen or there - ours:
                    return not_unique(table, group, values)
                seen.add(same)
        return None

    def delete(self, table: Table, keys: Iterable[Scalars]) -> None:
        """Remove the rows with these keys."""
        _check_name(table.name)
        relation, every = self._relation(table.name), list(keys)
        if not every or relation is None:
            return
        kinds = [next(column.kind for column in table.columns if column.name == name) for name in table.key]
        arrays = [[sent(kind, key[at]) for key in every] for at, kind in enumerate(kinds)]
        given, same = keyed(table, kinds)
        self._run(table.name, f"DELETE FROM {self._named(relation)} t USING {given} WHERE {same}", arrays)

    # ── checkpoints ───────────────────────────────────────────────────────────────────────────

    def checkpoint(self, name: str) -> Checkpoint | None:
        """The checkpoint, or None; nobody else moves it until the transaction is over."""
        self.hold([name])
        self._hear()
        return self._checkpoints[name]

    def move(self, name: str, old: Checkpoint | None, new: Checkpoint) -> None:
        """Compare-and-set of a checkpoint. Raises `Conflict`."""
        self.move_all([(old, new._replace(name=name))])

    def move_all(self, moves: Sequence[tuple[Checkpoint | None, Checkpoint]]) -> None:
        """Compare-and-set of several checkpoints. Raises `Conflict`."""
        self.hold([new.name for _, new in moves])
        self._hear()
        for old, new in moves:
            actual = self._checkpoints[new.name]
            if actual != old:
                raise Conflict(
                    f"the checkpoint of {new.name} is {_at(actual)}, expected {_at(old)}",
                    hint="another process is projecting; try again when it is done",
                    code="checkpoint-moved",
                    projection=new.name,
                )
        names = ", ".join(new.name for _, new in moves)
        told = [new for old, new in moves if old is None or old.definition != new.definition]
        if moves:
            sql = (
                f"INSERT INTO {self._link.s}.cqrs_checkpoints SELECT * FROM unnest(%b::text[], %b::bigint[]) "
                "ON CONFLICT (name) DO UPDATE SET position = excluded.position"
            )
            self._run(names, sql, ([new.name for _, new in moves], [new.position for _, new in moves]))
        if told:
            sql = (
                f"INSERT INTO {self._link.s}.cqrs_definitions SELECT * FROM unnest(%b::text[], %b::text[]) "
                "ON CONFLICT (name) DO UPDATE SET definition = excluded.definition"
            )
            self._run(names, sql, ([new.name for new in told], [new.definition for new in told]))
        self._checkpoints.update({new.name: new for _, new in moves})

    def forget(self, name: str) -> None:
        """Remove a checkpoint."""
        self.hold([name])
        self._hear()
        for table in ("cqrs_checkpoints", "cqrs_definitions"):
            self._run(name, f"DELETE FROM {self._link.s}.{table} WHERE name = %b", (name,))
        self._checkpoints[name] = None


def _is_plain(name: str) -> bool:
    """Whether a table has its name itself and no view: those of the store, and those that a rebuild makes beside."""
    return name.lower().startswith(_OURS)


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


def _check_name(name: str) -> None:
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


def _at(checkpoint: Checkpoint | None) -> str:
    return "missing" if checkpoint is None else f"at {checkpoint.position}"
