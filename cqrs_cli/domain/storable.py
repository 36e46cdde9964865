"""What a class declares that JSON can't give back: found when the `Domain` is made, not when the first is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, get_type_hints

from pydantic import BaseModel, ValidationError

from cqrs_cli.domain.pydantic_fast import nodes, reader, schema_of, to_json
from cqrs_cli.domain.writable import refuse_unwritable
from cqrs_cli.errors import DefinitionError

_ONLY_HERE = {"is-instance": "cls_repr", "is-subclass": "cls_repr", "callable": "type", "generator": "type"}
"""Kinds of pydantic's schemas that take what is an object of this process already, and the key with its name."""

_AS_KEYS = {"tuple", "list", "set", "frozenset", "dict", "model", "dataclass", "typed-dict", "call"}
_FREE = {"function-plain", "function-before", "function-wrap"}
"""A function of the user's makes the value: what it can make is not known."""

_INNER = (
    "schema", "items_schema", "values_schema", "choices", "fields", "arguments_schema", "definitions", "extras_schema",
)  # fmt: skip


def refuse_unreadable(cls: type[BaseModel]) -> None:
    """Raise `DefinitionError` for a field of a type that no JSON becomes again, or that is not written at all."""
    for name, info in cls.model_fields.items():
        if info.exclude:
            raise DefinitionError(f"{cls.__name__}.{name}: exclude=True would lose it", hint="drop exclude=True")
    for model in {node["cls"]: None for node in nodes(cls) if node["type"] == "model"}:
        for name, info in model.model_fields.items():
            if info.exclude:
                raise DefinitionError(
                    f"{cls.__name__} holds {model.__name__}.{name}, which exclude=True would lose",
                    hint="drop exclude=True",
                )
    for name, schema in _fields(schema_of(cls)):
        found = _unreadable(schema, set())
        if found is not None:
            raise DefinitionError(
                f"{cls.__name__}.{name}: {found} does not come back from JSON",
                hint="a model or a dataclass does, or say how: Annotated[…, PlainValidator(…), PlainSerializer(…)]",
            )
    _refuse_unwritable(cls)


def _refuse_unwritable(cls: type[BaseModel]) -> None:
    """The same for what is read by a function of the user's, in the class and in the models and dataclasses in it."""
    for node in nodes(cls):
        if node["type"] not in ("model", "dataclass") or "serialization" in node:
            continue
        owner = node["cls"]
        prefix = "" if owner is cls else f"{cls.__name__} holds "
        if node["type"] == "model":
            schemas = dict(_fields(node))
            for name, info in owner.model_fields.items():
                if name in schemas:
                    refuse_unwritable(f"{prefix}{owner.__name__}.{name}", info.annotation, schemas[name])
            continue
        with suppress(NameError, TypeError):
            for name, hint in get_type_hints(owner, include_extras=True).items():
                refuse_unwritable(f"{prefix}{owner.__name__}.{name}", hint, node["schema"])


def _fields(schema: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """The fields of a model by name, however deep in rules and definitions they stand; else the schema as a whole."""
    found = schema
    while "schema" in found and found["type"] not in _FREE:
        found = found["schema"]
    fields = found.get("fields")
    shared = schema.get("definitions", ())
    whole = [("its definitions", inner) for inner in shared]
    return [*fields.items(), *whole] if isinstance(fields, dict) else [("its type", schema)]


def _unreadable(schema: Any, seen: set[int]) -> str | None:
    """What within a schema can't be read from JSON, in words; None if all can."""
    if isinstance(schema, list | tuple):  # of choices, each perhaps with its tag, or of items
        return next((found for one in schema if (found := _unreadable(one, seen)) is not None), None)
    if not isinstance(schema, dict) or id(schema) in seen:
        return None
    seen.add(id(schema))
    kind = schema.get("type")
    if not isinstance(kind, str):  # fields by name, choices by tag
        return _unreadable(list(schema.values()), seen)
    if kind in _ONLY_HERE:
        return str(schema.get(_ONLY_HERE[kind]) or getattr(schema.get("cls"), "__name__", kind))
    if kind in _FREE:
        return None
    if kind == "literal":
        return next((repr(one) for one in schema["expected"] if not _is_readable(schema, one)), None)
    if kind == "json-or-python":
        return _unreadable(schema["json_schema"], seen)
    if kind == "lax-or-strict":
        return _unreadable(schema["lax_schema"], seen)
    if kind == "chain":
        return _unreadable(schema["steps"][0], seen)
    if kind == "dict" and schema.get("keys_schema", {}).get("type") in _AS_KEYS:
        return f"a dict with {schema['keys_schema']['type']} keys"
    return _unreadable([schema.get(key) for key in _INNER], seen)


def _is_readable(schema: Any, value: Any) -> bool:
    try:
        return bool(reader(schema)(to_json(value)) == value)
    except (ValidationError, ValueError):
        return False
