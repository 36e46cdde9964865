"""How values of rows cross: outside as plain scalars, inside in native types, which psql and Metabase understand."""

from __future__ import annotations

from typing import Any

from cqrs_cli.errors import Misuse
from cqrs_cli.stores.postgres.link import quote
from cqrs_cli.stores.rows import LONGEST_COLUMN, SYSTEM_COLUMNS, Column, Scalar, Table

TYPES = {
    "text": "text", "integer": "bigint", "real": "double precision", "boolean": "boolean", "decimal": "numeric",
    "uuid": "uuid", "date": "date", "datetime": "timestamp with time zone", "json": "json",
}  # fmt: skip
"""The type of a column by its kind. json keeps its text, which jsonb does not."""
_AS_TEXT = frozenset({"decimal", "uuid", "date", "datetime", "json"})
"""Kinds whose values are bound as texts, and turned into their types by the server."""


def type_of(table: Table, kind: str) -> str:
    """The type of a column. Raises `Misuse`."""
    if kind not in TYPES:
        raise Misuse(f"{table.name}: no such kind of column: {kind!r}", hint=", ".join(TYPES), code="column-kind")
    return TYPES[kind]


def declared(table: Table, column: Column) -> str:
    """A column in CREATE TABLE. Raises `Misuse` for a name that no column can have."""
    if not 0 < len(column.name.encode()) <= LONGEST_COLUMN or "\0" in column.name or column.name in SYSTEM_COLUMNS:
        raise Misuse(
            f"{table.name}: no column can be named {column.name!r} on PostgreSQL",
            hint=f"another name, of at most {LONGEST_COLUMN} bytes",
            code="column-name",
        )
    collation = ' COLLATE "C"' if column.kind == "text" else ""
    return f"{quote(column.name)} {type_of(table, column.kind)}{collation}{' NOT NULL' * (not column.nullable)}"


def out(kind: str, column: str) -> str:
    """The SQL that gives a column as the contract's scalar."""
    if kind == "boolean":
        return f"{column}::int"
    if kind in ("decimal", "uuid", "json"):
        return f"{column}::text"
    if kind == "date":
        return f"to_char({column}, 'YYYY-MM-DD')"
    if kind == "datetime":
        return f"to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
    return column


def compared(kind: str, column: str) -> str:
    """The SQL by which a column is compared and ordered."""
    return f'({column}::text COLLATE "C")' if kind == "json" else column


def mark(kind: str, many: bool = False) -> str:
    """The SQL of a value that is bound, to be compared with a column of the kind; many: of a list of them."""
    array = "[]" * many
    if kind in ("text", "json"):
        return f"%b::text{array}"
    if kind in _AS_TEXT:
        return f"(%b::text{array})::{TYPES[kind]}{array}"
    return f"%b::{TYPES[kind]}{array}"


def bound_array(kind: str) -> str:
    """The SQL of a column of rows that is bound as one array."""
    return f"%b::{'text' if kind in _AS_TEXT else TYPES[kind]}[]"


def taken(kind: str, column: str) -> str:
    """The SQL that makes a value of such an array one of the column's type."""
    return f"{column}::{TYPES[kind]}" if kind in _AS_TEXT else column


def sent(kind: str, value: Scalar) -> Any:
    """The value as it is bound. Raises `Misuse` for one that its column can't hold."""
    if value is None:
        return None
    if kind == "boolean":
        if value not in (0, 1):
            raise _misfit(f"{value!r} is no boolean")
        return bool(value)
    if kind == "real":
        if not isinstance(value, int | float) or value != value:
            raise _misfit(f"{value!r} is no number")
        return value + 0.0
    if kind == "integer":
        try:
            whole = int(value)
        except (ValueError, OverflowError):
            raise _misfit(f"{value!r} is no whole number") from None
        if whole != value and not isinstance(value, str):
            raise _misfit(f"{value!r} is no whole number")
        return whole
    if (kind == "text" or kind in _AS_TEXT) and not isinstance(value, str):
        return str(value)
    return value


def _misfit(what: str) -> Misuse:
    return Misuse(what, hint="its values don't fit its columns", code="row-value")
