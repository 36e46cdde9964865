"""The records of events and streams."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cqrs_cli.errors import Damaged
from cqrs_cli.jsonable import RawJson
from cqrs_cli.records.shape import Record, named
from cqrs_cli.stores.moments import rfc3339

if TYPE_CHECKING:
    from cqrs_cli.stores.commits import Recorded
    from cqrs_cli.stores.streams import StreamInfo

EVENT = (
    *("position", "stream", "version", "type", "schema_version", "data", "event_id", "command_id"),
    *("correlation_id", "causation_id", "user_id", "recorded_at", "metadata"),
)
STREAM = ("stream", "category", "version", "first_recorded_at", "last_recorded_at")


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


_parse = json.JSONDecoder(parse_constant=_no_constant).decode


def event(recorded: Recorded) -> Record:
    """A recorded event. Raises `Damaged` if its payload is no JSON.

    The payload is parsed to be sure of it, and given as it was stored: every digit of a number stays.
    """
    return {
        "position": recorded.position,
        "stream": recorded.stream,
        "version": recorded.version,
        "type": recorded.type,
        "schema_version": recorded.schema_version,
        "data": checked_text(recorded.data, recorded.position),
        "event_id": recorded.event_id,
        "command_id": recorded.command_id,
        "correlation_id": recorded.correlation_id,
        "causation_id": recorded.causation_id,
        "user_id": recorded.user_id,
        "recorded_at": rfc3339(recorded.recorded_us),
        "metadata": checked_text((recorded.metadata_json or "{}").encode("utf-8", "surrogatepass"), recorded.position),
    }


def checked_text(data: bytes, position: int) -> RawJson:
    """A stored JSON text that goes out as it stands. Raises `Damaged` for what is no JSON."""
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


def stream(info: StreamInfo) -> Record:
    """A stream and where it stands."""
    times = rfc3339(info.first_recorded_us), rfc3339(info.last_recorded_us)
    return named(STREAM, (info.stream, info.category, info.version, *times))
