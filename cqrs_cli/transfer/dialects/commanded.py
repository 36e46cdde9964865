"""The log of Commanded's EventStore (Elixir, 1.x), in PostgreSQL: `events`, `streams` and `stream_events`.

The position is that in the stream of all, which the row of that stream counts: it has no gaps. What one command
appended has its id as the cause, and stays one commit.
"""

from __future__ import annotations

from cqrs_cli.transfer.dialects.database import Database, Kind, Select, Table, micros_of
from cqrs_cli.transfer.dialects.dialect import DOCUMENTED, Dialect, Place, shape
from cqrs_cli.transfer.dialects.event import ForeignEvent, Mapped, Row, json_bytes, kept_metadata, stream_of, text_in


def _event(row: Row) -> ForeignEvent:
    position, id, stream, version, type, correlation_id, causation_id, data, metadata, time_us = row
    if metadata is not None and not isinstance(metadata, str):
        metadata = json_bytes(metadata, position, "metadata").decode()
    metadata, found = kept_metadata(position, metadata, event_id=id)
    return ForeignEvent(
        position,
        stream_of(stream),
        type.removeprefix("Elixir."),
        json_bytes(data, position),
        id,
        time_us,
        version or 0,
        metadata,
        correlation_id,
        causation_id,
        text_in(found, "user_id", "userId"),
        together=None if causation_id is None else (stream, causation_id),
    )


def _select(kind: Kind, place: Place) -> Select:
    links, events, streams = place
    columns = (
        "a.stream_version, e.event_id::text, s.stream_uuid, a.original_stream_version, e.event_type, "
        f"e.correlation_id::text, e.causation_id::text, {_read(events, 'data')}, {_read(events, 'metadata')}, "
        f"{micros_of('e.created_at')}"
    )
    source = (
        f"{links.quoted} a JOIN {events.quoted} e ON e.event_id = a.event_id "
        f"JOIN {streams.quoted} s ON s.stream_id = a.original_stream_id"
    )
    return Select(columns, source, "a.stream_version", "a.stream_id = 0")


def _read(events: Table, name: str) -> str:
    return f"e.{name}" if events.columns[name] == "bytea" else f"e.{name}::text"


def _mapped(database: Database, place: Place) -> Mapped:
    return _event


COMMANDED = Dialect(
    "commanded",
    "Commanded's EventStore (Elixir, 1.x)",
    DOCUMENTED,
    {
        "postgresql": (
            shape("stream_events", "event_id stream_id stream_version original_stream_id original_stream_version"),
            shape("events", "event_id event_type causation_id correlation_id data metadata created_at"),
            shape("streams", "stream_id stream_uuid"),
        )
    },
    _select,
    _mapped,
)
