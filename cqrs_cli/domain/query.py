"""Queries: named questions to the read models, with typed parameters and pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import Any, Generic, NamedTuple, Never, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from cqrs_cli.domain.mistakes import complete, refuse_keywords
from cqrs_cli.domain.pydantic_fast import generic_arguments
from cqrs_cli.domain.row_model import RowModel
from cqrs_cli.errors import DefinitionError

R = TypeVar("R", bound=BaseModel)
Row = TypeVar("Row", bound=RowModel)


@dataclass(frozen=True)
class Page(Generic[R]):
    """Some rows of many. cursor: what to give for the next page; None: this was the last one."""

    rows: list[R]
    cursor: str | None = None

    def __iter__(self) -> Iterator[R]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


class Where(NamedTuple):
    """A condition on a field: `Where("revenue", ">", Decimal(100))`; operators = != < <= > >= in.

    With None as the value, `=` and `!=` ask whether the column is empty.
    """

    field: str
    operator: str
    value: Any


class Read(Protocol):
    """What a query's `run` reads with. Each projection is brought up to date before it is first read.

    Process managers can be read too, as they are: their rows move when they run.
    """

    def get(self, projection: type[Row], *key: Any) -> Row | None:
        """The row with this key, or None."""

    def rows(
        self, projection: type[Row], *, where: Sequence[Where] = (), order: str = "", **equals: Any
    ) -> Iterator[Row]:
        """All rows that match, in order, one by one.

        order: field names, comma-separated, `-` before one for descending; ties go by key.
        equals: field=value; a value of None filters nothing, so that an optional parameter can be handed on.
        """
        ...

    def page(self, projection: type[Row], *, where: Sequence[Where] = (), order: str = "", **equals: Any) -> Page[Row]:
        """As `rows`, one page of them: the limit and the cursor are the caller's (`--limit`, `--cursor`)."""
        ...


class Query(BaseModel, Generic[R]):
    """A question with typed parameters: `class OrdersByCustomer(Query[OrderSummary])`.

    The fields are the parameters, `run` answers with a `Page`, a list, one row, or None.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def __init_subclass__(cls, **unknown: Never) -> None:
        refuse_keywords(cls, unknown, "none")
        super().__init_subclass__()

    def run(self, read: Read) -> Page[R] | list[R] | R | None:
        """Answer, with what `read` gives. Pure: it changes nothing."""
        raise DefinitionError(f"{type(self).__name__} has no run", hint="def run(self, read: Read) -> Page[…]: …")


def answers_with(cls: type[Query[Any]]) -> type[BaseModel] | None:
    """The model in `Query[…]`, if it is one."""
    for base in cls.__mro__:
        arguments = generic_arguments(base)
        if arguments:
            row = arguments[0]
            return row if isinstance(row, type) and issubclass(row, BaseModel) else None
    return None


def rows_named(cls: type[Query[Any]]) -> type[RowModel] | None:
    """The row class in `Query[…]`, if it is one: what the query answers with, and so what it surely reads."""
    row = answers_with(cls)
    return row if row is not None and issubclass(row, RowModel) else None


def check_query(cls: type[Query[Any]]) -> None:
    """Raise `DefinitionError` for a query class that can't answer."""
    complete(cls)
    if cls.run is Query.run:
        raise DefinitionError(f"{cls.__name__} has no run", hint="def run(self, read: Read) -> Page[…]: …")
    if iscoroutinefunction(cls.run) or isasyncgenfunction(cls.run):
        message = f"{cls.__name__}.run is async, and what it would wait for is not read here"
        raise DefinitionError(message, hint="def run(self, read: Read) -> Page[…]: …")
