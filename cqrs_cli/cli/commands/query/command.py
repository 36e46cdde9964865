"""`cqrs query NAME`: the queries of the domain as commands, their parameters as options."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from cqrs_cli import records
from cqrs_cli.cli.commands.query.rows import rows_command
from cqrs_cli.cli.options import rows as row_options
from cqrs_cli.cli.options.foreign import Foreign
from cqrs_cli.cli.options.freshness import At, Stale, Timeout, Wait, bench_to_look_back, bench_to_read
from cqrs_cli.cli.printing.documents import Single, Table, Value
from cqrs_cli.cli.printing.processor_status import caught_up_or_unfinished, print_remarks
from cqrs_cli.cli.printing.rows import picked, print_rows
from cqrs_cli.cli.shell.command import Lazy
from cqrs_cli.cli.shell.model_command import DomainGroup, ModelCommand, group_of, model_command
from cqrs_cli.cli.shell.session import Session, current
from cqrs_cli.errors import CqrsError, Misuse, NothingMatched
from cqrs_cli.payloads.words import by_rows, by_word, line_of

if TYPE_CHECKING:
    from pydantic import BaseModel

    from cqrs_cli.domain.domain import Domain
    from cqrs_cli.domain.query import Query
    from cqrs_cli.domain.row_model import RowType
    from cqrs_cli.workbench.workbench import Workbench

OWN = {
    "limit": row_options.Limit,
    "cursor": row_options.Cursor,
    "page": row_options.OnePage,
    "columns": row_options.Columns,
    "count": row_options.Count,
    "sum": row_options.Sum,
    "distinct": row_options.Distinct,
    "fail_if_empty": row_options.FailIfEmpty,
    "at": At,
    "stale": Stale,
    "wait": Wait,
    "timeout": Timeout,
    "explain": row_options.Explain,
    "foreign": Foreign,
    "data": Annotated[
        str | None,
        typer.Option("-d", "--data", metavar="JSON|@FILE|@-", help="All parameters at once; options override."),
    ],
}


_ASKED = ("limit", "cursor", "page", "columns", "sum", "distinct")


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
        projection = None if found else self.rows().get(name) or self._by_another_name(name)
        return found if projection is None else Lazy(name, _rows_line(name), lambda: rows_command(name, projection))

    def _by_another_name(self, name: str) -> RowType | None:
        """The rows of a process manager that is called so on a store where it began under that name."""
        processes = [one for one in current().domain().reactions.values() if one.rows]
        by_name = {other.replace("_", "-"): one.rows for one in processes for other in one.other_names}
        return by_name.get(name)

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

        options = Options(cls, RESERVED | {name.replace("_", "-") for name in OWN})

        def run(values: dict[str, Any]) -> None:
            from cqrs_cli.cli.options.payload import build

            hint = f"cqrs query {name} --help shows its parameters"
            asked = build(cls, options, values, name, hint)
            session = current()
            given = {name: values[name] for name in _ASKED if values.get(name) is not None}
            wanted = row_options.RowsAsked(counted=bool(values.get("count")), **given)
            wanted.check(session.printer)
            kinds = _kinds(cast("type[Query[Any]]", cls))
            if kinds:
                wanted.check_columns(list(kinds))
            fresh = bool(values.get("stale")), values.get("wait"), values.get("timeout")
            if values.get("at") is not None:
                bench = bench_to_look_back(session, values["at"], bool(values.get("explain")), *fresh)
            else:
                read = _rows_read(session.domain(), cast("type[Query[Any]]", cls))
                bench = bench_to_read(session, *fresh, read, bool(values.get("foreign")))
            if values.get("explain"):
                from cqrs_cli.cli.commands.query.explained import Asked, explained

                told = Asked(cast("Any", cls).run, cls.__name__)
                session.keep(explained(session, bench, told))
            count = answer(session, bench, cast("Query[Any]", asked), wanted)
            if values.get("explain"):
                told.given = count
            if not count and values.get("fail_if_empty"):
                raise NothingMatched("no row matched", hint="without --fail-if-empty that is no error")

        def lines() -> list[str]:
            from cqrs_cli.cli.options.typed import example_line

            line = example_line(f"cqrs query {name}", cls, options)
            return [line, f"{line} --limit 10 --json"] if line else [f"cqrs schema {name} --example"]

        made = model_command(name, cls, options, OWN, run)
        made.fields_title = "Parameters"
        made.lines = lines
        return made


def _rows_read(domain: Domain, cls: type[Query[Any]]) -> list[str]:
    """The names of what a query may read: any projection, and the process manager that it answers with."""
    from cqrs_cli.domain.query import rows_named

    process = [reaction.name for reaction in domain.reactions.values() if reaction.cls is rows_named(cls)]
    return sorted(domain.projections) + process


def _rows_line(name: str) -> str:
    return f"Rows of {name.replace('-', '_')}."


def answer(session: Session, bench: Workbench, query: Query[Any], asked: row_options.RowsAsked) -> int:
    """Run it and print the rows; returns how many. A cursor to more of them is told."""
    from cqrs_cli.domain.query import Page

    kinds = _kinds(type(query))
    read: list[str] = []
    whole = asked.wants_all(session.printer)
    with caught_up_or_unfinished():
        if whole:
            pages = bench.pages(query, cursor=asked.cursor, reads=read.append)
            found: Any = next(pages)
        else:
            found = bench.query(query, limit=asked.limit, cursor=asked.cursor, reads=read.append)
    paged = isinstance(found, Page)
    if not paged:
        _refuse_pages(query, asked)
    count = 1
    rows: Iterable[Any] = found if isinstance(found, Page | list) else [] if found is None else [found]
    if isinstance(found, Page | list) or asked.is_folded:
        if whole and paged:
            following: Iterator[Any] = pages
            rows = itertools.chain(found, itertools.chain.from_iterable(following))
        elif not paged and asked.limit is not None:
            rows = itertools.islice(rows, asked.limit)
        count = print_rows(session, rows, asked, kinds, _key(session.domain(), type(query)))
    elif found is None:
        count = 0
        if session.printer.format.for_programs:
            session.printer.print(Value(None))
        session.printer.message("nothing found")
    else:
        (record,) = picked([records.answer(found)], asked, kinds)
        session.printer.print(Single(record))
    if read:
        print_remarks(session, bench.statuses(*read, counted=False))
    return count


def _refuse_pages(query: Query[Any], asked: row_options.RowsAsked) -> None:
    for option, is_given in (("--cursor", asked.cursor is not None), ("--page", asked.page)):
        if is_given:
            raise Misuse(
                f"{type(query).__name__} has no pages, so {option} means nothing",
                hint=f"leave {option} out: all rows come",
            )


def _key(domain: Domain, cls: type[Query[Any]]) -> tuple[str, ...]:
    """The key of the read model that a query answers with, if it does with one."""
    from cqrs_cli.domain.query import rows_named

    rows = rows_named(cls)
    return next((one.table.key for one in domain.row_types() if one.cls is rows), ())


def _kinds(cls: type[Query[Any]]) -> dict[str, Any]:
    """The types of what a row has, by their names, as far as `Query[…]` names a model."""
    from cqrs_cli.domain.query import answers_with

    row = answers_with(cls)
    if row is None:
        return {}
    computed = {name: one.return_type for name, one in row.model_computed_fields.items()}
    return {name: one.annotation for name, one in row.model_fields.items()} | computed
