"""A database that another store keeps its log in, read only."""

# pyright: reportReturnType=false
# The docstring of a protocol's method is its body.

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

from cqrs_cli.transfer.dialects.event import Row

Kind = Literal["sqlite", "postgresql"]


class Table(NamedTuple):
    """A table that may be read. schema: empty in SQLite. columns: with their types in small letters, as declared."""

    schema: str
    name: str
    columns: Mapping[str, str]

    @property
    def shown(self) -> str:
        """As it is typed."""
        return f"{self.schema}.{self.name}" if self.schema else self.name

    @property
    def quoted(self) -> str:
        """As it stands in SQL."""
        return ".".join(quoted(part) for part in (self.schema, self.name) if part)


class Select(NamedTuple):
    """The one SELECT of a dialect. columns: the position first. source: what stands after FROM. position: its column.

    where: what belongs to the log of all that; nothing is left out by it, as a gap tells of what is not committed yet.
    """

    columns: str
    source: str
    position: str
    where: str = ""


class Database(Protocol):
    """What a dialect reads from. Nothing can be written through it.

    name: what it is remembered by, the same wherever one stands, without user and password. has_gaps: whether numbers
    may be seen before smaller ones that are not committed yet.
    """

    kind: Kind
    name: str
    has_gaps: bool

    def tables(self) -> Sequence[Table]:
        """Those that may be read."""

    def page(self, select: Select, after: int, limit: int) -> Iterator[Row]:
        """The rows after a position, in order, at most so many; as they are now, while it is iterated."""

    def at(self, select: Select, position: int) -> Row | None:
        """The row at a position."""

    def newest(self, select: Select) -> int:
        """The last position that can be seen; 0 if there is none."""

    def first(self, sql: str, parameter: object) -> Row | None:
        """The first row of another SELECT, which has one `?`; also while a page is iterated."""

    def writers(self, tables: Sequence[Table]) -> frozenset[str]:
        """The transactions that may be writing to the tables now."""

    def check_order(self, tables: Sequence[Table]) -> None:
        """Raise `Misuse` if positions are given in an order that says nothing of when what was committed."""

    def check_there(self) -> None:
        """Raise `Unavailable` if what is read is not what is at the address any more."""

    def close(self) -> None: ...


def quoted(name: str) -> str:
    """A name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def micros_of(column: str) -> str:
    """A time of PostgreSQL in microseconds UTC; one without a zone is UTC."""
    return f"(extract(epoch FROM {column}) * 1000000)::bigint"


def statement(select: Select, condition: str, limit: str) -> str:
    """A SELECT with a condition on the position."""
    where = f" AND ({select.where})" if select.where else ""
    return (
        f"SELECT {select.columns} FROM {select.source} WHERE {select.position} {condition}{where} "
        f"ORDER BY {select.position} LIMIT {limit}"
    )


def newest_statement(select: Select) -> str:
    """The SELECT of the last position."""
    where = f" WHERE {select.where}" if select.where else ""
    return f"SELECT {select.position} FROM {select.source}{where} ORDER BY {select.position} DESC LIMIT 1"
