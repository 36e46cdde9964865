"""`cqrs query ROWS`: any read model, filtered and ordered, without a query class of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

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

_CONDITION = re.compile(r"\s*([^\W\d][\w-]*)\s*(!=|<=|>=|=|<|>|\bin\b|\bis\b)\s*(.*)", re.DOTALL)
_MEMBER = re.compile(r"""\s*('[^']*'|"[^"]*"|[^,'"][^,]*?)\s*(?:,|$)""")
_GRAMMAR = "--where COLUMN OPERATOR VALUE, with = != < <= > >= in (VALUE,VALUE) is (null, not null)"


def rows_command(name: str, projection: RowType) -> ShellCommand:
    """The command that reads one projection."""

    def rows(
        where: Annotated[
            list[str] | None,
            typer.Option("--where", metavar="CONDITION", help="'total>=10'; all of several must hold."),
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
        conditions = [condition(projection, text) for text in where or ()]
        bench = bench_to_read(session, stale, wait, timeout, [projection.name])
        with caught_up_or_unfinished():
            page = bench.page(projection.name, where=conditions, order=_ordering(order), limit=limit, cursor=cursor)
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


def condition(projection: RowType, text: str) -> Where:
    """`total>=10` as a condition on a column. Raises `Misuse` for another grammar, column or value."""
    from cqrs_cli.domain.query import Where

    match = _CONDITION.fullmatch(text)
    if match is None:
        raise Misuse(f"--where {text!r} is no condition", hint=_GRAMMAR)
    name, operator, value = match[1].replace("-", "_"), match[2], match[3].strip()
    column = _column(projection, name)
    if operator == "is":
        if value.lower() not in ("null", "not null"):
            raise Misuse(f"--where {text!r}: a column is null or is not null", hint=_GRAMMAR)
        return Where(name, "=" if value.lower() == "null" else "!=", None)
    if operator == "in":
        return Where(name, "in", [_value(projection, column, member, text) for member in _members(value, text)])
    return Where(name, operator, _value(projection, column, value, text))


def _members(value: str, condition: str) -> list[str]:
    """The values of `(a, 'b, c')`; quotes keep a comma."""
    inner = value[1:-1] if value[:1] == "(" and value[-1:] == ")" else value
    members, at = [], 0
    while at < len(inner):
        match = _MEMBER.match(inner, at)
        if match is None:
            break
        members.append(match[1])
        at = match.end()
    if not members or at < len(inner):
        raise Misuse(f"--where {condition!r}: in wants values", hint=_GRAMMAR)
    return members


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
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1]
    try:
        annotation: Any = field.annotation
        adapter: TypeAdapter[Any] = TypeAdapter(annotation)
        value = adapter.validate_json(text) if column.column.kind == "json" else adapter.validate_python(text)
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
