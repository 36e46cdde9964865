"""What a dialect is: the tables it is known by, one SELECT over them, and what a row of that is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from cqrs_cli.transfer.dialects.database import Database, Kind, Select, Table
from cqrs_cli.transfer.dialects.event import Mapped

PRODUCED = "its own writer"
"""How well a dialect is known: logs that its own writer made are mirrored in the tests."""
DOCUMENTED = "its documented schema"
"""Logs in tables that were made after its documentation are mirrored in the tests; none that its own writer made."""


class Shape(NamedTuple):
    """A table that a dialect has. name: None if it can be called anything. columns: those that it must have."""

    name: str | None
    columns: frozenset[str]

    def __str__(self) -> str:
        return f"{self.name or 'any table'} ({', '.join(sorted(self.columns))})"


Place = Sequence[Table]
"""The tables of a log, in the order of the shapes."""


class Dialect(NamedTuple):
    """A kind of log. title: what people call it. known_by: `PRODUCED` or `DOCUMENTED`. shapes: by the kind of database.

    select: over the tables. mapped: gives what makes an event of a row. patience: seconds that a number may be missing
    before it is taken for one that never comes; where it is given in the INSERT itself 0, as whoever inserts is seen.
    page: rows that are asked for at once; many where the store has no index on positions, as each look is long there.
    """

    name: str
    title: str
    known_by: str
    shapes: Mapping[Kind, Sequence[Shape]]
    select: Callable[[Kind, Place], Select]
    mapped: Callable[[Database, Place], Mapped]
    patience: float = 0.0
    page: int = 2_000


def shape(name: str | None, columns: str) -> Shape:
    """A shape, with its columns in one text."""
    return Shape(name, frozenset(columns.split()))
