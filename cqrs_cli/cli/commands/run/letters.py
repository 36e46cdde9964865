"""`cqrs run --deadlines`, `--failed`, `--retry` and `--drop`: commands that wait for their time, or came to nothing.

To list and drop, the store is enough.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from cqrs_cli import records
from cqrs_cli.cli.options.foreign import check_pair
from cqrs_cli.cli.printing.documents import Column, Table
from cqrs_cli.cli.printing.plurals import counted
from cqrs_cli.cli.shell.session import Session
from cqrs_cli.errors import CqrsError, NotFound
from cqrs_cli.log import letters as outbox
from cqrs_cli.log.orphans import reactions_with_commands
from cqrs_cli.log.outbox import DeadLetter, deadlines
from cqrs_cli.stores.rows import RowReader, Where

if TYPE_CHECKING:
    from cqrs_cli.cli.printing.kinds import Kinds
    from cqrs_cli.workbench.processors.delivery import Delivery

_DEADLINES: list[str | Column] = [
    Column("due_at", "due at", moment=True),
    "overdue",
    "reaction",
    "process",
    "deadline",
    "command",
    "data",
    "position",
]
_FAILED: list[str | Column] = [
    "id",
    "reaction",
    "command",
    "data",
    "reason",
    "position",
    Column("failed_at", "failed at", moment=True),
]
_DROPPED: list[str | Column] = [Column("dropped_at", "dropped at", moment=True), "dropped_by", "dropped_because"]

_OUTCOMES = {
    "sent": None,
    "rejected": "its process hears of a rejection",
    "held": "cqrs run tries again what is held",
    "failed": "cqrs run --failed says why",
}
"""What becomes of a command that is tried again, and what there is to know of it."""


def print_deadlines(session: Session, reaction: str | None) -> None:
    """What is to be sent when, the earliest first; of one reaction if it is named."""
    rows = session.store().rows
    now_us, found = time.time_ns() // 1000, deadlines(rows, _known(rows, reaction))
    session.printer.print(
        Table(
            (records.deadline(one, now_us) for one in found),
            _DEADLINES,
            empty="no deadline is set",
            members=records.DEADLINE,
        )
    )


def _known(rows: RowReader, reaction: str | None) -> str | None:
    """The name as the store has it. Raises `NotFound` if it has nothing of such a reaction, not even a checkpoint."""
    if reaction is None:
        return None
    there = {one.name for one in rows.checkpoints()} | set(reactions_with_commands(rows))
    for name in (reaction, reaction.replace("-", "_")):
        if name in there:
            return name
    raise NotFound(f"the store has nothing of a reaction {reaction}", code="no-such-reaction")


def print_failed(session: Session, dropped: bool, reaction: str | None) -> None:
    """Those that were given up, or those of them that were dropped; of one reaction if it is named.

    On a terminal the first of each kind.
    """
    printer = session.printer
    found = _letters(session.store().rows, reaction, dropped)
    more = records.DROPPED if dropped else ()
    shown, kinds = _first_of_each(found) if printer.on_terminal and printer.format.for_people else (found, None)
    printer.print(
        Table(
            map(records.letter, shown),
            [*_FAILED, *(_DROPPED if dropped else ())],
            empty="no command was dropped" if dropped else "no command came to nothing",
            members=[*records.LETTER, *more],
        )
    )
    if kinds is not None and len(shown) < len(found):
        for line in (*kinds.more(), *kinds.table()):
            printer.message(line)
        printer.message(f"all {len(found):,}: cqrs run --{'dropped' if dropped else 'failed'} --format jsonl")


def _first_of_each(found: list[DeadLetter]) -> tuple[list[DeadLetter], Kinds]:
    """The first of each kind, and how many more there are of them."""
    from cqrs_cli.cli.printing.kinds import Kinds

    kinds = Kinds("@")
    first = [one for one in found if kinds.add(one.code, one.reason, one.outgoing.position, [one.outgoing.process])]
    return first, kinds


def _letters(rows: RowReader, reaction: str | None, dropped: bool = False) -> list[DeadLetter]:
    name = _known(rows, reaction)
    own = [] if name is None else [Where("reaction", "=", name)]
    return outbox.letters(rows, *own, dropped=dropped)


def retry(session: Session, ids: list[str], reaction: str | None, *, foreign: bool, live: bool) -> int:
    """Send them again, or all (of one reaction if it is named); returns the exit code. live: from a fork too."""
    bench = session.workbench(write=True, create=False)
    check_pair(session, bench, foreign)
    rows = bench.store.rows
    wanted = [one.command_id for one in _letters(rows, reaction)] if "all" in ids else _whole(rows, ids)
    deliveries: list[Delivery] = []
    try:
        for id in dict.fromkeys(wanted):
            deliveries.append(bench.retry(id, live=live))
    except CqrsError:
        if deliveries:  # these are sent, whatever is wrong with the next
            _print_deliveries(session, deliveries)
        raise
    _print_deliveries(session, deliveries)
    return int(any(one.status not in ("sent", "honoured") for one in deliveries))


def _print_deliveries(session: Session, deliveries: list[Delivery]) -> None:
    session.printer.print(Table(map(records.delivery, deliveries), empty="no command came to nothing"))
    if deliveries:
        session.printer.message(_said(records.delivery(one)["status"] for one in deliveries))


def _said(statuses: Iterable[str]) -> str:
    """`3 commands tried again: 2 sent, 1 failed: cqrs run --failed`."""
    counts = Counter(statuses)
    said = f"{counted(counts.total(), 'command')} tried again: "
    said += ", ".join(f"{counts[status]:,} {status}" for status in _OUTCOMES if counts[status])
    hints = [hint for status, hint in _OUTCOMES.items() if counts[status] and hint]
    return f"{said} ({'; '.join(hints)})" if hints else said


def drop(session: Session, ids: list[str], reason: str, by: str) -> None:
    """Put them away for good, on record."""
    store = session.store(write=True, create=False)
    count = outbox.drop(store, _whole(store.rows, ids), by, reason, time.time_ns() // 1000)
    session.printer.message(f"dropped {counted(count, 'command')}: {reason}")


def _whole(rows: RowReader, ids: list[str]) -> list[str]:
    """The ids of open letters that are meant by what was typed; one that means none stays as it is."""
    found = [(id, outbox.letters_named(rows, id, dropped=False)) for id in ids]
    return [letters[0].command_id if letters else id for id, letters in found]
