"""Values as plain JSON values, for people and programs: one way for states, rows and whatever is printed."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any


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
        try:
            return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        except OverflowError:  # a time of the year 1 or 9999 that UTC has not
            return value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return str(value) if isinstance(value, type) else _of_parts(value)


def _of_parts(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    if dump is None:
        return (
            {part.name: jsonable(getattr(value, part.name)) for part in fields(value)}
            if is_dataclass(value)
            else str(value)
        )
    try:
        return jsonable(dump())
    except TypeError:  # a set of models: as dicts they can't be in one
        return {name: jsonable(getattr(value, name)) for name in type(value).model_fields}


def _key(key: Any) -> str:
    plain = jsonable(key)
    return plain if isinstance(plain, str) else json.dumps(plain)
