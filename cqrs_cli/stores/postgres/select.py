"""The SQL of reading rows: conditions, a total order, and the rows after a given one; names quoted, values bound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cqrs_cli.errors import Misuse
from cqrs_cli.stores.postgres.columns import compared, mark, out, sent
from cqrs_cli.stores.postgres.link import quote
from cqrs_cli.stores.rows import Order, Scalar, Table, Where

_COMPARISONS = frozenset({"=", "!=", "<", "<=", ">", ">="})
Values = list[Any]
Scalars = tuple[Scalar, ...]


class Select:
    """The SQL of `select`. source: the table or view, quoted."""

    def __init__(self, table: Table, source: str) -> None:
        self._table, self._source = table, source
        self._kinds = {column.name: column.kind for column in table.columns}
        self._nullable = {column.name for column in table.columns if column.nullable}

    def columns(self) -> str:
        """All columns as the contract's scalars, with commas."""
        return ", ".join(out(column.kind, f"t.{quote(column.name)}") for column in self._table.columns)

    def statement(self, where: Sequence[Where], order: Sequence[Order], after: Scalars | None) -> tuple[str, Values]:
        """The SQL and its values."""
        conditions, values = self._conditions(where)
        terms = [(item.column, item.descending) for item in order] + [(name, False) for name in self._table.key]
        columns = [self._column(name) for name, _ in terms]
        if after is not None:
            if len(after) != len(terms):
                raise Misuse(f"the cursor has {len(after)} values instead of {len(terms)}", code="cursor")
            condition, bound = self._beyond(terms, after)
            conditions.append(condition)
            values += bound
        ordered = [
            f"{column}{' DESC' * down}{self._nulls(name, down)}"
            for column, (name, down) in zip(columns, terms, strict=True)
        ]
        sql = f"SELECT {self.columns()} FROM {self._source} t{_all_of(conditions)}"
        return f"{sql} ORDER BY {', '.join(ordered)}", values

    def count(self, where: Sequence[Where]) -> tuple[str, Values]:
        """The SQL that counts rows, and its values."""
        conditions, values = self._conditions(where)
        return f"SELECT count(*) FROM {self._source} t{_all_of(conditions)}", values

    def load(self, keys: Sequence[Scalars]) -> tuple[str, Values]:
        """The SQL of the rows with these keys, and its values: an array a column of the key."""
        kinds = [self._kinds[name] for name in self._table.key]
        arrays = [[sent(kind, key[at]) for key in keys] for at, kind in enumerate(kinds)]
        if len(kinds) == 1:
            condition = f"{self._column(self._table.key[0])} = ANY({mark(kinds[0], many=True)})"
            return f"SELECT {self.columns()} FROM {self._source} t WHERE {condition}", arrays
        given, same = keyed(self._table, kinds)
        return f"SELECT {self.columns()} FROM {given} JOIN {self._source} t ON {same}", arrays

    def _nulls(self, name: str, descending: bool) -> str:
        """Null comes before everything; said only where there may be some, or no index would have the order."""
        if name not in self._nullable:
            return ""
        return " NULLS LAST" if descending else " NULLS FIRST"

    def _column(self, name: str) -> str:
        if name not in self._kinds:
            raise Misuse(
                f"{self._table.name} has no column {name}",
                hint=f"it has: {', '.join(self._kinds)}",
                code="no-such-column",
            )
        return compared(self._kinds[name], f"t.{quote(name)}")

    def _conditions(self, where: Sequence[Where]) -> tuple[list[str], Values]:
        found = [self._condition(item) for item in where]
        return [condition for condition, _ in found], [value for _, values in found for value in values]

    def _condition(self, item: Where) -> tuple[str, Values]:
        column, operator, value = self._column(item.column), item.operator, item.value
        kind = self._kinds[item.column]
        if operator == "in":
            if not isinstance(value, tuple):
                raise Misuse(f"'in' wants several values for {item.column}", code="no-such-operator")
            bound = [sent(kind, one) for one in value if one is not None]
            condition = f"{column} = ANY({mark(kind, many=True)})"
            return (f"{condition} OR {column} IS NULL" if len(bound) < len(value) else condition), [bound]
        if operator not in _COMPARISONS or isinstance(value, tuple):
            raise Misuse(f"{operator!r} can't compare {item.column}", hint="= != < <= > >= in", code="no-such-operator")
        if value is None:
            if operator not in ("=", "!="):
                raise Misuse(
                    f"nothing is {operator} null ({item.column})",
                    hint="= and != compare with null",
                    code="no-such-operator",
                )
            return f"{column} IS {'NOT ' * (operator == '!=')}NULL", []
        if operator == "!=":
            return f"{column} <> {mark(kind)} OR {column} IS NULL", [sent(kind, value)]
        return f"{column} {operator} {mark(kind)}", [sent(kind, value)]  # IS NOT DISTINCT FROM would find by no index

    def _beyond(self, terms: Sequence[tuple[str, bool]], after: Scalars) -> tuple[str, Values]:
        """The condition for rows that sort after `after`; null sorts before everything."""
        columns = [self._column(name) for name, _ in terms]
        marks = [mark(self._kinds[name]) for name, _ in terms]
        bound = [sent(self._kinds[name], value) for (name, _), value in zip(terms, after, strict=True)]
        if not any(down or name in self._nullable for name, down in terms):
            return f"({', '.join(columns)}) > ({', '.join(marks)})", bound
        alternatives: list[str] = []
        values: Values = []
        for at, (_, down) in enumerate(terms):
            if after[at] is None and down:
                continue
            if after[at] is None:
                past = f"{columns[at]} IS NOT NULL"
            elif down:
                past = f"({columns[at]} < {marks[at]} OR {columns[at]} IS NULL)"
            else:
                past = f"{columns[at]} > {marks[at]}"
            same = [f"{columns[i]} IS NULL" if after[i] is None else f"{columns[i]} = {marks[i]}" for i in range(at)]
            alternatives.append("(" + " AND ".join([*same, past]) + ")")
            values += [value for value in bound[: at + 1] if value is not None]
        return " OR ".join(alternatives) or "FALSE", values


def keyed(table: Table, kinds: Sequence[str]) -> tuple[str, str]:
    """Keys that are bound, an array a column, as a table; and the condition that a row `t` has one of them."""
    names = ", ".join(f"k{at}" for at in range(len(kinds)))
    arrays = ", ".join(mark(kind, many=True) for kind in kinds)
    columns = [compared(kind, f"t.{quote(name)}") for name, kind in zip(table.key, kinds, strict=True)]
    return f"unnest({arrays}) AS k({names})", " AND ".join(f"{column} = k.k{at}" for at, column in enumerate(columns))


def _all_of(conditions: Sequence[str]) -> str:
    return " WHERE " + " AND ".join(f"({condition})" for condition in conditions) if conditions else ""
