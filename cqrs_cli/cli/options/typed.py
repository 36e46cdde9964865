"""A payload as it would be typed: the options of a command with values, to be copied from its help."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, PydanticInvalidForJsonSchema, ValidationError

from cqrs_cli.cli.options.examples import example_of
from cqrs_cli.payloads.shapes import Flag, Json, Many, Mapping
from cqrs_cli.payloads.validation import validate

if TYPE_CHECKING:
    from cqrs_cli.cli.options.parameters import Option, Options

LONGEST = 100
"""Characters of a line; what would be longer is better given as JSON."""


def example_line(command: str, cls: type[BaseModel], options: Options) -> str | None:
    """The command with its required fields, or None if there is no example of the class, a field of it may hold a
    secret, or the line would be too long."""
    if any(option.is_secret for option in options.all):
        return None
    try:
        example = example_of(cls)
    except PydanticInvalidForJsonSchema:
        return None
    if example.refused is not None:
        return None
    members = {member.public: member for member in options.record.members}
    least = {name: value for name, value in example.payload.items() if members[name].info.is_required()}
    payload = least if _validates(cls, least) else example.payload
    words = [word for name, value in payload.items() for word in _words(options.by_path[(members[name].name,)], value)]
    line = " ".join([command, *words])
    return line if len(line) <= LONGEST else None


def _validates(cls: type[BaseModel], payload: dict[str, Any]) -> bool:
    try:
        validate(cls, payload)
    except ValidationError:
        return False
    return True


def _words(option: Option, value: Any) -> Iterator[str]:
    if value is None:
        return
    if isinstance(option.shape, Flag):
        yield option.flag if value else option.off or f"{option.flag}=false"
    elif isinstance(option.shape, Many) and isinstance(value, list):
        for item in value:
            yield _word(option, _text(item))
    elif isinstance(option.shape, Mapping) and isinstance(value, dict):
        for key, item in value.items():
            yield _word(option, f"{key}={_text(item)}")
    else:
        yield _word(option, json.dumps(value) if isinstance(option.shape, Json) else _text(value))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _word(option: Option, text: str) -> str:
    quoted = shlex.quote(text)
    return f"{option.flag}={quoted}" if text.startswith("-") else f"{option.flag} {quoted}"
