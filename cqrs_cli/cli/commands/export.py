"""`cqrs export`: the log as a file that other stores, programs and people can read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from cqrs_cli import records
from cqrs_cli.cli.options import between as between_options
from cqrs_cli.cli.options import selection as options
from cqrs_cli.cli.printing.documents import Export, Table
from cqrs_cli.cli.printing.events import COLUMNS
from cqrs_cli.cli.printing.plurals import counted
from cqrs_cli.cli.shell.session import Session, current
from cqrs_cli.errors import Misuse
from cqrs_cli.log.points import parse_position

if TYPE_CHECKING:
    from cqrs_cli.transfer.copy import Between
    from cqrs_cli.transfer.interchange_lines import End
    from cqrs_cli.transfer.store_source import StoreSource


def export(
    streams: between_options.Streams = None,
    categories: between_options.Categories = None,
    types: options.Types = None,
    since: options.Since = None,
    until: options.Until = None,
    user: options.User = None,
    commands: options.Commands = None,
    correlation: options.Correlation = None,
    grep: options.Grep = None,
    where: options.Where = None,
    function: between_options.Map = None,
    after: Annotated[
        str | None, typer.Option(metavar="@POSITION", help="What comes after it: the end of an export before.")
    ] = None,
) -> None:
    """The log as JSON lines, a commit a line, from which `cqrs import` makes the same log again.

    Ids, times, users, commands, metadata and hashes are in it; docs/interchange.md says how. A file of `-o` is there
    when it is whole, and packed if it is called `.gz`. --format cloudevents: an event a line. --csv: for people.
    """
    from cqrs_cli.transfer.narrowing import Wanted

    session = current()
    if session.settings.format == "table":  # lines of JSON whatever the locale; but errors as people read them
        session.choose("format", "jsonl")
        session.printer.format.only(Export)
        session.choose("format", "table")
    session.printer.format.only(Export)
    wanted = Wanted(
        streams or (), categories or (), types or (), since, until, user, commands or (), correlation, grep, where or ()
    )
    between = between_options.steps(session, wanted, function).between
    if after is not None and between.steps:
        raise Misuse("--after goes on with a log of which all was exported", hint="leave --after or the selection out")
    store = session.store()
    from cqrs_cli.transfer.store_source import StoreSource

    source = StoreSource(store, store.head())
    begin = 0 if after is None else parse_position(after)
    out = _Exported(session, source, between, begin)
    events = session.printer.print(Export(out.lines, out.cloudevents, out.table()))
    hash = "" if out.end is None or out.end.hash is None else f", hash {out.end.hash[:12]}"
    session.printer.message(f"exported {counted(events, 'event')}, up to @{source.until}{hash}")


class _Exported:
    """A log on its way out, in each of the forms. end: what the last line said.

    Raises `NotFound` for a position that is none, `Misuse` for one inside a commit.
    """

    def __init__(self, session: Session, source: StoreSource, between: Between, after: int) -> None:
        from cqrs_cli.transfer.fork import end_of

        self._session, self._source, self._between, self._after = session, source, between, after
        self._before = end_of(source.store, after) if after else None  # a position of it, and none inside a commit
        self.end: End | None = None

    def lines(self, write: Callable[[str], None]) -> int:
        """As an interchange file."""
        from cqrs_cli.stores import chain
        from cqrs_cli.transfer.copy import copy
        from cqrs_cli.transfer.interchange_lines import Head
        from cqrs_cli.transfer.interchange_sink import InterchangeSink

        source, is_whole, before = self._source, not self._between.steps, self._before
        previous = None if before is None or before.hash is None else before.hash.hex()
        until = source.until or 0
        total = sum(source.store.types(before=until + 1).values()) if is_whole and not self._after else None
        chained = chain.VERSION if is_whole and (not until or source.mark(until) is not None) else None
        head = Head(source.name, self._between.name, self._after, previous, until, total, chained)
        sink = InterchangeSink(write, head, chained is not None)
        with self._session.printer.progress("exported", total=until - self._after) as done:
            copy(source, sink, self._between, done)
        self.end = sink.end()
        return self.end.events

    def cloudevents(self, write: Callable[[str], None]) -> int:
        """As CloudEvents."""
        from cqrs_cli.transfer.cloudevents import CloudEventsSink
        from cqrs_cli.transfer.copy import copy

        sink = CloudEventsSink(write, self._source.name, self._after)
        with self._session.printer.progress("exported", total=(self._source.until or 0) - self._after) as done:
            copy(self._source, sink, self._between, done)
        return sink.events

    def table(self) -> Table:
        """As a table, whose rows are events."""
        return Table(self._records(), COLUMNS, empty="no events", members=records.EVENT)

    def _records(self) -> Iterator[records.Record]:
        from cqrs_cli.transfer.parcel import recorded

        self._between.begin(self._source, self._after)
        for parcel in self._source.parcels(self._after):
            kept = self._between(parcel)
            if kept is not None:
                yield from map(records.event, recorded(kept))
