"""Whether what a lock promised is really read: an example of the locked schema, given to today's class."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pydantic import ValidationError

from cqrs_cli.checking.schemas import Schema, resolved
from cqrs_cli.errors import DomainFailed, Undecodable

_TEXTS = {
    "uuid": "00000000-0000-4000-8000-000000000000", "date": "2026-01-31", "date-time": "2026-01-31T10:00:00Z",
    "time": "10:00:00", "duration": "PT1H", "decimal": "1", "binary": "", "email": "ada@example.org",
}  # fmt: skip
_DEEP = 8


class NoExample(Exception):
    """Nothing can be made up that surely fits."""


def refused(schema: Schema, decode: Callable[[bytes], Any], by_step: bool) -> tuple[str, str] | None:
    """Why an example of a schema can't be read, and the example; None if it can, or nothing can be said.

    A rule of the class's own says nothing about made-up values, so that only what pydantic's types say counts.
    by_step: there is an upcaster, which may rely on all fields: what is stored has them.
    """
    for example in _examples(schema, (True,) if by_step else (True, False)):
        text = json.dumps(example)
        try:
            decode(text.encode())
        except ValidationError as error:
            if (told := _told(error)) is not None:
                return told, text
        except Undecodable as error:
            if not isinstance(error.__context__, ValidationError) or _told(error.__context__) is not None:
                return error.message, text
        except DomainFailed as error:  # a step may well raise for values that never were; not for names that are there
            if isinstance(error.__cause__, KeyError):
                return error.message, text
        except Exception:  # what a validator of the class raises
            continue
    return None


def _told(error: ValidationError) -> str | None:
    for one in error.errors(include_url=False, include_context=False):
        if one["type"] not in ("value_error", "assertion_error"):
            place = ".".join(map(str, one["loc"]))
            return f"{place}: {one['msg']}" if place else one["msg"]
    return None


def _examples(schema: Schema, wanted: Iterable[bool]) -> Iterator[Any]:
    """With all fields (True), and with those that have to be there."""
    for whole in wanted:
        try:
            yield _example(schema, schema.get("$defs", {}), whole, 0)
        except NoExample:
            continue


def _example(schema: Schema, definitions: Schema, whole: bool, depth: int) -> Any:
    schema = resolved(schema, definitions)
    if depth > _DEEP or "python" in schema or "pattern" in schema or "multipleOf" in schema:
        raise NoExample
    options = schema.get("anyOf") or schema.get("oneOf")
    for one in options or ():
        try:
            return _example(one, definitions, whole, depth + 1)
        except NoExample:
            continue
    if options:
        raise NoExample
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        return _object(schema, definitions, whole, depth)
    if kind == "array":
        items = schema.get("prefixItems")
        if items is not None:
            return [_example(one, definitions, whole, depth + 1) for one in items]
        least = schema.get("minItems", 0)
        if least > 1 and schema.get("uniqueItems"):
            raise NoExample
        count = max(least, 1 if whole and depth < _DEEP - 1 and schema.get("maxItems") != 0 else 0)
        return [_example(schema.get("items", {}), definitions, whole, depth + 1) for _ in range(count)]
    return _plain(schema, kind)


def _object(schema: Schema, definitions: Schema, whole: bool, depth: int) -> Any:
    fields = schema.get("properties", {})
    if schema.get("minProperties", 0) and not fields:
        raise NoExample
    required = set(schema.get("required", ()))
    made = {}
    for name, inner in fields.items():
        if name in required or whole:
            try:
                made[name] = _example(inner, definitions, whole, depth + 1)
            except NoExample:
                if name in required:
                    raise
    return made


def _plain(schema: Schema, kind: Any) -> Any:
    if kind == "string":
        if schema.get("format") == "decimal":
            return str(_number(schema))
        text = _TEXTS.get(schema["format"]) if "format" in schema else "x" * max(1, schema.get("minLength", 0))
        if text is None or schema.get("maxLength", 1) < 1:
            raise NoExample
        return text
    if kind in ("integer", "number"):
        return _number(schema)
    if kind == "boolean":
        return True
    if kind in ("null", None):
        return None
    raise NoExample


def _number(schema: Schema) -> int:
    """A whole number within the bounds, 1 if it is one."""

    def fits(value: int) -> bool:
        return (
            value >= float(schema.get("minimum", value))
            and value <= float(schema.get("maximum", value))
            and value > float(schema.get("exclusiveMinimum", value - 1))
            and value < float(schema.get("exclusiveMaximum", value + 1))
        )

    bounds = [float(schema[name]) for name in schema if name.lower().endswith(("minimum", "maximum"))]
    for value in (1, 0, *(int(bound) + step for bound in bounds for step in (0, 1, -1))):
        if fits(value):
            return value
    raise NoExample
