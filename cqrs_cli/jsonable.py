"""Values as plain JSON values, for people and programs: one way for states, rows and whatever is printed."""

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

_PLAIN = frozenset({str, int, float, bool, type(None)})


class RawJson(str):
    """JSON text that goes into JSON output as it is; the caller vouches that it is valid."""

    __slots__ = ()


class Digits(float):
    """A number out of a JSON text, with its digits: as a float it may have lost some. `text` is what was there."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> "Digits":
        """The number that a text is."""
        made = super().__new__(cls, text)
        made.text = text
        return made


def jsonable(value: Any) -> Any:
    """Plain JSON values that read back as what they were.

    Decimals and ids are strings, times RFC 3339 UTC, durations ISO 8601, enums their values, models objects; numbers
    of a `RawJson` that are no integers are `Digits`.
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is dict:  # the usual ones first: the rest of the way is long
        return {name if type(name) is str else _key(name): jsonable(item) for name, item in value.items()}
    if kind is list:
        return [jsonable(item) for item in value]
    if kind is Decimal or (kind.__module__ == "uuid" and kind.__name__ == "UUID"):  # without importing it
        return str(value)
    if value is None or (isinstance(value, (bool, int, float)) and not isinstance(value, Enum)):
        return value
    if isinstance(value, RawJson):
        return json.loads(value, parse_float=Digits)
    if isinstance(value, Enum):
        return jsonable(value.value)
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return {_key(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, deque)):
        return [jsonable(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((jsonable(item) for item in value), key=str)
    if isinstance(value, datetime):
        moment = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        try:
            utc = moment.astimezone(UTC).replace(tzinfo=None)
            return utc.isoformat(timespec="microseconds") + "Z"  # strftime does not pad years
        except OverflowError:  # a time of the year 1 or 9999 that UTC has not
            return value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return iso_duration(value)
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


def iso_duration(value: timedelta) -> str:
    """`P1DT2H3.5S`, `-PT1H`: ISO 8601 in days and smaller units, whose lengths are certain."""
    sign, value = ("-", -value) if value.days < 0 else ("", value)
    hours, rest = divmod(value.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    fraction = f".{value.microseconds:06}".rstrip("0") if value.microseconds else ""
    days = f"{value.days}D" if value.days else ""
    clock = f"{hours}H" * bool(hours) + f"{minutes}M" * bool(minutes)
    clock += f"{seconds}{fraction}S" if seconds or fraction or not (days or clock) else ""
    return f"{sign}P{days}{'T' if clock else ''}{clock}"
