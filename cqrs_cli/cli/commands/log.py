"""`cqrs log`: events in the order of the log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from cqrs_cli import records
from cqrs_cli.cli.options import selection as options
from cqrs_cli.cli.printing.documents import Table
from cqrs_cli.cli.printing.events import COLUMNS, event_row
from cqrs_cli.cli.shell.session import Session, current
from cqrs_cli.errors import Misuse, NothingMatched
from cqrs_cli.log.selection import Asked, EventFilter

if TYPE_CHECKING:
    from cqrs_cli.cli.printing.printer import Printer
    from cqrs_cli.stores.commits import Recorded
    from cqrs_cli.stores.contract import Selection, Store

# How long a follower waits before it looks again; the store may wake it earlier.
PATIENCE = 1.0


def log(
    stream: options.Address = None,
    category: options.Category = None,
    types: options.Types = None,
    since: options.Since = None,
    until: options.Until = None,
    after: options.After = None,
    before: options.Before = None,
    limit: options.Limit = None,
    reverse: options.Reverse = False,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Wait for new events; Ctrl-C ends it.")] = False,
    fail_if_empty: options.FailIfEmpty = False,
) -> None:
    """Events in the order of the log, of one stream or of all.

    Reads the store only: the domain is not loaded, and a store is never made.
    """
    session = current()
    wanted = EventFilter(Asked(stream, category, types, since, until, after, before, limit, reverse))
    if follow:
        _check_follow(wanted, session)
    store = session.store()
    selection = wanted.on(store, session.printer.message, missing_ok=follow)
    events = map(records.event, _following(store, selection, session.printer) if follow else store.read(selection))
    found = Table(events, COLUMNS, row=event_row, empty="no events", live=follow, members=records.EVENT)
    if not session.printer.print(found) and fail_if_empty:
        raise NothingMatched("no event matched", hint="cqrs stats shows what there is, by category and type")


def _check_follow(wanted: EventFilter, session: Session) -> None:
    session.printer.format.follow()
    if wanted.reverse:
        raise Misuse("--follow goes forward, --reverse backward", hint="leave one out")
    if wanted.ends:
        raise Misuse("--follow has no end, but the selection has one", hint="leave --before, --until and @ out")
    if session.settings.output is not None:
        raise Misuse("--follow has no end, so -o would never be complete", hint="redirect it: cqrs log -f > FILE")


def _following(store: Store, selection: Selection, printer: Printer) -> Iterator[Recorded]:
    """The selected events, then new ones as they come, until the limit or as long as somebody reads them."""
    seen, left = selection.after, selection.limit
    while left is None or left > 0:
        head = store.head()
        if head > seen:
            # Only up to the head just read: what is skipped by the filter is not read again next time.
            for event in store.read(selection._replace(after=seen, before=head + 1, limit=left)):
                yield event
                left = None if left is None else left - 1
            seen = head
        elif not store.wait(seen, PATIENCE):
            printer.check_reader()
