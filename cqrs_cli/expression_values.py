"""The values that a condition meets, and what its compiled code calls: comparing, reckoning, looking into lists.

What is absent is None. It compares with nothing, and what is reckoned with it is None.
"""

from __future__ import annotations

import operator
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from enum import Enum
from functools import lru_cache
from typing import Any
from uuid import UUID

from cqrs_cli.expression_types import declared

Compare = Callable[[Any, Any], Any]


class Literal(str):
    """A text that was typed: it takes the type of what it is compared with, or that is a mistake."""

    __slots__ = ()


def _member(value: Any, name: Any) -> Any:
    """A field, a member or a place; None if it is not there."""
    kind: Any = type(value)
    if kind is dict:
        return value.get(name)
    names, more = _readable(kind)
    if name in names:
        try:
            return getattr(value, name)
        except Exception as error:  # of a computed field
            raise TypeError(f"{name} raised {type(error).__name__}: {error}") from error
    if isinstance(value, Mapping):
        return value.get(name)
    if isinstance(name, int):
        return value[name] if isinstance(value, _SEQUENCES) and -len(value) <= name < len(value) else None
    return (getattr(value, more) or {}).get(name) if more else None


@lru_cache(maxsize=1024)
def _readable(kind: type) -> tuple[frozenset[str], str]:
    """The fields of an object that are seen, and where a model keeps what it takes besides: no method, no property."""
    more = "model_extra" if hasattr(kind, "model_fields") else ""
    return frozenset((*getattr(kind, "model_fields", ()), *(declared(kind) or ()))), more


_SEQUENCES = (list, tuple, deque)
_COLLECTIONS = (*_SEQUENCES, set, frozenset)


def _listed(value: Any) -> Any:
    if isinstance(value, _COLLECTIONS):
        return value
    if value is None:
        return ()
    if isinstance(value, Mapping):
        return list(value.values())
    raise TypeError(f"{_shown(value)} is no list")


def _pair(left: Any, right: Any) -> tuple[Any, Any] | None:
    """The two as values that can be compared; None if they can't."""
    if left is None or right is None:
        return None
    if type(left) is type(right):
        return (_aware(left), _aware(right)) if isinstance(left, datetime) else (left, right)
    if isinstance(left, Literal) != isinstance(right, Literal):
        literal, met = (left, right) if isinstance(left, Literal) else (right, left)
        convert, other = _fit(literal, met) or (None, None)
        if other is not None:
            met = met if convert is None else convert(met)
            return (other, met) if literal is left else (met, other)
    if isinstance(left, Enum) or isinstance(right, Enum):
        return _pair(*(one.value if isinstance(one, Enum) else one for one in (left, right)))
    if isinstance(left, str) != isinstance(right, str):
        value, met = (left, right) if isinstance(left, str) else (right, left)
        kind: Any = type(met)
        fitting = _fitting(str(value), kind)
        if fitting is None:
            return None
        return _pair(fitting, met) if value is left else _pair(met, fitting)
    if isinstance(left, bool) or isinstance(right, bool):
        return (left, right) if isinstance(left, bool) and isinstance(right, bool) else None
    if isinstance(left, datetime) != isinstance(right, datetime) and isinstance(left, date) and isinstance(right, date):
        return (_day(left), _day(right))
    if isinstance(left, float) or isinstance(right, float):
        return (_exact(left), _exact(right)) if _is_number(left) and _is_number(right) else None
    return left, right


def _fit(literal: Any, met: Any) -> tuple[Callable[[Any], Any] | None, Any] | None:
    """A typed value as one of the type of what it meets: how that is made comparable, and what with.

    None if there is no such rule. Raises `TypeError` for a text that is no value of the type.
    """
    kind: Any = type(met)
    if issubclass(kind, Enum):
        return _value_of, _fit_enum(literal, kind)
    if kind is float and (isinstance(literal, Literal) or _is_number(literal)):
        return _exact, _fit_text(literal, met) if isinstance(literal, Literal) else _exact(literal)
    if isinstance(literal, Literal):
        if kind is str or kind is Literal:
            return None, str(literal)
        return (_aware if kind is datetime else None), _fit_text(literal, met)
    both = (kind, type(literal))
    return (None, literal) if kind is type(literal) or (int in both and Decimal in both) else None


