"""Commands that reactions want sent: waiting in the outbox, due at a deadline, or given up as dead letters.

These are operational records: written in the transaction that moves a reaction's checkpoint, backed up
with the store and never rebuilt. Nothing of the user's is imported here, so they can be looked at when
the domain's code is broken.
"""

import uuid
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from cqrs_cli.errors import CqrsError
from cqrs_cli.stores.operational import DEAD_LETTERS, OUTBOX
from cqrs_cli.stores.rows import Order, RowReader, Rows, Where


def command_id(event_id: str, reaction: str, number: int, attempt: int = 0) -> str:
    """The id of a reaction's command: the same for ever for the same event, so that it is honoured once.

    number: among those that the event is answered with, from 1. attempt: above 0 only if the first id was taken.
    """
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"cqrs:{reaction}:{event_id}:{number}:{attempt}"))


class Outgoing(NamedTuple):
    """A command that waits to be sent, with where it comes from.

    position: of the event that was answered. recorded_us: when it was recorded, or when it was answered if the clock of
    who answered it had not come so far. process: the key's text of the process, or ''
    for a policy. clause: the method's name. deadline: its name, or None. due_us: microseconds UTC, 0 for
    at once. data: the command's payload, JSON. metadata: a JSON object.
    """

    reaction: str
    event_id: str
    number: int
    attempt: int
    position: int
    recorded_us: int
    process: str
    clause: str
    deadline: str | None
    due_us: int
    command: str
    schema_version: int
    data: str
    correlation_id: str
    user_id: str | None
    metadata: str

    @property
    def slot(self) -> str:
        """Its place among what its process wants sent: a named deadline of a process takes that of the one before."""
        if self.deadline is not None and self.process:
            return f"={self.deadline}"
        return f"#{self.event_id}:{self.number}:{self.attempt}"

    @property
    def command_id(self) -> str:
        """The id that it is sent with."""
        return command_id(self.event_id, self.reaction, self.number, self.attempt)


class Misplaced(Outgoing):
    """A command that waits where none of ours would: nobody can tell what it replaces, or what would replace it."""

    kept_as: str

    @property
    def slot(self) -> str:
        """The slot that its row has."""
        return self.kept_as


class DeadLetter(NamedTuple):
    """A command that was given up, why and when (microseconds UTC); dropped_…: put away for good, by whom and why."""

    outgoing: Outgoing
    command_id: str
    code: str
    reason: str
    failed_us: int
    dropped_us: int | None = None
    dropped_by: str | None = None
    dropped_because: str | None = None


class Cancelled(NamedTuple):
    """A deadline of a process that is no longer wanted."""

    reaction: str
    process: str
    deadline: str

    @property
    def slot(self) -> str:
        """The slot of the deadline."""
        return f"={self.deadline}"


OutboxChange = Outgoing | Cancelled
"""What a reaction does to the outbox."""


def apply(rows: Rows, changes: Sequence[OutboxChange]) -> None:
    """Make the changes, in their order. A named deadline of a process replaces the one of that name."""
    if not changes:
        return
    last = {_key(change): change for change in changes}
    rows.delete(OUTBOX, [key for key, change in last.items() if isinstance(change, Cancelled)])
    rows.put(OUTBOX, [(change.slot, *change) for change in last.values() if isinstance(change, Outgoing)])


def remove(rows: Rows, done: Sequence[Outgoing]) -> None:
    """These were honoured: they wait no longer, and are no dead letters either, should another runner have said so."""
    if not done:
        return
    # Only a deadline can have been replaced meanwhile, by a newer one of its name.
    named = [outgoing for outgoing in done if outgoing.deadline is not None]
    gone = [outgoing for outgoing in done if outgoing.deadline is None] + (_still_there(rows, named) if named else [])
    rows.delete(OUTBOX, [_key(outgoing) for outgoing in gone])
    rows.delete(DEAD_LETTERS, [outgoing[:4] for outgoing in done])


def bury(rows: Rows, outgoing: Outgoing, error: CqrsError, now_us: int) -> bool:
    """Make a waiting command a dead letter. False if another runner was done with it before."""
    if not _still_there(rows, [outgoing]):
        return False
    rows.delete(OUTBOX, [_key(outgoing)])
    rows.put(DEAD_LETTERS, [(*outgoing, outgoing.command_id, error.code, error.message, now_us, None, None, None)])
    return True


