"""`cqrs log`: events in the order of the log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from cqrs_cli import records
from cqrs_cli.cli.options import selection as options
from cqrs_cli.cli.printing.documents import Single, Table
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
    user: options.User = None,
    commands: options.Commands = None,
    correlation: options.Correlation = None,
    grep: options.Grep = None,
    where: options.Where = None,
    limit: options.Limit = None,
    last: options.Last = None,
    reverse: options.Reverse = False,
    count: options.Count = False,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Wait for new events; Ctrl-C ends it.")] = False,
    fail_if_empty: options.FailIfEmpty = False,
) -> None:
    """Events in the order of the log, of one stream or of all.

    Reads the store only: the domain is not loaded, and a store is never made.
    """
    session = current()
    if stream is not None and stream.startswith("@"):
        raise Misuse(
            f"{stream} is one event",
            code="address",
            hint=f"cqrs show {stream} shows it; cqrs log --before {stream} shows what came before it",
        )
    asked = Asked(stream, category, types, since, until, after, before, limit, reverse)
    asked = asked._replace(user=user, commands=commands, correlation=correlation, grep=grep, last=last, where=where)
    wanted = EventFilter(asked)
    if follow:
        _check_follow(wanted, count, session)
    store = session.store()
    selection = wanted.on(store, session.printer.message, missing_ok=follow)
    if count:
        found = sum(1 for _ in (wanted.read(store, selection) if wanted.narrows else store.scan(selection)))
        session.printer.print(Single({"count": found}, text=lambda record: str(record["count"])))
    else:
        read = _following(store, wanted, selection, session.printer) if follow else wanted.read(store, selection)
        events = map(records.event, read)
        table = Table(events, COLUMNS, row=event_row, empty="no events", live=follow, members=records.EVENT)
        found = session.printer.print(table)
    if not found and fail_if_empty:
        raise NothingMatched("no event matched", hint="cqrs stats shows what there is, by category and type")


def _check_follow(wanted: EventFilter, count: bool, session: Session) -> None:
    session.printer.format.follow()
    if wanted.reverse:
        raise Misuse("--follow goes forward, --reverse backward", hint="leave one out")
    if count:
        raise Misuse("--follow has no end, so there is no --count", hint="leave one out")
    if wanted.ends:
        raise Misuse("--follow has no end, but the selection has one", hint="leave --before, --until and @ out")
    if session.settings.output is not None:
        raise Misuse("--follow has no end, so -o would never be complete", hint="redirect it: cqrs log -f > FILE")


def _following(store: Store, wanted: EventFilter, selection: Selection, printer: Printer) -> Iterator[Recorded]:
    """The selected events, then new ones as they come, until the limit or as long as somebody reads them."""
    seen, left, forward = selection.after, wanted.limit, selection._replace(backwards=False)
    if wanted.last is not None:
        seen = store.head()
        yield from wanted.read(store, selection._replace(before=seen + 1))
    while left is None or left > 0:
        head = store.head()
        if head > seen:
            # Only up to the head just read: what is skipped by the filter is not read again next time.
            new = forward._replace(after=seen, before=head + 1, limit=None if wanted.narrows else left)
            for event in wanted.matching(store, new):
                yield event
                left = None if left is None else left - 1
                if left == 0:
                    return
            seen = head
        elif not store.wait(seen, PATIENCE):
            printer.check_reader()
