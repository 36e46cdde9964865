"""What the store's own tables, indexes, triggers and views are in each format, and what may stand beside them.

A store may come from a stranger. It is data and no more as long as nothing in it computes: no view or generated column
where a table was, no trigger on what we write, no index of an expression. SQLite itself refuses a file in which
the type, name or table of a definition are not those of its SQL.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable
from functools import cache

from cqrs_cli.errors import Damaged, Misuse
from cqrs_cli.stores.operational import OPERATIONAL
from cqrs_cli.stores.rows import Table
from cqrs_cli.stores.sqlite.errors import foreign
from cqrs_cli.stores.sqlite.select import listed, quote

OURS = "/* made by cqrs */"
"""The mark of what may be dropped and made anew."""
_SQL_TYPES = {
    "text": "TEXT", "integer": "INTEGER", "real": "REAL", "boolean": "INTEGER", "decimal": "TEXT",
    "uuid": "TEXT", "date": "TEXT", "datetime": "TEXT", "json": "TEXT",
}  # fmt: skip
_SCRIPTS = ("schema.sql", "operational.sql", "views.sql")
"""What defines the parts of a store; a later one in the place of an earlier."""
# Patterns for what is rarely there are compiled when it is: each start of the program would pay for them.
_NAME = r'(?:\w+|"\w+"|`\w+`|\[\w+\])'
_TERM = rf"{_NAME}(?: (?:ASC|DESC))?"
_PLAIN_INDEX = rf"CREATE INDEX {_NAME} ON {_NAME} ?\( *{_TERM}(?: *, *{_TERM})* *\)"
_COLUMN = rf"{_NAME} (?:TEXT|INTEGER|REAL|BLOB)(?: NOT NULL)?"
_PLAIN_TABLE = (
    rf"CREATE TABLE {_NAME} /\* made by cqrs \*/ "
    rf"\((?:{_COLUMN}, )*PRIMARY KEY \({_NAME}(?:, {_NAME})*\)(?:, {_COLUMN})*\) "
    "STRICT, WITHOUT ROWID"
)
_HINT = "another tool changed the store, or a stranger made it: restore a backup"


def statements(script: str) -> dict[str, str]:
    """The statements of a file beside this one, by what they create, in order and as SQLite keeps them.

    Each begins a line, and a semicolon ends a line in none but at its end.
    """
    with open(os.path.join(os.path.dirname(__file__), script), encoding="utf-8") as file:
        _, *parts = f"\n{file.read()}".replace("\nCREATE ", "\n\nCREATE ").split("\nCREATE ")
    return {part.split(None, 2)[1]: "CREATE " + part[: part.index(";\n")] for part in parts}


@cache
def definitions() -> dict[str, str]:
    """The SQL of all that a store has of its own, by name. One of format 1 may lack what is in operational.sql."""
    return {name: sql for script in _SCRIPTS for name, sql in statements(script).items()}


@cache
def _earlier() -> list[dict[str, str]]:
    """The views of earlier versions."""
    return [statements(_SCRIPTS[0]), statements("views_2.sql")]


def renew_views(connection: sqlite3.Connection) -> None:
    """Put today's views in the place of earlier ones, in the transaction that is open."""
    for name, sql in statements("views.sql").items():
        connection.execute(f"DROP VIEW IF EXISTS {name}")
        connection.execute(sql)


def sql_type(table: Table, kind: str) -> str:
    """What SQLite keeps a kind of column as."""
    if kind not in _SQL_TYPES:
        raise Misuse(f"{table.name}: no such kind of column: {kind!r}", hint=", ".join(_SQL_TYPES), code="column-kind")
    return _SQL_TYPES[kind]


def create_table(table: Table) -> str:
    """The SQL that makes a table of rows."""
    columns = ", ".join(
        f"{quote(column.name)} {sql_type(table, column.kind)}{' NOT NULL' * (not column.nullable)}"
        for column in table.columns
    )
    key = f"PRIMARY KEY ({listed(table.key)})"
    return f"CREATE TABLE {quote(table.name)} {OURS} ({columns}, {key}) STRICT, WITHOUT ROWID"


def check_facts_table(connection: sqlite3.Connection, path: str) -> None:
    """Raise `Damaged` if the table of facts, which says the format, is not the one that all formats have."""
    found = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'cqrs_store' COLLATE NOCASE").fetchall()
    if found != [(definitions()["cqrs_store"],)]:
        raise foreign(path, "does not say which format of a cqrs store it has: cqrs_store is not as cqrs makes it")


def check(connection: sqlite3.Connection, path: str, format: int) -> bool:
    """Whether all views are those of today.

    Raises `Damaged` if something of the store's own is another than `cqrs` made, or something foreign acts on it.
    What is missing is found by who needs it. Somebody's own tables, views and plain indexes may be there.
    """
    own, of_today = definitions(), True
    for kind, name, table, sql in connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master"):
        known = own.get(name.lower())
        if known is not None:
            if sql == known or _made_lazily(name, sql, format):
                continue
            if sql not in [views.get(name) for views in _earlier()]:
                raise _altered(path, name)
            of_today = False
        elif table.lower() in own and (
            kind == "trigger" or (sql is not None and not re.fullmatch(_PLAIN_INDEX, sql, re.IGNORECASE))
        ):
            raise Damaged(
                f"{path}: the {kind} {name} on {table} was not made by cqrs, and would run when it writes",
                hint=f"if you made it, DROP {kind.upper()} it with sqlite3; if not, don't use the store",
                store=path,
                table=table,
            )
    return of_today


def check_rows(query: Callable[..., list[tuple[str, ...]]], path: str, name: str) -> bool:
    """Whether there is a table of that name. Raises `Damaged` if it is not plain rows alone."""
    found = query(
        "SELECT type, name, sql FROM sqlite_master WHERE tbl_name = ? COLLATE NOCASE AND type <> 'index'", (name,)
    )
    for kind, its_name, sql in found:
        if kind != "table" or sql.upper().startswith("CREATE VIRTUAL"):
            raise _no_rows(path, name, f"there is a {kind} {its_name} of somebody else's")
    hidden = "SELECT name FROM pragma_table_xinfo(?) WHERE hidden <> 0"
    for (column,) in query(hidden, (name,)) if found else ():
        raise _no_rows(path, name, f"its column {column} is computed")
    return bool(found)


def _made_lazily(name: str, sql: str, format: int) -> bool:
    """Whether it is an operational table as format 1 made it. Its first snapshots had other columns."""
    lazily = {table.name: create_table(table) for table in OPERATIONAL}
    return sql == lazily.get(name) or (
        format == 1 and name == "cqrs_snapshots" and bool(re.fullmatch(_PLAIN_TABLE, sql))
    )


def _altered(path: str, name: str) -> Damaged:
    return Damaged(f"{path} is damaged: {name} is not as cqrs makes it", hint=_HINT, store=path, table=name)


def _no_rows(path: str, name: str, why: str) -> Damaged:
    return Damaged(
        f"{path}: {name} is no table of rows alone: {why}",
        hint=f"drop or rename what is called {name} with sqlite3, and the rows are made anew",
        store=path,
        table=name,
    )
