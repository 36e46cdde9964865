"""Default factories: which surely give the same every time, and what one filled in that was not stored.

A stored event that lacks a field gets the default of today's class. What a factory makes anew (an id, a time) would be
another value at each reading, so only factories that surely don't are trusted with that.
"""

from __future__ import annotations

import builtins
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any
from uuid import UUID

from pydantic import BaseModel

_EMPTY = (
    list, dict, set, frozenset, tuple, str, int, float, bool, bytes, Decimal, deque, defaultdict, OrderedDict, Counter,
)  # fmt: skip
_VALUES = (*_EMPTY, date, datetime, time, timedelta, UUID)
"""Classes that make the same of the same; called with nothing, those of `_EMPTY` do too."""


def is_constant(factory: Any) -> bool:
    """Whether a factory surely gives the same every time: an empty list, a lambda of constants, a model of defaults."""
    if isinstance(factory, type):
        return factory in _EMPTY or _makes_the_same(factory)
    if not isinstance(factory, FunctionType) or factory.__code__.co_freevars:
        return False
    known, names = {**vars(builtins), **factory.__globals__}, list(_names(factory.__code__))
    found = [known.get(name) for name in names]
    members = {name for one in found if isinstance(one, type) and issubclass(one, Enum) for name in one.__members__}
    return all(
        name in members or (isinstance(one, type) and (one in _VALUES or _makes_the_same(one)))
        for name, one in zip(names, found, strict=True)
    )


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _makes_the_same(cls: type) -> bool:
    if issubclass(cls, BaseModel):
        return not unsure_fields(cls)
    if is_dataclass(cls):
        factories = [field.default_factory for field in fields(cls)]
        return all(factory is MISSING or is_constant(factory) for factory in factories)
    return issubclass(cls, Enum)


@lru_cache(maxsize=1024)
def unsure_fields(cls: type[BaseModel]) -> tuple[str, ...]:
    """The fields of a model whose factory may give another value each time."""
    return tuple(
        name
        for name, info in cls.model_fields.items()
        if info.default_factory is not None and not is_constant(info.default_factory)
    )


def made_anew(value: Any) -> str | None:
    """The first field of a model, or of one inside it, that was not given and that such a factory made."""
    if isinstance(value, BaseModel):
        cls = type(value)
        for name in unsure_fields(cls):
            if name not in value.model_fields_set:
                return f"{cls.__name__}.{name}"
        parts: Iterable[Any] = vars(value).values()
    elif is_dataclass(value):
        parts = [getattr(value, field.name, None) for field in fields(value)]
    elif isinstance(value, dict):
        parts = value.values()
    elif isinstance(value, list | tuple | set | frozenset | deque):
        parts = value
    else:
        return None
    return next((found for part in parts if (found := made_anew(part)) is not None), None)


def gives_others(factory: Callable[[], Any]) -> bool:
    """Whether a factory was seen to give another value the second time, or is a calendar's today."""
    clock = getattr(factory, "__self__", None)
    if is_constant(factory):
        return False
    try:
        return (isinstance(clock, type) and issubclass(clock, date)) or bool(factory() != factory())
    except Exception:  # one that wants the other fields, or to be called where it is used
        return False