def revive(rows: Rows, letter: DeadLetter, attempt: int) -> Outgoing:
    """Let a dead letter wait in the outbox again. What was a deadline is due, and has no name any more."""
    outgoing = letter.outgoing._replace(attempt=attempt, deadline=None)
    rows.delete(DEAD_LETTERS, [letter.outgoing[:4]])
    rows.put(OUTBOX, [(outgoing.slot, *outgoing)])
    return outgoing


def _key(change: OutboxChange) -> tuple[str, str, str]:
    return change.reaction, change.process, change.slot


def _still_there(rows: Rows, some: Sequence[Outgoing]) -> list[Outgoing]:
    """Those that are in the outbox, and were not replaced by a newer deadline of their name."""
    found = rows.load(OUTBOX, [_key(outgoing) for outgoing in some])
    return [outgoing for outgoing in some if found.get(_key(outgoing), ())[1:] == outgoing]


def waiting(rows: RowReader, reactions: Iterable[str], limit: int | None = None) -> list[Outgoing]:
    """The commands of these reactions that are to be sent at once, in the order of the log."""
    return _first(rows, reactions, [Where("due_us", "=", 0)], limit)


def due(rows: RowReader, reactions: Iterable[str], now_us: int, limit: int | None = None) -> list[Outgoing]:
    """The deadlines of these reactions that are due, the earliest first."""
    return _first(rows, reactions, [Where("due_us", ">", 0), Where("due_us", "<=", now_us)], limit)


def next_due(rows: RowReader, reactions: Iterable[str]) -> int | None:
    """When the next deadline of these reactions is due, in microseconds UTC."""
    found = _first(rows, reactions, [Where("due_us", ">", 0)], 1)
    return found[0].due_us if found else None


def deadlines(rows: RowReader, reaction: str | None = None, limit: int | None = None) -> list[Outgoing]:
    """All deadlines, or those of a reaction, the earliest first. limit: at most so many."""
    own = [] if reaction is None else [Where("reaction", "=", reaction)]
    return _outgoing(rows, [*own, Where("due_us", ">", 0)], limit)


def counts(rows: RowReader, reaction: str) -> tuple[int, int]:
    """How many commands of a reaction are to be sent at once, and how many deadlines it has."""
    own = Where("reaction", "=", reaction)
    return rows.count(OUTBOX, [own, Where("due_us", "=", 0)]), rows.count(OUTBOX, [own, Where("due_us", "!=", 0)])


def count_overdue(rows: RowReader, reaction: str, before_us: int) -> tuple[int, int]:
    """How many of these should have been sent by a moment: of events before it, and deadlines."""
    own = Where("reaction", "=", reaction)
    waiting = rows.count(OUTBOX, [own, Where("due_us", "=", 0), Where("recorded_us", "<=", before_us)])
    return waiting, rows.count(OUTBOX, [own, Where("due_us", ">", 0), Where("due_us", "<=", before_us)])


def of_reaction(rows: RowReader, reaction: str) -> list[Outgoing]:
    """All that waits, deadlines included, of one reaction."""
    return _outgoing(rows, [Where("reaction", "=", reaction)])


def correlated(rows: RowReader, correlation_id: str) -> list[Outgoing]:
    """All that waits, deadlines included, of one story."""
    return _outgoing(rows, [Where("correlation_id", "=", correlation_id)])


def _first(rows: RowReader, reactions: Iterable[str], where: Sequence[Where], limit: int | None) -> list[Outgoing]:
    """Reaction by reaction, along the index."""
    found = [one for name in reactions for one in _outgoing(rows, [Where("reaction", "=", name), *where], limit)]
    return sorted(found, key=lambda one: (one.due_us, one.position, one.number))[:limit]


def _outgoing(rows: RowReader, where: Sequence[Where], limit: int | None = None) -> list[Outgoing]:
    order = [Order("due_us"), Order("position"), Order("number")]
    return [_placed(row[0], row[1:]) for row in rows.select(OUTBOX, where, order, limit=limit)]


def _placed(slot: Any, values: Sequence[Any]) -> Outgoing:
    outgoing = Outgoing(*values)
    if outgoing.slot != slot:
        outgoing = Misplaced(*values)
        outgoing.kept_as = slot
    return outgoing
