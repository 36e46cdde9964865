"""`cqrs query NAME`: the queries of the domain as commands, their parameters as options."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from cqrs_cli import records
from cqrs_cli.cli.commands.query.rows import Cursor, FailIfEmpty, Limit, by_rows, check_page_size, rows_command
from cqrs_cli.cli.options.freshness import Stale, Timeout, Wait, bench_to_read
from cqrs_cli.cli.printing.cursor import tell_next_page
from cqrs_cli.cli.printing.documents import Single, Table, Value
from cqrs_cli.cli.printing.processor_status import caught_up_or_unfinished, print_remarks
from cqrs_cli.cli.shell.command import Lazy
from cqrs_cli.cli.shell.model_command import DomainGroup, ModelCommand, by_word, group_of, line_of, model_command
from cqrs_cli.cli.shell.session import Session, current
from cqrs_cli.errors import CqrsError, Misuse, NothingMatched

if TYPE_CHECKING:
    from pydantic import BaseModel

    from cqrs_cli.domain.domain import Domain
    from cqrs_cli.domain.query import Query
    from cqrs_cli.domain.row_model import RowType
    from cqrs_cli.workbench.workbench import Workbench

OWN = {
    "limit": Limit,
    "cursor": Cursor,
    "fail_if_empty": FailIfEmpty,
    "stale": Stale,
    "wait": Wait,
    "timeout": Timeout,
    "data": Annotated[
        str | None,
        typer.Option("-d", "--data", metavar="JSON|@FILE|@-", help="All parameters at once; options override."),
    ],
}


def group() -> Queries:
    """The group `query`."""
    return group_of(Queries, _query, "query")


def _query(ctx: typer.Context) -> None:
    """Run a query of the domain: its parameters are options, cqrs query NAME --help shows them.

    Read models are brought up to date first. Without a name the queries and the read models are listed.
    """
    if ctx.invoked_subcommand is not None:
        return
    session = current()
    queries = by_word(session.domain().queries.values())
    rows = [records.query(name, [*cls.model_fields], line_of(cls)) for name, cls in queries.items()]
    rows += [
        records.query(name, ["where", "order"], _rows_line(name)) for name in by_rows(session.domain().row_types())
    ]

    def row(record: Mapping[str, Any]) -> dict[str, Any]:
        return {**record, "parameters": ", ".join(record["parameters"])}

    session.printer.print(Table(rows, row=row, empty=f"the domain {session.domain().name!r} has no queries"))


class Queries(DomainGroup):
    """The queries of the domain as commands of the shell."""

    what = "query"
    title = "Queries of the domain"

    def classes(self) -> Mapping[str, type[Query[Any]]]:
        """The query classes by their names in kebab-case."""
        return by_word(current().domain().queries.values())

    def list_commands(self, ctx: Any) -> list[str]:
        """The queries, then the read models that can be read without one."""
        return [*self.classes(), *self.rows()]

    def rows(self) -> Mapping[str, RowType]:
        """The read models, those of process managers too, by their names in kebab-case."""
        return by_rows(current().domain().row_types())

    def get_command(self, ctx: Any, cmd_name: str) -> Lazy | None:
        """A query of the domain, else a read model."""
        found = super().get_command(ctx, cmd_name)
        name = cmd_name.replace("_", "-")
        projection = None if found else self.rows().get(name)
        return found if projection is None else Lazy(name, _rows_line(name), lambda: rows_command(name, projection))

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The queries, and the read models."""
        super().format_commands(ctx, formatter)
        with contextlib.suppress(CqrsError):  # that there is no domain was said already
            rows = [(name, _rows_line(name)) for name in self.rows()]
            if rows:
                with formatter.section("Read models, with --where and --order"):
                    formatter.write_dl(rows)

    def build(self, name: str, cls: type[BaseModel]) -> ModelCommand:
        """The command with the parameters of `cls` as options."""
        from cqrs_cli.cli.options.parameters import RESERVED, Options

        options = Options(cls, RESERVED | {"fail-if-empty", "stale", "wait", "timeout"})

        def run(values: dict[str, Any]) -> None:
            from cqrs_cli.cli.options.payload import build

            hint = f"cqrs query {name} --help shows its parameters"
            asked = build(cls, options, values, name, hint)
            session = current()
            check_page_size(values.get("limit"))
            read = _rows_read(session.domain(), cast("type[Query[Any]]", cls))
            bench = bench_to_read(session, bool(values.get("stale")), values.get("wait"), values.get("timeout"), read)
            count = answer(session, bench, cast("Query[Any]", asked), values.get("limit"), values.get("cursor"))
            if not count and values.get("fail_if_empty"):
                raise NothingMatched("no row matched", hint="without --fail-if-empty that is no error")

        made = model_command(name, cls, options, OWN, run)
        made.fields_title = "Parameters"
        return made


def _rows_read(domain: Domain, cls: type[Query[Any]]) -> list[str]:
    """The names of what a query may read: any projection, and the process manager that it answers with."""
    from cqrs_cli.domain.query import rows_named

    process = [reaction.name for reaction in domain.reactions.values() if reaction.cls is rows_named(cls)]
    return sorted(domain.projections) + process


def _rows_line(name: str) -> str:
    return f"Rows of {name.replace('-', '_')}."


def answer(session: Session, bench: Workbench, query: Query[Any], limit: int | None, cursor: str | None) -> int:
    """Run it and print the rows; returns how many. A cursor to more of them is said on standard error."""
    from cqrs_cli.domain.query import Page

    read: list[str] = []
    with caught_up_or_unfinished():
        found = bench.query(query, limit=limit, cursor=cursor, reads=read.append)
    paged = isinstance(found, Page)
    if not paged and cursor is not None:
        raise Misuse(
            f"{type(query).__name__} has no pages, so --cursor means nothing", hint="leave --cursor out: all rows come"
        )
    count = 1
    if found is None:
        count = 0
        if session.printer.format.for_programs:
            session.printer.print(Value(None))
        session.printer.message("nothing found")
    elif isinstance(found, Page | list):
        rows = iter(found) if paged or limit is None else itertools.islice(found, limit)
        count = session.printer.print(Table(map(records.answer, rows), empty="no rows", members=_members(type(query))))
    else:
        session.printer.print(Single(records.answer(found)))
    if read:
        print_remarks(session, bench.statuses(*read, counted=False))
    if isinstance(found, Page):
        tell_next_page(session.printer, session.words, found.cursor, limit)
    return count


def _members(cls: type[Query[Any]]) -> list[str]:
    """The members of a row, as far as `Query[…]` names a model."""
    from cqrs_cli.domain.query import answers_with

    row = answers_with(cls)
    return [] if row is None else [*row.model_fields, *row.model_computed_fields]
