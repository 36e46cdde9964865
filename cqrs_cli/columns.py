"""Columns: how a field of a read model crosses to the store and back.

Values cross as plain scalars (see `stores.contract.Column`): decimals keep every digit as text,
aware times become UTC with six digits so that their texts sort as they do, nested values are JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from math import isfinite
from typing import Any, Literal, NamedTuple, get_args, get_origin
from uuid import UUID

from pydantic import TypeAdapter
from pydantic_core import to_json

from cqrs_cli.errors import DefinitionError, InvalidInput
from cqrs_cli.payload import sorted_sets
from cqrs_cli.stores.contract import Column, Scalar, micros, rfc3339

Encode = Callable[[Any], Scalar]
Decode = Callable[[Any], Any]


class ColumnCodec(NamedTuple):
    """A column with its two directions. encode: raises `InvalidInput` for a value of another type."""

    column: Column
    encode: Encode
    decode: Decode


def _checked(kind: type[Any], convert: Encode | None = None) -> Encode:
    def encode(value: Any) -> Scalar:
        if type(value) is not kind and not isinstance(value, kind):
            raise InvalidInput(f"{value!r} is no {kind.__name__}")
        scalar: Scalar = convert(value) if convert is not None else value
        return scalar

    return encode


def _integer(value: Any) -> Scalar:
    if type(value) is not int:
        raise InvalidInput(f"{value!r} is no int")
    if not -(2**63) <= value < 2**63:
        raise InvalidInput(f"{value} needs more than 64 bits")
    return value


def _real(value: Any) -> Scalar:
    if type(value) is not float and type(value) is not int:
        raise InvalidInput(f"{value!r} is no float")
    if not isfinite(value):
        raise InvalidInput(f"{value!r} can't be stored")
    return float(value)


def _decimal(value: Any) -> Scalar:
    if type(value) is int:
        return str(value)
    if not isinstance(value, Decimal) or not value.is_finite():
        raise InvalidInput(f"{value!r} is no finite Decimal")
    return str(value)


def _datetime(value: Any) -> Scalar:
    if not isinstance(value, datetime):
        raise InvalidInput(f"{value!r} is no datetime")
    return rfc3339(micros(value)) if value.utcoffset() is not None else value.isoformat(timespec="microseconds")


def _read_datetime(text: str) -> datetime:
    value = datetime.fromisoformat(text)
    return value.astimezone(UTC) if value.tzinfo is not None else value


def _same(value: Any) -> Any:
    return value


_KINDS: dict[type, tuple[str, Encode, Decode]] = {
    str: ("text", _checked(str), _same),
    int: ("integer", _integer, _same),
    float: ("real", _real, _same),
    Decimal: ("decimal", _decimal, Decimal),
    bool: ("boolean", _checked(bool, int), bool),
    UUID: ("uuid", _checked(UUID, str), UUID),
    datetime: ("datetime", _datetime, _read_datetime),
    date: ("date", _checked(date, date.isoformat), date.fromisoformat),
}


def _of_enum(annotation: type[Enum]) -> tuple[str, Encode, Decode] | None:
    values = [member.value for member in annotation]
    if all(type(value) is str for value in values):
        return "text", _checked(annotation, lambda member: member.value), annotation
    if all(type(value) is int for value in values):
        return "integer", _checked(annotation, lambda member: member.value), annotation
    return None


def _of_json(owner: type, name: str, annotation: Any) -> tuple[str, Encode, Decode]:
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    except Exception as error:
        raise DefinitionError(f"{owner.__name__}.{name}: {annotation} can't be a column: {error}") from None

    def encode(value: Any) -> Scalar:
        text = to_json(sorted_sets(value)).decode()
        if "NaN" in text or "Infinity" in text:
            raise InvalidInput(f"{value!r} holds a number that JSON has not")
        return text

    return "json", encode, adapter.validate_json


def _nullable(encode: Encode, decode: Decode) -> tuple[Encode, Decode]:
    return (lambda value: None if value is None else encode(value)), (lambda value: None if value is None else decode(value))


def column_codec(owner: type, name: str, annotation: Any) -> ColumnCodec:
    """The column for a field. Raises `DefinitionError` for a type that can't be one."""
    members = [member for member in get_args(annotation) if member is not type(None)]
    nullable = type(None) in get_args(annotation) and get_origin(annotation) is not Literal
    plain = members[0] if nullable and len(members) == 1 else annotation
    if get_origin(plain) is Literal and all(type(value) is str for value in get_args(plain)):
        plain = str
    found = _KINDS.get(plain) if isinstance(plain, type) else None
    if found is None and isinstance(plain, type) and issubclass(plain, Enum):
        found = _of_enum(plain)
    kind, encode, decode = found or _of_json(owner, name, plain)
    if nullable:
        encode, decode = _nullable(encode, decode)
    return ColumnCodec(Column(name, kind, nullable), encode, decode)
