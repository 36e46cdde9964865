"""`cqrs log`: events in the order of the log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from cqrs_cli.cli.options import selection as selecting
from cqrs_cli.cli.printing.events import COLUMNS, MEMBERS, event_record, event_row
from cqrs_cli.cli.shell.command import Command, make
from cqrs_cli.cli.shell.session import current
from cqrs_cli.errors import Misuse, NothingMatched

if TYPE_CHECKING:
    from cqrs_cli.stores.commits import Recorded
    from cqrs_cli.stores.contract import Selection, Store

# How long a follower waits before it looks again; the store may wake it earlier.
PATIENCE = 1.0


def command() -> Command:
    """The command `log`."""
    return make(log)


def log(
    stream: selecting.Address = None,
    category: selecting.Category = None,
    types: selecting.Types = None,
    since: selecting.Since = None,
    until: selecting.Until = None,
    after: selecting.After = None,
    before: selecting.Before = None,
    limit: selecting.Limit = None,
    reverse: selecting.Reverse = False,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Wait for new events; Ctrl-C ends it.")] = False,
    fail_if_empty: selecting.FailIfEmpty = False,
) -> None:
    """Events in the order of the log, of one stream or of all.

    Reads the store only: the domain is not loaded, and a store is never made.
    """
    session = current()
    wanted = selecting.Wanted(stream, category, types, since, until, after, before, limit, reverse)
    if follow:
        _check_follow(wanted, session.printer.format, session.settings.output)
    store = session.store()
    selection = wanted.on(store, session.printer, missing_ok=follow)
    events = _following(store, selection) if follow else store.read(selection)
    records = (event_record(event) for event in events)
    count = session.printer.records(records, COLUMNS, row=event_row, empty="no events", live=follow, members=MEMBERS)
    if not count and fail_if_empty:
        raise NothingMatched("no event matched", hint="cqrs stats shows what there is, by category and type")


def _check_follow(wanted: selecting.Wanted, format: str, output: str | None) -> None:
    if format == "json":
        raise Misuse("--json can't follow: an array has an end", hint="use --jsonl")
    if wanted.reverse:
        raise Misuse("--follow goes forward, --reverse backward", hint="leave one out")
    if wanted.ends:
        raise Misuse("--follow has no end, but the selection has one", hint="leave --before, --until and @ out")
    if output is not None:
        raise Misuse("--follow has no end, so -o would never be complete", hint="redirect it: cqrs log -f > FILE")


def _following(store: Store, selection: Selection) -> Iterator[Recorded]:
    """The selected events, then new ones as they come, until the limit."""
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
            continue
