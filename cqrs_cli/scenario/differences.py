"""What was expected and what was: compared value by value, told field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel

from cqrs_cli.domain.aggregate import Aggregate
from cqrs_cli.domain.messages import Command, Event, Message
from cqrs_cli.domain.process_manager import After
from cqrs_cli.domain.row_model import RowModel, RowType
from cqrs_cli.domain.sameness import same_value
from cqrs_cli.errors import Misuse
from cqrs_cli.history.changes import changes
from cqrs_cli.history.shapes import Shape
from cqrs_cli.jsonable import iso_duration, jsonable
from cqrs_cli.near_names import did_you_mean

__tracebackhide__ = True

NOTHING = "nothing"


class Told(NamedTuple):
    """Stands for a message that is expected with matchers, where there is none of its kind to match."""

    name: str
    fields: Mapping[str, Any]


def check_events(expected: Sequence[Event | Told], found: Sequence[Event], misfits: Sequence[str] = ()) -> None:
    """Raise `AssertionError` unless they are the same, in this order. misfits: lines about what matchers don't take."""
    if misfits or not same_value(list(found), list(expected)):
        raise AssertionError("\n".join([_counted("event", expected, found), *misfits, *_pairs(expected, found)]))


def check_sends(
    expected: Sequence[Command | After | Told], found: Sequence[Command | After], misfits: Sequence[str] = ()
) -> None:
    """Raise `AssertionError` unless they are the same, in this order. A deadline without a name is of any name."""
    nameless = [
        one._replace(name=None) if isinstance(one, After) and isinstance(other, After) and other.name is None else one
        for one, other in zip(found, expected, strict=False)
    ]
    seen = [*nameless, *found[len(nameless) :]]
    if misfits or not same_value(seen, list(expected)):
        raise AssertionError("\n".join([_counted("command", expected, found), *misfits, *_pairs(expected, seen)]))


def check_fields(fields: Mapping[str, Any], state: BaseModel, misfits: Sequence[str] = ()) -> None:
    """Raise `AssertionError` unless the state has these values; `Misuse` for a field that it has not."""
    told = [*misfits, *_fields(fields, state)]
    if told:
        raise AssertionError("\n".join([f"{type(state).__name__} is not as expected:", *told]))


def check_rows(kind: RowType, expected: Sequence[Any], found: Sequence[RowModel], misfits: Sequence[str] = ()) -> None:
    """Raise `AssertionError` unless these are all rows; a mapping says the key and the fields that matter."""
    rest = {_key_of(kind, vars(row)): row for row in found}
    told = list(misfits)
    for one in expected:
        values = vars(one) if isinstance(one, BaseModel) else one
        row = rest.pop(key := _key_of(kind, values), None)
        if row is None:
            told.append(f"  {kind.name}/{_shown_key(key)}: expected, but there is no such row")
        else:
            told += [f"  {kind.name}/{_shown_key(key)}{line.strip()}" for line in _fields(values, row)]
    told += [f"  {kind.name}/{_shown_key(key)}: not expected, but there is {shown(row)}" for key, row in rest.items()]
    if told:
        raise AssertionError("\n".join([f"the rows of {kind.name} are not as expected:", *told]))


def differing(left: object, right: object) -> list[str]:
    """What differs in two messages, rows or states of a class, or in two lists of them; nothing for other values."""
    if isinstance(left, list) and isinstance(right, list):
        if left and right and all(_is_told(one) for one in (*left, *right)):
            return [line.replace("expected", "right:").replace(", was", ", left:") for line in _pairs(right, left)]
        return []
    if not _is_told(left) or type(left) is not type(right):
        return []
    return [
        f"  {_name(left)}.{one.path}: {_plain(one.old)} == {_plain(one.new)}"
        for one in changes(jsonable(left), jsonable(right), Shape(type(left)))
    ]


def _is_told(value: object) -> bool:
    return isinstance(value, Message | RowModel | Aggregate)


