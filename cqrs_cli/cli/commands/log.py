"""`cqrs log`: events in the order of the log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from cqrs_cli import records
from cqrs_cli.cli.options import selection as options
from cqrs_cli.cli.printing.documents import Single
from cqrs_cli.cli.printing.events import event_table
from cqrs_cli.cli.shell.endurance import Endurance
from cqrs_cli.cli.shell.session import Session, current
from cqrs_cli.errors import Misuse, NothingMatched, Passing
from cqrs_cli.log.points import parse_address
from cqrs_cli.log.selection import Asked, EventFilter

if TYPE_CHECKING:
    from cqrs_cli.cli.printing.printer import Printer
    from cqrs_cli.stores.commits import Recorded
    from cqrs_cli.stores.contract import Selection, Store

# How long a follower waits before it looks again; the store may wake it earlier.
PATIENCE = 1.0


def log(
    words: options.Address = None,
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
    session, stream = current(), options.address_of(words)
    if stream is not None and stream.startswith("@"):
        position = parse_address(stream).position or 0
        raise Misuse(
            f"{stream} is one event",
            code="address",
            hint=f"cqrs show @{position} shows it; cqrs log --before @{position + 1} shows the log up to it",
        )
    asked = Asked(stream, category, types, since, until, after, before, limit, reverse)
    asked = asked._replace(user=user, commands=commands, correlation=correlation, grep=grep, last=last, where=where)
    asked = asked._replace(local=session.settings.local, has_domain=session.settings.app is not None)
    wanted = EventFilter(asked)
    if follow:
        _check_follow(wanted, count, session)
    store = session.store()
    selection = wanted.on(store, session.printer.message, missing_ok=follow)
    if count:
        note = session.printer.message
        found = sum(1 for _ in (wanted.read(store, selection, note) if wanted.narrows else store.scan(selection)))
        session.printer.print(Single({"count": found}, text=lambda record: str(record["count"])))
    else:
        if follow:
            session.tell_unmet()
            read = _following(store, wanted, selection, session.printer)
        else:
            read = wanted.read(store, selection, session.printer.message)
        events = map(records.event, read)
        table = event_table(session.printer, events, "no events", records.EVENT)
        found = session.printer.print(table._replace(live=follow))
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
    endurance = Endurance(printer)
    if wanted.last is not None:
        seen = store.head()
        yield from wanted.read(store, selection._replace(before=seen + 1))
    while left is None or left > 0:
        try:
            head = store.head()
            if head > seen:
                # Only up to the head just read: what is skipped by the filter is not read again next time.
                new = forward._replace(after=seen, before=head + 1, limit=None if wanted.narrows else left)
                for event in wanted.matching(store, new):
                    yield event
                    seen = event.position  # from where it goes on, should the server be away in the middle
                    left = None if left is None else left - 1
                    if left == 0:
                        return
                seen = head
            elif not store.wait(seen, PATIENCE):
                printer.check_reader()
        except Passing as error:
            printer.check_reader()
            endurance.endure(error)
