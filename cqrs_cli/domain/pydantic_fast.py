"""The one door to what pydantic doesn't document: all that knows how a model is made inside is here.

Nothing else in the package names these parts. `tests/domain/test_pydantic_fast.py` has an assertion for each
of them, so that a pydantic that changed them is noticed there first. Functions are bound once to a class and
called often: what they give is pydantic's own, without a step of ours between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter
from pydantic_core import ErrorDetails, PydanticSerializationError, SchemaValidator, TzInfo, to_json, to_jsonable_python
from pydantic_core import PydanticUndefined as UNDEFINED

__all__ = ["UNDEFINED", "ErrorDetails", "PydanticSerializationError", "TzInfo", "to_json", "to_jsonable_python"]
"""What is pydantic's own, by a name that it doesn't promise."""

Model = TypeVar("Model", bound=BaseModel)
_DECORATED = (
    "validators", "field_validators", "root_validators", "model_validators",
    "field_serializers", "model_serializers", "computed_fields",
)  # fmt: skip


def from_json(cls: type[Model]) -> Callable[[bytes | str], Model]:
    """`model_validate_json` of a class, in half the time for a small one. Raises `ValidationError`."""
    return cls.__pydantic_validator__.validate_json


def from_python(cls: type[Model]) -> Callable[[Any], Model]:
    """`model_validate` in lax mode, whatever the class says, by names and by aliases. Raises `ValidationError`."""
    return partial(cls.__pydantic_validator__.validate_python, strict=False, by_alias=True, by_name=True)


def writer(cls: type[BaseModel]) -> Callable[..., bytes]:
    """`model_dump_json` as bytes: called with an instance and pydantic's keywords."""
    return cls.__pydantic_serializer__.to_json


def to_plain(cls: type[BaseModel]) -> Callable[..., Any]:
    """`model_dump`: called with an instance and pydantic's keywords."""
    return cls.__pydantic_serializer__.to_python


def is_complete(cls: type[BaseModel]) -> bool:
    """Whether all annotations of the class are resolved."""
    return cls.__pydantic_complete__


def generic_arguments(cls: type) -> tuple[Any, ...]:
    """What stands in the brackets of a generic model (`Query[Row]`: `(Row,)`); empty for another class."""
    arguments: tuple[Any, ...] = getattr(cls, "__pydantic_generic_metadata__", {}).get("args") or ()
    return arguments


def hidden(model: BaseModel) -> dict[str, Any]:
    """Extra fields and private attributes, which stand apart from the fields."""
    return {**(model.__pydantic_extra__ or {}), **(model.__pydantic_private__ or {})}


def decorated(cls: type[BaseModel]) -> set[str]:
    """The names of its functions that pydantic calls: validators, serializers, computed fields."""
    every = (getattr(cls.__pydantic_decorators__, kind) for kind in _DECORATED)
    return {rule.cls_var_name for rules in every for rule in rules.values()}


def has_no_rules(cls: type[BaseModel]) -> bool:
    """Whether no code of the class's own looks at or changes the values of a new instance."""
    decorators = cls.__pydantic_decorators__
    return (
        cls.__pydantic_post_init__ is None
        and not (decorators.validators or decorators.field_validators)
        and not (decorators.model_validators or decorators.root_validators)
    )


def reads_raw(cls: type[BaseModel]) -> set[str]:
    """The fields for which code of the class's own gets what was given, before pydantic makes a value of it."""
    decorators = cls.__pydantic_decorators__
    if decorators.root_validators or any(rule.info.mode != "after" for rule in decorators.model_validators.values()):
        return set(cls.model_fields)
    before = (rule.info for rule in decorators.field_validators.values() if rule.info.mode != "after")
    fields = {name for info in before for name in info.fields} | {
        name for rule in decorators.validators.values() for name in rule.info.fields
    }
    return set(cls.model_fields) if "*" in fields else fields


def constructed(cls: type[Model], values: dict[str, Any], fields: set[str]) -> Model:
    """What `model_construct` makes, which looks each field up by its aliases first: a third of the time for a row.

    values: of all fields, by name; the instance keeps this dict. fields: those that count as set.
    """
    made = object.__new__(cls)
    _put_values(made, values)
    _put_fields_set(made, fields)
    _put_extra(made, None)
    _put_private(made, None)
    return made


def count_as_set(model: BaseModel, fields: set[str]) -> None:
    """Let these fields count as set, whether they were or not."""
    model.__pydantic_fields_set__ |= fields


fields_set: Callable[[BaseModel], set[str]] = vars(BaseModel)["__pydantic_fields_set__"].__get__
"""`model_fields_set`, in half the time."""

_put_values, _put_fields_set, _put_extra, _put_private = (
    vars(BaseModel)[slot].__set__
    for slot in ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")
)


def schema_of(cls: type[BaseModel]) -> Mapping[str, Any]:
    """What pydantic made of the class: nested dicts whose `type` is a kind."""
    return cls.__pydantic_core_schema__


def also_read_as(cls: type[BaseModel], schema: Any, older: Mapping[str, tuple[str, ...]]) -> Any:
    """The core schema of a class, made by pydantic just now, with fields that are read by older names too."""
    for node in _nodes(schema, set()) if older else ():
        if node["type"] == "model" and node["cls"] is cls:
            inner = node["schema"]
            while inner["type"] != "model-fields":
                inner = inner["schema"]
            for name, names in older.items():
                found = inner["fields"][name]
                known = found.get("validation_alias", name)
                found["validation_alias"] = [
                    *([[known]] if isinstance(known, str) else known),
                    *([one] for one in names),
                ]
    return schema


def nodes(cls: type[BaseModel]) -> list[dict[str, Any]]:
    """Every schema within the core schema of a class, itself included: dicts whose `type` is a kind."""
    return list(_nodes(cls.__pydantic_core_schema__, set()))


def own_schema(kind: type) -> Mapping[str, Any] | None:
    """What a class of the user's that tells pydantic how it is read says of itself; None for any other."""
    return TypeAdapter(kind).core_schema if hasattr(kind, "__get_pydantic_core_schema__") else None


def nodes_of_type(adapter: TypeAdapter[Any]) -> list[dict[str, Any]]:
    """The same of any type."""
    return list(_nodes(adapter.core_schema, set()))


def reader(schema: Any) -> Callable[[bytes], Any]:
    """From JSON to what one schema, taken out of a class, makes of it. Raises `ValidationError`."""
    return SchemaValidator(schema).validate_json


def _nodes(schema: Any, seen: set[int]) -> Iterator[dict[str, Any]]:
    # Names of fields and tags are no keys of schemas.
    if id(schema) in seen:
        return
    seen.add(id(schema))
    if isinstance(schema, dict):
        if isinstance(schema.get("type"), str):
            yield schema
        for key, value in schema.items():
            if key in ("fields", "choices") and isinstance(value, dict):
                for member in value.values():
                    yield from _nodes(member, seen)
            elif key not in ("metadata", "default", "ref", "config", "members", "expected"):
                yield from _nodes(value, seen)
    elif isinstance(schema, list | tuple):
        for value in schema:
            yield from _nodes(value, seen)