def shown(value: Any) -> str:
    """A message, row or value in a line: `ProductSold(quantity=2, amount=3.00)`."""
    if isinstance(value, Told):
        return f"{value.name}({', '.join(f'{name}={part}' for name, part in value.fields.items())})"
    if isinstance(value, After):
        return f"{shown(value.command)} after {iso_duration(value.delay)}" + (f" ({value.name})" if value.name else "")
    if isinstance(value, BaseModel):
        parts = ", ".join(f"{name}={_plain(part)}" for name, part in jsonable(value).items())
        return f"{_name(value)}({parts})"
    return _plain(jsonable(value))


def _plain(value: Any) -> str:
    return (
        "null" if value is None else str(value) if isinstance(value, int | float | str) and value != "" else repr(value)
    )


def _name(value: Any) -> str:
    return value.stored.name if isinstance(value, Message) else type(value).__name__


def _counted(what: str, expected: Sequence[Any], found: Sequence[Any]) -> str:
    plural = "" if len(expected) == 1 else "s"
    was = str(len(found)) if found else NOTHING
    return (
        f"expected {len(expected) or 'no'} {what}{plural}, but was {was}:"
        if len(expected) != len(found)
        else (f"not the {what}{plural} that {'was' if len(expected) == 1 else 'were'} expected:")
    )


def _pairs(expected: Sequence[Any], found: Sequence[Any]) -> Iterator[str]:
    """A line for each difference: of two of a kind their fields, else one as a whole."""
    for at in range(max(len(expected), len(found))):
        number = f"{at + 1}. " if max(len(expected), len(found)) > 1 else ""
        if at >= len(found):
            yield f"  {number}expected {shown(expected[at])}, but there is no more"
        elif at >= len(expected):
            yield f"  {number}not expected, but there is {shown(found[at])}"
        elif not same_value(expected[at], found[at]):
            yield from _pair(number, expected[at], found[at])


def _pair(number: str, expected: Any, found: Any) -> Iterator[str]:
    one, other = (value.command if isinstance(value, After) else value for value in (expected, found))
    if type(expected) is not type(found) or type(one) is not type(other):
        yield f"  {number}expected {shown(expected)}, was {shown(found)}"
        return
    if isinstance(expected, After):
        for name, then, now in (("delay", expected.delay, found.delay), ("name", expected.name, found.name)):
            if then != now:
                yield f"  {number}{_name(one)}, its {name}: expected {shown(then)}, was {shown(now)}"
    told = [f"  {number}{_name(one)}{line}" for line in lines(one, other)]
    yield from told
    if not told and not isinstance(expected, After):
        yield f"  {number}expected {expected!r}, was {found!r}"


def lines(expected: BaseModel, found: BaseModel) -> Iterator[str]:
    """`.amount: expected 3.00, was 3.01`, of two of a class."""
    for change in changes(jsonable(expected), jsonable(found), Shape(type(expected))):
        yield f".{change.path}: expected {_plain(change.old)}, was {_plain(change.new)}"


def _fields(fields: Mapping[str, Any], model: BaseModel) -> Iterator[str]:
    known = list(type(model).model_fields)
    for name, value in fields.items():
        if name not in known:
            hint = did_you_mean(name, known) or f"there are: {', '.join(known)}"
            raise Misuse(f"{type(model).__name__} has no field {name!r}", hint=hint)
        was = getattr(model, name)
        if not same_value(was, value):
            found = changes({name: jsonable(value)}, {name: jsonable(was)}, Shape(type(model)))
            told = [f"  .{one.path}: expected {_plain(one.old)}, was {_plain(one.new)}" for one in found]
            yield from told or [f"  .{name}: expected {value!r}, was {was!r}"]


def _key_of(kind: RowType, values: Mapping[str, Any]) -> tuple[Any, ...]:
    missing = [name for name in kind.table.key if name not in values]
    if missing:
        raise Misuse(
            f"a row of {kind.name} is expected without its {missing[0]}", hint="its key says which row is meant"
        )
    return tuple([values[name] for name in kind.table.key])


def _shown_key(key: tuple[Any, ...]) -> str:
    return ",".join(str(jsonable(part)) for part in key)
