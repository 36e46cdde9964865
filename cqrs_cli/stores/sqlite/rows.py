"""Read models and checkpoints in SQLite, to write: plain STRICT tables, readable by any tool."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from cqrs_cli.errors import Conflict, Misuse, NeedsRebuild, NotUnique
from cqrs_cli.stores.checks import not_unique
from cqrs_cli.stores.rows import Checkpoint, Table, Where
from cqrs_cli.stores.sqlite.decimal import decimal_key
from cqrs_cli.stores.sqlite.definitions import OURS, create_table, sql_type
from cqrs_cli.stores.sqlite.errors import translate
from cqrs_cli.stores.sqlite.file import SQLiteFile
from cqrs_cli.stores.sqlite.row_reader import SQLiteRowReader, changed
from cqrs_cli.stores.sqlite.select import Row, columns_of, indexed, listed, qualified, quote

_RESERVED = frozenset(
    {"streams", "event_types", "commits", "events", "event_log", "stream_summary", "projection_status"}
    | {"cqrs_store", "cqrs_checkpoints", "_sqlite_migrations"}
)
_MOVES = 200


def view_of(name: str) -> str:
    """The view of a read model, for readers of SQL: its columns, and no way to change them."""
    return f"{name}_view"


class SQLiteRows(SQLiteRowReader):
    """Rows and checkpoints inside the transaction that is open; of no use after it."""

    def __init__(self, file: SQLiteFile) -> None:
        super().__init__(file)
        self._open = True

    def __enter__(self) -> SQLiteRows:
        return self

    def __exit__(self, *exc: object) -> None:
        self._open = False

    def _run(
        self, what: str, sql: str, values: Sequence[Any] = (), many: Iterable[Sequence[Any]] | None = None
    ) -> None:
        connection = self._transaction()
        try:
            if many is None:
                connection.execute(sql, values)
            else:
                connection.executemany(sql, many)
        except (sqlite3.IntegrityError, OverflowError, sqlite3.ProgrammingError) as error:
            raise Misuse(
                f"{what} can't take a row: {error}", hint="its values don't fit its columns", code="row-value"
            ) from error
        except sqlite3.Error as error:
            raise changed(what, error) or translate(error, self._file.path) from error

    def _transaction(self) -> sqlite3.Connection:
        if not (self._open and self._file.writing and (connection := self._file.connection).in_transaction):
            raise Misuse("these rows belong to a transaction that is over", code="transaction-over")
        return connection

    def _check_table(self, name: str) -> None:
        _check_name(name)
        self._transaction()
        self._file.holds_rows(name)

    def create(self, table: Table) -> None:
        """Make the table if it is not there; `Misuse` if one with other columns is."""
        _check_name(table.name)
        places = {name: place for place, name in enumerate(table.key, 1)}
        wanted = [
            (column.name, sql_type(table, column.kind), int(not column.nullable), places.get(column.name, 0))
            for column in table.columns
        ]
        if self._exists(table.name):
            found = self._file.query(
                'SELECT c.name, c.type, c."notnull", c.pk FROM pragma_table_info(?) c', (table.name,)
            )
            if found != wanted:
                raise NeedsRebuild(
                    f"the table {table.name} has other columns than the projection",
                    code="table-changed",
                    table=table.name,
                )
            return
        if self._exists(table.name, "view"):
            raise Misuse(
                f"a read model can't be named {table.name}: a view has the name",
                hint="another name=, or drop the view with sqlite3",
                code="table-name",
            )
        self._run(table.name, create_table(table))
        self.index(table)
        self._show(table, table.name)

    def index(self, table: Table) -> None:
        """Make those of the table's indexes that are not there yet."""
        numbers = _unique_numbers(table)
        exact = [group for group in table.unique if group not in numbers]
        for kind, groups in (("UNIQUE INDEX", exact), ("INDEX", [*numbers, *table.indexes])):
            for group in groups:
                # A name that no other table's index has: a table made beside this one is renamed, its indexes are not.
                start = f"{table.name.removeprefix('cqrs_new_')}_{'_'.join(group)}_"
                there = (
                    "SELECT 1 FROM sqlite_master WHERE type = 'index' AND tbl_name = ? "
                    "AND substr(name, 1, ?) = ? AND length(name) = ?"
                )
                if self._file.query(there, (table.name, len(start), start, len(start) + 8)):
                    continue
                index = start + os.urandom(4).hex()
                # In backquotes, for an index names its columns alone, and takes what is in double quotes for a text.
                marked = {name: f"`{name.replace('`', '``')}`" for name in group}
                terms = ", ".join(
                    indexed(table, name, marked[name]) if kind == "INDEX" else marked[name] for name in group
                )
                self._run(table.name, f"CREATE {kind} {quote(index)} ON {quote(table.name)} ({terms})")

    def _show(self, table: Table, name: str) -> None:
        """The view of a read model, which nobody can write through; what the store keeps for itself has none."""
        view = view_of(name)
        self._hide(name)
        taken = self._exists(view) or self._exists(view, "view")  # somebody's own stays
        if not taken and not name.lower().startswith("cqrs_"):
            columns = columns_of(table._replace(name=name))
            self._run(name, f"CREATE VIEW {quote(view)} AS SELECT {columns} FROM {quote(name)} {OURS}")

    def _hide(self, name: str) -> None:
        sql = "SELECT 1 FROM sqlite_master WHERE type = 'view' AND name = ? COLLATE NOCASE AND sql LIKE ?"
        if self._file.query(sql, (view_of(name), f"%{OURS}")):
            self._run(name, f"DROP VIEW {quote(view_of(name))}")

    def refuse_foreign(self, name: str) -> None:
        """Raise `Misuse` if there is a table or view of that name without our mark in its SQL."""
        sql = "SELECT type FROM sqlite_master WHERE type IN ('table', 'view') AND name = ? COLLATE NOCASE"
        for (kind,) in self._file.query(f"{sql} AND instr(sql, ?) = 0", (name, OURS)):
            raise Misuse(
                f"the {kind} {name} was not made by cqrs: its rows would be lost",
                hint="give the read model another name=, or rename what is there with sqlite3",
                code="table-name",
                table=name,
            )

    def drop(self, name: str) -> None:
        """Remove the table if it is there, and its view; `Misuse` if somebody else made it."""
        _check_name(name)
        self.refuse_foreign(name)
        self._hide(name)
        self._run(name, f"DROP TABLE IF EXISTS {quote(name)}")

    def rename(self, table: Table, name: str) -> None:
        """Give `table` another name, replacing the table that has it; views of the user's on that name stay."""
        _check_name(table.name)
        self.drop(name)
        self._run(name, "PRAGMA legacy_alter_table=ON")  # else a view on the dropped table would be in the way
        try:
            self._run(name, f"ALTER TABLE {quote(table.name)} RENAME TO {quote(name)}")
        finally:
            self._run(name, "PRAGMA legacy_alter_table=OFF")
        self._hide(table.name)
        self._show(table, name)

    def rename_all(self, renames: Sequence[tuple[Table, str]]) -> None:
        """Give each table another name, replacing the one that has it."""
        for table, name in renames:
            self.rename(table, name)

    def put(self, table: Table, rows: Iterable[Row]) -> None:
        """Insert or replace rows. Raises `Misuse` for a value that its column can't hold."""
        self._check_table(table.name)
        reals = [at for at, column in enumerate(table.columns) if column.kind == "real"]
        if reals:
            rows = _without_nan(table, rows, reals)
        marks = ", ".join("?" * len(table.columns))
        names = listed([column.name for column in table.columns])
        if not table.unique:
            self._run(table.name, f"INSERT OR REPLACE INTO {quote(table.name)} ({names}) VALUES ({marks})", many=rows)
            return
        # All old rows go first, so that a value may pass from one row to another; OR REPLACE would
        # silently remove the row that holds a unique value.
        places = [[column.name for column in table.columns].index(name) for name in table.key]
        by_key = {tuple(row[place] for place in places): row for row in rows}
        self.delete(table, by_key)
        rows = list(by_key.values())
        try:
            self._run(table.name, f"INSERT INTO {quote(table.name)} ({names}) VALUES ({marks})", many=rows)
        except Misuse as error:
            raise self._not_unique(table, table.unique, rows) or error from error
        taken = self._not_unique(table, _unique_numbers(table), rows)
        if taken is not None:
            raise taken

    def _not_unique(self, table: Table, groups: Sequence[tuple[str, ...]], rows: Sequence[Row]) -> NotUnique | None:
        """Which columns and value are taken already, by a row of the table or by two of these rows."""
        names = [column.name for column in table.columns]
        keys = [names.index(name) for name in table.key]
        for group in groups:
            places = [(names.index(name), table.columns[names.index(name)].kind == "decimal") for name in group]
            seen = set()
            for row in rows:
                values = [row[place] for place, _ in places]
                compared = tuple(decimal_key(row[place]) if number else row[place] for place, number in places)  # type: ignore[arg-type]
                if None in compared:
                    continue
                equal = [Where(name, "=", value) for name, value in zip(group, values, strict=True)]
                there = {tuple(found[at] for at in keys) for found in self.select(table, equal)}
                if compared in seen or there - {tuple(row[at] for at in keys)}:
                    return not_unique(table, group, values)
                seen.add(compared)
        return None

    def delete(self, table: Table, keys: Iterable[Row]) -> None:
        """Remove the rows with these keys."""
        self._check_table(table.name)
        condition = " AND ".join(f"{qualified(table, name)} = ?" for name in table.key)
        self._run(table.name, f"DELETE FROM {quote(table.name)} WHERE {condition}", many=keys)

    def move(self, name: str, old: Checkpoint | None, new: Checkpoint) -> None:
        """Compare-and-set of a checkpoint. Raises `Conflict`."""
        self.move_all([(old, new._replace(name=name))])

    def hold(self, names: Iterable[str]) -> None:
        """Nobody else writes during a transaction."""

    def move_all(self, moves: Sequence[tuple[Checkpoint | None, Checkpoint]]) -> None:
        """Compare-and-set of several checkpoints, in two statements. Raises `Conflict`."""
        for start in range(0, len(moves), _MOVES):
            part = moves[start : start + _MOVES]
            names = [new.name for _, new in part]
            found = self._file.query(
                f"SELECT name, position, definition FROM cqrs_checkpoints WHERE name IN ({', '.join('?' * len(part))})",
                names,
            )
            actual = {row[0]: Checkpoint(*row) for row in found}
            for old, new in part:
                if actual.get(new.name) != old:
                    raise Conflict(
                        f"the checkpoint of {new.name} is {_at(actual.get(new.name))}, expected {_at(old)}",
                        hint="another process is projecting; try again when it is done",
                        code="checkpoint-moved",
                        projection=new.name,
                    )
            values = ", ".join(["(?, ?, ?)"] * len(part))
            sql = f"INSERT OR REPLACE INTO cqrs_checkpoints VALUES {values}"
            self._run(", ".join(names), sql, [value for _, new in part for value in new])

    def forget(self, name: str) -> None:
        """Remove a checkpoint."""
        self._run(name, "DELETE FROM cqrs_checkpoints WHERE name = ?", (name,))


def _unique_numbers(table: Table) -> list[tuple[str, ...]]:
    """The unique groups with a decimal in them: 1.0 and 1.00 are one value, which a UNIQUE INDEX can't tell.

    An index of what `decimal_key` gives could, but other tools lack the function and could not write any more.
    """
    decimals = {column.name for column in table.columns if column.kind == "decimal"}
    return [group for group in table.unique if not decimals.isdisjoint(group)]


def _check_name(name: str) -> None:
    folded = name.lower()
    if folded in _RESERVED or folded.startswith("sqlite_") or not folded or "\0" in folded:
        raise Misuse(f"a read model can't be named {name!r}: the name is taken by the store", code="table-name")


def _without_nan(table: Table, rows: Iterable[Row], reals: list[int]) -> Iterator[Row]:
    for row in rows:
        for at in reals:
            if row[at] != row[at]:  # SQLite would store NULL
                raise Misuse(f"{table.name}.{table.columns[at].name} can't hold NaN", code="row-value")
        yield row


def _at(checkpoint: Checkpoint | None) -> str:
    return "missing" if checkpoint is None else f"at {checkpoint.position}"
