"""Objects that a row holds in two places: once loaded they are two, and rows would depend on how events came."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import BaseModel

_SINGLE = frozenset({str, int, float, bool, type(None), Decimal, UUID, datetime, date})


def own_copy(value: Any) -> Any:
    """A copy that shares nothing that can change with the value: lists and mappings of plain values at once."""
    kind = type(value)
    if kind in _SINGLE:
        return value
    if kind is dict and _SINGLE.issuperset(map(type, value.values())):
        return value.copy()
    if kind in (list, set) and _SINGLE.issuperset(map(type, value)):
        return value.copy()
    return copy.deepcopy(value)


def separate(values: dict[str, Any], names: Sequence[str]) -> None:
    """Let no two columns hold one object: once the row is loaded they don't, and one changes without the other."""
    seen: set[int] = set()
    for name in names:
        if id(values[name]) in seen and values[name] is not None:
            values[name] = copy.deepcopy(values[name])
        seen.add(id(values[name]))


def holds_twice(value: Any, seen: set[int]) -> bool:
    """Whether something that can change is among `seen` or stands twice in the value; what it holds is seen now."""
    if isinstance(value, dict):
        parts: Iterable[Any] = value.values()
    elif isinstance(value, list | tuple | set | frozenset | deque):
        parts = value
    elif isinstance(value, BaseModel):
        parts = vars(value).values()
    elif is_dataclass(value):  # with slots, it may be
        parts = [getattr(value, field.name, None) for field in fields(value)]
    else:
        return False
    if not isinstance(value, tuple | frozenset):
        if id(value) in seen:
            return True
        seen.add(id(value))
    return any(holds_twice(part, seen) for part in parts if type(part) not in _SINGLE)
