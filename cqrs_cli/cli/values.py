"""Values as text: JSON for programs, one-line cells for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from cqrs_cli.cli.inert import inert_json

_quote = json.encoder.encode_basestring


class RawJson(str):
    """JSON text that goes into JSON output as it is; the caller vouches that it is valid."""

    __slots__ = ()


def jsonable(value: Any) -> Any:
    """Plain JSON values: decimals and ids are strings, times RFC 3339 UTC, enums their values, models objects."""
    if value is None or (isinstance(value, (bool, int, float)) and not isinstance(value, Enum)):
        return value
    if isinstance(value, RawJson):
        return json.loads(value)
    if isinstance(value, Enum):
        return jsonable(value.value)
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return {_key(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((jsonable(item) for item in value), key=str)
    if isinstance(value, datetime):
        moment = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    dump = getattr(value, "model_dump", None)
    return jsonable(dump()) if dump is not None else str(value)


def _key(key: Any) -> str:
    plain = jsonable(key)
    return plain if isinstance(plain, str) else json.dumps(plain)


def json_text(value: Any, indent: int | None = None) -> str:
    """One JSON text, compact unless indented, with every control character escaped."""
    separators = (",", ":") if indent is None else None
    return inert_json(json.dumps(jsonable(value), ensure_ascii=False, indent=indent, separators=separators))


def json_line(record: Mapping[str, Any]) -> str:
    """A record as one line of JSON. `RawJson` members are spliced in, not parsed: 5 µs instead of 15 an event."""
    return inert_json("{" + ",".join([f"{_quote(name)}:{_member(value)}" for name, value in record.items()]) + "}")


def _member(value: Any) -> str:
    kind = type(value)
    if kind is RawJson:
        return value  # type: ignore[no-any-return]
    if kind is str:
        return _quote(value)
    if kind is int:
        return str(value)
    if value is None:
        return "null"
    return json.dumps(jsonable(value), ensure_ascii=False, separators=(",", ":"))


def cell_text(value: Any) -> str:
    """A value in a table, CSV or Markdown cell, not yet made inert: nothing is the empty text, structures are JSON."""
    if isinstance(value, str) and not isinstance(value, Enum):
        return value
    if value is None:
        return ""
    if type(value) is int:
        return str(value)
    plain = jsonable(value)
    if isinstance(plain, str):
        return plain
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
