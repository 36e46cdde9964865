"""Rows: the tables of read models as a store sees them, their checkpoints, and the contract for both."""

# pyright: reportReturnType=false
# The docstring of a protocol's method is its body.

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

Scalar = str | int | float | None


class Column(NamedTuple):
    """A column of a read model.

    kind: text, integer, real, boolean, decimal, uuid, date, datetime or json. Values cross the
    contract as plain scalars: booleans as 0/1, decimals as their digits, ids, dates, times and JSON as text.
    """

    name: str
    kind: str
    nullable: bool = False


class Table(NamedTuple):
    """A read model's table: its name, its columns in order and the names of its key columns.

    unique: groups of columns in which no two rows may be equal (rows with a None in the group are
    never equal). indexes: groups of columns to find rows by.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    unique: tuple[tuple[str, ...], ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()


class Order(NamedTuple):
    """One column of an `ORDER BY`; decimals are ordered as numbers."""

    column: str
    descending: bool = False


class Where(NamedTuple):
    """`column operator value`; operators: = != < <= > >= in. None compares as SQL's IS."""

    column: str
    operator: str
    value: Scalar | tuple[Scalar, ...]


class Checkpoint(NamedTuple):
    """How far a projection (or reaction) has read. definition: JSON of what its rows were made with."""

    name: str
    position: int
    definition: str


class RowReader(Protocol):
    """Rows and checkpoints, read only. Every method sees a consistent state of its own."""

    def checkpoint(self, name: str) -> Checkpoint | None:
        """The checkpoint, or None if the projection never ran."""

    def checkpoints(self) -> list[Checkpoint]:
        """All checkpoints, by name."""

    def load(self, table: Table, keys: Sequence[tuple[Scalar, ...]]) -> dict[tuple[Scalar, ...], tuple[Scalar, ...]]:
        """The rows that exist among `keys`, by key; one query for many keys."""

    def select(
        self,
        table: Table,
        where: Sequence[Where] = (),
        order: Sequence[Order] = (),
        after: tuple[Scalar, ...] | None = None,
        limit: int | None = None,
    ) -> Iterator[tuple[Scalar, ...]]:
        """Rows in the given order, then by key (always a total order).

        after: the values of the order's columns and of the key of the last row already seen; only
        rows that come after it are given. Raises `Misuse` for a column or operator that is not there.
        """

    def count(self, table: Table, where: Sequence[Where] = ()) -> int:
        """How many rows of the table fulfil every condition; 0 if it does not exist. Raises `Misuse` as `select`."""

    def exists(self, table: Table) -> bool:
        """Whether there is such a table."""


class Rows(RowReader, Protocol):
    """Rows and checkpoints inside one write transaction."""

    def create(self, table: Table) -> None:
        """Make the table if it is not there. A table of that name with other columns is `Misuse` (needs a rebuild)."""

    def index(self, table: Table) -> None:
        """Make those of the table's indexes that are not there yet."""

    def refuse_foreign(self, name: str) -> None:
        """Raise `Misuse` if there is a table of that name that `create` did not make: it is not ours to drop."""

    def drop(self, name: str) -> None:
        """Remove the table if it is there. `Misuse` as `refuse_foreign`."""

    def rename(self, table: Table, name: str) -> None:
        """Give `table` the name `name`, replacing a table of that name. `Misuse` as `refuse_foreign`."""

    def put(self, table: Table, rows: Iterable[tuple[Scalar, ...]]) -> None:
        """Insert or replace rows, in column order; all of them, then what is unique is looked at.

        Rows that free a unique value and rows that take it may come in any order. Decimals are the same
        value if they are the same number.
        Raises `NotUnique` naming the columns and the value.
        """

    def delete(self, table: Table, keys: Iterable[tuple[Scalar, ...]]) -> None:
        """Remove the rows with these keys."""

    def move(self, name: str, old: Checkpoint | None, new: Checkpoint) -> None:
        """Compare-and-set of a checkpoint. Raises `Conflict` if it is not `old` (None: must not exist)."""

    def move_all(self, moves: Sequence[tuple[Checkpoint | None, Checkpoint]]) -> None:
        """What `move` does for each (old, new), all or none, in one go."""

    def forget(self, name: str) -> None:
        """Remove a checkpoint."""
