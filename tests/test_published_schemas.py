"""Schemas that are published say which type each of their rules is about, as strict validators (ajv) ask."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
_ABOUT = {
    "object": ("properties", "required", "additionalProperties"),
    "array": ("items", "minItems"),
    "string": ("pattern", "minLength"),
    "number": ("minimum", "maximum"),
}


def untyped(schema: Any, path: Sequence[str] = (), declared: Any = ()) -> Iterator[str]:
    """Rules beside which, and above which, no type stands that they could be about."""
    if not isinstance(schema, dict):
        return
    types = schema.get("type", declared)
    types = {types} if isinstance(types, str) else set(types)
    for kind, rules in _ABOUT.items():
        if not types & ({"number", "integer"} if kind == "number" else {kind}):
            yield from ("/".join((*path, rule)) for rule in rules if rule in schema)
    for word in ("properties", "$defs"):
        for name, below in schema.get(word, {}).items():
            yield from untyped(below, (*path, word, name))
    for word in ("allOf", "anyOf", "oneOf"):
        for number, below in enumerate(schema.get(word, ())):
            yield from untyped(below, (*path, word, str(number)), types)
    for word in ("if", "then", "else", "not"):
        yield from untyped(schema.get(word), (*path, word), types)
    for word in ("items", "additionalProperties"):
        yield from untyped(schema.get(word), (*path, word))


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/*.schema.json")), ids=lambda path: path.name)
def test_each_rule_has_a_type(page: Path) -> None:
    schema = json.loads(page.read_text())
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert not list(untyped(schema))


def test_a_rule_without_one_is_found() -> None:
    schema = {"type": "object", "properties": {"kind": {"type": "string"}}, "allOf": [{"required": ["kind"]}]}
    assert not list(untyped(schema))
    assert list(untyped({"anyOf": [{"required": ["a"]}, {"type": "array", "pattern": "x"}]})) == [
        "anyOf/0/required",
        "anyOf/1/pattern",
    ]
