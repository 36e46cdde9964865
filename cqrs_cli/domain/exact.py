"""What the types of a class prove about its instances, so that no second look at the payload is needed.

Of texts, integers, booleans, UUIDs, finite decimals, None, lists and models of them, with no code or rule of the
class's own between: an instance whose values are exactly of these types comes back from its JSON the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from operator import itemgetter
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from cqrs_cli.domain.messages import Command
from cqrs_cli.domain.pydantic_fast import constructed, fields_set, schema_of

Reader = Callable[[Any], Any]
Parts = Sequence[tuple[str, "type | None", Reader]]
"""The fields of a model in order: name, the type of values that need no look, the reader of others."""

OfModel = Callable[[type[BaseModel], Parts], Reader]
Schema = Mapping[str, Any]
MAX_NESTED = 20
_HARMLESS = {"extra", "frozen", "allow_inf_nan", "title"}
_WRAPPERS = {"nullable", "default", "model-field"}
_KEYS = {
    "type", "schema", "metadata", "ref", "items_schema", "default", "copy_default", "allow_inf_nan", "frozen",
    "cls", "config", "custom_init", "root_model", "fields", "model_name", "computed_fields",
}  # fmt: skip
"""The members of pydantic's schemas that are understood: any other one is a rule that proves nothing here."""


class Unproven(Exception):
    """The types don't prove it for this instance: it has to be looked at."""


def given_fields(cls: type[BaseModel]) -> Reader | None:
    """The function from an instance to the fields that were set, keys sorted; None if the types of the class prove
    nothing. It raises `Unproven` for an instance with other values than the types say."""
    return _read(cls, _given)


def copied(cls: type[BaseModel]) -> Reader | None:
    """As `given_fields`, the function from an instance to what its JSON gives: an equal one, with all fields set, that
    shares nothing with it that can change."""
    return _read(cls, _copied)


def _read(cls: type[BaseModel], model: OfModel) -> Reader | None:
    try:
        return _reader(schema_of(cls), model, {}, 0)
    except Unproven:
        return None


def _given(cls: type[BaseModel], parts: Parts) -> Reader:
    count, parts = len(parts), sorted(parts, key=itemgetter(0))

    def read(model: Any) -> dict[str, Any]:
        if type(model) is not cls:
            raise Unproven
        values, given, made = model.__dict__, fields_set(model), {}
        if len(values) != count:  # one that is missing, or a cached property
            raise Unproven
        for name, kind, reader in parts:
            value = values.get(name, _MISSING)
            if type(value) is not kind:
                value = reader(value)
            if name in given:
                made[name] = value
        return made

    return read


def _copied(cls: type[BaseModel], parts: Parts) -> Reader:
    names = [name for name, _, _ in parts]
    fields = set(names)

    def read(model: Any) -> Any:
        if type(model) is not cls:
            raise Unproven
        values = model.__dict__.copy()
        if [*values] != names:  # in another order too
            raise Unproven
        for name, kind, reader in parts:
            value = values[name]
            if type(value) is not kind:
                values[name] = reader(value)
        return constructed(cls, values, fields.copy())

    return read


_MISSING = object()


def _reader(schema: Schema, model: OfModel, shared: Mapping[str, Schema], nested: int) -> Reader:
    """shared: the schemas that others refer to, but those that lead here: a class inside itself has no bounds."""
    kind = schema["type"]
    if kind == "definitions":
        shared = {inner["ref"]: inner for inner in schema["definitions"]}
        return _reader(schema["schema"], model, shared, nested)
    if kind == "definition-ref" and schema["schema_ref"] in shared:
        without = {ref: inner for ref, inner in shared.items() if ref != schema["schema_ref"]}
        return _reader(shared[schema["schema_ref"]], model, without, nested)
    if nested > MAX_NESTED or not schema.keys() <= _KEYS:
        raise Unproven
    if kind in _LEAVES:
        return _LEAVES[kind]
    if kind == "list":
        return _list(_reader(schema["items_schema"], model, shared, nested + 1))
    if kind in _WRAPPERS:
        inner = _reader(schema["schema"], model, shared, nested)
        return _nullable(inner) if kind == "nullable" else inner
    if kind != "model" or not _is_plain(schema, schema["schema"]):
        raise Unproven
    fields = schema["schema"]["fields"].items()
    readers = [(name, _reader(field, model, shared, nested + 1)) for name, field in fields]
    return model(schema["cls"], [(name, _ATOMS.get(reader), reader) for name, reader in readers])


def _is_plain(schema: Schema, fields: Schema) -> bool:
    """Whether an instance is its fields and nothing else, made and compared as pydantic does it."""
    cls = schema["cls"]
    return (
        cls.__eq__ in (BaseModel.__eq__, Command.__eq__)
        and cls.__new__ is object.__new__
        and cls.model_config.keys() <= _HARMLESS
        and cls.model_config.get("extra") != "allow"
        and fields["type"] == "model-fields"
        and fields.keys() <= _KEYS
        and not (schema.get("custom_init") or schema.get("root_model") or fields.get("computed_fields"))
    )


def _list(inner: Reader) -> Reader:
    def read(value: Any) -> list[Any]:
        return [inner(item) for item in value] if type(value) is list else _refuse()

    return read


def _nullable(inner: Reader) -> Reader:
    return lambda value: None if value is None else inner(value)


def _refuse() -> Any:
    raise Unproven


def _exactly(kind: type) -> Reader:
    return lambda value: value if type(value) is kind else _refuse()


def _integer(value: Any) -> Any:
    return value if type(value) is int and -(2**63) <= value < 2**63 else _refuse()


def _decimal(value: Any) -> Any:
    return value if type(value) is Decimal and value.is_finite() else _refuse()


_ATOMS = {_exactly(kind): kind for kind in (str, bool, UUID)}
"""Of these the type is all there is to look at: no call is needed."""

_LEAVES = {**{kind.__name__.lower(): reader for reader, kind in _ATOMS.items()}, "int": _integer, "decimal": _decimal}
