"""Scenarios as YAML text that is read back as what it was: a message a line where it fits, quotes if need be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from cqrs_cli.scenario.yaml_tree import plain

_WIDTH = 110
_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_./@+-]*( [A-Za-z0-9_./@+-]+)*")
_YAML_1_1 = re.compile(r"(?i)y|n|yes|no|on|off|true|false|null")
"""Other readers of YAML would take them for something else."""


def document(members: Mapping[str, Any]) -> str:
    """The text of one document."""
    return "\n".join(line for name, value in members.items() for line in _member(name, value, "")) + "\n"


def _member(name: str, value: Any, indent: str) -> Iterator[str]:
    line = f"{indent}{scalar(name)}: {flow(value)}"
    is_list_of_messages = isinstance(value, list) and value and isinstance(value[0], Mapping)
    if (
        not value
        or not isinstance(value, Mapping | list)
        or (len(line) <= _WIDTH and indent and not is_list_of_messages)
    ):
        yield line
    elif isinstance(value, Mapping):
        yield f"{indent}{scalar(name)}:"
        for inner, part in value.items():
            yield from _member(inner, part, indent + "  ")
    else:
        yield f"{indent}{scalar(name)}:"
        for part in value:
            yield from _element(part, indent + "  ")


def _element(part: Any, indent: str) -> Iterator[str]:
    if not isinstance(part, Mapping) or not part:
        yield f"{indent}- {flow(part)}"
        return
    lines = [line for name, value in part.items() for line in _member(name, value, indent + "  ")]
    yield f"{indent}- {lines[0].lstrip()}"
    yield from lines[1:]


def flow(value: Any) -> str:
    """A value in one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(name)}: {flow(part)}" for name, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    return scalar(value)


def scalar(value: Any) -> str:
    """A value without parts: bare where that means the same to every reader."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float | Decimal):
        return str(value)
    text = str(value)
    if _BARE.fullmatch(text) and plain(text) == text and not _YAML_1_1.fullmatch(text):
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    return char if char.isprintable() else f"\\U{ord(char):08x}"
