"""The records of commands that reactions sent, are to send, or could not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cqrs_cli.records.shape import Record, named
from cqrs_cli.stores.moments import rfc3339
from cqrs_cli.stores.stored_json import stored_json

if TYPE_CHECKING:
    from cqrs_cli.log.outbox import DeadLetter, Outgoing
    from cqrs_cli.workbench.processors.rewind import Again

LETTER = (
    *("id", "reaction", "process", "command", "data", "code", "reason", "position", "event_id"),
    *("correlation_id", "failed_at"),
)
DROPPED = ("dropped_at", "dropped_by", "dropped_because")
DEADLINE = ("due_at", "overdue", "reaction", "process", "deadline", "command", "data", "id", "position", "event_id")
SENT_AGAIN = ("position", "event_id", "process", "command", "data", "id", "due_at", "becomes")


def letter(dead: DeadLetter) -> Record:
    """A command of a reaction that came to nothing; of one that was dropped, by whom and why too."""
    sent = dead.outgoing
    of = (dead.command_id, f"{sent.reaction}.{sent.clause}", sent.process or None)
    why = (dead.code, dead.reason, sent.position, sent.event_id, sent.correlation_id, rfc3339(dead.failed_us))
    return named(
        LETTER, (*of, sent.command, stored_json(sent.data, f"the dead letter {dead.command_id!r}"), *why)
    ) | dropped(dead)


def dropped(dead: DeadLetter) -> Record:
    """What a letter that was put away has besides; nothing for others."""
    if dead.dropped_us is None:
        return {}
    return named(DROPPED, (rfc3339(dead.dropped_us), dead.dropped_by, dead.dropped_because))


def deadline(one: Outgoing, now_us: int) -> Record:
    """A command that waits for its time. overdue: the time was up before this moment, and nobody sent it."""
    due = (rfc3339(one.due_us), one.due_us < now_us, f"{one.reaction}.{one.clause}", one.process or None)
    data = stored_json(one.data, f"the deadline {one.command_id!r}")
    return named(DEADLINE, (*due, one.deadline, one.command, data, one.command_id, one.position, one.event_id))


def sent_again(again: Again) -> Record:
    """A command that a reaction which is started again would give once more."""
    one = again.outgoing
    due = rfc3339(one.due_us) if one.due_us else None
    data = stored_json(one.data, f"the command {one.command_id!r}")
    what = (one.position, one.event_id, one.process or None, one.command, data, one.command_id)
    return named(SENT_AGAIN, (*what, due, again.becomes))
