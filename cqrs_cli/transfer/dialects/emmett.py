"""The log of Emmett (`@event-driven-io/emmett`, 0.42), in SQLite or PostgreSQL: its table `emt_messages`.

In PostgreSQL a row has the id of its transaction, so that what was appended together stays one commit. Its schema
versions are no versions of the payload (SQLite's are numbers of the stream), so they are left out.
"""

from __future__ import annotations

from cqrs_cli.transfer.dialects.database import Database, Kind, Select, micros_of
from cqrs_cli.transfer.dialects.dialect import PRODUCED, Dialect, Place, shape
from cqrs_cli.transfer.dialects.event import (
    ForeignEvent,
    Mapped,
    Row,
    encoded,
    json_bytes,
    kept_metadata,
    text_in,
    time_of,
)

_DEFAULT_PARTITIONS = ("emt:default", "global")
_COLUMNS = (
    "global_position stream_id stream_position partition message_kind message_data message_metadata message_type "
    "message_id created"
)


def _event(row: Row) -> ForeignEvent | None:
    position, stream, version, partition, kind, data, metadata, type, id, created, transaction = row
    if kind != "E":
        return None
    name = encoded(stream) + ("" if partition in _DEFAULT_PARTITIONS else f",{encoded(partition)}")
    metadata, found = kept_metadata(position, metadata, messageId=id)  # the ids of all that was one commit
    return ForeignEvent(
        position,
        name,
        type,
        json_bytes(data, position),
        id,
        created if isinstance(created, int) else time_of(created),
        version,
        metadata,
        text_in(found, "correlationId", "correlation_id", "$correlationId"),
        text_in(found, "causationId", "causation_id", "$causationId"),
        text_in(found, "userId", "user_id"),
        together=transaction,
    )


def _select(kind: Kind, place: Place) -> Select:
    is_postgres = kind == "postgresql"
    cast = "::text" if is_postgres else ""
    return Select(
        "global_position, stream_id, stream_position, partition, message_kind, "
        f"message_data{cast}, message_metadata{cast}, message_type, message_id, "
        + (f"{micros_of('created')}, transaction_id::text" if is_postgres else "created, NULL"),
        place[0].quoted,
        "global_position",
    )


def _mapped(database: Database, place: Place) -> Mapped:
    return _event


EMMETT = Dialect(
    "emmett",
    "Emmett (@event-driven-io/emmett, 0.42)",
    PRODUCED,
    {
        "sqlite": (shape("emt_messages", _COLUMNS),),
        "postgresql": (shape("emt_messages", f"{_COLUMNS} transaction_id"),),
    },
    _select,
    _mapped,
    page=100_000,
)
