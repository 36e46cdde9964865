"""The SQL of reading rows: conditions, a total order, and the rows after a given one; names quoted, values bound."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from cqrs_cli.errors import Misuse
from cqrs_cli.stores.rows import Order, Scalar, Table, Where

_COMPARISONS = {"=": "IS", "!=": "IS NOT", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_RANGES = ("<", "<=", ">", ">=")
_LARGEST = sys.float_info.max
FEW = 500
"""Rows of a range that are found by its index and sorted sooner than the table is read."""

Row = tuple[Scalar, ...]


def quote(name: str) -> str:
    """A name as a SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def listed(names: Iterable[str]) -> str:
    """Names as SQL identifiers, with commas: where SQL takes nothing but names of columns."""
    return ", ".join(map(quote, names))


def qualified(table: Table, name: str) -> str:
    """A column in an expression: alone in double quotes it would be a text, wherever there is no such column."""
    return f"{quote(table.name)}.{quote(name)}"


def columns_of(table: Table, names: Iterable[str] | None = None) -> str:
    """Columns with commas, in an expression: all, or those of these names."""
    start = quote(table.name) + "."
    return ", ".join([start + quote(name) for name in names or [column.name for column in table.columns]])


class Select:
    """The SQL of `select`: a total order, and the rows after a given one."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._kinds = {column.name: column.kind for column in table.columns}
        groups = (*table.indexes, *table.unique)
        self._indexed = {name for group in groups for name in group if self._kinds.get(name) == "decimal"}

    def statement(
        self, where: Sequence[Where], order: Sequence[Order], after: Row | None, by_index: bool = False
    ) -> tuple[str, list[Any]]:
        """The SQL and its values. by_index: find the rows by an index and sort them, as they are `few`."""
        found = [self._condition(item) for item in where]
        terms = [(self._value(item.column), self._mark(item.column), item.descending) for item in order]
        # A + hides from SQLite that the table has the order of its key.
        terms += [("+" * by_index + self._value(name), self._mark(name), False) for name in self._table.key]
        # Decimals that are equal as numbers may differ as texts, and both may be keys.
        raw = [i for i, name in enumerate(self._table.key) if self._kinds[name] == "decimal"]
        exact = [(qualified(self._table, self._table.key[i]), "?", False) for i in raw]
        if after is not None:
            if len(after) != len(terms):
                raise Misuse(f"the cursor has {len(after)} values instead of {len(terms)}", code="cursor")
            found.append(_beyond([*terms, *exact], (*after, *(after[len(order) + i] for i in raw))))
        sql = f"SELECT {columns_of(self._table)} FROM {quote(self._table.name)}" + _all_of(found)
        sql += " ORDER BY " + ", ".join(f"{column}{' DESC' * down}" for column, _, down in (*terms, *exact))
        return sql, [value for _, values in found for value in values]

    def count(self, where: Sequence[Where]) -> tuple[str, list[Any]]:
        """The SQL that counts rows, and its values."""
        found = [self._condition(item) for item in where]
        sql = f"SELECT count(*) FROM {quote(self._table.name)}" + _all_of(found)
        return sql, [value for _, values in found for value in values]

    def few(self, where: Sequence[Where], order: Sequence[Order]) -> tuple[str, list[Any]] | None:
        """The SQL that counts the rows in a range of an index, up to `FEW`; None where there is nothing to choose.

        SQLite knows no numbers of rows and reads the table in the order of its key, which spares the
        sorting. That is right for a page of a wide range (of 200,000 rows: 0.3 ms, by the index 600),
        and slow for a narrow one (16 ms, by the index 0.8).
        """
        leading = {group[0] for group in (*self._table.indexes, *self._table.unique)}
        ranges = [item for item in where if item.column in leading]
        if order or len({item.column for item in ranges}) != 1 or any(item.operator not in _RANGES for item in ranges):
            return None
        found = [
            _near(self._indexed_value(item.column), item.operator, str(item.value))
            if item.column in self._indexed
            else self._condition(item)
            for item in ranges
        ]
        conditions = " AND ".join(condition for condition, _ in found)
        sql = f"SELECT count(*) FROM (SELECT 1 FROM {quote(self._table.name)} WHERE {conditions} LIMIT {FEW})"
        return sql, [value for _, values in found for value in values]

    def _value(self, name: str) -> str:
        if name not in self._kinds:
            raise Misuse(
                f"{self._table.name} has no column {name}",
                hint=f"it has: {', '.join(self._kinds)}",
                code="no-such-column",
            )
        column = qualified(self._table, name)
        return f"cqrs_decimal({column})" if self._kinds[name] == "decimal" else column

    def _indexed_value(self, name: str) -> str:
        return indexed(self._table, name, qualified(self._table, name))

    def _mark(self, name: str) -> str:
        return "cqrs_decimal(?)" if self._kinds[name] == "decimal" else "?"

    def _condition(self, item: Where) -> tuple[str, list[Any]]:
        column, mark = self._value(item.column), self._mark(item.column)
        if item.operator == "in":
            if not isinstance(item.value, tuple):
                raise Misuse(f"'in' wants several values for {item.column}", code="no-such-operator")
            bound = [value for value in item.value if value is not None]
            condition = f"{column} IN ({', '.join([mark] * len(bound))})"
            return (f"{condition} OR {column} IS NULL" if len(bound) < len(item.value) else condition), bound
        if item.operator not in _COMPARISONS or isinstance(item.value, tuple):
            raise Misuse(
                f"{item.operator!r} can't compare {item.column}", hint="= != < <= > >= in", code="no-such-operator"
            )
        if item.value is None and item.operator not in ("=", "!="):
            raise Misuse(
                f"nothing is {item.operator} null ({item.column})",
                hint="= and != compare with null",
                code="no-such-operator",
            )
        exact = f"{column} {_COMPARISONS[item.operator]} {mark}"
        if item.column in self._indexed and item.operator != "!=" and item.value is not None:
            near, bounds = _near(self._indexed_value(item.column), item.operator, str(item.value))
            return f"{near} AND {exact}", [*bounds, item.value]
        return exact, [item.value]


def _all_of(conditions: Sequence[tuple[str, list[Any]]]) -> str:
    return " WHERE " + " AND ".join(f"({condition})" for condition, _ in conditions) if conditions else ""


def indexed(table: Table, name: str, column: str) -> str:
    """What an index holds of a column: of a decimal a number near it, which SQLite can find by without our function.

    column: how the statement writes the column `name`.
    """
    decimal = any(one.name == name and one.kind == "decimal" for one in table.columns)
    return f"CAST({column} AS REAL)" if decimal else column


def _near(column: str, operator: str, digits: str) -> tuple[str, list[Any]]:
    """A condition that an index of floats answers, and that holds wherever the exact one does."""
    number = max(-_LARGEST, min(_LARGEST, float(digits)))
    slack = abs(number) * 1e-12 + 1e-300  # more than what the conversion of long digits can be off
    low, high = number - slack, number + slack  # infinite beyond the largest float, as SQLite's are
    if operator == "=":
        return f"{column} BETWEEN ? AND ?", [low, high]
    return (f"{column} >= ?", [low]) if operator in (">", ">=") else (f"{column} <= ?", [high])


def _beyond(terms: list[tuple[str, str, bool]], after: Row) -> tuple[str, list[Any]]:
    """The condition for rows that sort after `after`; SQLite sorts NULL before everything."""
    alternatives: list[str] = []
    values: list[Any] = []
    for at, (column, mark, descending) in enumerate(terms):
        value = after[at]
        if value is None and descending:
            continue
        if value is None:
            past = f"{column} IS NOT NULL"
        elif descending:
            past = f"({column} < {mark} OR {column} IS NULL)"
        else:
            past = f"{column} > {mark}"
        same = [f"{left} IS {bound}" for left, bound, _ in terms[:at]]
        alternatives.append(" AND ".join([*same, past]))
        values += [*after[:at], *([] if value is None else [value])]
    return " OR ".join(f"({alternative})" for alternative in alternatives) or "FALSE", values
