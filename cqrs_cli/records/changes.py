"""The records of changes: what was and is, which event made it, where a rule breaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cqrs_cli.records.shape import Record, named
from cqrs_cli.stores.moments import rfc3339

if TYPE_CHECKING:
    from cqrs_cli.history.bisect import Break
    from cqrs_cli.history.blame import Blamed, BlamedChange
    from cqrs_cli.history.changes import Change
    from cqrs_cli.stores.commits import Recorded

ROW_CHANGE = ("projection", "key", "before", "after")
CHANGE = ("path", "old", "new")
MADE_BY = (
    *("position", "version", "type", "command_id", "recorded_at", "user_id"),
    *("stream", "command", "clause"),
)
BLAMED, BLAMED_CHANGE = ("path", "value", *MADE_BY), (*CHANGE, *MADE_BY)
BREAK = ("found", "rule", "subject", *MADE_BY, "until", "before", "after")


def blamed(one: Blamed) -> Record:
    """A field and the event that its value is from; null for what the state begins with."""
    return {"path": one.path, "value": _present(one.value)} | _made_by(one.event, one.clause)


def blamed_change(one: BlamedChange) -> Record:
    """A change of a field and the event that made it."""
    return change(one) | _made_by(one.event, one.clause)


def change(one: BlamedChange | Change) -> Record:
    """A change alone."""
    return {"path": one.path, "old": _present(one.old), "new": _present(one.new)}


def found_break(one: Break, subject: str, event: Recorded, clause: str | None, before: Any, after: Any) -> Record:
    """A rule that holds no more, and the event after which it does not. before, after: the whole state or row."""
    return {
        "found": True,
        "rule": one.rule,
        "subject": subject,
        **_made_by(event, clause),
        "until": one.until,
        "before": before,
        "after": after,
    }


def holding(rule: str) -> Record:
    """A rule that holds after every event."""
    return {**dict.fromkeys(BREAK), "found": False, "rule": rule}


def _made_by(event: Recorded | None, clause: str | None) -> Record:
    if event is None:
        return dict.fromkeys(MADE_BY)
    of = (event.position, event.version, event.type, event.command_id, rfc3339(event.recorded_us), event.user_id)
    return named(MADE_BY, (*of, event.stream, event.command_type, clause))


def _present(value: Any) -> Any:
    from cqrs_cli.history.comparison import ABSENT

    return None if value is ABSENT else value
