"""What is known, before a condition meets any value, of the fields that its names have.

A type is a model, a dataclass, a NamedTuple, a list or a mapping of those, or `Fields`. Of what is none of them, and of
`Any`, nothing is known, and a field that is not there is null.
"""

from __future__ import annotations

import types
from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import lru_cache
from typing import Annotated, Any, Union, cast, get_args, get_origin, get_type_hints


class Fields(dict[str, Any]):
    """Fields by their names, with their types: of a mapping in the scope, all of whose members are known."""


_NONE_INSIDE: Mapping[str, Any] = Fields()


def fields_of(kind: Any) -> Mapping[str, Any] | None:
    """The fields of a type with their types; None where any name may be one."""
    if isinstance(kind, Fields):
        return kind
    kinds = alternatives(kind)
    if len(kinds) != 1:
        every = [fields_of(one) for one in kinds]
        return None if None in every or not every else {name: Any for one in every for name in one or ()}
    origin: Any = get_origin(kinds[0]) or kinds[0]
    if not isinstance(origin, type) or issubclass(origin, Mapping):
        return None
    if hasattr(origin, "model_fields") or is_dataclass(origin) or _is_named(origin):
        return declared(cast(Any, origin))
    scalar = origin.__module__ in ("builtins", "decimal", "datetime", "uuid") or issubclass(origin, Enum)
    return _NONE_INSIDE if scalar and origin is not object else None


def inside(kind: Any) -> Any:
    """The type of what a list or a mapping holds; `Any` if that is not known."""
    kinds = alternatives(kind)
    if len(kinds) != 1:
        return Any
    arguments, origin = get_args(kinds[0]), get_origin(kinds[0])
    if not isinstance(origin, type) or not issubclass(origin, Collection):
        return Any
    if issubclass(origin, Mapping):
        return arguments[1] if len(arguments) == 2 else Any
    several = issubclass(origin, tuple) and arguments[1:] not in ((), (...,))
    return Any if several or not arguments else arguments[0]


@lru_cache(maxsize=1024)
def declared(kind: Any) -> Mapping[str, Any] | None:
    """The fields that a class declares: of a model, computed ones too. None: it takes any, or declares none."""
    found = getattr(kind, "model_fields", None)
    if isinstance(found, dict):
        if kind.model_config.get("extra") == "allow":
            return None
        computed = {name: one.return_type for name, one in kind.model_computed_fields.items()}
        return {name: one.annotation for name, one in found.items()} | computed
    if not is_dataclass(kind) and not _is_named(kind):
        return None
    names: Any = [one.name for one in fields(kind)] if is_dataclass(kind) else kind._fields
    try:
        hints = get_type_hints(kind)
    except Exception:  # a name in an annotation that is not there when it is looked at
        hints = {}
    return {name: hints.get(name, Any) for name in names}


def _is_named(kind: type) -> bool:
    return issubclass(kind, tuple) and hasattr(kind, "_fields")


def alternatives(kind: Any) -> list[Any]:
    """What a value of this type may be, but for None."""
    while True:
        if get_origin(kind) is Annotated:
            kind = get_args(kind)[0]
        elif hasattr(kind, "__supertype__") or hasattr(kind, "__value__"):  # a NewType, `type X = …`
            kind = getattr(kind, "__supertype__", None) or kind.__value__
        else:
            break
    if get_origin(kind) in (Union, types.UnionType):
        return [one for part in get_args(kind) if part is not type(None) for one in alternatives(part)]
    return [kind]
