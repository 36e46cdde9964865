"""Rows that were asked for, printed: all of them, a page with the way to the next one, or what they come to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from functools import reduce
from math import fsum
from typing import Any

from cqrs_cli import records
from cqrs_cli.cli.options.rows import RowsAsked, columns_named
from cqrs_cli.cli.printing.cursor import tell_next_page
from cqrs_cli.cli.printing.documents import Single, Table, row_columns
from cqrs_cli.cli.printing.values import cell_text
from cqrs_cli.cli.shell.session import Session
from cqrs_cli.domain.query import Page
from cqrs_cli.errors import Misuse
from cqrs_cli.json_text import json_text

_NUMBERS = (int, float, Decimal)


def print_rows(
    session: Session, rows: Iterable[Any], asked: RowsAsked, kinds: Mapping[str, Any], key: Collection[str] = ()
) -> int:
    """Print the rows as they come, or what they come to; returns how many. Of a `Page`, the next one's cursor is told.

    kinds: the types of the columns by their names, as far as they are known; empty: every row has its own. key: the
    columns that are never cut.
    """
    if asked.is_folded:
        return _print_folded(session, rows, asked, kinds)
    columns = asked.shown(list(kinds)) if kinds or asked.columns is None else None
    shown = row_columns(columns, key) if columns else None
    found = Table(picked(map(records.answer, rows), asked, kinds), shown, empty="no rows", members=columns or ())
    cursor = rows.cursor if isinstance(rows, Page) else None
    if asked.page:
        page = list(found.records)
        header = {"next": cursor}
        session.printer.print(found._replace(records=page, whole={"rows": page, **header}, header=header))
        return len(page)
    count = session.printer.print(found)
    tell_next_page(session.printer, session.words, cursor, asked.limit)
    return count


def picked(
    found: Iterable[Mapping[str, Any]], asked: RowsAsked, kinds: Mapping[str, Any]
) -> Iterable[Mapping[str, Any]]:
    """The records with those columns alone that were asked for."""
    if asked.columns is None:
        return found
    if kinds:
        names = asked.shown(list(kinds))
        return ({name: record.get(name) for name in names} for record in found)
    return ({name: record[name] for name in asked.shown(list(record))} for record in found)


# ── what rows come to ─────────────────────────────────────────────────────────────────────────


def _print_folded(session: Session, rows: Iterable[Any], asked: RowsAsked, kinds: Mapping[str, Any]) -> int:
    printer = session.printer
    if asked.counted:
        count = sum(1 for _ in rows)
        printer.print(Single({"count": count}, text=lambda record: str(record["count"])))
        return count
    column = _Column(rows, kinds)
    if asked.sum is not None:
        total = total_of(column.values("--sum", asked.sum), zero_of(asked.sum, kinds))
        printer.print(Single({"sum": total}, text=lambda record: cell_text(record["sum"])))
    elif asked.distinct is not None:
        different = different_values(column.values("--distinct", asked.distinct))
        printer.print(Table([{column.name: value} for value in different], empty="no rows", members=[column.name]))
    return column.count


class _Column:
    """A column of rows, which are gone through once. count: how many there were."""

    def __init__(self, rows: Iterable[Any], kinds: Mapping[str, Any]) -> None:
        self._rows, self._kinds = rows, kinds
        self.name, self.count = "", 0

    def values(self, option: str, text: str) -> Iterator[Any]:
        """Its values. Raises `Misuse` if there is no such column."""
        names = list(self._kinds)
        self.name = columns_named(option, text, names, several=False)[0] if names else text
        for row in self._rows:
            self.count += 1
            is_model = hasattr(row, "model_dump")
            if self.count == 1 and not names:
                self.name = columns_named(option, text, list(records.answer(row)), several=False)[0]
            yield getattr(row, self.name, None) if is_model else records.answer(row).get(self.name)


def zero_of(text: str, kinds: Mapping[str, Any]) -> int | float | Decimal:
    """The sum of no values of a column, in its type. Raises `Misuse` for one that holds no numbers."""
    from cqrs_cli.expression_types import alternatives

    if not kinds:
        return 0
    (name,) = columns_named("--sum", text, list(kinds), several=False)
    holds = alternatives(kinds[name])
    if Any not in holds and not all(one in _NUMBERS for one in holds):
        numeric = [other for other, kind in kinds.items() if all(one in _NUMBERS for one in alternatives(kind))]
        hint = f"numbers are in {', '.join(numeric)}" if numeric else "no column holds numbers"
        raise Misuse(f"--sum: {name} holds no numbers", code="no-sum", hint=hint)
    return Decimal(0) if Decimal in holds else 0.0 if float in holds else 0


def total_of(values: Iterable[Any], zero: int | float | Decimal) -> int | float | Decimal:
    """The sum: of integers and decimals exact, of floats the one that is nearest. What is null is passed over.

    Raises `Misuse` for what is no number, and for a sum of more than a thousand digits.
    """
    from cqrs_cli.expression_values import added

    numbers = (_number(value) for value in values if value is not None)
    if isinstance(zero, float):
        return fsum(numbers)
    try:
        total: int | Decimal = reduce(added, numbers, zero)
    except ArithmeticError:
        raise Misuse("--sum: the sum has too many digits", code="no-sum", hint="at most a thousand") from None
    return total


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, _NUMBERS):
        raise Misuse(f"--sum: {cell_text(value)[:40]!r} is no number", code="no-sum", hint="a column of numbers")
    return value


def different_values(values: Iterable[Any]) -> list[Any]:
    """Each value once, sorted, null first. Equal numbers are one value; what can't be compared goes by its JSON."""
    found: dict[Any, Any] = {}
    for value in values:
        try:
            found.setdefault(value, value)
        except TypeError:  # a list, a mapping, a model
            found.setdefault(json_text(value), value)
    plain: Sequence[Any] = [value for value in found.values() if value is not None]
    try:
        ordered = sorted(plain, key=lambda value: value.value if isinstance(value, Enum) else value)
    except TypeError:
        ordered = sorted(plain, key=json_text)
    return [None] * (None in found) + ordered
