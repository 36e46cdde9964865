"""Columns: how a field of a read model crosses to the store and back.

Values cross as plain scalars (see `stores.rows.Column`): decimals keep every digit as text,
times become UTC (one without a zone is one already) with six digits so that their texts sort as they
do, nested values are JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import partial
from math import isfinite
from typing import Any, Literal, NamedTuple, get_args, get_origin
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from cqrs_cli.domain.keys import named_type, plain_type
from cqrs_cli.domain.payload import MOST_DIGITS, can_be_written_out, check_payload, sorted_sets
from cqrs_cli.domain.pydantic_fast import nodes_of_type
from cqrs_cli.domain.sameness import has_named_zone, same_value
from cqrs_cli.errors import DefinitionError, InvalidInput
from cqrs_cli.stores.moments import FIRST, LAST, micros, moment, rfc3339
from cqrs_cli.stores.rows import Column, Scalar

Encode = Callable[[Any], Scalar]
Decode = Callable[[Any], Any]


class ColumnCodec(NamedTuple):
    """A column with its two directions. encode: raises `InvalidInput` for a value of another type.

    settle: for kinds in which an accepted value can differ from the one that comes back (an int among
    floats, a time of another zone or of none): makes it that one, so that a cached row is the row
    that would be loaded. None where there is no such value. enum: its values are members of one.
    """

    column: Column
    encode: Encode
    decode: Decode
    settle: Decode | None = None
    enum: bool = False


def _checked(kind: type[Any], convert: Encode | None = None) -> Encode:
    def encode(value: Any) -> Scalar:
        if type(value) is not kind and not isinstance(value, kind):
            raise InvalidInput(f"{value!r} is no {kind.__name__}")
        scalar: Scalar = convert(value) if convert is not None else value
        return scalar

    return encode


def _text(value: Any) -> Scalar:
    if type(value) is not str:
        raise InvalidInput(f"{value!r} is no plain str")
    if not value.isascii() or "\0" in value:
        if "\0" in value:
            raise InvalidInput(f"{value!r} holds U+0000")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InvalidInput(f"{value!r} is not valid Unicode") from None
    return value


def _uuid(value: Any) -> Scalar:
    if not isinstance(value, UUID):
        raise InvalidInput(f"{value!r} is no UUID")
    digits = f"{value.int:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


_read_uuid = TypeAdapter(UUID).validator.validate_python  # a fifth of what UUID(text) takes


def _decode_uuid(text: str) -> UUID:
    try:
        read: UUID = _read_uuid(text)
    except ValidationError:
        raise ValueError(f"{text!r} is no UUID") from None
    return read


def _date(value: Any) -> Scalar:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise InvalidInput(f"{value!r} is no date")
    return value.isoformat()


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
        value = Decimal(value)
    if not isinstance(value, Decimal) or not value.is_finite():
        raise InvalidInput(f"{value!r} is no finite Decimal")
    if not can_be_written_out(value):
        raise InvalidInput(f"{value!r:.40} has more than {MOST_DIGITS} digits before or after its point")
    return _digits(value)


def _digits(value: Decimal) -> str:
    """Plain digits, as every store has them: no exponent, and no sign of zero."""
    return format(value if value else abs(value), "f")


def _decode_decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:  # its text is the name of a class
        raise ValueError(f"{text!r} is no decimal number") from None


def _datetime(value: Any) -> Scalar:
    if not isinstance(value, datetime):
        raise InvalidInput(f"{value!r} is no datetime")
    at = micros(_aware(value))
    if not FIRST <= at <= LAST:
        raise InvalidInput(f"{value!r} is beyond the years 1 to 9999 in UTC")
    return rfc3339(at)


def _decode_datetime(text: str) -> datetime:
    return _aware(datetime.fromisoformat(text))  # another tool may have written it without a zone


def _settle_datetime(value: Any) -> Any:
    if not isinstance(value, datetime) or value.tzinfo is UTC:
        return value
    at = micros(_aware(value))
    return moment(at) if FIRST <= at <= LAST else value  # which its encode refuses


def _aware(value: datetime) -> datetime:
    """A time without a zone is one of UTC: printed, stored and asked for, it is the same."""
    return value if value.utcoffset() is not None else value.replace(tzinfo=UTC)


def _settle_real(value: Any) -> Any:
    return (
        value + 0.0 if type(value) is int or (type(value) is float and value == 0.0) else value
    )  # stores know no -0.0


def _settle_decimal(value: Any) -> Any:
    if type(value) is int:
        value = Decimal(value)
    if isinstance(value, Decimal) and value.is_finite() and can_be_written_out(value):
        return Decimal(_digits(value))
    return value  # which its encode refuses


def same(value: Any) -> Any:
    """The decode of values that are stored as they are."""
    return value


_KINDS: dict[type, tuple[str, Encode, Decode]] = {
    str: ("text", _text, same),
    int: ("integer", _integer, same),
    float: ("real", _real, same),
    Decimal: ("decimal", _decimal, _decode_decimal),
    bool: ("boolean", _checked(bool, int), bool),
    UUID: ("uuid", _uuid, _decode_uuid),
    datetime: ("datetime", _datetime, _decode_datetime),
    date: ("date", _date, date.fromisoformat),
}


_SETTLE: dict[str, Decode] = {"real": _settle_real, "decimal": _settle_decimal, "datetime": _settle_datetime}


def _of_enum(annotation: type[Enum]) -> tuple[str, Encode, Decode] | None:
    values = [member.value for member in annotation]
    if all(type(value) is str for value in values):
        return "text", _checked(annotation, lambda member: member.value), annotation
    if all(type(value) is int for value in values):
        return "integer", _checked(annotation, lambda member: member.value), annotation
    return None


def _of_json(owner: type, name: str, annotation: Any) -> tuple[str, Encode, Decode, Decode | None]:
    """The column of a nested value, which its type says how to write."""
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    except Exception as error:
        raise DefinitionError(f"{owner.__name__}.{name}: {annotation} can't be a column: {error}") from None

    decode, schemas = adapter.validate_json, nodes_of_type(adapter)
    write = partial(adapter.dump_json, by_alias=True, round_trip=not _takes_computed(schemas), warnings=False)

    def encode(value: Any) -> Scalar:
        try:
            data = write(sorted_sets(value))
            check_payload(data, "it")
            again = decode(data)
        except ValidationError as error:
            raise InvalidInput(f"{value!r} does not fit: {error.errors(include_url=False)[0]['msg']}") from None
        except (ValueError, TypeError, RecursionError) as error:  # pydantic's serialization errors are ValueErrors
            raise InvalidInput(f"{value!r} can't be written as JSON: {error}") from None
        if not same_value(again, value):
            raise InvalidInput(f"{value!r} comes back from JSON as {again!r}")
        # As it would be written when it was loaded: 1 among floats is 1.0 then.
        return write(sorted_sets(again)).decode()

    def settle(value: Any) -> Any:
        try:
            return decode(write(sorted_sets(value))) if has_named_zone(value) else value
        except (ValueError, TypeError, RecursionError):  # which its encode refuses
            return value

    return "json", encode, decode, settle if _MAY_HOLD_TIMES.intersection(node["type"] for node in schemas) else None


_MAY_HOLD_TIMES = frozenset({"datetime", "any", "function-plain", "is-instance"})


def _takes_computed(schemas: Sequence[Mapping[str, Any]]) -> bool:
    """Whether computed fields, once written, are passed over by whoever reads them: rows have always had those."""
    computing = [node for node in schemas if node.get("computed_fields")]
    models = [node for node in schemas if any(inner is node.get("schema") for inner in computing)]
    return bool(computing) and not any(
        node.get("config", {}).get("extra_fields_behavior", "ignore") != "ignore" for node in models
    )


def _nullable(encode: Encode, decode: Decode) -> tuple[Encode, Decode]:
    return (lambda value: None if value is None else encode(value)), (
        decode if decode is same else lambda value: None if value is None else decode(value)
    )


def column_codec(owner: type, name: str, annotation: Any) -> ColumnCodec:
    """The column for a field. Raises `DefinitionError` for a type that can't be one."""
    plain = plain_type(annotation)
    nullable = plain is type(None) or type(None) in get_args(named_type(annotation))
    if get_origin(plain) is Literal and all(type(value) is str for value in get_args(plain)):
        plain = str
    found = _KINDS.get(plain) if isinstance(plain, type) else None
    if found is None and isinstance(plain, type) and issubclass(plain, Enum):
        found = _of_enum(plain)
    if found is not None:
        kind, encode, decode = found
        settle = _SETTLE.get(kind)
    else:
        kind, encode, decode, settle = _of_json(owner, name, annotation)
    if nullable:
        encode, decode = _nullable(encode, decode)
    return ColumnCodec(
        Column(name, kind, nullable), encode, decode, settle, isinstance(plain, type) and issubclass(plain, Enum)
    )
