"""Conditions on the rows of a read model, as they are typed: `total >= 10 and city = Rome`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from cqrs_cli.domain.query import Where
from cqrs_cli.errors import InvalidInput, Misuse
from cqrs_cli.near_names import did_you_mean
from cqrs_cli.payloads.shapes import TIMES, is_number

if TYPE_CHECKING:
    from cqrs_cli.domain.columns import ColumnCodec
    from cqrs_cli.domain.row_model import RowType


def kinds_of(projection: RowType) -> dict[str, Any]:
    """The types of its columns, by their names."""
    return {column.name: projection.cls.model_fields[column.name].annotation for column in projection.table.columns}


class Conditions(NamedTuple):
    """What the store selects by, what of the rest must hold of a row, and that rest as it was written."""

    where: list[Where]
    matches: Callable[[Any], bool] | None
    by_row: list[str]


def conditions(projection: RowType, texts: Iterable[str]) -> Conditions:
    """Conditions on the columns of a read model, all of which must hold.

    What is nothing but columns compared with values is left to the store. Raises `Misuse` for what is no condition, or
    compares a column with what is no value of its type.
    """
    from cqrs_cli.expression import expression

    kinds = {one.column.name: one.column.kind for one in projection.columns}
    where: list[Where] = []
    rest, by_row = [], []
    for text in texts:
        found = expression(text, kinds)
        if found.comparisons is None or any(kinds[one.name] == "json" for one in found.comparisons):
            rest.append(found)
            by_row.append(text)
            continue
        for name, operator, value in found.comparisons:
            column = _column(projection, name)
            if isinstance(value, tuple):
                where.append(Where(name, operator, [_value(projection, column, one, text) for one in value]))
            else:
                where.append(Where(name, operator, None if value is None else _value(projection, column, value, text)))

    def matches(row: Any) -> bool:
        return all(one.matches(lambda name: getattr(row, name)) for one in rest)

    return Conditions(where, matches if rest else None, by_row)


def row_matcher(projection: RowType, texts: Iterable[str]) -> Callable[[Any], bool] | None:
    """The same conditions, for rows that no store selects; None without any."""
    from cqrs_cli.expression import expression

    conditions(projection, texts)  # says what is wrong with them
    every = [expression(text, {one.column.name: one.column.kind for one in projection.columns}) for text in texts]
    return (lambda row: all(one.matches(lambda name: getattr(row, name)) for one in every)) if every else None


def ordering_typed(order: str | None) -> str:
    """Columns as they may be typed, in kebab-case too."""
    terms = [term.strip() for term in (order or "").split(",")]
    return ",".join("-" * term.startswith("-") + term.removeprefix("-").replace("-", "_") for term in terms)


def _column(projection: RowType, name: str) -> ColumnCodec:
    names = [column.column.name for column in projection.columns]
    if name not in names:
        raise Misuse(f"{projection.name} has no column {name!r}", code="unknown-column", hint=did_you_mean(name, names))
    return projection.columns[names.index(name)]


def _value(projection: RowType, column: ColumnCodec, text: str, condition: str) -> Any:
    """The text as a value of the column's own type: a number is compared as a number, an id as an id."""
    field = projection.cls.model_fields[column.column.name]
    try:
        if column.column.kind in TIMES and is_number(text):
            raise InvalidInput(f"a {column.column.kind} is no number", hint="2026-01-01, or 2026-01-01T10:00Z")
        annotation: Any = field.annotation
        adapter: TypeAdapter[Any] = TypeAdapter(annotation)
        value = adapter.validate_python(text)
        if isinstance(value, datetime) and value.tzinfo is None:
            value = value.replace(tzinfo=UTC)  # times are UTC unless they say otherwise
        column.encode(value)
    except (ValidationError, InvalidInput) as error:
        told = error.errors(include_url=False)[0]["msg"] if isinstance(error, ValidationError) else error.message
        told = told.partition(", unable to")[0]
        raise Misuse(f"--where: {told}: {_marked(condition, text)}", hint=column.column.said) from None
    return value


def _marked(condition: str, value: str) -> str:
    """The condition with the value marked in it, if it stands there once."""
    return condition.replace(value, f"»{value}«") if condition.count(value) == 1 else condition
