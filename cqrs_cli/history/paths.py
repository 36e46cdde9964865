"""Places in a state: `items[product_id=7].quantity`, `legs[2].to`, `prices["a.b"]`; how they are written and read.

A path is a tuple of steps: the name of a member, the place of an element, or the key of one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from cqrs_cli.errors import Misuse

_PLAIN_NAME = re.compile(r"[\w-]+|\(\w+\)")
_PLAIN_VALUE = re.compile(r"[\w.,:;+@/%-](?:[\w .,:;+@/%-]*[\w.,:;+@/%-])?")
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_STEP = re.compile(
    rf"\.?(?P<name>[\w-]+)|\[(?P<place>\d{{1,9}})\]|\[(?P<quoted>{_QUOTED})\]"
    rf"|\[(?P<field>[\w-]+)=(?:(?P<text>{_QUOTED})|(?P<value>[^\[\]\"]+))\]"
)
_UUID = re.compile("[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_LEAST = 8
"""Of a UUID so many characters are enough, as elsewhere."""


class Keyed(NamedTuple):
    """An element of a list by its key. value: as text."""

    field: str
    value: str


Step = str | int | Keyed
Path = tuple[Step, ...]


def path_text(path: Sequence[Step]) -> str:
    """The path as it is shown and typed; the empty text for the state itself."""
    parts: list[str] = []
    for step in path:
        if isinstance(step, Keyed):
            plain = _PLAIN_VALUE.fullmatch(step.value)
            parts.append(f"[{step.field}={step.value if plain else json.dumps(step.value, ensure_ascii=False)}]")
        elif isinstance(step, int):
            parts.append(f"[{step}]")
        elif _PLAIN_NAME.fullmatch(step):
            parts.append(f".{step}" if parts else step)
        else:
            parts.append(f"[{json.dumps(step, ensure_ascii=False)}]")
    return "".join(parts)


def parse_path(text: str) -> Path:
    """The path that was typed. Raises `Misuse`."""
    steps: list[Step] = []
    at = 0
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None or (at == 0 and text.startswith(".")) or (found["name"] and at and text[at] != "."):
            break
        if found["name"] is not None:
            steps.append(found["name"])
        elif found["place"] is not None:
            steps.append(int(found["place"]))
        elif found["quoted"] is not None:
            steps.append(_unquoted(found["quoted"], text))
        else:
            steps.append(Keyed(found["field"], found["value"] or _unquoted(found["text"], text)))
        at = found.end()
    if at < len(text) or not steps:
        raise _unreadable(text)
    return tuple(steps)


def selects(wanted: Path, path: Path) -> bool:
    """Whether a path is what was wanted, or inside it. Brackets that were not typed stand for every element."""
    met = 0
    for step in path:
        if met == len(wanted):
            return True
        if _same(wanted[met], step):
            met += 1
        elif isinstance(step, str) or not isinstance(wanted[met], str):
            return False
    return met == len(wanted)


def _same(wanted: Step, step: Step) -> bool:
    if isinstance(wanted, Keyed) and isinstance(step, Keyed):
        value = wanted.value.lower()
        short = len(value) >= _LEAST and _UUID.fullmatch(step.value) is not None and step.value.startswith(value)
        return _is_name(wanted.field, step.field) and (step.value == wanted.value or short)
    if isinstance(wanted, str) and isinstance(step, str):
        return _is_name(wanted, step)
    return type(wanted) is type(step) and wanted == step


def _is_name(typed: str, name: str) -> bool:
    """Kebab-case is understood."""
    return name in (typed, typed.replace("-", "_"))


def _unquoted(text: str, whole: str) -> str:
    try:
        found: Any = json.loads(text)
        return str(found)
    except ValueError:
        raise _unreadable(whole) from None


def _unreadable(text: str) -> Misuse:
    hint = 'as in: total, address.city, items[product_id=7], legs[2], prices["a.b"]'
    return Misuse(f"{text!r} is no field", code="field", hint=hint)
