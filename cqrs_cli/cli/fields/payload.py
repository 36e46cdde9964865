"""From option texts and `-d` to one payload, and from the payload to a validated model."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from cqrs_cli.cli.fields import complaints, shapes
from cqrs_cli.cli.fields.jsontext import JsonTextError, Sources, parse_json
from cqrs_cli.cli.fields.keyvalue import KeyValueError, parse_pairs
from cqrs_cli.cli.fields.options import Option, Options
from cqrs_cli.cli.fields.shapes import Choice, Json, Loose, Many, Record, Shape
from cqrs_cli.errors import CqrsError, InvalidInput
from cqrs_cli.failure import domain_failed

_DATA_HINT = """a JSON object: -d '{"name": "value"}'; a file: -d @FILE; stdin: -d @-"""

Model = TypeVar("Model", bound=BaseModel)


class Unreadable(ValueError):
    """An option's text does not follow its grammar; `at` is where inside the value, `.quantity`."""

    def __init__(self, message: str, at: str = "") -> None:
        super().__init__(message)
        self.at = at


def build(
    model: type[Model],
    options: Options,
    values: Mapping[str, Any],
    data: str | None,
    sources: Sources,
    name: str,
    hint: str,
) -> Model:
    """The model that the options (`values` by `Option.id`) and `data` (`-d`) describe; options override.

    Raises `InvalidInput` with every complaint at once, `Misuse` for files or stdin that can't be read, `DomainFailed`.
    """
    payload = _data(options.record, data, sources) if data is not None else {}
    found: list[complaints.Complaint] = []
    for option in sorted(options.all, key=lambda option: len(option.path)):
        given = values.get(option.id)
        if given is None or given == []:
            continue
        try:
            value = given if isinstance(given, bool) else _read_option(option, given, sources)
        except Unreadable as error:
            found.append(complaints.Complaint(option.path, f"{option.flag}{error.at}", str(error)))
        else:
            _set(payload, option, value)
    try:
        made = validate(model, payload)
    except ValidationError as error:
        found += complaints.of(error, options.record, payload, options, found)
        raise complaints.invalid(name, found, hint) from None
    if found:
        raise complaints.invalid(name, found, hint)
    return made


def validate(model: type[Model], payload: Any) -> Model:
    """One validation: Python's lax mode whatever the model says; fields go by their names or aliases.

    Raises `ValidationError`, and `DomainFailed` for anything else that a validator of the user's raises.
    """
    try:
        validated: Model = model.__pydantic_validator__.validate_python(
            payload, strict=False, by_alias=True, by_name=True
        )
    except (ValidationError, CqrsError):
        raise
    except (Exception, SystemExit) as error:
        raise domain_failed(error, f"a validator of {model.__name__}") from error
    return validated


def _data(record: Record, data: str, sources: Sources) -> dict[str, Any]:
    text: str | bytes = sources.read(data[1:], "-d/--data") if data.startswith("@") else data
    try:
        payload = parse_json(text)
    except JsonTextError as error:
        raise InvalidInput(f"-d/--data: {error}", hint=_DATA_HINT) from None
    if not isinstance(payload, dict):
        raise InvalidInput(f"-d/--data: expected a JSON object, found {complaints.kind(payload)}")
    named: dict[str, Any] = tidy(record, payload)
    return named


def tidy(shape: Shape, value: Any) -> Any:
    """A value out of JSON with fields under their own names (not aliases), and floats where digits don't matter."""
    if isinstance(shape, Record) and isinstance(value, dict):
        return _tidy_record(shape, value)
    if isinstance(shape, Many) and isinstance(value, list):
        return [tidy(shape.item, item) for item in value]
    if isinstance(shape, shapes.Mapping) and isinstance(value, dict):
        return {key: tidy(shape.value, item) for key, item in value.items()}
    return _floats(value) if isinstance(shape, Loose) and shape.floats else value


def needs_tidying(shape: Shape) -> bool:
    """Whether `tidy` could change anything in such a value."""
    if isinstance(shape, Record):
        return any(len(member.names) > 1 or needs_tidying(member.shape) for member in shape.members)
    if isinstance(shape, Many):
        return needs_tidying(shape.item)
    return (
        needs_tidying(shape.value) if isinstance(shape, shapes.Mapping) else isinstance(shape, Loose) and shape.floats
    )


def _tidy_record(record: Record, value: dict[str, Any]) -> dict[str, Any]:
    by_name = {name: member for member in record.members for name in member.names}
    named: dict[str, Any] = {}
    for key, item in value.items():
        member = by_name.get(key)
        key = member.name if member is not None and member.name not in value else key
        named[key] = tidy(member.shape, item) if member is not None else item
    return named


def _floats(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list):
        return [_floats(item) for item in value]
    return {key: _floats(item) for key, item in value.items()} if isinstance(value, dict) else value


def _set(payload: dict[str, Any], option: Option, value: Any) -> None:
    inner = payload
    for step in option.path[:-1]:
        if not isinstance(inner.get(step), dict):
            inner[step] = {}
        inner = inner[step]
    last, before = option.path[-1], inner.get(option.path[-1])
    inner[last] = before | value if isinstance(option.shape, shapes.Mapping) and isinstance(before, dict) else value


# ── one option ────────────────────────────────────────────────────────────────────────────────


