"""What a class declares that goes in and not out: types that a function of the user's reads and none writes."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, get_args, get_type_hints
from uuid import UUID

from pydantic import BaseModel

from cqrs_cli.domain.keys import named_type
from cqrs_cli.domain.pydantic_fast import own_schema
from cqrs_cli.errors import DefinitionError

_WRITTEN = (
    str, int, float, bytes, bytearray, type(None), list, tuple, dict, set, frozenset, deque,
    date, time, timedelta, Decimal, UUID, Enum, BaseModel, PurePath,
)  # fmt: skip
"""What pydantic writes by looking at the value, whatever the field says."""

_FUNCTIONS = {"function-plain", "function-before", "function-after", "function-wrap"}


def refuse_unwritable(where: str, annotation: Any, schema: Any) -> None:
    """Raise `DefinitionError` for a class in the field's annotation that is read by a function and written by none."""
    if not any(_unwritten(schema, set())):
        return
    for leaf in _classes(annotation, set()):
        if _nobody_writes(leaf, schema):
            raise DefinitionError(
                f"{where}: {leaf.__name__} is read by a function, and nothing says how it is written",
                hint=f"Annotated[{leaf.__name__}, PlainValidator(…), PlainSerializer(…)], or serialization= in its "
                "schema",
            )


def _nobody_writes(leaf: type, schema: Any) -> bool:
    if issubclass(leaf, _WRITTEN) or is_dataclass(leaf) or inspect.isabstract(leaf) or _is_open(leaf):
        return False
    own: Any = own_schema(leaf)
    if own is not None:
        while own.get("type") in ("definitions", "nullable", "default") and "serialization" not in own:
            own = own["schema"]
        return "serialization" not in own and own.get("type") in _FUNCTIONS
    return any(kind in ("function-plain", "is-instance") for kind in _unwritten(schema, set()))


def _is_open(leaf: type) -> bool:
    """Whether anything may be of this type: what it is in fact is seen when it is sent."""
    return leaf is object or getattr(leaf, "_is_protocol", False)


def _unwritten(schema: Any, seen: set[int]) -> Iterator[str]:
    """The kinds of the nodes where a function makes the value, or it is as it was given, and nothing writes it."""
    if isinstance(schema, list | tuple):
        for one in schema:
            yield from _unwritten(one, seen)
        return
    if not isinstance(schema, dict) or id(schema) in seen or "serialization" in schema:
        return
    seen.add(id(schema))
    kind = schema.get("type")
    if kind in _FUNCTIONS or kind == "is-instance":
        yield str(kind)
    if kind in ("model", "dataclass"):
        return  # their fields are looked at by themselves
    if kind == "json-or-python":
        yield from _unwritten(schema["json_schema"], seen)
        return
    if kind == "lax-or-strict":
        yield from _unwritten(schema["strict_schema"], seen)
        return
    for name, inner in schema.items():
        if name not in ("metadata", "function", "definitions", "default"):
            yield from _unwritten(inner, seen)


def _classes(annotation: Any, seen: set[Any]) -> Iterator[type]:
    """The classes that an annotation comes down to, those in its brackets and in its named tuples too."""
    annotation = named_type(annotation)
    arguments = get_args(annotation)
    if isinstance(annotation, type) and not arguments:
        if annotation in seen:
            return
        seen.add(annotation)
        yield annotation
        if hasattr(annotation, "_fields") or hasattr(annotation, "__total__"):
            with suppress(NameError, TypeError):
                arguments = tuple(get_type_hints(annotation, include_extras=True).values())
    for argument in arguments:
        yield from _classes(argument, seen)
