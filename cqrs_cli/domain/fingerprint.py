"""What the code of an aggregate's fold comes down to: two that differ may fold the same events differently.

It is a digest of the shape of the state, the versions and shapes of the events with their upcasters, and
the compiled code of the class (without its decides) and of the functions of its package that this calls.
Not everything that can change a fold is in there, so equal digests prove nothing: only `version=` says
that snapshots count, and a digest that differs says that they don't.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from types import CodeType, FunctionType
from typing import Any

from pydantic import BaseModel
from pydantic.errors import PydanticUserError

from cqrs_cli.domain.aggregate import Aggregate, AggregateType

_FORMAT = 1  # of snapshots and of this digest


def fingerprint(aggregate: AggregateType) -> str:
    """32 hexadecimal digits. The same in every process that runs the same code on the same Python."""
    cls = aggregate.cls
    decides = {clause.function for clause in aggregate.deciders.values()}
    events = sorted(aggregate.evolvers, key=lambda event: event.stored.name)
    said = [
        _FORMAT,
        aggregate.key,
        _shape(cls),
        [
            [
                event.stored.name,
                event.stored.version,
                _shape(event),
                [[step, _code(cast)] for step, cast in sorted(event.stored.upcasters.items())],
            ]
            for event in events
        ],
        [[name, _code(function)] for name, function in _functions(cls) if function not in decides],
    ]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:32]


def _shape(model: type[BaseModel]) -> Any:
    """The JSON Schema; what has none (types of the user's own) is told by its annotations."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # defaults that JSON can't show
            return _settled(model.model_json_schema())
    except PydanticUserError:
        return [[name, str(field.annotation)] for name, field in model.model_fields.items()]


def _settled(schema: Any, in_default: bool = False) -> Any:
    """The schema with the sets among its defaults in one order: theirs changes from process to process."""
    if isinstance(schema, dict):
        return {name: _settled(value, in_default or name == "default") for name, value in schema.items()}
    if isinstance(schema, list):
        settled = [_settled(value, in_default) for value in schema]
        return sorted(settled, key=lambda value: json.dumps(value, sort_keys=True)) if in_default else settled
    return schema


def _functions(cls: type[Aggregate]) -> Iterator[tuple[str, Callable[..., Any]]]:
    """All that the class and its bases define, up to `Aggregate`."""
    for base in cls.__mro__:
        if base is Aggregate:
            return
        for name, value in sorted(vars(base).items()):
            if isinstance(value, property):
                value = value.fget
            elif isinstance(value, cached_property):
                value = value.func
            for wrapper in ("wrapped", "__func__"):  # pydantic's validators, then class methods
                value = getattr(value, wrapper, value)
            if isinstance(value, FunctionType):
                yield name, value


def _code(function: Any) -> str:
    """A digest of what the function does, and those of its own package that it calls by name."""
    digest = hashlib.sha256()
    package, _, _ = str(getattr(function, "__module__", "")).partition(".")
    waiting, seen = [function], set()
    while waiting:
        current = waiting.pop(0)
        while hasattr(current, "__wrapped__"):
            current = current.__wrapped__
        code = getattr(current, "__code__", None)
        if code is None:  # a partial, an object that can be called
            digest.update(type(current).__qualname__.encode())
            continue
        if code in seen:
            continue
        seen.add(code)
        names: list[str] = []
        for part in _codes(code):
            digest.update(repr((part.co_code, part.co_names, _constants(part.co_consts))).encode())
            names += part.co_names
        for name in names:
            called = current.__globals__.get(name)
            if isinstance(called, FunctionType) and called.__module__.partition(".")[0] == package:
                waiting.append(called)
    return digest.hexdigest()


def _codes(code: CodeType) -> Iterator[CodeType]:
    """The code and what is defined inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _constants(constants: Iterable[Any]) -> list[str]:
    """In words that don't change from process to process."""
    return [
        repr(sorted(map(repr, constant))) if isinstance(constant, frozenset) else repr(constant)
        for constant in constants
        if not isinstance(constant, CodeType)
    ]