def _fit_text(literal: Literal, met: Any) -> Any:
    kind: Any = type(met)
    found = _fitting(str(literal), kind)
    if found is None:
        raise TypeError(f"{_shown(str(literal))} is compared with {_shown(met)}")
    return found


def _fit_enum(literal: Any, kind: type[Enum]) -> Any:
    values = [member.value for member in kind]
    for value in values:
        if str(value) == str(literal):
            return value
    if _is_number(literal) and all(map(_is_number, values)):
        return literal
    raise TypeError(f"{_shown(literal)} is none of {', '.join(map(str, values))}")


def _value_of(member: Any) -> Any:
    return member.value


def _aware(value: Any) -> Any:
    """A time without a zone is one of UTC."""
    return value if not isinstance(value, datetime) or value.tzinfo else value.replace(tzinfo=UTC)


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
            return _aware(datetime.fromisoformat(text))
        if issubclass(kind, date):
            return date.fromisoformat(text[:10])
        if issubclass(kind, UUID):
            return UUID(text)
    except (ValueError, InvalidOperation):
        return None
    return None


def _equal(left: Any, right: Any) -> bool:
    if type(left) is type(right) and type(left) is not datetime:
        return left is not None and bool(left == right)
    pair = _pair(left, right)
    return pair is not None and bool(pair[0] == pair[1])


def _unequal(left: Any, right: Any) -> bool:
    return left is not None and right is not None and not _equal(left, right)


def _ordered(compare: Compare) -> Compare:
    def ordered(left: Any, right: Any) -> Any:
        pair = _pair(left, right)
        if pair is None:
            return False
        try:
            return compare(*pair)
        except TypeError:  # what has no order, such as a list and a number
            return False

    return ordered


COMPARED: dict[str, tuple[Compare, Compare, str]] = {
    "_equal": (_equal, operator.eq, "_equal"),
    "_unequal": (_unequal, operator.ne, "_unequal"),
    "_less": (_ordered(operator.lt), operator.lt, "_more"),
    "_at_most": (_ordered(operator.le), operator.le, "_at_least"),
    "_more": (_ordered(operator.gt), operator.gt, "_less"),
    "_at_least": (_ordered(operator.ge), operator.ge, "_at_most"),
}
"""By name: how any two values are compared, how two of one type are, and the same with the sides changed."""


def compared_with(name: str, literal: Any) -> Callable[[Any], Any]:
    """The comparison of a value with one that was typed: what that is among values of a type is found out once."""
    anyhow, directly, _ = COMPARED[name]
    known: dict[type, tuple[Callable[[Any], Any] | None, Any] | None] = {}

    def compared(value: Any) -> Any:
        kind = type(value)
        try:
            found = known[kind]
        except KeyError:
            found = known[kind] = None if value is None else _fit(literal, value)
        if found is None:
            return anyhow(value, literal)
        convert, other = found
        return directly(value if convert is None else convert(value), other)

    return compared


def among(literals: Sequence[Any]) -> Callable[[Any], bool]:
    """Whether a value is one of those that were typed."""
    texts = frozenset(map(str, literals)) if all(isinstance(one, Literal) for one in literals) else None
    tests = [compared_with("_equal", one) for one in literals]

    def is_among(value: Any) -> bool:
        if texts is not None and type(value) is str:
            return value in texts
        return value is not None and any(test(value) for test in tests)

    return is_among


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
    return left is not None and _pattern(str(pattern))(str(left))


