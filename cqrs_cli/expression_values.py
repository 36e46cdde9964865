"""The values that a condition meets, and what its compiled code calls: comparing, reckoning, looking into lists.

What is absent is None. It compares with nothing, and what is reckoned with it is None.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import lru_cache
from typing import Any
from uuid import UUID


class Literal(str):
    """A text that was typed: it takes the type of what it is compared with, or that is a mistake."""

    __slots__ = ()


def _member(value: Any, name: Any) -> Any:
    """A field, a member or a place; None if it is not there."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        return value.get(name)
    if isinstance(name, int):
        return value[name] if isinstance(value, (list, tuple)) and -len(value) <= name < len(value) else None
    fields = getattr(type(value), "model_fields", ())
    return getattr(value, name) if name in fields else None


def _listed(value: Any) -> Any:
    if value is None:
        return ()
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, (list, tuple, set, frozenset)):
        return value
    raise TypeError(f"{_shown(value)} is no list")


def _pair(left: Any, right: Any) -> tuple[Any, Any] | None:
    """The two as values that can be compared; None if they can't."""
    if left is None or right is None:
        return None
    if type(left) is type(right):
        return left, right
    if isinstance(left, Enum) or isinstance(right, Enum):
        return _pair(*(one.value if isinstance(one, Enum) else one for one in (left, right)))
    if isinstance(left, str) != isinstance(right, str):
        value, met = (left, right) if isinstance(left, str) else (right, left)
        kind: Any = type(met)
        fitting = _fitting(str(value), kind)
        if fitting is None:
            if isinstance(value, Literal):
                raise TypeError(f"{_shown(str(value))} is compared with {_shown(met)}")
            return None
        return (fitting, met) if value is left else (met, fitting)
    if isinstance(left, bool) or isinstance(right, bool):
        return (left, right) if isinstance(left, bool) and isinstance(right, bool) else None
    if isinstance(left, datetime) != isinstance(right, datetime) and isinstance(left, date) and isinstance(right, date):
        return (_day(left), _day(right))
    if isinstance(left, float) or isinstance(right, float):
        return (_exact(left), _exact(right)) if _is_number(left) and _is_number(right) else None
    return left, right


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _exact(value: Any) -> Decimal:
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def _day(value: Any) -> date:
    return value.date() if isinstance(value, datetime) else value


@lru_cache(maxsize=4096)
def _fitting(text: str, kind: Any) -> Any:
    """The text as a value of this type; None if it is none."""
    try:
        if issubclass(kind, bool):
            return {"true": True, "false": False}.get(text.lower())
        if issubclass(kind, (int, float, Decimal)):
            found = Decimal(text)
            return found if found.is_finite() else None
        if issubclass(kind, datetime):
            moment = datetime.fromisoformat(text)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        if issubclass(kind, date):
            return date.fromisoformat(text[:10])
        if issubclass(kind, UUID):
            return UUID(text)
    except (ValueError, InvalidOperation):
        return None
    return None


def _equal(left: Any, right: Any) -> bool:
    pair = _pair(left, right)
    return pair is not None and bool(pair[0] == pair[1])


def _unequal(left: Any, right: Any) -> bool:
    return left is not None and right is not None and not _equal(left, right)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def ordered(left: Any, right: Any) -> bool:
        pair = _pair(left, right)
        if pair is None:
            return False
        try:
            return compare(*pair)
        except TypeError:  # what has no order, such as a list and a number
            return False

    return ordered


def _in(left: Any, right: Any) -> bool:
    if left is None:
        return False
    if isinstance(right, str):
        return isinstance(left, str) and left in right
    return any(_equal(left, one) for one in _listed(right))


def _not_in(left: Any, right: Any) -> bool:
    return left is not None and not _in(left, right)


def _like(left: Any, pattern: Any) -> bool:
    """SQL's LIKE, with upper and lower case told apart: `%` for any text, `_` for a letter."""
    if left is not None and not isinstance(left, str):
        raise TypeError(f"{_shown(left)} is no text")
    return left is not None and _pattern(str(pattern)).fullmatch(left) is not None


@lru_cache(maxsize=64)
def _pattern(like: str) -> re.Pattern[str]:
    parts = re.split(r"(%+|_)", like)
    made = ("." if part == "_" else ".*" if part[:1] == "%" else re.escape(part) for part in parts)
    return re.compile("".join(made), re.DOTALL)


def _number(value: Any) -> Any:
    """A number, also one that JSON has as a text; None for null."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if value is None or (isinstance(value, (int, Decimal)) and not isinstance(value, bool)):
        return value
    try:
        return Decimal(value)
    except (InvalidOperation, TypeError, ValueError):
        raise TypeError(f"{_shown(value)} is no number") from None


def _reckoned(reckon: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def reckoned(left: Any, right: Any) -> Any:
        left, right = _number(left), _number(right)
        return None if left is None or right is None else reckon(left, right)

    return reckoned


def _divided(left: Any, right: Any) -> Any:
    return None if right == 0 else Decimal(left) / Decimal(right)


def _shown(value: Any) -> str:
    return ascii(value)[:40]


def _text_of(value: Any) -> Any:
    return None if value is None else str(value.value if isinstance(value, Enum) else value)


def _length(value: Any) -> Any:
    if value is None:
        return 0
    if isinstance(value, (str, list, tuple, set, frozenset, Mapping)):
        return len(value)
    return sum(1 for _ in value)


def _many(fold: Callable[[Any], Any]) -> Callable[..., Any]:
    def folded(first: Any, *more: Any) -> Any:
        numbers = [_number(one) for one in ((first, *more) if more else _over(first)) if one is not None]
        return fold(numbers) if numbers or fold is sum else None

    return folded


def _over(value: Any) -> Any:
    return value if hasattr(value, "__next__") else _listed(value)


NAMED: dict[str, Callable[..., Any]] = {
    "len": _length,
    "sum": _many(sum),
    "min": _many(min),
    "max": _many(max),
    "any": lambda values: any(_over(values)),
    "all": lambda values: all(_over(values)),
    "abs": lambda value: None if value is None else abs(_number(value)),
    "lower": lambda value: None if value is None else _text_of(value).lower(),
    "upper": lambda value: None if value is None else _text_of(value).upper(),
    "startswith": lambda value, start: value is not None and _text_of(value).startswith(str(start)),
    "endswith": lambda value, end: value is not None and _text_of(value).endswith(str(end)),
    "contains": lambda value, part: _in(part, value),
    "date": lambda value: _fitting(value, date) if isinstance(value, str) else None if value is None else _day(value),
}
FUNCTIONS: dict[str, Any] = {
    **{f"_f_{name}": function for name, function in NAMED.items()},
    "_member": _member,
    "_listed": _listed,
    "_equal": _equal,
    "_unequal": _unequal,
    "_less": _ordered(lambda left, right: left < right),
    "_at_most": _ordered(lambda left, right: left <= right),
    "_more": _ordered(lambda left, right: left > right),
    "_at_least": _ordered(lambda left, right: left >= right),
    "_in": _in,
    "_not_in": _not_in,
    "_like": _like,
    "_plus": _reckoned(lambda left, right: left + right),
    "_minus": _reckoned(lambda left, right: left - right),
    "_times": _reckoned(lambda left, right: left * right),
    "_divided": _reckoned(_divided),
    "_rest": _reckoned(lambda left, right: None if right == 0 else left % right),
}
