"""Payloads: which JSON may enter the log, and how it is made the same every time.

UTF-8, no NaN or infinity, no lone surrogate, no U+0000, at most 64 levels deep; sets are sorted,
because their own order changes from run to run with the hash seed.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, PydanticUserError, TypeAdapter

from cqrs_cli.domain.pydantic_fast import PydanticSerializationError, to_json, to_jsonable_python, to_plain, writer
from cqrs_cli.errors import CqrsError, InvalidInput, LimitExceeded
from cqrs_cli.stores.checks import depth
from cqrs_cli.stores.commits import MAX_DEPTH
from cqrs_cli.stores.moments import FIRST, LAST, micros

_FLATTER = "make it flatter, or keep the inner part elsewhere and its address in the payload"
_JSON = "texts without U+0000 and lone surrogates, finite numbers, booleans, lists and objects of them"


def sorted_sets(value: Any) -> Any:
    """The value with every set in it as a sorted list (by the JSON of its members); shared where nothing changed."""
    if isinstance(value, set | frozenset):
        return _sorted([sorted_sets(member) for member in value])
    if isinstance(value, BaseModel) or (dataclasses.is_dataclass(value) and not isinstance(value, type)):
        return _with_sorted(value)
    if isinstance(value, dict):
        items = {key: sorted_sets(member) for key, member in value.items()}
        return items if any(items[key] is not value[key] for key in value) else value
    if isinstance(value, list | tuple):
        members = [sorted_sets(member) for member in value]
        return members if any(new is not old for new, old in zip(members, value, strict=True)) else value
    return value


def _sorted(members: list[Any]) -> list[Any]:
    try:
        return sorted(members, key=to_json)
    except PydanticSerializationError:  # of a class that only its type says how to write
        return sorted([to_jsonable_python(member, fallback=_written_by_type) for member in members], key=to_json)


def _written_by_type(value: Any) -> Any:
    kind: Any = type(value)
    try:
        return _adapter(kind).dump_python(value, mode="json")
    except PydanticUserError as error:
        raise ValueError(str(error)) from None


@lru_cache(maxsize=256)
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _with_sorted(value: Any) -> Any:
    names = vars(value) if isinstance(value, BaseModel) else [field.name for field in dataclasses.fields(value)]
    changed = {name: new for name in names if (new := sorted_sets(old := getattr(value, name, None))) is not old}
    if not changed:
        return value
    again = copy.copy(value)  # not model_copy(update=…), which counts what it updates among the fields that were set
    for name, new in changed.items():
        object.__setattr__(again, name, new)
    return again


def payload_writer(cls: type[BaseModel], *, has_sets: bool, plain: bool = False) -> Callable[[Any], bytes]:
    """The function from a model to payload bytes. It raises `InvalidInput` or `LimitExceeded` for what can't be stored.

    Whether it comes back from them the same is for the caller to see. plain: by its types nothing in it is nested
    too deeply and no number is infinite.
    """
    to_json, name = writer(cls), cls.__name__

    def payload(model: Any) -> bytes:
        try:
            # Without computed fields, which are no input. No warnings: errors instead would take three times as long.
            data = to_json(sorted_sets(model) if has_sets else model, by_alias=True, round_trip=True, warnings=False)
        except (ValueError, TypeError, RecursionError) as error:  # pydantic's serialization errors are ValueErrors
            raise _unwritable(name, error) from None
        if not plain or b"\\u0000" in data:
            check_payload(data, name)
        return data

    return payload


def _unwritable(name: str, error: Exception) -> CqrsError:
    """The typed error for what `to_json` or the sorting of sets raised. What pydantic met, only its text says."""
    told = str(error)
    if isinstance(error, RecursionError) or "depth exceeded" in told:
        return LimitExceeded(f"{name} is nested more than {MAX_DEPTH} deep", hint=_FLATTER, limit=MAX_DEPTH)
    if "surrogates not allowed" in told:
        return InvalidInput(
            f"{name} can't be written as JSON: a text in it is no Unicode but has a lone surrogate, half a character",
            hint="such halves come of bytes that were no UTF-8: decode them with the encoding that they have",
        )
    return InvalidInput(f"{name} can't be written as JSON: {told}", hint=_JSON)


def canonical_json(model: BaseModel, *, has_sets: bool) -> bytes:
    """The fields that were set, keys sorted: the same whatever order the class or a mapping has them in.

    For a model that `payload_writer` took.
    """
    plain = to_plain(type(model))(
        sorted_sets(model) if has_sets else model,
        mode="json",
        by_alias=True,
        exclude_unset=True,
        round_trip=True,
        warnings=False,
    )
    return _CANONICAL(plain).encode()


def canonical_plain_json(model: BaseModel) -> bytes:
    """What `canonical_json` gives, in a third of the time: for texts, integers, booleans, ids and decimals alone."""
    values = model.__dict__
    return to_json({name: values[name] for name in sorted(model.model_fields_set)})


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def check_payload(data: bytes, name: str) -> None:
    """Raise for JSON that no store may hold. Cheap searches first: exact looks only when one hits."""
    if len(data) > 2 * MAX_DEPTH and data.count(b"[") + data.count(b"{") > MAX_DEPTH and depth(data) > MAX_DEPTH:
        raise LimitExceeded(f"{name} is nested more than {MAX_DEPTH} deep", hint=_FLATTER, limit=MAX_DEPTH)
    if b"NaN" in data or b"Infinity" in data:
        json.loads(data, parse_constant=lambda constant: _refuse(name, f"holds {constant}, which JSON has not"))
    if b"\\u0000" in data and "\0" in _texts(json.loads(data)):
        _refuse(name, "holds U+0000, which not every store can keep")


def check_integers(data: bytes, name: str) -> None:
    """Raise `InvalidInput` for an integer of more than 64 bits: no column could take it when the rows are made."""
    for number in _integers(json.loads(data)):
        if not -(2**63) <= number < 2**63:
            raise InvalidInput(
                f"{name} holds {number}, which needs more than 64 bits", hint="a Decimal or a text holds any number"
            )


MOST_DIGITS = 1_000
"""Of a decimal number, before the point or after it: written out, as rows have it, a larger one has no bounds."""
_WIDE = re.compile(rb"[0-9]E[+-]?[0-9]{3}|(?<![0-9])[0-9]{1000}")


def can_be_written_out(value: Decimal) -> bool:
    """Whether a finite number has no more than `MOST_DIGITS` digits before or after its point."""
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -MOST_DIGITS and value.adjusted() < MOST_DIGITS


def may_be_beyond(data: bytes) -> bool:
    """Whether a decimal number or a time in a payload may be one that no column takes; a cheap look."""
    is_long = len(data) > MOST_DIGITS or b"E" in data
    return b'"0001-' in data or b'"9999-' in data or (is_long and _WIDE.search(data) is not None)


def check_bounds(value: Any, name: str) -> None:
    """Raise `InvalidInput` for a decimal number or a time that no column could take when the rows are made."""
    if isinstance(value, Decimal) and not can_be_written_out(value):
        told = f"{name} holds {value!s:.40}, which has more than {MOST_DIGITS} digits before or after its point"
        raise InvalidInput(told, hint="a text holds any number")
    if isinstance(value, datetime):
        aware = value if value.utcoffset() is not None else value.replace(tzinfo=UTC)
        if not FIRST <= micros(aware) <= LAST:
            told = f"{name} holds {value}, which is beyond the years 1 to 9999 in UTC"
            raise InvalidInput(told, hint="a time within them")
    for part in _parts(value):
        check_bounds(part, name)


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return (*value, *value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return value
    if isinstance(value, BaseModel):
        return value.__dict__.values()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name, None) for field in dataclasses.fields(value)]
    return ()


def _integers(value: Any) -> Iterator[int]:
    if type(value) is int:
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _integers(part)


def _refuse(name: str, what: str) -> None:
    raise InvalidInput(f"{name} {what}", hint=_JSON)


def _texts(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return "".join(key + _texts(member) for key, member in value.items())
    return "".join(map(_texts, value)) if isinstance(value, list) else ""
