"""The records of one event in full."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cqrs_cli.jsonable import jsonable
from cqrs_cli.records.changes import CHANGE
from cqrs_cli.records.events import checked_text, event
from cqrs_cli.records.shape import Record, named
from cqrs_cli.records.stories import node_record
from cqrs_cli.stores.moments import rfc3339

if TYPE_CHECKING:
    from cqrs_cli.history.changes import Change
    from cqrs_cli.history.consequences import Concerned
    from cqrs_cli.log.context import EventContext


def shown(seen: EventContext, did: Record) -> Record:
    """An event with what stands round it. did: what it changed in the state and which rows it concerns, if known."""
    command, cause = seen.commit.command, seen.cause
    sent: Record | None = None
    if command is not None:
        data = None if command.data is None else checked_text(command.data, seen.event.position)
        sent = {"command": command.type, "schema_version": command.schema_version, "data": data}
        sent |= {"command_id": seen.commit.id, "issued_at": rfc3339(command.issued_at)}
    return {
        **event(seen.event),
        "command": sent,
        "caused_by": None if cause is None else {**node_record(cause), "reaction": seen.reaction},
        "led_to": [{**node_record(child), "reaction": node.name} for node in seen.led_to for child in node.children],
        **did,
    }


def consequences(changed: Iterable[Change] | None, rows: Iterable[Concerned] | None) -> Record:
    """What an event changed in the state of its aggregate, and which rows it concerns; None: not known."""
    return {
        "changes": None if changed is None else [named(CHANGE, change) for change in changed],
        "rows": None if rows is None else [{"projection": row.projection, "key": jsonable(row.key)} for row in rows],
    }
