"""What the schema of a class says of its fields: what helps who fills them in."""

from __future__ import annotations

from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic.errors import PydanticUserError

from cqrs_cli.domain.pydantic_fast import PydanticSerializationError
from cqrs_cli.payloads.jsonschema import SchemaGenerator

_LIMITS = (
    ("minimum", "≥ {}"), ("exclusiveMinimum", "> {}"), ("maximum", "≤ {}"), ("exclusiveMaximum", "< {}"),
    ("multipleOf", "in steps of {}"), ("minLength", "at least {} characters"), ("maxLength", "at most {} characters"),
    ("minItems", "at least {}"), ("maxItems", "at most {}"), ("pattern", "as {}"),
)  # fmt: skip
_PATTERNS = {"date": "[0-9]{4}-[0-9]{2}-[0-9]{2}"}
_EXAMPLES = {
    "date": "2026-01-31", "date-time": "2026-01-31T12:00:00Z", "time": "12:00:00", "duration": "PT1H",
    "uuid": "11111111-1111-4111-8111-111111111111",
}  # fmt: skip


class Hint(NamedTuple):
    """What helps with a field. limits: for people; pattern: of its text, for a browser; example: of its text."""

    description: str = ""
    limits: str = ""
    pattern: str = ""
    example: str = ""


class Schema:
    """A part of the schema of a class; of what the schema does not tell, an empty one."""

    def __init__(self, part: Any, root: dict[str, Any]) -> None:
        self._described = part.get("description", "") if isinstance(part, dict) and "$ref" not in part else ""
        self._root, self._part = root, _resolved(part, root)

    @property
    def hint(self) -> Hint:
        """What it says of its own."""
        texts = [one for one in self._part.get("anyOf", ()) if one.get("type") == "string" and "pattern" in one]
        numbers = [one for one in self._part.get("anyOf", ()) if one.get("type") == "number"]
        told = {**self._part, **(numbers[0] if numbers else {})}
        kind = self._part.get("format", "")
        # A browser reads patterns with the flag v, which wants a dash escaped.
        pattern = texts[0]["pattern"].replace("[+-]", r"[+\-]").removeprefix("^").removesuffix("$") if texts else ""
        limits = ", ".join(text.format(_shown(told[name])) for name, text in _LIMITS if name in told)
        return Hint(self._described, limits, pattern or _PATTERNS.get(kind, ""), _EXAMPLES.get(kind, ""))

    def member(self, name: str) -> Schema:
        """Of a field, by its name in JSON."""
        return Schema(self._part.get("properties", {}).get(name, {}), self._root)

    @property
    def item(self) -> Schema:
        """Of the elements of a list."""
        return Schema(self._part.get("items", {}), self._root)


def _shown(limit: Any) -> Any:
    return int(limit) if isinstance(limit, float) and limit.is_integer() else limit


def schema_of(cls: type[BaseModel]) -> Schema:
    """The schema of a class; an empty one for a class that has none."""
    try:
        root = cls.model_json_schema(schema_generator=SchemaGenerator)
    except (PydanticUserError, PydanticSerializationError):
        root = {}
    return Schema({key: value for key, value in root.items() if key != "description"}, root)


def _resolved(part: Any, root: dict[str, Any]) -> dict[str, Any]:
    """The part that a reference leads to, without what says that null is taken, too."""
    for _ in range(20):
        if not isinstance(part, dict):
            return {}
        if "$ref" in part:
            part = root.get("$defs", {}).get(part["$ref"].rpartition("/")[2], {})
            continue
        known = [one for one in part.get("anyOf", ()) if one.get("type") != "null"]
        if len(known) == 1:
            part = known[0]
            continue
        return {**part, "anyOf": known} if known else part
    return {}
