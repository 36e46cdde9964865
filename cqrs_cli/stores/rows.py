"""Rows: the tables of read models as a store sees them, their checkpoints, and the contract for both."""

# pyright: reportReturnType=false
# The docstring of a protocol's method is its body.

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

Scalar = str | int | float | None

LONGEST_TABLE, LONGEST_COLUMN = 54, 63
"""Bytes of a name, on every store: PostgreSQL cuts after 63 without a word, and a rebuild adds `cqrs_new_`."""
SYSTEM_COLUMNS = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"})
"""What each table of PostgreSQL has already."""


class Column(NamedTuple):
    """A column of a read model.

    kind: text, integer, real, boolean, decimal, uuid, date, datetime or json. Values cross the
    contract as plain scalars: booleans as 0/1, decimals as their
    plain digits (no exponent, no sign of zero), ids, dates, times and JSON as text.
    """

    name: str
    kind: str
    nullable: bool = False

    @property
    def said(self) -> str:
        """What it is, as a sentence."""
        return f"{self.name} is {'an' if self.kind[0] in 'aeiou' else 'a'} {self.kind} column"


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


def reader_of(table: Table, names: Sequence[str]) -> Callable[[tuple[Scalar, ...]], tuple[Any, ...]]:
    """The function from a stored row to its values in some columns."""
    columns = [column.name for column in table.columns]
    places = [columns.index(name) for name in names]
    return itemgetter(slice(places[0], places[0] + 1)) if len(places) == 1 else itemgetter(*places)


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

    def few(self, tables: Sequence[Table], limit: int) -> list[list[tuple[Scalar, ...]]]:
        """The rows of each of these tables by key, at most so many of each: of all of them in one question."""

    def plan(
        self,
        table: Table,
        where: Sequence[Where] = (),
        order: Sequence[Order] = (),
        after: tuple[Scalar, ...] | None = None,
    ) -> str:
        """How `select` finds the rows, for people, in the store's own words; empty if it has none for it."""

    def count(self, table: Table, where: Sequence[Where] = ()) -> int:
        """How many rows of the table fulfil every condition; 0 if it does not exist. Raises `Misuse` as `select`."""

    def exists(self, table: Table) -> bool:
        """Whether there is such a table; if it has a checkpoint, whether there was one when that was looked at last."""


class Rows(RowReader, Protocol):
    """Rows and checkpoints inside one write transaction.

    Where several such transactions go on at once, each keeps others from a name (of a table, of a checkpoint) from its
    first use to its end. Two that use the same names in another order would wait for each other: one that uses several
    says so before, by `hold` or `move_all`, and the store's own tables (`operational.py`) come after all others.
    """

    def hold(self, names: Iterable[str]) -> None:
        """Keep others from these tables and checkpoints to the end of the transaction. They need not be there."""

    def create(self, table: Table) -> None:
        """Make the table if it is not there. A table of that name with other columns is `Misuse` (needs a rebuild)."""

    def index(self, table: Table) -> None:
        """Make those of the table's indexes that are not there yet."""

    def refuse_foreign(self, name: str) -> None:
        """Raise `Misuse` if there is a table of that name that `create` did not make: it is not ours to drop."""

    def drop(self, name: str) -> None:
        """Remove the table if it is there. `Misuse` as `refuse_foreign`."""

    def rename(self, table: Table, name: str) -> None:
        """Give `table` the name `name`, replacing a table of that name. `Misuse` as `refuse_foreign`.

        Where readers lock what they read it may be `Passing` (code `locked`): the whole transaction can be tried again.
        It comes after all in a transaction that may wait for somebody.
        """

    def rename_all(self, renames: Sequence[tuple[Table, str]]) -> None:
        """What `rename` does for each (table, name), in one go: one that renames several says so at once."""

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
