"""`cqrs streams` and `cqrs stats`: what there is."""

from typing import Annotated, Any

import typer

from cqrs_cli import records
from cqrs_cli.cli.options import selection as options
from cqrs_cli.cli.printing.documents import Document, Report, Single, Table
from cqrs_cli.cli.printing.events import to_the_second
from cqrs_cli.cli.shell import completion
from cqrs_cli.cli.shell.session import current
from cqrs_cli.errors import NothingMatched
from cqrs_cli.log import statistics
from cqrs_cli.log.selection import category_named, check_limit, note_category


def streams(
    category: Annotated[
        str | None,
        typer.Argument(
            metavar="CATEGORY", help="Only these.", autocompletion=completion.categories, show_default=False
        ),
    ] = None,
    after: Annotated[str | None, typer.Option(metavar="STREAM", help="Names after this one.")] = None,
    limit: options.Limit = None,
    fail_if_empty: options.FailIfEmpty = False,
) -> None:
    """Streams by name, with their versions."""
    session = current()
    known = category_named(category) if category is not None else None
    store = session.store()
    infos = store.streams(category=known, after=after, limit=check_limit(limit))
    if category is not None:
        note_category(store, category, session.printer.message)
    columns = [name for name in records.STREAM if name != "category"]
    found = Table(map(records.stream, infos), columns, row=_row, empty="no streams", members=records.STREAM)
    if not session.printer.print(found) and fail_if_empty:
        raise NothingMatched("no stream matched", hint="cqrs stats shows the categories that there are")


def _row(record: Any) -> dict[str, Any]:
    return to_the_second(record, "first_recorded_at", "last_recorded_at")


def stats() -> None:
    """How much is in the store, by category and type.

    JSON: {"events", "streams", "head", "first_recorded_at", "last_recorded_at", "categories": [{"category", "streams",
    "events"}], "types": [{"type", "events"}]}. CSV: one line a category and a type.
    """
    session = current()
    found = records.statistics(statistics.count(session.store()))
    lists = ("categories", "types")
    totals = Single({name: value for name, value in found.items() if name not in lists})
    parts: list[Document] = [totals, *(Table(found[name]) for name in lists if found[name])]
    session.printer.print(Report(found, Table(records.flat_statistics(found)), parts))
