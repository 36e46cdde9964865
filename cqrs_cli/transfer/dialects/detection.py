"""Which dialect a database speaks: told, or seen in its tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cqrs_cli.errors import Misuse, NotFound
from cqrs_cli.near_names import did_you_mean
from cqrs_cli.transfer.dialects.database import Database, Table
from cqrs_cli.transfer.dialects.dialect import Dialect, Place, Shape

_OURS = {"commits", "events", "cqrs_store", "cqrs_origins"}


class Found(NamedTuple):
    """A log, and how it is read."""

    dialect: Dialect
    place: Place


def detect(
    database: Database, shown: str, dialects: Sequence[Dialect], name: str | None = None, table: str | None = None
) -> Found:
    """The log in the database. name: of the dialect that it is in; table: where it is, `[SCHEMA.]TABLE`; None: look.

    shown: what the database is called in errors. Raises `NotFound` (`no-log`) if there is none, `Misuse` if there are
    several (`several-logs`), if it is a store of ours (`own-store`), or for a dialect that is not there or has no form
    in this kind of database.
    """
    asked = dialects if name is None else [_named(name, dialects)]
    asked = [one for one in asked if database.kind in one.shapes]
    if not asked:
        known = ", ".join(kind for one in dialects if one.name == name for kind in one.shapes)
        raise Misuse(
            f"{name} has no form in {database.kind} that is known",
            hint=f"it has one in {known}: another address, or another dialect",
            code="no-dialect",
        )
    tables = database.tables()
    found = [
        Found(one, place)
        for one in asked
        for place in _places(tables, one.shapes[database.kind])
        if table is None or table in (place[0].name, place[0].shown)
    ]
    if len(found) == 1:
        return found[0]
    if not found:
        raise _nothing(database, shown, asked, tables, table)
    several = ", ".join(f"{one.dialect.name} in {one.place[0].shown}" for one in found)
    raise Misuse(
        f"{shown} has several logs: {several}",
        hint="say which: --table [SCHEMA.]TABLE, or --dialect NAME",
        code="several-logs",
        logs=[{"dialect": one.dialect.name, "table": one.place[0].shown} for one in found],
    )


def _named(name: str, dialects: Sequence[Dialect]) -> Dialect:
    for dialect in dialects:
        if dialect.name == name:
            return dialect
    names = [dialect.name for dialect in dialects]
    raise Misuse(
        f"no dialect is called {name!r}",
        hint=did_you_mean(name, names, 1) or f"there are {', '.join(names)}",
        code="no-dialect",
    )


def _places(tables: Sequence[Table], shapes: Sequence[Shape]) -> list[Place]:
    """Where all tables of a dialect are, each time in one schema."""
    places: list[Place] = []
    for first in tables:
        rest = [
            next((table for table in tables if table.schema == first.schema and _fits(table, shape)), None)
            for shape in shapes[1:]
        ]
        if _fits(first, shapes[0]) and None not in rest:
            places.append([first, *[table for table in rest if table is not None]])
    return places


def _fits(table: Table, shape: Shape) -> bool:
    return shape.name in (None, table.name, table.shown) and shape.columns <= table.columns.keys()


def _nothing(
    database: Database, shown: str, asked: Sequence[Dialect], tables: Sequence[Table], table: str | None
) -> NotFound | Misuse:
    if {one.name for one in tables} >= _OURS - {"cqrs_origins"} and table is None:
        return Misuse(f"{shown} is a store of cqrs", code="own-store", source=shown)
    looked = [f"{one.name}: {', and '.join(map(str, one.shapes[database.kind]))}" for one in asked]
    lacking = [text for one in asked for shape in one.shapes[database.kind] for text in _lacking(tables, shape, table)]
    there = ", ".join(one.shown for one in tables[:20]) or "none"
    where = "" if table is None else f" called {table!r}"
    names = [name for one in tables for name in {one.name, one.shown}]
    error = NotFound(
        f"no log of a known kind{where} in {shown}, whose tables are: {there}",
        hint="this is what another version writes, perhaps; docs/mirrors.md names those that are known"
        if lacking
        else (None if table is None else did_you_mean(table, names, 1))
        or "a table of your own can be described: [tool.cqrs.mirror.NAME]",
        code="no-log",
        looked_for=looked,
    )
    error.complaints = [*lacking, *(f"looked for {one}" for one in looked)]
    return error


def _lacking(tables: Sequence[Table], shape: Shape, table: str | None) -> list[str]:
    """Tables that are nearly of a shape, and what of it they have not: of its name, or with most of its columns."""
    found = []
    for one in tables:
        missing = shape.columns - one.columns.keys()
        is_near = 2 * len(missing) < len(shape.columns) if shape.name is None else shape.name in (one.name, one.shown)
        if missing and is_near and table in (None, one.name, one.shown):
            found.append(f"{one.shown} has no {', no '.join(sorted(missing))}")
    return found
