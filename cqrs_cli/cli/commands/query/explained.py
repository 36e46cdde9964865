"""`cqrs query … --explain`: what was read, how the store found it, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from cqrs_cli import records
from cqrs_cli.cli.printing.explanations import Step, placed, tell
from cqrs_cli.cli.printing.places import place_of_function
from cqrs_cli.cli.printing.plurals import counted
from cqrs_cli.cli.shell.session import Session
from cqrs_cli.errors import CqrsError
from cqrs_cli.stores.rows import Where
from cqrs_cli.workbench.processors.status import ProcessorStatus
from cqrs_cli.workbench.readings import Reading, readings
from cqrs_cli.workbench.workbench import Workbench


class Asked:
    """What was asked. run: the query's own method; None: rows without a query. by_row: conditions that no store selects
    by. given: the rows that were answered with; None before that.
    """

    def __init__(self, run: Callable[..., Any] | None = None, owner: str = "", by_row: Sequence[str] = ()) -> None:
        self.run, self.owner, self.by_row = run, owner, by_row
        self.given: int | None = None


@contextmanager
def explained(session: Session, bench: Workbench, asked: Asked) -> Iterator[None]:
    """Tell at the end what was read meanwhile, also where something is raised."""
    try:
        with readings() as found:
            yield
    finally:
        statuses = _statuses(bench, found)
        place = None if asked.run is None else place_of_function(asked.run)
        where = None if place is None else (place.file, place.line)
        method = f"{asked.owner}.run" if asked.owner else None
        record = records.reading_explained(method, where, asked.by_row, asked.given, _told(found, statuses))
        tell(session.printer, record, _steps(asked, placed(f"{method}", place), found, statuses))


def _statuses(bench: Workbench, found: Sequence[Reading]) -> dict[str, ProcessorStatus]:
    """Where the tables that were read stand; none if that can't be told."""
    names = {rows.table.name: rows.name for rows in bench.domain.row_types()}
    try:
        return {one.table: bench.statuses(names[one.table], counted=False)[0] for one in found if one.table in names}
    except CqrsError:  # what was answered, or raised, is what counts
        return {}


def _told(found: Sequence[Reading], statuses: dict[str, ProcessorStatus]) -> list[records.Record]:
    return [records.reading(one, statuses.get(one.table)) for one in found]


def _steps(asked: Asked, method: str, found: Sequence[Reading], statuses: dict[str, ProcessorStatus]) -> Iterator[Step]:
    if asked.run is not None:
        yield "query", method
    for one in found:
        at = statuses.get(one.table)
        yield "table", one.table + ("" if at is None else f" at position {at.position}, {at.lag:,} behind")
        yield "in SQL", _in_sql(one)
        if one.plan:
            yield "plan", one.plan
    for text in asked.by_row:
        yield "by row", f"{text}: asked of each row, as no store selects by it"
    read = sum(one.rows for one in found)
    yield "rows", f"{read:,} read" + ("" if asked.given is None else f", {asked.given:,} given")


def _in_sql(one: Reading) -> str:
    times = "" if one.times == 1 else f", {one.times:,} times"
    if one.by == "key":
        return f"by its key{times}"
    parts = [" and ".join(map(_condition, one.where))] if one.where else ["all rows"]
    if one.order:
        parts.append("order " + ",".join("-" * term.descending + term.column for term in one.order))
    if one.limit is not None:
        parts.append(f"at most {counted(one.limit, 'row')}")
    return "; ".join(parts) + times


def _condition(one: Where) -> str:
    value = f"({', '.join(map(repr, one.value))})" if isinstance(one.value, tuple) else repr(one.value)
    return f"{one.column} {one.operator} {'null' if one.value is None else value}"
