"""The schema of a store, as migrations: what was applied when is on record in the file.

sqlite-utils keeps the record and wraps each migration in a savepoint; the transaction round all of
them is the caller's `BEGIN IMMEDIATE`, so that racing processes make a store once. Importing
sqlite-utils takes 0.1 s: only who makes or upgrades a store imports this module.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator

from sqlite_utils import Database, Migrations

_LOG = Migrations("cqrs")


@_LOG()
def format_1(database: Database) -> None:
    """The log, facts about the store, checkpoints, guards and views."""
    for statement in _statements("schema.sql"):
        database.execute(statement)


def bring_up_to_date(connection: sqlite3.Connection) -> None:
    """Apply the migrations that the file does not have yet, inside the caller's transaction."""
    _LOG.apply(Database(connection, execute_plugins=False))


def _statements(name: str) -> Iterator[str]:
    """The statements of a file, one by one: `executescript` would commit behind our back."""
    with open(os.path.join(os.path.dirname(__file__), name), encoding="utf-8") as file:
        buffer = ""
        for line in file:
            buffer += line
            if sqlite3.complete_statement(buffer):
                yield buffer
                buffer = ""
