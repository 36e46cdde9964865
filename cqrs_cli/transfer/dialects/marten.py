"""The log of Marten (7 and 8, .NET), in PostgreSQL: `mt_events` and `mt_streams`.

Marten may take numbers before its INSERT, where nobody is seen to write, so a number that is missing must be old, too.
"""

from __future__ import annotations

from cqrs_cli.transfer.dialects.database import Database, Kind, Select, micros_of
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
)

_DEFAULT_TENANT = "*DEFAULT*"
_PATIENCE = 10.0


def _event(row: Row) -> ForeignEvent:
    position, id, stream, version, data, type, time_us, tenant, dotnet_type, kind = row[:10]
    correlation_id, causation_id, headers, user_id = row[10:]
    name = f"{category(kind)}-{encoded(stream)}" if kind else stream_of(stream)
    other = None if tenant in (None, _DEFAULT_TENANT) else tenant
    metadata, _ = kept_metadata(position, headers, dotnet_type=dotnet_type, tenant_id=other)
    return ForeignEvent(
        position,
        name if other is None else f"{name},{encoded(other)}",
        type,
        json_bytes(data, position),
        id,
        time_us,
        version,
        metadata,
        correlation_id or None,
        causation_id or None,
        user_id or None,
    )


def _select(kind: Kind, place: Place) -> Select:
    events, streams = place
    columns = [
        "e.seq_id", "e.id::text", "e.stream_id::text", "e.version", "e.data::text", "e.type", micros_of("e.timestamp"),
        "e.tenant_id", "e.mt_dotnet_type",
        f"(SELECT s.type FROM {streams.quoted} s WHERE s.id = e.stream_id AND s.tenant_id = e.tenant_id LIMIT 1)",
        *(
            f"e.{name}::text" if name in events.columns else "NULL"  # of those that are switched on
            for name in ("correlation_id", "causation_id", "headers", "user_name")
        ),
    ]  # fmt: skip
    return Select(", ".join(columns), f"{events.quoted} e", "e.seq_id")


def _mapped(database: Database, place: Place) -> Mapped:
    return _event


MARTEN = Dialect(
    "marten",
    "Marten (.NET, 7 and 8)",
    DOCUMENTED,
    {
        "postgresql": (
            shape("mt_events", "seq_id id stream_id version data type timestamp tenant_id mt_dotnet_type"),
            shape("mt_streams", "id type tenant_id"),
        )
    },
    _select,
    _mapped,
    _PATIENCE,
)
