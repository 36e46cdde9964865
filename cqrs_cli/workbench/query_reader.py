"""What a query reads with: rows of read models, by key, filtered, ordered, a page at a time."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from typing import Any, TypeVar, cast

from cqrs_cli.domain.columns import ColumnCodec
from cqrs_cli.domain.domain import did_you_mean
from cqrs_cli.domain.query import Page, Where
from cqrs_cli.domain.row_model import RowModel, RowType, row_maker
from cqrs_cli.errors import InvalidInput, Misuse
from cqrs_cli.stores import rows
from cqrs_cli.stores.rows import Order, Scalar
from cqrs_cli.workbench.engine import Engine
from cqrs_cli.workbench.processors.rows import reader_of

Row = TypeVar("Row", bound=RowModel)

Matches = Callable[[Any], bool]
"""Whether a row matches."""

MOST_ROWS = 1_000_000_000


class QueryReader:
    """The `Read` that `Query.run` is given. `ready` is called once for each read model before it is first read."""

    def __init__(
        self,
        engine: Engine,
        ready: Callable[[RowType], None],
        limit: int | None = None,
        cursor: str | None = None,
    ) -> None:
        self._store, self._domain, self._ready = engine.store, engine.domain, ready
        self._limit, self._cursor = limit if limit is not None else engine.limits.page_rows, cursor
        if not 0 < self._limit < MOST_ROWS:
            message = f"a page has from one row to {MOST_ROWS - 1:,}, not {limit}"
            raise InvalidInput(message, hint="leave the limit out for the usual size")
        self._seen: set[str] = set()

    def get(self, projection: type[Row], *key: Any) -> Row | None:
        """The row with this key, or None. Raises `InvalidInput` for a key of another shape."""
        kind = self._read(projection)
        if len(key) != len(kind.key_columns):
            message = f"the key of {kind.name} is ({', '.join(kind.table.key)}), not {len(key)} values"
            raise InvalidInput(message, hint="one value for each part")
        stored = tuple(_encode(column, part) for column, part in zip(kind.key_columns, key, strict=True))
        found = self._store.rows.load(kind.table, [stored]).get(stored)
        return None if found is None else cast(Row, row_maker(kind)(found))

    def rows(
        self, projection: type[Row], *, where: Sequence[Where] = (), order: str = "", **equals: Any
    ) -> Iterator[Row]:
        """All rows that match, in order, one by one."""
        kind = self._read(projection)
        found = self._store.rows.select(kind.table, _conditions(kind, where, equals), _order(kind, order))
        yield from cast(Iterator[Row], map(row_maker(kind), found))

    def page(self, projection: type[Row], *, where: Sequence[Where] = (), order: str = "", **equals: Any) -> Page[Row]:
        """One page of the rows that match. Raises `InvalidInput` for a cursor of another query."""
        return self.matching(projection, None, where=where, order=order, **equals)

    def matching(
        self,
        projection: type[Row],
        matches: Matches | None,
        *,
        where: Sequence[Where] = (),
        order: str = "",
        **equals: Any,
    ) -> Page[Row]:
        """A page of those of the rows that also match something that no store selects by."""
        kind = self._read(projection)
        ordering = _order(kind, order)
        after, conditions = _read_cursor(self._cursor, kind, ordering), _conditions(kind, where, equals)
        most = self._limit + 1 if matches is None else None
        rows, last, make = list[Row](), None, row_maker(kind)
        for values in self._store.rows.select(kind.table, conditions, ordering, after, most):
            row = cast(Row, make(values))
            if matches is not None and not matches(row):
                continue
            if len(rows) == self._limit and last is not None:
                return Page(rows, _write_cursor(last, kind, ordering))
            rows.append(row)
            last = values
        return Page(rows)

    def _read(self, cls: type[RowModel]) -> RowType:
        kind = self._domain.row_type_of(cls)
        if kind.name not in self._seen:
            self._ready(kind)
            self._seen.add(kind.name)
        return kind


def _column(kind: RowType, name: str) -> ColumnCodec:
    for column in kind.columns:
        if column.column.name == name:
            return column
    near = did_you_mean(name, [column.column.name for column in kind.columns])
    raise Misuse(f"{kind.name} has no column {name!r}", code="unknown-column", hint=near)


def _encode(column: ColumnCodec, value: Any) -> Scalar:
    if value is None:
        return None
    if isinstance(value, Enum) and isinstance(value, str | int) and not column.enum:
        value = value.value  # a parameter may be an enum where the column is a plain text or number
    try:
        return column.encode(value)
    except InvalidInput as error:
        name, kind = column.column.name, column.column.kind
        raise InvalidInput(f"{name}: {error.message}", hint=f"{name} is a {kind} column") from None


def _conditions(kind: RowType, where: Sequence[Where], equals: dict[str, Any]) -> list[rows.Where]:
    conditions = []
    named = (Where(name, "=", value) for name, value in equals.items() if value is not None)
    for field, operator, value in (*where, *named):
        column = _column(kind, field)
        many = operator == "in"
        if many and (isinstance(value, str) or not isinstance(value, Iterable)):
            raise InvalidInput(f"{field} in {value!r}: 'in' wants several values", hint="a tuple or a list")
        encoded = tuple(_encode(column, member) for member in value) if many else _encode(column, value)
        conditions.append(rows.Where(field, operator, encoded))
    return conditions


def _order(kind: RowType, order: str) -> list[Order]:
    terms = [term.strip() for term in order.split(",") if term.strip()]
    return [Order(_column(kind, term.removeprefix("-")).column.name, term.startswith("-")) for term in terms]


def _cursor_columns(kind: RowType, order: Sequence[Order]) -> list[str]:
    return [term.column for term in order] + list(kind.table.key)


def _signature(kind: RowType, order: Sequence[Order]) -> str:
    return ",".join([kind.name, *("-" * term.descending + term.column for term in order)])


def _write_cursor(values: tuple[Scalar, ...], kind: RowType, order: Sequence[Order]) -> str:
    content = [_signature(kind, order), *reader_of(kind.table, _cursor_columns(kind, order))(values)]
    return base64.urlsafe_b64encode(json.dumps(content, separators=(",", ":")).encode()).decode().rstrip("=")


def _read_cursor(cursor: str | None, kind: RowType, order: Sequence[Order]) -> tuple[Scalar, ...] | None:
    if cursor is None:
        return None
    try:
        signature, *values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        for value in values:
            str(value).encode()  # half a surrogate pair is no text
    except (ValueError, TypeError, RecursionError):  # binascii's, json's and Unicode's errors are ValueErrors
        signature, values = None, []
    scalars = all(value is None or type(value) in (str, int, float) for value in values)
    if signature != _signature(kind, order) or len(values) != len(_cursor_columns(kind, order)) or not scalars:
        raise InvalidInput("this cursor is not one of this query's", hint="take it from the page before, unchanged")
    return tuple(values)
