"""`cqrs query ROWS`: any read model, filtered and ordered, without a query class of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from cqrs_cli import records
from cqrs_cli.cli.options.freshness import Stale, Timeout, Wait, bench_to_read
from cqrs_cli.cli.printing.cursor import tell_next_page
from cqrs_cli.cli.printing.documents import Table
from cqrs_cli.cli.printing.processor_status import caught_up_or_unfinished, print_remarks
from cqrs_cli.cli.shell.command import ShellCommand, make
from cqrs_cli.cli.shell.session import current
from cqrs_cli.errors import InvalidInput, Misuse, NothingMatched

if TYPE_CHECKING:
    from cqrs_cli.domain.columns import ColumnCodec
    from cqrs_cli.domain.query import Where
    from cqrs_cli.domain.row_model import RowType

Limit = Annotated[int | None, typer.Option("--limit", metavar="N", help="At most so many rows a page.")]
Cursor = Annotated[
    str | None, typer.Option("--cursor", metavar="CURSOR", help="The next page, as the one before said.")
]
FailIfEmpty = Annotated[bool, typer.Option("--fail-if-empty", help="Exit 5 if there are no rows.")]


def rows_command(name: str, projection: RowType) -> ShellCommand:
    """The command that reads one projection."""

    def rows(
        where: Annotated[
            list[str] | None,
            typer.Option("--where", metavar="CONDITION", help="'total>=10 or city=Rome'; all of several must hold."),
        ] = None,
        order: Annotated[
            str | None, typer.Option("--order", metavar="COLUMNS", help="'-total,name': columns, - for descending.")
        ] = None,
        limit: Limit = None,
        cursor: Cursor = None,
        fail_if_empty: FailIfEmpty = False,
        stale: Stale = False,
        wait: Wait = None,
        timeout: Timeout = None,
    ) -> None:
        check_page_size(limit)
        session = current()
        where_, matches = conditions(projection, where or ())
        bench = bench_to_read(session, stale, wait, timeout, [projection.name])
        with caught_up_or_unfinished():
            page = bench.page(
                projection.name, where=where_, matches=matches, order=_ordering(order), limit=limit, cursor=cursor
            )
        columns = [column.name for column in projection.table.columns]
        found = Table(map(records.answer, page.rows), columns, empty="no rows", members=columns)
        count = session.printer.print(found)
        print_remarks(session, bench.statuses(projection.name, counted=False))
        tell_next_page(session.printer, session.words, page.cursor, limit)
        if not count and fail_if_empty:
            raise NothingMatched("no row matched", hint=f"cqrs project {projection.name} prints all its rows")

    columns = ", ".join(f"{column.name} ({column.kind})" for column in projection.table.columns)
    rows.__doc__ = f"Rows of the read model {projection.name}.\n\nColumns: {columns}."
    return make(rows, name)


def check_page_size(limit: int | None) -> None:
    """Raise `Misuse` for a page without rows."""
    if limit is not None and limit < 1:
        raise Misuse(
            f"--limit: expected a number from 1 (got {limit})", hint="without --limit a page has the usual size"
        )


class Conditions(NamedTuple):
    """What the store selects by, and what of the rest must hold of a row."""

    where: list[Where]
    matches: Callable[[Any], bool] | None


def conditions(projection: RowType, texts: Iterable[str]) -> Conditions:
    """Conditions on the columns of a read model, all of which must hold.

    What is nothing but columns compared with values is left to the store. Raises `Misuse` for what is no condition, or
    compares a column with what is no value of its type.
    """
    from cqrs_cli.domain.query import Where
    from cqrs_cli.expression import expression

    kinds = {one.column.name: one.column.kind for one in projection.columns}
    where: list[Where] = []
    rest = []
    for text in texts:
        found = expression(text, kinds)
        if found.comparisons is None or any(kinds[one.name] == "json" for one in found.comparisons):
            rest.append(found)
            continue
        for name, operator, value in found.comparisons:
            column = _column(projection, name)
            if isinstance(value, tuple):
                where.append(Where(name, operator, [_value(projection, column, one, text) for one in value]))
            else:
                where.append(Where(name, operator, None if value is None else _value(projection, column, value, text)))

    def matches(row: Any) -> bool:
        return all(one.matches(lambda name: getattr(row, name)) for one in rest)

    return Conditions(where, matches if rest else None)


def _ordering(order: str | None) -> str:
    """Columns as they may be typed, in kebab-case too."""
    terms = [term.strip() for term in (order or "").split(",")]
    return ",".join("-" * term.startswith("-") + term.removeprefix("-").replace("-", "_") for term in terms)


def _column(projection: RowType, name: str) -> ColumnCodec:
    from cqrs_cli.domain.domain import did_you_mean

    names = [column.column.name for column in projection.columns]
    if name not in names:
        raise Misuse(f"{projection.name} has no column {name!r}", code="unknown-column", hint=did_you_mean(name, names))
    return projection.columns[names.index(name)]


def _value(projection: RowType, column: ColumnCodec, text: str, condition: str) -> Any:
    """The text as a value of the column's own type: a number is compared as a number, an id as an id."""
    from pydantic import TypeAdapter, ValidationError

    field = projection.cls.model_fields[column.column.name]
    try:
        annotation: Any = field.annotation
        adapter: TypeAdapter[Any] = TypeAdapter(annotation)
        value = adapter.validate_python(text)
        if isinstance(value, datetime) and value.tzinfo is None:
            value = value.replace(tzinfo=UTC)  # times are UTC unless they say otherwise
        column.encode(value)
    except (ValidationError, InvalidInput) as error:
        told = error.errors(include_url=False)[0]["msg"] if isinstance(error, ValidationError) else error.message
        raise Misuse(
            f"--where {condition!r}: {told}", hint=f"{column.column.name} is a {column.column.kind} column"
        ) from None
    return value


def by_rows(projections: Iterable[RowType]) -> dict[str, RowType]:
    """The read models by their names on the command line."""
    return dict(sorted({projection.name.replace("_", "-"): projection for projection in projections}.items()))
