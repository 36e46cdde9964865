"""From pydantic's errors to complaints in the words of whoever gave the values.

`--items[0].quantity: Input should be a valid integer (got 'two')`: the option that the value came from,
the place inside it, what is wrong, and what was there. No URLs, no dumps.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from pydantic import ValidationError

from cqrs_cli.errors import InvalidInput
from cqrs_cli.near_names import did_you_mean
from cqrs_cli.payloads.shapes import Choice, Flag, Many, Mapping, Record, Scalar, Shape, holds_secret

if TYPE_CHECKING:
    from cqrs_cli.domain.pydantic_fast import ErrorDetails

_NOISE = re.compile(r", unable to .*$|^(Value error|Assertion failed), ", re.DOTALL)
_SHOWN = 60


Path = tuple[str | int | None, ...]


class Flagged(Protocol):
    """A field that was typed as an option."""

    @property
    def flag(self) -> str:
        """What it is called there."""
        ...


class Options(Protocol):
    """How the fields were typed, if that was not as JSON."""

    @property
    def by_path(self) -> typing.Mapping[tuple[str, ...], Flagged]:
        """The options by the fields that they are for."""
        ...


class Complaint(NamedTuple):
    """path: of what it is about, fields, indexes and keys; None for a key that there is no name for.

    where: as the user would type it, may be empty. place: the whole path, where `path` has the fields alone.
    """

    path: Path
    where: str
    message: str
    place: Path = ()

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


def invalid(name: str, found: Sequence[Complaint], hint: str | None) -> InvalidInput:
    """The error that holds all of them."""
    lines = tuple(dict.fromkeys(str(complaint) for complaint in found))
    return InvalidInput(f"{name} is not valid: {len(lines)} complaint{'s' if len(lines) > 1 else ''}", lines, hint=hint)


def unreadable(path: Path, message: str, options: Options) -> Complaint:
    """The complaint about a part of an option that could not be read."""
    fields = next(path[:end] for end in range(len(path), 0, -1) if path[:end] in options.by_path)
    inside = (step for step in path[len(fields) :] if step is not None)
    return Complaint(path, options.by_path[fields].flag + _steps(inside), message)  # type: ignore[index]


def misfit(path: Path, message: str) -> Complaint:
    """The complaint about a part of a line of JSON, which has no options."""
    return Complaint(path, _steps(step for step in path if step is not None).removeprefix("."), message)


class Typed(NamedTuple):
    """How a payload was typed. options: map fields to flags. numbers: for lists by path, the elements that they hold.

    known: complaints about what could not even be read. incomplete: nor could a part of the payload, so that nothing
    is known to be missing.
    """

    options: Options | None = None
    numbers: typing.Mapping[Path, Sequence[int]] = {}
    known: Sequence[Complaint] = ()
    incomplete: bool = False


_AS_JSON = Typed()


def of(error: ValidationError, record: Record, payload: Any, typed: Typed = _AS_JSON) -> list[Complaint]:
    """A complaint for each of pydantic's errors, but those about what could not even be read.

    Without options `items[0].quantity` is the place itself, as for a line of JSON.
    """
    broken = [complaint.path for complaint in typed.known]
    found = []
    for detail in error.errors(include_url=False, include_context=False):
        place = _walk(detail, record, payload, typed.numbers)
        # A rule about the whole can't be judged on a part of it.
        of_the_whole = (typed.incomplete or bool(broken)) and not place.path
        lacking = typed.incomplete and detail["type"] == "missing"
        if not (of_the_whole or lacking or any(_overlap(place.path, path) for path in broken)):
            found.append(_complaint(detail, place, record, typed.options))
    return found


def _overlap(one: Path, other: Path) -> bool:
    shared = min(len(one), len(other))
    return shared > 0 and one[:shared] == other[:shared]


class _Place(NamedTuple):
    """Where an error is. names: the fields that lead to it, each inside the one before; inside: the rest of the way.

    path: both, with fields by their names. labels: what pydantic puts between for the members of a union.
    shape: of what is there, if known.
    """

    names: tuple[str, ...]
    inside: tuple[str | int, ...]
    path: Path
    labels: tuple[str, ...]
    shape: Shape | None


def _walk(detail: ErrorDetails, record: Record, payload: Any, numbers: typing.Mapping[Path, Sequence[int]]) -> _Place:
    names: list[str] = []
    inside: list[str | int] = []
    path: list[str | int | None] = []
    labels: list[str] = []
    shape: Shape | None = record
    value = payload
    for number, step in enumerate(detail["loc"]):
        member = shape.member(step) if isinstance(shape, Record) and isinstance(step, str) else None
        if member is not None and step in member.names:  # `order-id` in JSON is no field, and is named as it stands
            path.append(member.name)
            if inside:
                inside.append(step)
            else:
                names.append(member.name)
            value = value.get(member.name, value.get(step)) if isinstance(value, dict) else None
            shape = member.shape
            continue
        here = isinstance(value, dict) and step in value
        there = isinstance(value, list) and isinstance(step, int) and step < len(value)
        absent = detail["type"] in ("missing", "extra_forbidden") and number == len(detail["loc"]) - 1
        if not (here or there or absent or isinstance(step, int)):
            labels.append("a key" if step == "[key]" else step)
            continue
        typed = numbers[tuple(path)][step] if there and isinstance(step, int) and tuple(path) in numbers else step
        inside.append(typed)
        path.append(typed)
        value = value[step] if here or there else None  # pyright: ignore  # it can't follow `here` and `there`
        shape = shape.item if isinstance(shape, Many) else shape.value if isinstance(shape, Mapping) else None
    return _Place(tuple(names), tuple(inside), tuple(path), tuple(labels), shape)


def _complaint(detail: ErrorDetails, place: _Place, record: Record, options: Options | None) -> Complaint:
    where = ".".join(place.names)
    if options is not None and place.names:
        where = options.by_path[place.names].flag
    where += _steps(place.inside)
    text, secret = _NOISE.sub("", detail["msg"]), _is_secret(place, record)
    if secret:
        text = text.partition(", invalid")[0]  # pydantic names the letter that it did not like
    if detail["type"] == "extra_forbidden":
        text = "there is no such field" + (_near(record, str(detail["loc"][-1])) if len(detail["loc"]) == 1 else "")
    elif detail["type"] != "missing" and _is_plain(detail["input"]) and not secret:
        text = f"{_of_an_id(detail) or text} (got {short(detail['input'])})"
    labels = [label for label in place.labels if "[" not in label]
    return Complaint(
        place.names, where.removeprefix("."), f"as {' '.join(labels)}: {text}" if labels else text, place.path
    )


def _of_an_id(detail: ErrorDetails) -> str | None:
    """That what was given is only the beginning of an id, as a terminal shows it."""
    from cqrs_cli.stores.names import may_begin_an_id

    given = detail["input"]
    begins = detail["type"] == "uuid_parsing" and isinstance(given, str) and may_begin_an_id(given)
    return "this is the beginning of an id, and a field wants all of it: --json shows ids whole" if begins else None


def _is_secret(place: _Place, record: Record) -> bool:
    """Whether what was given there must not be shown; or, of unknown shape, may be secret."""
    if isinstance(place.shape, Scalar | Choice | Flag):
        return getattr(place.shape, "secret", False)
    member = None
    for name in place.names:
        member = record.member(name)
        record = member.shape if member is not None and isinstance(member.shape, Record) else record
    return member is not None and holds_secret(member.info.annotation)


def _steps(inside: Iterable[str | int]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in inside)


def _near(record: Record, name: str) -> str:
    near = did_you_mean(name, [member.public for member in record.members], 1)
    return f"; {near}" if near else ""


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | Decimal)


def short(value: Any) -> str:
    """A value in a message: one line, in quotes if it is a text, cut when long."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value) if isinstance(value, Decimal) else "null" if value is None else repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 2]}…{text[-1]}"


def kind(value: Any) -> str:
    """What a JSON value is, for people."""
    names = {list: "an array", dict: "an object", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
