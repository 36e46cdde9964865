"""The log of Rails Event Store (2.x), in SQLite or PostgreSQL: `event_store_events` and what links them to streams.

An event may stand in several streams; here it is in the first that it was linked to, and in `all` if it is in none.
"""

from __future__ import annotations

from cqrs_cli.transfer.dialects.database import Database, Kind, Select, Table, micros_of
from cqrs_cli.transfer.dialects.dialect import DOCUMENTED, Dialect, Place, shape
from cqrs_cli.transfer.dialects.event import (
    ForeignEvent,
    Mapped,
    Row,
    category,
    encoded,
    json_bytes,
    kept_metadata,
    stream_of,
    text_in,
    time_of,
)


def _event(row: Row) -> ForeignEvent:
    position, id, type, data, metadata, created, stream, version = row
    if metadata is not None and not isinstance(metadata, str):
        metadata = json_bytes(metadata, position, "metadata").decode()
    metadata, found = kept_metadata(position, metadata)
    return ForeignEvent(
        position,
        _stream(stream or "all"),
        type,
        json_bytes(data, position),
        id,
        created if isinstance(created, int) else time_of(created),
        0 if version is None else version + 1,
        metadata,
        text_in(found, "correlation_id"),
        text_in(found, "causation_id"),
        text_in(found, "user_id"),
    )


def _stream(name: str) -> str:
    """`Order$17`, as the streams of its aggregates are called, is `order-17`."""
    kind, dollar, id = name.partition("$")
    return f"{category(kind)}-{encoded(id)}" if dollar and kind and id else stream_of(name)


def _select(kind: Kind, place: Place) -> Select:
    events, links = place
    text = "::text" if kind == "postgresql" else ""
    created = micros_of("e.created_at") if kind == "postgresql" else "e.created_at"
    link = f"FROM {links.quoted} s WHERE s.event_id = e.event_id ORDER BY s.id LIMIT 1"
    columns = (
        f"e.id, e.event_id{text}, e.event_type, {_read(events, 'data')}, {_read(events, 'metadata')}, {created}, "
        f"(SELECT s.stream {link}), (SELECT s.position {link})"
    )
    return Select(columns, f"{events.quoted} e", "e.id")


def _read(events: Table, name: str) -> str:
    return f"e.{name}::text" if events.columns[name] in ("json", "jsonb") and events.schema else f"e.{name}"


def _mapped(database: Database, place: Place) -> Mapped:
    return _event


_SHAPES = (
    shape("event_store_events", "id event_id event_type data metadata created_at"),
    shape("event_store_events_in_streams", "id event_id stream position"),
)
RAILS_EVENT_STORE = Dialect(
    "rails-event-store",
    "Rails Event Store (2.x)",
    DOCUMENTED,
    {"sqlite": _SHAPES, "postgresql": _SHAPES},
    _select,
    _mapped,
)
