"""The schema of a store, as migrations: what was applied when is on record in the file.

sqlite-utils keeps the record and wraps each migration in a savepoint; the transaction round all of
them is the caller's `BEGIN IMMEDIATE`, so that racing processes make a store once. Importing
sqlite-utils takes 0.1 s: only who makes or upgrades a store imports this module.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

from sqlite_utils import Database, Migrations

from cqrs_cli.stores.sqlite.definitions import statements

_LOG = Migrations("cqrs")
_TABLE = re.compile(r"^CREATE (?:TABLE|INDEX \w+ ON) (\w+)", re.MULTILINE)


@_LOG()
def format_1(database: Database) -> None:
    """The log, facts about the store, checkpoints, guards and views."""
    for statement in statements("schema.sql").values():
        database.execute(statement)


@_LOG()
def format_2(database: Database) -> None:
    """The operational tables. Those that format 1 made are kept, if they are as it made them last."""
    missing: set[str] = set()
    with closing(sqlite3.connect(":memory:")) as connection:
        wanted = Database(connection, execute_plugins=False)
        for statement in statements("operational.sql").values():
            wanted.execute(statement)
            table = _TABLE.findall(statement)[0]
            if "CREATE TABLE" in statement and not _keeps(database, table, _columns(wanted, table)):
                missing.add(table)
            if table in missing:
                database.execute(statement)


@_LOG()
def format_3(database: Database) -> None:
    """Where the log came from, if it was copied. A store that format 2 made today has the table."""
    if not _columns(database, "cqrs_origins"):
        database.execute(statements("operational.sql")["cqrs_origins"])


@_LOG()
def format_4(database: Database) -> None:
    """Commands that were rejected. A store that format 2 made today has the table and its index."""
    if not _columns(database, "cqrs_rejections"):
        for name, statement in statements("operational.sql").items():
            if name.startswith("cqrs_rejections"):
                database.execute(statement)


def _keeps(database: Database, table: str, wanted: list[tuple[object, ...]]) -> bool:
    """Whether a table of format 1 is there to be kept. Of snapshots there were others, which go."""
    found = _columns(database, table)
    if found and found != wanted:
        database.execute(f"DROP TABLE {table}")  # opening has refused any but snapshots: they can be had from the log
    return found == wanted


def bring_up_to_date(connection: sqlite3.Connection) -> None:
    """Apply the migrations that the file does not have yet, inside the caller's transaction."""
    _LOG.apply(Database(connection, execute_plugins=False))


def _columns(database: Database, table: str) -> list[tuple[object, ...]]:
    sql = 'SELECT c.name, c.type, c."notnull", c.pk FROM pragma_table_info(?) c'
    return list(database.execute(sql, (table,)).fetchall())