def _read_option(option: Option, given: str | Sequence[str], sources: Sources) -> Any:
    texts = [given] if isinstance(given, str) else given
    for text in texts:
        if any("\ud800" <= letter <= "\udfff" for letter in text):  # bytes of the command line that were no UTF-8
            raise Unreadable(f"not a text in UTF-8 (got {complaints.short(text)})")
    return read_texts(option.shape, texts, sources, option.flag)


def read_texts(shape: Shape, texts: Sequence[str], sources: Sources, asker: str) -> Any:
    """The value that one or more texts (of a repeatable option, a repeated key) stand for. Raises `Unreadable`."""
    if isinstance(shape, Many):
        return [item for text in texts for item in _items(shape.item, text, sources, asker)]
    if isinstance(shape, shapes.Mapping):
        made: dict[str, Any] = {}
        for text in texts:
            _add_pairs(made, shape.value, text, sources, asker)
        return made
    return _one(shape, texts[-1], sources, asker)


def _items(item: Shape, text: str, sources: Sources, asker: str) -> Iterator[Any]:
    """The elements of a list that one text stands for: one, or those of a JSON array of models."""
    if isinstance(item, Record | Json) and (text.startswith("@") or text.lstrip().startswith("[")):
        value = _json(item, text, sources, asker)
        yield from value if isinstance(value, list) else [value]
    elif isinstance(item, Many | shapes.Mapping):
        yield _json(item, text, sources, asker)
    else:
        yield _one(item, text, sources, asker)


def _add_pairs(made: dict[str, Any], value: Shape, text: str, sources: Sources, asker: str) -> None:
    if text.lstrip().startswith("{"):
        pairs = _json(shapes.Mapping(value), text, sources, asker)
        made.update(pairs)
        return
    key, equals, rest = text.partition("=")
    if not equals:
        raise Unreadable(f"expected key=value (got {complaints.short(text)})")
    if key in made:
        raise Unreadable(f"the key {key!r} is given twice")
    read = _json if isinstance(value, Many | shapes.Mapping) else _one
    made[key] = read(value, rest, sources, asker)


def _one(shape: Shape, text: str, sources: Sources, asker: str) -> Any:
    if isinstance(shape, Choice):
        return shape.values.get(text, text)
    if isinstance(shape, Loose):
        try:
            return tidy(shape, parse_json(text))
        except JsonTextError:
            return text
    if isinstance(shape, Record) and not text.startswith("@") and not text.lstrip().startswith("{"):
        return _pairs(shape, text, sources, asker)
    return _json(shape, text, sources, asker) if isinstance(shape, Record | Json) else text


def _json(shape: Shape, text: str, sources: Sources, asker: str) -> Any:
    file = text[1:] if text.startswith("@") and not isinstance(shape, Many | shapes.Mapping) else None
    try:
        value = parse_json(text if file is None else sources.read(file, asker))
    except JsonTextError as error:
        takes = "" if file is not None else f" (got {complaints.short(text)}); JSON or @FILE is taken here"
        raise Unreadable(f"{error}{f' of {file}' if file is not None else ''}{takes}") from None
    if isinstance(value, list) and not isinstance(shape, Many):
        return [tidy(shape, item) for item in value]
    return tidy(shape, value)


# ── K=V ───────────────────────────────────────────────────────────────────────────────────────


def _pairs(record: Record, text: str, sources: Sources, asker: str) -> dict[str, Any]:
    try:
        pairs = parse_pairs(text)
    except KeyValueError as error:
        raise Unreadable(f"{error}; key=value,…, a JSON object or @FILE is taken here") from None
    grouped: dict[str, list[str]] = {}
    for key, value in pairs:
        grouped.setdefault(key, []).append(value)
    payload: dict[str, Any] = {}
    for key, texts in grouped.items():
        _set_key(payload, record, key, texts, sources, asker)
    return payload


def _set_key(payload: dict[str, Any], record: Record, key: str, texts: list[str], sources: Sources, asker: str) -> None:
    """Put a key, `quantity` or `address.street`, where it belongs."""
    shape: Shape = Loose("any")
    head, dot, rest = key.partition(".")
    member = record.member(key) or (record.member(head) if dot else None)
    if member is None:
        if not record.open:
            raise Unreadable(_unknown(record, key))
        member_name = key
    else:
        member_name, shape = member.name, member.shape
    if len(texts) > 1 and not isinstance(shape, Many):
        raise Unreadable(f"the key {key!r} is given twice")
    if member is None or record.member(key) is not None:
        if member_name in payload and not (isinstance(shape, Record) and isinstance(payload[member_name], dict)):
            raise Unreadable(f"the key {key!r} is given twice")
        try:
            payload[member_name] = read_texts(shape, texts, sources, asker)
        except Unreadable as error:
            raise Unreadable(str(error), f".{key}{error.at}") from None
    elif isinstance(shape, Record):
        _set_key(payload.setdefault(member_name, {}), shape, rest, texts, sources, asker)
    elif isinstance(shape, shapes.Mapping):
        payload.setdefault(member_name, {})[rest] = _one(shape.value, texts[-1], sources, asker)
    else:
        raise Unreadable(f"{head!r} has no parts, so {key!r} means nothing")


def _unknown(record: Record, key: str) -> str:
    names = [member.public for member in record.members]
    near = difflib.get_close_matches(key, names, 1)
    return f"no such key {key!r}; " + (f"did you mean {near[0]!r}?" if near else f"known are {', '.join(names)}")
