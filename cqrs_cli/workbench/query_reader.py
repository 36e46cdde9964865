"""What a query reads with: rows of read models, by key, filtered, ordered, a page at a time."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from itertools import chain
from typing import Any, NamedTuple, TypeVar, cast

from cqrs_cli.domain.columns import ColumnCodec
from cqrs_cli.domain.domain import did_you_mean
from cqrs_cli.domain.query import Page, Where
from cqrs_cli.domain.row_model import RowModel, RowType, row_maker
from cqrs_cli.errors import InvalidInput, Misuse, NotFound
from cqrs_cli.stores import rows
from cqrs_cli.stores.rows import Order, Scalar, reader_of
from cqrs_cli.workbench.engine import Engine
from cqrs_cli.workbench.readings import told

Row = TypeVar("Row", bound=RowModel)

Matches = Callable[[Any], bool]
"""Whether a row matches."""

MOST_ROWS = 1_000_000_000
_OPERATORS = ("=", "!=", "<", "<=", ">", ">=", "in")


class Unanswerable(Misuse):
    """What was asked for can't be: a read model, a column, an operator or a key that is not there.

    Asked by a query's `run` it is a mistake in the domain's code, whatever the parameters are.
    """


class _Selection(NamedTuple):
    """What a page selects from: all its pages have the same."""

    name: str
    where: list[rows.Where]
    order: list[Order]
    matches: Matches | None


class _Open(NamedTuple):
    """A selection that is read on: rows, those after `cursor`."""

    selection: _Selection
    cursor: str
    rows: Iterator[tuple[Scalar, ...]]


class QueryReader:
    """The `Read` that `Query.run` is given. `ready` is called once for each read model before it is first read.

    cursor: where the next page begins; None: at the first row. reads_on: the page that follows the one given last is
    taken from the same selection of the store, so that all pages together are as the table was at one moment.
    """

    def __init__(
        self,
        engine: Engine,
        ready: Callable[[RowType], None],
        limit: int | None = None,
        cursor: str | None = None,
        reads_on: bool = False,
    ) -> None:
        self._store, self._domain, self._ready = told(engine.store), engine.domain, ready
        self._limit, self.cursor = limit if limit is not None else engine.limits.page_rows, cursor
        self._reads_on, self._open = reads_on, list[_Open]()
        if not 0 < self._limit < MOST_ROWS:
            message = f"a page has from one row to {MOST_ROWS - 1:,}, not {limit}"
            raise InvalidInput(message, hint="leave the limit out for the usual size")
        self._seen: set[str] = set()

    def get(self, projection: type[Row], *key: Any) -> Row | None:
        """The row with this key, or None. Raises `Unanswerable` for a key of another shape."""
        kind = self._read(projection)
        if len(key) != len(kind.key_columns):
            message = f"the key of {kind.name} is ({', '.join(kind.table.key)}), not {len(key)} values"
            raise Unanswerable(message, code=InvalidInput.code, hint="one value for each part")
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
        selection = _Selection(kind.name, _conditions(kind, where, equals), ordering, matches)
        selected = self._selected(kind, selection)
        rows, last, make = list[Row](), None, row_maker(kind)
        for values in selected:
            row = cast(Row, make(values))
            if matches is not None and not matches(row):
                continue
            if len(rows) == self._limit and last is not None:
                cursor = _write_cursor(last, kind, ordering)
                if self._reads_on:
                    self._open.append(_Open(selection, cursor, chain([values], selected)))
                return Page(rows, cursor)
            rows.append(row)
            last = values
        return Page(rows)

    def go_on(self, cursor: str) -> None:
        """Let the next page begin there."""
        self.cursor, self._open = cursor, [one for one in self._open if one.cursor == cursor]

    def every(
        self, projection: type[Row], matches: Matches | None, *, where: Sequence[Where] = (), order: str = ""
    ) -> Iterator[Row]:
        """The rows that `matching` would give page by page, one by one as they are asked for."""
        kind = self._read(projection)
        selection = _Selection(kind.name, _conditions(kind, where, {}), _order(kind, order), matches)
        found = cast(Iterator[Row], map(row_maker(kind), self._selected(kind, selection, all_of_them=True)))
        return found if matches is None else filter(matches, found)

    def _selected(
        self, kind: RowType, selection: _Selection, all_of_them: bool = False
    ) -> Iterator[tuple[Scalar, ...]]:
        """What of the selection comes after the cursor."""
        after = _read_cursor(self.cursor, kind, selection.order)
        for one in self._open:
            if (one.selection, one.cursor) == (selection, self.cursor):
                self._open.remove(one)
                return one.rows
        bounded = selection.matches is None and not self._reads_on and not all_of_them
        most = self._limit + 1 if bounded else None
        return self._store.rows.select(kind.table, selection.where, selection.order, after, most)

    def _read(self, cls: type[RowModel]) -> RowType:
        try:
            kind = self._domain.row_type_of(cls)
        except NotFound as error:
            raise Unanswerable(error.message, code=error.code, hint=error.hint) from error
        if kind.name not in self._seen:
            self._ready(kind)
            self._seen.add(kind.name)
        return kind


def selection(kind: RowType, where: Sequence[Where], order: str) -> tuple[list[rows.Where], list[Order]]:
    """The conditions and the order as a store takes them. Raises `Misuse` for a column that is not there."""
    return _conditions(kind, where, {}), _order(kind, order)


def _column(kind: RowType, name: str) -> ColumnCodec:
    for column in kind.columns:
        if column.column.name == name:
            return column
    near = did_you_mean(name, [column.column.name for column in kind.columns])
    raise Unanswerable(f"{kind.name} has no column {name!r}", code="unknown-column", hint=near)


def _encode(column: ColumnCodec, value: Any) -> Scalar:
    if value is None:
        return None
    if isinstance(value, Enum) and isinstance(value, str | int) and not column.enum:
        value = value.value  # a parameter may be an enum where the column is a plain text or number
    try:
        return column.encode(value)
    except InvalidInput as error:
        raise InvalidInput(f"{column.column.name}: {error.message}", hint=column.column.said) from None


def _conditions(kind: RowType, where: Sequence[Where], equals: dict[str, Any]) -> list[rows.Where]:
    conditions = []
    named = (Where(name, "=", value) for name, value in equals.items() if value is not None)
    for field, operator, value in (*where, *named):
        column = _column(kind, field)
        many = operator == "in"
        if many and (isinstance(value, str) or not isinstance(value, Iterable)):
            message = f"{field} in {value!r}: 'in' wants several values"
            raise Unanswerable(message, code=InvalidInput.code, hint="a tuple or a list")
        _check_operator(field, operator, value)
        encoded = tuple(_encode(column, member) for member in value) if many else _encode(column, value)
        conditions.append(rows.Where(field, operator, encoded))
    return conditions


def _check_operator(field: str, operator: str, value: Any) -> None:
    if operator not in _OPERATORS:
        told = f"{operator!r} can't compare {field}"
        raise Unanswerable(told, code="no-such-operator", hint=" ".join(_OPERATORS))
    if value is None and operator not in ("=", "!="):
        told = f"nothing is {operator} null ({field})"
        raise Unanswerable(told, code="no-such-operator", hint="= and != compare with null")


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
        hint = "take it from the page before, unchanged"
        raise InvalidInput("this cursor is not one of this query's", code="cursor", hint=hint)
    return tuple(values)
