"""Rows of read models and checkpoints on PostgreSQL, to write."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import psycopg

from cqrs_cli.errors import Conflict, NotUnique
from cqrs_cli.stores.checks import not_unique
from cqrs_cli.stores.postgres.columns import bound_array, sent, taken
from cqrs_cli.stores.postgres.errors import text_of
from cqrs_cli.stores.postgres.link import quote
from cqrs_cli.stores.postgres.row_reader import RowError, changed, row_value
from cqrs_cli.stores.postgres.select import Scalars, keyed
from cqrs_cli.stores.postgres.tables import PostgresTables, check_name
from cqrs_cli.stores.rows import Checkpoint, Table, Where

_CHUNK = 5_000


class PostgresRows(PostgresTables):
    """Rows and checkpoints inside the transaction that is open; of no use after it."""

    # ── rows ──────────────────────────────────────────────────────────────────────────────────

    def put(self, table: Table, rows: Iterable[Scalars]) -> None:
        """Insert or replace rows. Raises `Misuse` for a value that its column can't hold, and `NotUnique`."""
        check_name(table.name)
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
        check_name(table.name)
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


def _at(checkpoint: Checkpoint | None) -> str:
    return "missing" if checkpoint is None else f"at {checkpoint.position}"
