"""`cqrs snapshot take|list|drop`: stored folds of streams, which loads go on from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from cqrs_cli import records
from cqrs_cli.cli.options.selection import categories_named
from cqrs_cli.cli.printing.documents import Column, Table
from cqrs_cli.cli.printing.plurals import counted
from cqrs_cli.cli.shell import completion
from cqrs_cli.cli.shell.command import Group, ShellCommand
from cqrs_cli.cli.shell.session import current
from cqrs_cli.cli.shell.typer_fast import built
from cqrs_cli.domain.messages import snake
from cqrs_cli.errors import Misuse
from cqrs_cli.log.points import parse_stream
from cqrs_cli.log.selection import note_category
from cqrs_cli.stores.names import stream_named

if TYPE_CHECKING:
    from cqrs_cli.stores.contract import Store
    from cqrs_cli.workbench.workbench import Workbench

Streams = Annotated[
    list[str] | None,
    typer.Argument(metavar="[STREAM]...", help="Streams; all without.", autocompletion=completion.streams),
]
Category = Annotated[
    str | None,
    typer.Option("--category", metavar="NAME", help="All of this category.", autocompletion=completion.categories),
]


def group() -> Group:
    """The group `snapshot`."""
    app = typer.Typer(cls=Group, add_completion=False, rich_markup_mode=None)
    app.callback()(_snapshot)
    for function in (take, list_, drop):
        app.command(function.__name__.strip("_"), cls=ShellCommand)(function)
    made: Group = built(app)
    made.name = "snapshot"
    return made


def _snapshot() -> None:
    """Folds of streams that are kept, so that a load reads only what came after.

    An aggregate with snapshot_every=100 keeps its own. All can be thrown away at any time: cqrs replay
    --verify compares them with a fold from the start.
    """


def take(streams: Streams = None, category: Category = None) -> int | None:
    """Fold streams from their first events and keep the states.

    Exit 1 if a state can't be kept, because it would not come back from JSON as it was.
    """
    session = current()
    bench = session.workbench(write=True, create=False)
    counts = dict.fromkeys(("taken", "kept", "refused"), 0)

    def taken() -> Iterator[records.Record]:
        with session.printer.progress("keeping", unit="streams") as done:
            for one in bench.snapshots.take(chosen(bench, streams, category)):
                counts[one.status] += 1
                done(1)
                yield records.taken(one)

    session.printer.print(Table(taken(), records.TAKEN, members=records.TAKEN))
    told = f"{counts['taken']:,} taken, {counts['kept']:,} were there already"
    session.printer.message(told + (f", {counts['refused']:,} refused" if counts["refused"] else ""))
    return 1 if counts["refused"] else None


def list_(category: Category = None) -> None:
    """Snapshots by stream: how far each goes, and whether it counts for today's code."""
    session = current()
    bench = session.workbench()
    wanted = [None] if category is None else categories_named(bench, category)
    found = (records.snapshot(one) for name in wanted for one in bench.snapshots.all(name))
    columns = [Column(name, moment=name == "taken_at", optional=name == "reason") for name in records.SNAPSHOT]
    session.printer.print(Table(found, columns, empty="no snapshots", members=records.SNAPSHOT))


def drop(streams: Streams = None, category: Category = None) -> None:
    """Throw snapshots away: those of the streams, of a category, or all. Needs no domain."""
    from cqrs_cli.workbench.snapshots import drop as drop_snapshots

    _refuse_both(streams, category)
    session = current()
    store = session.store(write=True, create=False)
    named = [_stream(store, text) for text in streams] if streams else None
    if category is not None:
        note_category(store, category, session.printer.message)
    count = drop_snapshots(store, named, snake(category) if category is not None else None)
    session.printer.message(f"dropped {counted(count, 'snapshot')}")


def chosen(bench: Workbench, streams: list[str] | None, category: str | None) -> Iterator[str]:
    """The streams that the words mean: those named, those of a category, or all of the domain."""
    _refuse_both(streams, category)
    for text in dict.fromkeys(streams or ()):
        yield bench.aggregates.called_in_store(_stream(bench.store, text))
    for name in [] if streams else categories_named(bench, category):
        for info in bench.store.streams(category=name):
            yield info.stream


def _refuse_both(streams: list[str] | None, category: str | None) -> None:
    if category is not None and streams:
        raise Misuse("--category is for all of its streams, not with streams", hint="give the streams or the category")


def _stream(store: Store, text: str) -> str:
    address = parse_stream(text)
    if address.version is not None:
        raise Misuse(
            f"{text} is a version of a stream, and a snapshot is of its newest",
            hint=f"cqrs snapshot … {address.stream}",
        )
    return stream_named(store, address.stream or "")
