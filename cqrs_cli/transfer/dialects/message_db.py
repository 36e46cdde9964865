"""The log of Message DB (1.3), in PostgreSQL: its table `messages`. Commands, in their streams, are messages too."""

from __future__ import annotations

from cqrs_cli.transfer.dialects.database import Database, Kind, Select, micros_of
from cqrs_cli.transfer.dialects.dialect import PRODUCED, Dialect, Place, shape
from cqrs_cli.transfer.dialects.event import ForeignEvent, Mapped, Row, json_bytes, kept_metadata, stream_of, text_in


def _event(row: Row) -> ForeignEvent:
    position, id, stream, type, version, data, metadata, time_us = row
    metadata, found = kept_metadata(position, metadata)
    return ForeignEvent(
        position,
        stream_of(stream),
        type,
        json_bytes("{}" if data is None else data, position),
        id,
        time_us,
        version + 1,
        metadata,
        text_in(found, "correlationStreamName", "correlation_stream_name", "correlationId"),
        text_in(found, "causationMessageId", "causationId"),
        text_in(found, "userId", "user_id"),
    )


def _select(kind: Kind, place: Place) -> Select:
    columns = "id::text, stream_name, type, position, data::text, metadata::text"
    return Select(f"global_position, {columns}, {micros_of('time')}", place[0].quoted, "global_position")


def _mapped(database: Database, place: Place) -> Mapped:
    return _event


MESSAGE_DB = Dialect(
    "message-db",
    "Message DB (Eventide, 1.3)",
    PRODUCED,
    {"postgresql": (shape("messages", "global_position position id time stream_name type data metadata"),)},
    _select,
    _mapped,
)
