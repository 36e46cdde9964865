"""`cqrs query ROWS`: any read model, filtered and ordered, without a query class of its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from cqrs_cli.cli.options import rows as options
from cqrs_cli.cli.options.foreign import Foreign
from cqrs_cli.cli.options.freshness import At, Stale, Timeout, Wait, bench_to_look_back, bench_to_read
from cqrs_cli.cli.printing.processor_status import caught_up_or_unfinished, print_remarks
from cqrs_cli.cli.printing.rows import print_rows
from cqrs_cli.cli.shell.command import ShellCommand, make
from cqrs_cli.cli.shell.session import current
from cqrs_cli.errors import NothingMatched
from cqrs_cli.payloads.conditions import conditions, kinds_of, ordering_typed

if TYPE_CHECKING:
    from cqrs_cli.domain.row_model import RowType


def rows_command(name: str, projection: RowType) -> ShellCommand:
    """The command that reads one projection."""
    kinds = kinds_of(projection)

    def rows(
        where: options.Where = None,
        order: options.Order = None,
        limit: options.Limit = None,
        cursor: options.Cursor = None,
        one_page: options.OnePage = False,
        columns: options.Columns = None,
        count: options.Count = False,
        sum_: options.Sum = None,
        distinct: options.Distinct = None,
        fail_if_empty: options.FailIfEmpty = False,
        at: At = None,
        stale: Stale = False,
        wait: Wait = None,
        timeout: Timeout = None,
        explain: options.Explain = False,
        foreign: Foreign = False,
    ) -> None:
        session = current()
        asked = options.RowsAsked(limit, cursor, one_page, order, columns, count, sum_, distinct)
        asked.check(session.printer)
        asked.check_columns(list(kinds))
        where_, matches, by_row = conditions(projection, where or ())
        if at is not None:
            bench = bench_to_look_back(session, at, explain, stale, wait, timeout)
        else:
            bench = bench_to_read(session, stale, wait, timeout, [projection.name], foreign)
        if explain:
            from cqrs_cli.cli.commands.query.explained import Asked, explained

            told = Asked(by_row=by_row)
            session.keep(explained(session, bench, told))
        with caught_up_or_unfinished():
            found: Iterable[Any]
            if asked.wants_all(session.printer):
                found = bench.every(
                    projection.name, where=where_, matches=matches, order=ordering_typed(order), cursor=cursor
                )
            else:
                found = bench.page(
                    projection.name,
                    where=where_,
                    matches=matches,
                    order=ordering_typed(order),
                    limit=limit,
                    cursor=cursor,
                )
        number = print_rows(session, found, asked, kinds, projection.table.key)
        if explain:
            told.given = number
        if at is None:
            print_remarks(session, bench.statuses(projection.name, counted=False))
        if not number and fail_if_empty:
            raise NothingMatched("no row matched", hint=f"cqrs project {projection.name} prints all its rows")

    listed = ", ".join(f"{column.name} ({column.kind})" for column in projection.table.columns)
    rows.__doc__ = f"Rows of the read model {projection.name}.\n\nColumns: {listed}."
    made = make(rows, name)
    first, asked = projection.table.key[0], f"cqrs query {name}"
    made.lines = lambda: [f"{asked} --limit 10", f"{asked} --where '{first} is not null' --order=-{first} --json"]
    return made
