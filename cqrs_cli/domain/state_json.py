"""A state as JSON text that gives back the very same state, or a refusal."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterable
from datetime import datetime, time, timezone
from decimal import Decimal
from enum import Enum
from typing import Any

from pydantic import BaseModel, ValidationError

from cqrs_cli.domain.aggregate import Aggregate, AggregateType
from cqrs_cli.domain.payload import sorted_sets
from cqrs_cli.domain.pydantic_fast import TzInfo, hidden, writer
from cqrs_cli.errors import InvalidInput

_FIXED_ZONES = (timezone, TzInfo)
_NOTHING = object()


def state_json(aggregate: AggregateType, state: Aggregate) -> str:
    """The state as JSON, proven by reading it back. Raises `InvalidInput` naming what would not be the same.

    "The same" is stricter than `==`: types, digits, the order of keys and time zones count too, and an
    object that the state holds in two places would come back as two. (Which fields were ever set is not kept.)
    """
    name = aggregate.cls.__name__
    try:
        text = _written(sorted_sets(state))
        again = aggregate.cls.model_validate_json(text)
    except (ValueError, TypeError, RecursionError) as error:  # pydantic's own errors are ValueErrors
        raise InvalidInput(
            f"a state of {name} does not come back from JSON: {str(error).splitlines()[0]}",
            hint="fields must take back what they write as JSON",
        ) from None
    lost = _difference("", state, again, set())
    if lost is not None:
        raise InvalidInput(
            f"a state of {name} does not come back from JSON as it was: {lost}",
            hint="assign values of the type that the field declares",
        )
    return text


def restored(aggregate: AggregateType, text: str) -> Aggregate | None:
    """The state behind a text of `state_json`, or None if today's class makes something else of it."""
    try:
        state = aggregate.cls.model_validate_json(text)
        same = _written(state) == text or _written(sorted_sets(state)) == text
    except (ValidationError, ValueError, TypeError, RecursionError):
        return None
    return state if same else None


def _written(state: Any) -> str:
    # Sets are written as lists, about which the serializer would warn; what is wrong shows when it is read back.
    data: bytes = writer(type(state))(state, by_alias=True, round_trip=True, warnings="none")
    return data.decode()


def _difference(path: str, old: Any, new: Any, seen: set[int]) -> str | None:
    """The first place where two values are not the same, or None. seen: ids of all changeable objects so far."""
    if type(old) is not type(new):
        return f"{path or 'it'} was {type(old).__name__} and becomes {type(new).__name__}"
    if _can_change(old):
        if id(old) in seen:
            return f"{path} is held in another place too"
        seen.add(id(old))
    parts = _parts(path, old, new)
    if parts is None:
        return None if _same_leaf(old, new) else f"{path} was {old!r} and becomes {new!r}"
    for inner, before, after in parts:
        found = _difference(inner, before, after, seen)
        if found is not None:
            return found
    return None


def _parts(path: str, old: Any, new: Any) -> Iterable[tuple[str, Any, Any]] | None:
    """What two values of one type consist of, side by side; None for a value without parts."""
    if isinstance(old, BaseModel):
        return _members(path, {**vars(old), **hidden(old)}, {**vars(new), **hidden(new)})
    if dataclasses.is_dataclass(old):
        names = [field.name for field in dataclasses.fields(old)]
        return [(f"{path}.{name}", getattr(old, name), getattr(new, name)) for name in names]
    if isinstance(old, dict):
        factories = ("default factory", getattr(old, "default_factory", None), getattr(new, "default_factory", None))
        keys = [(f"a key of {path}", before, after) for before, after in zip(old, new, strict=False)]
        return [factories, *keys, *_members(path, old, new)]
    if isinstance(old, list | tuple | deque):
        return [
            (f"the length of {path}", _length(old), _length(new)),
            *((f"{path}[{at}]", *pair) for at, pair in enumerate(zip(old, new, strict=False))),
        ]
    return None


def _length(value: list[Any] | tuple[Any, ...] | deque[Any]) -> str:
    return f"{len(value)} of {value.maxlen}" if isinstance(value, deque) else str(len(value))


def _members(path: str, old: dict[Any, Any], new: dict[Any, Any]) -> Iterable[tuple[str, Any, Any]]:
    for name in dict.fromkeys([*old, *new]):
        yield f"{path}.{name}" if path else str(name), old.get(name, _NOTHING), new.get(name, _NOTHING)


def _can_change(value: Any) -> bool:
    if isinstance(value, BaseModel):
        return not value.model_config.get("frozen")
    return isinstance(value, list | dict | set | deque | bytearray) or dataclasses.is_dataclass(value)


def _same_leaf(old: Any, new: Any) -> bool:
    if isinstance(old, Enum):
        return old is new
    if isinstance(old, datetime | time):
        return _same_time(old, new)
    if isinstance(old, Decimal):
        return str(old) == str(new)  # 1.10 is not 1.1
    if isinstance(old, set | frozenset):
        others = {member: member for member in new}
        return old == new and all(_difference("", member, others[member], set()) is None for member in old)
    return bool(old == new)


def _same_time(old: datetime | time, new: datetime | time) -> bool:
    if old.tzinfo is None or new.tzinfo is None:
        return old == new and old.tzinfo is new.tzinfo and old.fold == new.fold
    fixed = isinstance(old.tzinfo, _FIXED_ZONES) and isinstance(new.tzinfo, _FIXED_ZONES)
    return fixed and old == new and old.utcoffset() == new.utcoffset()
