"""JSON has types: `true` is no integer there and `"5"` is none, whatever pydantic would make of them.

Options and K=V are texts, and read as leniently as texts must be; a JSON payload says what it means.
"""

import dataclasses
import functools
import typing
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from cqrs_cli.payloads import complaints
from cqrs_cli.payloads.complaints import Path
from cqrs_cli.payloads.shapes import (
    TIMES,
    Choice,
    Flag,
    Json,
    Loose,
    Many,
    Mapping,
    Record,
    Scalar,
    Shape,
    holds_secret,
    is_number,
    is_typed_dict,
    shape_of,
)

_WANTED = {"int": "integer", "float": "number", "bool": "boolean", "text": "string"}


class Misfit(NamedTuple):
    """A value of another type of JSON than its place wants."""

    path: Path
    message: str


def counts_seconds(shape: Scalar | Flag | Loose, value: Any) -> bool:
    """Whether a text for a time is a number: pydantic would count seconds of 1970 by what may be meant as a year."""
    return type(value) is str and shape.name in TIMES and shape.takes is not None and is_number(value)


def misfits(shape: Shape, value: Any, path: Path = (), quoting: bool = True, texts: bool = False) -> Iterator[Misfit]:
    """What in a value out of JSON has the wrong type; fields by their names or aliases.

    quoting: values may be shown. texts: look at what must be a text as well, which pydantic does itself.
    """
    if isinstance(shape, Scalar | Flag | Loose):
        fits = value is None or shape.takes is None or type(value) in shape.takes
        if counts_seconds(shape, value):
            yield Misfit(path, f"Input should be a valid {shape.name}, not a number (got {complaints.short(value)})")
        elif not fits and (texts or shape.name != "text"):
            got = f" (got {complaints.short(value)})" if quoting and not isinstance(value, list | dict) else ""
            wanted = _WANTED.get(shape.name, shape.name)
            yield Misfit(path, f"Input should be a valid {wanted}, not {complaints.kind(value)}{got}")
    elif isinstance(shape, Many) and isinstance(value, list):
        for number, item in enumerate(value):
            yield from misfits(shape.item, item, (*path, number), quoting, texts)
    elif isinstance(shape, Mapping) and isinstance(value, dict):
        for key, item in value.items():
            yield from misfits(shape.value, item, (*path, key), quoting, texts)
    elif isinstance(shape, Record) and isinstance(value, dict):
        for member in shape.members:
            for name in () if member.raw else member.names:
                if name in value:
                    yield from misfits(member.shape, value[name], (*path, name), quoting, texts)
    elif isinstance(shape, Json) and value is not None:
        yield from _of_kinds(shape.kinds, value, path, quoting)


def _of_kinds(kinds: tuple[Any, ...], value: Any, path: Path, quoting: bool) -> Iterator[Misfit]:
    """What is wrong with a value that may be of several kinds: nothing if it fits one of them."""
    found: list[list[Misfit]] = []
    for kind in kinds:
        shown = quoting and not holds_secret(kind)
        fields = _fields(kind)
        if fields is None:
            shape = shape_of(kind)
            if isinstance(shape, Json) or (isinstance(shape, Record) and not isinstance(value, dict)):
                return  # nothing is known about it, or pydantic says it as well
            if not isinstance(shape, Record) or _may_be(shape, value):
                found.append(list(misfits(shape, value, path, shown, texts=len(kinds) > 1)))
        elif isinstance(value, dict):
            known = ((name, item) for name, item in value.items() if name in fields)
            of_each = [misfits(fields[name], item, (*path, name), shown) for name, item in known]
            found.append([one for several in of_each for one in several])
    if found and all(found):
        yield from min(found, key=len)


def _may_be(record: Record, value: dict[str, Any]) -> bool:
    """Whether an object may be meant as this one of several models: it has what that needs, and its `kind`."""
    for member in record.members:
        given = [value[name] for name in member.names if name in value]
        if not given and member.info.is_required():
            return False
        if given and isinstance(member.shape, Choice) and given[0] not in member.shape.values.values():
            return False
    return True


def _fields(kind: Any) -> dict[str, Shape] | None:
    """The fields of a dataclass, a TypedDict or a named tuple; None for anything else."""
    if not (dataclasses.is_dataclass(kind) or is_typed_dict(kind) or hasattr(kind, "_field_defaults")):
        return None
    return _of_hints(kind)


@functools.cache
def _of_hints(kind: type) -> dict[str, Shape]:
    try:
        hints = typing.get_type_hints(kind, include_extras=True)
    except (NameError, TypeError):
        return {}
    return {name: shape_of(hint) for name, hint in hints.items()}


def numbers_for_times(shape: Shape, value: Any, path: Path = ()) -> Iterator[Misfit]:
    """Of the misfits those that are wrong in a text as well, where `true` and `5` stand for what they say."""
    if isinstance(shape, Scalar) and counts_seconds(shape, value):
        yield from misfits(shape, value, path)
    elif isinstance(shape, Many) and isinstance(value, list):
        for number, item in enumerate(value):
            yield from numbers_for_times(shape.item, item, (*path, number))
    elif isinstance(shape, Mapping) and isinstance(value, dict):
        for key, item in value.items():
            yield from numbers_for_times(shape.value, item, (*path, key))
    elif isinstance(shape, Record) and isinstance(value, dict):
        for member in shape.members:
            for name in () if member.raw else member.names:
                if name in value:
                    yield from numbers_for_times(member.shape, value[name], (*path, name))


Fits = Callable[[Any], bool]


def checker(shape: Shape) -> Fits | None:
    """Whether `misfits` finds nothing in such a value, in a sixth of the time; None where it never finds any."""
    if isinstance(shape, Scalar | Flag | Loose):
        if shape.takes is None or shape.name == "text":
            return None
        kinds = shape.takes | {type(None)}
        if shape.name in TIMES:
            return lambda value: type(value) in kinds and not counts_seconds(shape, value)
        return lambda value: type(value) in kinds
    if isinstance(shape, Record):
        members = [member for member in shape.members if not member.raw]
        checks = [(name, fits) for member in members if (fits := checker(member.shape)) for name in member.names]
        return _members_fit(checks) if checks else None
    if isinstance(shape, Many):
        each = checker(shape.item)
        return None if each is None else lambda value: type(value) is not list or all(map(each, value))
    if isinstance(shape, Mapping):
        of_value = checker(shape.value)
        return None if of_value is None else lambda value: type(value) is not dict or all(map(of_value, value.values()))
    if isinstance(shape, Json) and shape.kinds:
        return lambda value: next(misfits(shape, value), None) is None
    return None


def _members_fit(checks: list[tuple[str, Fits]]) -> Fits:
    def fits(value: Any) -> bool:
        if type(value) is dict:
            for name, one in checks:
                if name in value and not one(value[name]):
                    return False
        return True

    return fits
