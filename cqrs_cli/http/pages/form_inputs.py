"""How a payload is spelt as the inputs of a form, and what buttons do with them.

A value is called by its JSON pointer, `/items/0/quantity`; `/items#` says how many elements a list has, `/contact?`
which kind of several a value is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cqrs_cli.errors import InvalidInput
from cqrs_cli.json_text import json_text
from cqrs_cli.payloads import shapes
from cqrs_cli.payloads.complaints import Path
from cqrs_cli.payloads.shapes import Json, Many, Record, Shape

MOST_ITEMS = 100
AS_JSON = "JSON"
AS_BODY = "send it as JSON: POST /commands"


def name_of(path: Path) -> str:
    """How an input is called: the JSON pointer to its value."""
    return "".join(f"/{step}" for step in path)


def singular(step: str | int | None) -> str:
    """What an element of a list is called."""
    return str(step).removesuffix("s") if isinstance(step, str) else "element"


def count_of(typed: Mapping[str, str], name: str) -> int:
    """How many elements a list has. Raises `InvalidInput` for more than a form may have."""
    text = typed.get(f"{name}#", "0")
    if not re.fullmatch("[0-9]{1,4}", text) or int(text) > MOST_ITEMS:
        raise InvalidInput(
            f"{name[:80]} has at most {MOST_ITEMS} elements here", hint="send it as JSON: POST /commands"
        )
    return int(text)


def typed_of(shape: Shape, value: Any, name: str) -> dict[str, str]:
    """What would be typed for a plain JSON value."""
    if value is None:
        return {}
    if isinstance(shape, Record) and isinstance(value, dict):
        known = [(one, value[one.name]) for one in shape.members if one.name in value]
        return {key: text for one, it in known for key, text in typed_of(one.shape, it, f"{name}/{one.name}").items()}
    if isinstance(shape, Many) and isinstance(value, list):
        made = {f"{name}#": str(len(value))}
        for number, item in enumerate(value):
            made |= typed_of(shape.item, item, f"{name}/{number}")
        return made
    text = value if isinstance(value, str) and not isinstance(shape, Json | shapes.Mapping) else json_text(value)
    chosen = {f"{name}?": AS_JSON} if isinstance(shape, Json) and len(shape.kinds) > 1 else {}
    return {name: text, **chosen}


def without(typed: Mapping[str, str], item: str) -> dict[str, str]:
    """What was typed, without an element of a list; those after it move up."""
    base, _, text = item.rpartition("/")
    inside = re.compile(re.escape(base) + "/([0-9]+)([/#?].*)?")
    made: dict[str, str] = {}
    for name, value in typed.items():
        found = inside.fullmatch(name)
        if found is None:
            made[name] = value
        elif found[1] != text:
            moved = int(found[1]) - (int(found[1]) > int(text))
            made[f"{base}/{moved}{found[2] or ''}"] = value
    made[f"{base}#"] = str(max(count_of(typed, base) - 1, 0))
    return made
