"""`cqrs streams` and `cqrs stats`: what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cqrs_cli.cli.options import selection as selecting
from cqrs_cli.cli.shell import completion
from cqrs_cli.cli.shell.command import Command, make
from cqrs_cli.cli.shell.session import current
from cqrs_cli.errors import NothingMatched
from cqrs_cli.stores.contract import Selection
from cqrs_cli.stores.moments import rfc3339
from cqrs_cli.stores.streams import StreamInfo

if TYPE_CHECKING:
    from cqrs_cli.stores.contract import Store


def streams_command() -> Command:
    """The command `streams`."""
    return make(streams)


def stats_command() -> Command:
    """The command `stats`."""
    return make(stats)


def streams(
    category: Annotated[
        str | None,
        typer.Argument(
            metavar="CATEGORY", help="Only these.", autocompletion=completion.categories, show_default=False
        ),
    ] = None,
    after: Annotated[str | None, typer.Option(metavar="STREAM", help="Names after this one.")] = None,
    limit: selecting.Limit = None,
    fail_if_empty: selecting.FailIfEmpty = False,
) -> None:
    """Streams by name, with their versions."""
    session = current()
    known = category.replace("-", "_") if category is not None else None
    store = session.store()
    infos = store.streams(category=known, after=after, limit=selecting.check_limit(limit))
    if known is not None:
        selecting.note_category(store, known, session.printer)
    count = session.printer.records(
        (_record(info) for info in infos),
        ["stream", "version", "first_recorded_at", "last_recorded_at"],
        row=_row,
        empty="no streams",
        members=("stream", "category", "version", "first_recorded_at", "last_recorded_at"),
    )
    if not count and fail_if_empty:
        raise NothingMatched("no stream matched", hint="cqrs stats shows the categories that there are")


def _record(info: StreamInfo) -> dict[str, Any]:
    return {
        "stream": info.stream,
        "category": info.category,
        "version": info.version,
        "first_recorded_at": rfc3339(info.first_recorded_us),
        "last_recorded_at": rfc3339(info.last_recorded_us),
    }


def _row(record: Any) -> dict[str, Any]:
    times = ("first_recorded_at", "last_recorded_at")
    return {**record, **{name: record[name][:19].replace("T", " ") for name in times}}


def stats() -> None:
    """How much is in the store, by category and type.

    JSON: {"events", "streams", "head", "first_recorded_at", "last_recorded_at", "categories": [{"category", "streams",
    "events"}], "types": [{"type", "events"}]}. CSV: one line a category and a type.
    """
    session = current()
    found = _stats(session.store())
    printer = session.printer
    lists = ("categories", "types")
    if printer.format in ("json", "jsonl"):
        printer.record(found)
    elif printer.format == "table":
        printer.record({name: value for name, value in found.items() if name not in lists})
        for name in lists:
            if found[name]:
                printer.text("")
                printer.records(found[name])
    else:
        printer.records(
            [{"kind": "category", "name": row["category"], **_counts(row)} for row in found["categories"]]
            + [{"kind": "type", "name": row["type"], **_counts(row)} for row in found["types"]]
        )


def _counts(row: dict[str, Any]) -> dict[str, Any]:
    return {"streams": row.get("streams"), "events": row["events"]}


def _stats(store: Store) -> dict[str, Any]:
    categories: dict[str, list[int]] = {}
    for info in store.streams():
        counts = categories.setdefault(info.category, [0, 0])
        counts[0] += 1
        counts[1] += info.version
    types = store.types()
    first = next(iter(store.read(Selection(limit=1))), None)
    last = next(iter(store.read(Selection(limit=1, backwards=True))), None)
    return {
        "events": sum(types.values()),
        "streams": sum(counts[0] for counts in categories.values()),
        "head": store.head(),
        "first_recorded_at": rfc3339(first.recorded_us) if first else None,
        "last_recorded_at": rfc3339(last.recorded_us) if last else None,
        "categories": [
            {"category": name, "streams": counts[0], "events": counts[1]} for name, counts in sorted(categories.items())
        ],
        "types": [{"type": name, "events": count} for name, count in sorted(types.items())],
    }
