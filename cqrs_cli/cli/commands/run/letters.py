"""`cqrs run --failed`, `--retry` and `--drop`: commands that came to nothing. To list and drop, the store is enough."""

import time

from cqrs_cli import records
from cqrs_cli.cli.printing.documents import Table
from cqrs_cli.cli.printing.events import shown_times
from cqrs_cli.cli.printing.plurals import counted
from cqrs_cli.cli.shell.session import Session
from cqrs_cli.log import letters as outbox

_FAILED = ["id", "reaction", "command", "data", "reason", "position", "failed_at"]


def print_failed(session: Session, dropped: bool) -> None:
    """Those that were given up, or those of them that were dropped."""
    found = outbox.letters(session.store().rows, dropped=dropped)
    more = records.DROPPED if dropped else ()
    session.printer.print(
        Table(
            map(records.letter, found),
            [*_FAILED, *more],
            row=lambda record: shown_times(record, "failed_at"),
            empty="no command was dropped" if dropped else "no command came to nothing",
            members=[*records.LETTER, *more],
        )
    )


def retry(session: Session, ids: list[str]) -> int:
    """Send them again; returns the exit code."""
    bench = session.workbench(write=True, create=False)
    deliveries = [bench.retry(id) for id in dict.fromkeys(ids)]
    session.printer.print(Table(map(records.delivery, deliveries)))
    return int(any(one.status != "sent" for one in deliveries))


def drop(session: Session, ids: list[str], reason: str, by: str) -> None:
    """Put them away for good, on record."""
    count = outbox.drop(session.store(write=True, create=False), ids, by, reason, time.time_ns() // 1000)
    session.printer.message(f"dropped {counted(count, 'command')}: {reason}")
