"""A payload in a line: `product_name="Blue pen" quantity=2 address.city=Paris items[2]`."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from cqrs_cli.cli.printing.documents import Short
from cqrs_cli.cli.printing.values import cell_text
from cqrs_cli.jsonable import RawJson, jsonable

_BARE = re.compile(r"[^\s=\"'\[\]{}]+")
_WORDS = frozenset({"true", "false", "null"})


def is_structure(value: Any) -> bool:
    """Whether a value is no single one: it is told by `payload_text`."""
    return isinstance(value, (RawJson, Mapping, list, tuple))


def parsed(value: Any) -> Any:
    """The value as plain JSON; numbers of what was stored as JSON are texts, so that they keep their digits."""
    return json.loads(value, parse_float=str, parse_int=str) if isinstance(value, RawJson) else jsonable(value)


def payload_text(value: Any, brief: bool, short: Short) -> str:
    """Members with their values in a line, those inside others with a dot; what is no object is JSON.

    brief: a list is told by its length. short: what becomes of a text.
    """
    plain = parsed(value)
    if isinstance(plain, dict) and plain:
        return " ".join(_members("", plain, brief, short))
    if isinstance(plain, list):
        return f"[{len(plain)}]" if brief and plain else _list(plain)
    return "{}" if plain == {} else short(cell_text(plain))


def _members(before: str, plain: Mapping[str, Any], brief: bool, short: Short) -> Iterator[str]:
    for name, value in plain.items():
        path = before + (name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False))
        if isinstance(value, dict) and value:
            yield from _members(path + ".", value, brief, short)
        elif isinstance(value, list):
            yield f"{path}[{len(value)}]" if brief and value else f"{path}={_list(value)}"
        else:
            yield f"{path}={_said(value, short)}"


def _list(plain: Any) -> str:
    return cell_text(plain)


def _said(value: Any, short: Short) -> str:
    """A value: a text in quotes where it would be read as something else without them."""
    if isinstance(value, str):
        if _BARE.fullmatch(value) and value not in _WORDS:
            return short(value)
        return json.dumps(value, ensure_ascii=False)
    return "{}" if value == {} else cell_text(value) if value is not None else "null"
