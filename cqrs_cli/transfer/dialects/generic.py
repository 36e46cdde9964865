"""A dialect that somebody describes: the table and columns of a log of their own.

[tool.cqrs.mirror.NAME]
table = "audit.events"    # and position, stream, type, data: names of columns
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cqrs_cli.errors import ConfigurationError, InvalidInput
from cqrs_cli.near_names import did_you_mean
from cqrs_cli.transfer.dialects.database import Database, Kind, Select, micros_of, quoted
from cqrs_cli.transfer.dialects.dialect import Dialect, Place, Shape
from cqrs_cli.transfer.dialects.event import (
    ForeignEvent,
    Mapped,
    json_bytes,
    kept_metadata,
    stream_of,
    text_in,
    time_of,
)

DESCRIBED = "your settings"
_NEEDED = ("position", "stream", "type", "data")
_MORE = ("id", "time", "metadata", "correlation", "causation", "user")
_UNITS = {"seconds": 1_000_000, "milliseconds": 1_000, "microseconds": 1}
_PATIENCE = 10
_WHOLE = ("bigint", "integer", "smallint")


def described(name: str, table: Mapping[str, Any]) -> Dialect:
    """The dialect that a table of the settings describes. Raises `ConfigurationError` for what it can't say."""
    known = ("table", *_NEEDED, *_MORE, "time_unit", "gap_seconds")
    for key, value in table.items():
        if key not in known:
            raise _wrong(name, f"it knows no {key!r}", did_you_mean(key, known, 1) or f"known: {', '.join(known)}")
        is_right = isinstance(value, int | float) and value >= 0 if key == "gap_seconds" else isinstance(value, str)
        if not is_right or isinstance(value, bool) or value == "":
            raise _wrong(name, f"{key} can't be {value!r}", "a name in quotes; gap_seconds is a number")
    for key in ("table", *_NEEDED):
        if key not in table:
            raise _wrong(name, f"it does not say {key}", f"it needs table, {', '.join(_NEEDED)}")
    unit = table.get("time_unit")
    if unit is not None and (unit not in _UNITS or "time" not in table):
        raise _wrong(name, f"time_unit can't be {unit!r}", f"of a time that is a number: {', '.join(_UNITS)}")
    columns = {key: table[key] for key in (*_NEEDED, *_MORE) if key in table}
    shape = Shape(table["table"], frozenset(columns.values()))

    def select(kind: Kind, place: Place) -> Select:
        types = place[0].columns
        at = types[columns["position"]]
        if kind == "postgresql" and at not in _WHOLE:
            raise _wrong(name, f"the position is a column of {at}", f"one of {', '.join(_WHOLE)}")
        read = [_read(kind, key, columns[key], types[columns[key]]) for key in columns]
        return Select(", ".join(read), place[0].quoted, quoted(columns["position"]))

    def mapped(database: Database, place: Place) -> Mapped:
        return lambda row: _event(name, dict(zip(columns, row, strict=True)), _UNITS.get(unit or "", 0))

    return Dialect(
        name, f"the table {table['table']}", DESCRIBED, {"sqlite": (shape,), "postgresql": (shape,)}, select, mapped,
        float(table.get("gap_seconds", _PATIENCE)),
    )  # fmt: skip


def _read(kind: Kind, key: str, column: str, type: str) -> str:
    name = quoted(column)
    if kind == "sqlite" or key == "position" or type == "bytea":
        return name
    return micros_of(name) if key == "time" and type.startswith(("timestamp", "date")) else f"{name}::text"


def _event(name: str, row: Mapping[str, Any], unit: int) -> ForeignEvent:
    position: int = row["position"]
    if isinstance(row["stream"], bytes) or isinstance(row["type"], bytes):
        raise ValueError("its stream or its type is binary, and no text")
    if not isinstance(position, int) or row["stream"] is None or row["type"] is None:
        raise InvalidInput(
            f"the row at {position!r} has no whole number as position, no stream or no type",
            hint=f"each row of the mirror {name} needs them",
            code="row",
            position=position,
        )
    metadata = row.get("metadata")
    if isinstance(metadata, bytes | memoryview):
        metadata = json_bytes(metadata, position, "metadata").decode()
    metadata, _ = kept_metadata(position, metadata)
    return ForeignEvent(
        position,
        stream_of(str(row["stream"])),
        str(row["type"]),
        json_bytes(row["data"], position),
        text_in(row, "id") or f"{name}:{position}",
        _time(row.get("time"), unit),
        metadata=metadata,
        correlation_id=text_in(row, "correlation"),
        causation_id=text_in(row, "causation"),
        user_id=text_in(row, "user"),
    )


def _time(value: Any, unit: int) -> int | None:
    if value is None:
        return None
    if unit:
        return int(float(value) * unit) if isinstance(value, str | float) else value * unit
    return value if isinstance(value, int) else time_of(value)


def _wrong(name: str, message: str, hint: str) -> ConfigurationError:
    return ConfigurationError(f"the mirror {name}: {message}", hint=hint)
