"""The log of Axon Framework 4 over JPA, in PostgreSQL: `domain_event_entry`.

JPA may take numbers long before its INSERT, so a number that is missing must be old, as Axon asks for itself.
"""

from __future__ import annotations

from cqrs_cli.transfer.dialects.database import Database, Kind, Select, Table
from cqrs_cli.transfer.dialects.dialect import DOCUMENTED, Dialect, Place, shape
from cqrs_cli.transfer.dialects.event import (
    ForeignEvent,
    Mapped,
    Row,
    category,
    encoded,
    json_bytes,
    kept_metadata,
    text_in,
    time_of,
)

_PATIENCE = 60.0
"""Seconds: what Axon calls the gap timeout."""


def _event(row: Row) -> ForeignEvent:
    position, id, aggregate, version, kind, payload, payload_type, revision, metadata, time = row
    name = payload_type.rpartition(".")[2].rpartition("$")[2]
    if metadata is not None and not isinstance(metadata, str):
        metadata = json_bytes(metadata, position, "metadata").decode()
    metadata, found = kept_metadata(position, metadata, payload_type=payload_type, payload_revision=revision)
    return ForeignEvent(
        position,
        f"{category(kind or 'event')}-{encoded(aggregate)}",
        name,
        json_bytes(payload, position),
        id,
        time_of(time),
        version + 1,
        metadata,
        text_in(found, "traceId", "correlationId"),
        text_in(found, "correlationId") if "traceId" in found else None,
        text_in(found, "userId", "user_id"),
        int(revision) if revision is not None and revision.isdecimal() and 0 < int(revision) < 2**31 else 1,
    )


def _select(kind: Kind, place: Place) -> Select:
    (events,) = place
    columns = (
        "global_index, event_identifier, aggregate_identifier, sequence_number, type, "
        f"{_read(events, 'payload')}, payload_type, payload_revision, {_read(events, 'meta_data')}, time_stamp"
    )
    return Select(columns, events.quoted, "global_index")


def _read(events: Table, name: str) -> str:
    """JPA puts large values into rows, or beside them."""
    kind = events.columns[name]
    return f"lo_get({name})" if kind == "oid" else name if kind == "bytea" else f"{name}::text"


def _mapped(database: Database, place: Place) -> Mapped:
    return _event


AXON_JPA = Dialect(
    "axon-jpa",
    "Axon Framework over JPA (4)",
    DOCUMENTED,
    {
        "postgresql": (
            shape(
                "domain_event_entry",
                "global_index event_identifier aggregate_identifier sequence_number type payload payload_type "
                "payload_revision meta_data time_stamp",
            ),
        )
    },
    _select,
    _mapped,
    _PATIENCE,
)
