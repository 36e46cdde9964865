"""Values as text: JSON for programs, one-line cells for people."""

import json
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from cqrs_cli.cli.printing.control_characters import inert_json
from cqrs_cli.errors import Misuse
from cqrs_cli.jsonable import Digits, RawJson, jsonable

_quote = json.encoder.encode_basestring


def json_text(value: Any, indent: int | None = None) -> str:
    """One JSON text, compact unless indented, with every control character escaped."""
    return inert_json(_dumped(jsonable(value), indent))


def json_line(record: Mapping[str, Any]) -> str:
    """A record as one line of JSON. `RawJson` members are spliced in, not parsed: 5 µs instead of 15 an event."""
    return inert_json("{" + ",".join([f"{_quote(name)}:{_member(value)}" for name, value in record.items()]) + "}")


def _member(value: Any) -> str:
    kind = type(value)
    if kind is RawJson:
        return value  # type: ignore[no-any-return]
    if kind is str:
        return _quote(value)
    if kind is dict and RawJson in map(type, value.values()):
        return json_line(value)
    if kind is int:
        return str(value)
    if value is None:
        return "null"
    return _dumped(jsonable(value))


def _dumped(plain: Any, indent: int | None = None) -> str:
    if _has_digits(plain):
        return "".join(_written(plain, indent, "\n"))
    separators = (",", ":") if indent is None else None
    try:
        return json.dumps(plain, ensure_ascii=False, indent=indent, separators=separators, allow_nan=False)
    except ValueError as error:
        raise Misuse(
            "a value that is NaN or infinite has no JSON", code="no-json", hint="--format table shows it"
        ) from error


def _has_digits(plain: Any) -> bool:
    if isinstance(plain, dict):
        return any(map(_has_digits, plain.values()))
    return any(map(_has_digits, plain)) if isinstance(plain, list) else isinstance(plain, Digits)


def _written(plain: Any, indent: int | None, line: str) -> Iterator[str]:
    """As `json` writes it, but numbers with their digits. line: the line break before what is not inside."""
    if isinstance(plain, Digits):
        yield plain.text
    elif isinstance(plain, (dict, list)) and plain:
        inner = "" if indent is None else line + " " * indent
        opening, closing = "{}" if isinstance(plain, dict) else "[]"
        for number, item in enumerate(plain):
            yield (opening if number == 0 else ",") + inner
            if isinstance(plain, dict):
                yield _quote(item) + (":" if indent is None else ": ")
                item = plain[item]
            yield from _written(item, indent, inner)
        yield ("" if indent is None else line) + closing
    else:
        yield _dumped(plain)


def cell_text(value: Any) -> str:
    """A value in a table, CSV or Markdown cell, not yet made inert: nothing is the empty text, structures are JSON."""
    if isinstance(value, str) and not isinstance(value, Enum):
        return value
    if value is None:
        return ""
    if type(value) is int:
        return str(value)
    plain = jsonable(value)
    if isinstance(plain, str):
        return plain
    if _has_digits(plain):
        return "".join(_written(plain, None, ""))
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
