"""Whether two values mean the same, where `==` says no: times of two zones in an hour that comes twice are never equal.

JSON keeps the moment and its offset, not the zone's name, so that what comes back is in another zone.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from datetime import datetime, timezone
from typing import Any

from pydantic import BaseModel

from cqrs_cli.domain.pydantic_fast import TzInfo, hidden
from cqrs_cli.stores.moments import micros

FIXED_ZONES = (timezone, TzInfo)


def same_value(one: Any, other: Any) -> bool:
    """Whether they are equal, times taken as the moments that they are."""
    return bool(one == other) or bool(normal(one) == normal(other))


def normal(value: Any) -> Any:
    """The value with every aware time in it as a moment; what it is in, as plain parts with their type."""
    kind = type(value)
    if isinstance(value, datetime):
        return value if value.utcoffset() is None else ("a moment", micros(value))
    if kind is bool:
        return "a truth", value
    if isinstance(value, BaseModel):
        return kind, {name: normal(part) for name, part in {**vars(value), **hidden(value)}.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return kind, [normal(getattr(value, field.name, None)) for field in dataclasses.fields(value)]
    if isinstance(value, dict):
        return kind, {normal(key): normal(part) for key, part in value.items()}
    if isinstance(value, list | tuple | deque):
        return kind, [normal(part) for part in value]
    if isinstance(value, set | frozenset) and any(isinstance(part, datetime | tuple) for part in value):
        return kind, {_hashable(normal(part)) for part in value}
    return value


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, list | tuple) else value


def has_named_zone(value: Any) -> bool:
    """Whether a time of a named zone is in it, which JSON gives back with the offset alone."""
    if isinstance(value, datetime):
        return value.tzinfo is not None and not isinstance(value.tzinfo, FIXED_ZONES)
    if isinstance(value, BaseModel):
        return any(map(has_named_zone, vars(value).values()))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return any(has_named_zone(getattr(value, field.name, None)) for field in dataclasses.fields(value))
    if isinstance(value, dict):
        return any(map(has_named_zone, value)) or any(map(has_named_zone, value.values()))
    return isinstance(value, list | tuple | set | frozenset | deque) and any(map(has_named_zone, value))
