"""A recorded event as the shell shows it: the stable JSON shape, and the row of a table."""

from __future__ import annotations

import json
from typing import Any

from cqrs_cli.cli.printing.column import Column
from cqrs_cli.errors import Damaged
from cqrs_cli.jsonable import RawJson
from cqrs_cli.stores.commits import Recorded
from cqrs_cli.stores.moments import rfc3339

COLUMNS = (
    Column("position", "pos"),
    Column("recorded_at", "recorded at", drop=2),
    Column("stream"),
    Column("version", "ver"),
    Column("type", whole=False),
    Column("data", drop=1),
)

MEMBERS = (
    *("position", "stream", "version", "type", "schema_version", "data", "event_id", "command_id"),
    *("correlation_id", "causation_id", "user_id", "recorded_at", "metadata"),
)
"""Of an event's record, in order."""


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


_parse = json.JSONDecoder(parse_constant=_no_constant).decode


def event_record(event: Recorded) -> dict[str, Any]:
    """The event in the shape of `cqrs log --json`. Raises `Damaged` if its payload is no JSON.

    The payload is parsed to be sure of it, and printed as it was stored: every digit of a number stays.
    """
    return {
        "position": event.position,
        "stream": event.stream,
        "version": event.version,
        "type": event.type,
        "schema_version": event.schema_version,
        "data": _checked(event.data, event.position),
        "event_id": event.event_id,
        "command_id": event.command_id,
        "correlation_id": event.correlation_id,
        "causation_id": event.causation_id,
        "user_id": event.user_id,
        "recorded_at": rfc3339(event.recorded_us),
        "metadata": _checked((event.metadata_json or "{}").encode("utf-8", "surrogatepass"), event.position),
    }


def event_row(record: Any) -> dict[str, Any]:
    """The row of a table for such a record: times to the second."""
    return {**record, "recorded_at": record["recorded_at"][:19].replace("T", " ")}


def _checked(data: bytes, position: int) -> RawJson:
    try:
        text = data.decode()
        _parse(text)
    except (ValueError, RecursionError) as error:
        raise Damaged(
            f"the event at @{position} holds no JSON: {error}",
            hint="another tool changed the store: restore a backup",
            position=position,
        ) from error
    return RawJson(text)
