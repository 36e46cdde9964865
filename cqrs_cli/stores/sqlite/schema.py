"""The schema of a store, as migrations: what was applied when is on record in the file.

sqlite-utils keeps the record and wraps each migration in a savepoint; the transaction round all of
them is the caller's `BEGIN IMMEDIATE`, so that racing processes make a store once. Importing
sqlite-utils takes 0.1 s: only who makes or upgrades a store imports this module.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing

from sqlite_utils import Database, Migrations

from cqrs_cli.errors import Damaged

_LOG = Migrations("cqrs")
_TABLE = re.compile(r"^CREATE (?:TABLE|INDEX \w+ ON) (\w+)", re.MULTILINE)
_MADE_AGAIN = frozenset({"cqrs_snapshots"})
"""Hold nothing that can't be had from the log."""


@_LOG()
def format_1(database: Database) -> None:
    """The log, facts about the store, checkpoints, guards and views."""
    for statement in _statements("schema.sql"):
        database.execute(statement)


@_LOG()
def format_2(database: Database) -> None:
    """The operational tables. Those that format 1 made are kept, if they are as it made them last."""
    missing: set[str] = set()
    with closing(sqlite3.connect(":memory:")) as connection:
        wanted = Database(connection, execute_plugins=False)
        for statement in _statements("operational.sql"):
            wanted.execute(statement)
            table = _TABLE.findall(statement)[0]
            if "CREATE TABLE" in statement and not _keeps(database, table, _columns(wanted, table)):
                missing.add(table)
            if table in missing:
                database.execute(statement)


def _keeps(database: Database, table: str, wanted: list[tuple[object, ...]]) -> bool:
    """Whether a table of format 1 is there to be kept."""
    found = _columns(database, table)
    if found and found != wanted:
        if table not in _MADE_AGAIN:
            raise Damaged(
                f"the table {table} has other columns than format 1 gave it",
                hint="nothing was changed: restore a backup",
                table=table,
            )
        database.execute(f"DROP TABLE {table}")
    return found == wanted


def bring_up_to_date(connection: sqlite3.Connection) -> None:
    """Apply the migrations that the file does not have yet, inside the caller's transaction. Raises `Damaged`."""
    _LOG.apply(Database(connection, execute_plugins=False))


def _columns(database: Database, table: str) -> list[tuple[object, ...]]:
    sql = 'SELECT c.name, c.type, c."notnull", c.pk FROM pragma_table_info(?) c'
    return list(database.execute(sql, (table,)).fetchall())


def _statements(name: str) -> Iterator[str]:
    """The statements of a file, one by one: `executescript` would commit behind our back."""
    with open(os.path.join(os.path.dirname(__file__), name), encoding="utf-8") as file:
        buffer = ""
        for line in file:
            buffer += line
            if sqlite3.complete_statement(buffer):
                yield buffer
                buffer = ""