@lru_cache(maxsize=64)
def _pattern(like: str) -> Callable[[str], bool]:
    """Whether a text is like it. Each part is looked for once, from the left: no text makes that slow."""
    first, *parts = [
        re.compile("".join("." if letter == "_" else re.escape(letter) for letter in part), re.DOTALL)
        for part in re.split("%+", like)
    ]
    if not parts:
        return lambda text: first.fullmatch(text) is not None
    *middle, last = parts
    ending = sum(map(len, re.split("%+", like)[-1:]))

    def matches(text: str) -> bool:
        found = first.match(text)
        for part in middle:
            found = found and part.search(text, found.end())
        start = len(text) - ending
        return found is not None and found.end() <= start and last.fullmatch(text, start) is not None

    return matches


def _number(value: Any) -> Any:
    """A number, also one that JSON has as a text; None for null."""
    if type(value) is int or type(value) is Decimal:
        return value
    if isinstance(value, float):
        return Decimal(repr(value))
    if value is None or (isinstance(value, (int, Decimal)) and not isinstance(value, bool)):
        return value
    try:
        return Decimal(value)
    except (InvalidOperation, TypeError, ValueError):
        raise TypeError(f"{_shown(value)} is no number") from None


_EXACT = Context(prec=1_000, traps=[Inexact, InvalidOperation, Overflow])
_DIVIDED = Context(prec=50)
"""Digits: of what is added and multiplied none is lost, of at most a thousand; a division may have no last one."""


def _reckoned(whole: Compare, exact: Compare) -> Callable[[Any, Any], Any]:
    def reckoned(left: Any, right: Any) -> Any:
        left, right = _number(left), _number(right)
        if left is None or right is None:
            return None
        return whole(left, right) if type(left) is int and type(right) is int else exact(Decimal(left), Decimal(right))

    return reckoned


def _rest(left: Any, right: Any) -> Any:
    """What is left of a division, with the sign of `right`, as Python's integers have it; of decimals too."""
    if right == 0 or type(left) is int:
        return None if right == 0 else left % right
    found = _EXACT.remainder(left, right)
    return _EXACT.add(found, right) if found and (found < 0) != (right < 0) else found


def _divided(left: Any, right: Any) -> Any:
    return None if right == 0 else _DIVIDED.divide(Decimal(left), Decimal(right))


def _sum(values: Iterable[Any]) -> Any:
    total: Any = 0
    for value in values:
        total = added(total, value)
    return total


added = _reckoned(operator.add, _EXACT.add)
"""Two numbers added, exactly: of integers and decimals. Raises `ArithmeticError` for more than a thousand digits."""


def _shown(value: Any) -> str:
    return ascii(value)[:40]


def _text_of(value: Any) -> Any:
    return None if value is None else str(value.value if isinstance(value, Enum) else value)


def _length(value: Any) -> Any:
    if value is None:
        return 0
    if isinstance(value, (str, *_COLLECTIONS, Mapping)):
        return len(value)
    return sum(1 for _ in _over(value))


def _many(fold: Callable[[Any], Any]) -> Callable[..., Any]:
    def folded(first: Any, *more: Any) -> Any:
        numbers = [_number(one) for one in ((first, *more) if more else _over(first)) if one is not None]
        return fold(numbers) if numbers or fold is _sum else None

    return folded


def _over(value: Any) -> Any:
    return value if hasattr(value, "__next__") else _listed(value)


NAMED: dict[str, Callable[..., Any]] = {
    "len": _length,
    "sum": _many(_sum),
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
    **{name: anyhow for name, (anyhow, _, _) in COMPARED.items()},
    "_in": _in,
    "_not_in": _not_in,
    "_like": _like,
    "_plus": added,
    "_minus": _reckoned(operator.sub, _EXACT.subtract),
    "_times": _reckoned(operator.mul, _EXACT.multiply),
    "_divided": _reckoned(_divided, _divided),
    "_rest": _reckoned(_rest, _rest),
}
