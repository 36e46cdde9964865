"""What the types of a class prove about its instances, so that no second look at the payload is needed.

Of texts, integers, booleans, UUIDs, finite decimals, None, lists and models of them, with no code or rule of the
class's own between: an instance whose values are exactly of these types comes back from its JSON the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from cqrs_cli.domain.pydantic_fast import schema_of

Given = Callable[[Any], Any]
Schema = Mapping[str, Any]
MAX_NESTED = 20
_HARMLESS = {"extra", "frozen", "allow_inf_nan", "title"}
_KEYS: dict[str, set[str]] = {
    "str": {"type"},
    "int": {"type"},
    "bool": {"type"},
    "uuid": {"type"},
    "decimal": {"type", "allow_inf_nan"},
    "nullable": {"type", "schema"},
    "default": {"type", "schema", "default", "copy_default"},
    "list": {"type", "items_schema"},
    "model": {"type", "cls", "schema", "config", "custom_init", "root_model", "ref", "frozen"},
    "model-fields": {"type", "fields", "model_name", "computed_fields"},
    "model-field": {"type", "schema"},
}
"""By kind, the members of pydantic's schemas that are understood: any other one is a rule that proves nothing here."""


class Unproven(Exception):
    """The types don't prove it for this instance: it has to be looked at."""


def given_fields(cls: type[BaseModel], equal: tuple[Any, ...]) -> Given | None:
    """The function from an instance to the fields that were set, keys sorted; None if the types of the class prove
    nothing. It raises `Unproven` for an instance with other values than the types say.

    equal: the functions by which instances of `cls` itself may be compared.
    """
    try:
        return _reader(schema_of(cls), (*equal, BaseModel.__eq__), {}, 0)
    except Unproven:
        return None


def _reader(schema: Schema, equal: tuple[Any, ...], shared: Mapping[str, Schema], nested: int) -> Given:
    """shared: the schemas that others refer to, but those that lead here: a class inside itself has no bounds."""
    kind = schema["type"]
    if kind == "definitions":
        shared = {inner["ref"]: inner for inner in schema["definitions"]}
        return _reader(schema["schema"], equal, shared, nested)
    if kind == "definition-ref" and schema["schema_ref"] in shared:
        without = {ref: inner for ref, inner in shared.items() if ref != schema["schema_ref"]}
        return _reader(shared[schema["schema_ref"]], equal, without, nested)
    if nested > MAX_NESTED or not schema.keys() - {"metadata"} <= _KEYS.get(kind, set()):
        raise Unproven
    if kind in _LEAVES:
        return _LEAVES[kind]
    if kind == "model":
        return _model(schema, equal, shared, nested)
    if kind == "list":
        return _list(_reader(schema["items_schema"], equal, shared, nested + 1))
    inner = _reader(schema["schema"], equal, shared, nested)
    return _nullable(inner) if kind == "nullable" else inner


def _model(schema: Schema, equal: tuple[Any, ...], shared: Mapping[str, Schema], nested: int) -> Given:
    cls, fields = schema["cls"], schema["schema"]
    if (
        cls.__eq__ not in equal
        or not cls.model_config.keys() <= _HARMLESS
        or cls.model_config.get("extra") == "allow"
        or schema.get("custom_init")
        or schema.get("root_model")
        or fields.get("computed_fields")
        or fields["type"] != "model-fields"
        or not fields.keys() - {"metadata"} <= _KEYS["model-fields"]
    ):
        raise Unproven
    readers = [(name, _reader(field, equal, shared, nested + 1)) for name, field in sorted(fields["fields"].items())]
    count = len(readers)

    def read(model: Any) -> dict[str, Any]:
        if type(model) is not cls:
            raise Unproven
        values, given, made = model.__dict__, model.model_fields_set, {}
        if len(values) != count:  # one that is missing, or a cached property
            raise Unproven
        for name, reader in readers:
            value = reader(values[name]) if name in values else _refuse()
            if name in given:
                made[name] = value
        return made

    return read


def _list(inner: Given) -> Given:
    def read(value: Any) -> list[Any]:
        return [inner(item) for item in value] if type(value) is list else _refuse()

    return read


def _nullable(inner: Given) -> Given:
    return lambda value: None if value is None else inner(value)


def _refuse() -> Any:
    raise Unproven


def _exactly(kind: type) -> Given:
    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise Unproven
        return value

    return read


def _integer(value: Any) -> Any:
    return value if type(value) is int and -(2**63) <= value < 2**63 else _refuse()


def _decimal(value: Any) -> Any:
    return value if type(value) is Decimal and value.is_finite() else _refuse()


_LEAVES: dict[str, Given] = {
    "str": _exactly(str),
    "int": _integer,
    "bool": _exactly(bool),
    "uuid": _exactly(UUID),
    "decimal": _decimal,
}
