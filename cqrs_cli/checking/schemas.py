"""The JSON Schema of a class as a lock keeps it: what is stored and read, and nothing that changes with a library.

pydantic's, without titles and descriptions, with sorted members, and with three things said in words of our own: a
decimal is a string with the format `decimal`, a field that a factory makes anew at each reading has `made-anew`, and
what has no JSON Schema has `python`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from cqrs_cli.domain.factories import is_constant

Schema = Mapping[str, Any]
_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
_BY_NAME = ("properties", "$defs")
_WORDS = ("title", "description", "examples", "deprecated", "readOnly", "writeOnly", "singular")


class _Generator(GenerateJsonSchema):
    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}

    def decimal_schema(self, schema: Any) -> JsonSchemaValue:
        bounds = {name: str(schema[bound]) for bound, name in _BOUNDS.items() if schema.get(bound) is not None}
        digits = {"maxDigits": schema.get("max_digits"), "decimalPlaces": schema.get("decimal_places")}
        multiple = {} if schema.get("multiple_of") is None else {"multipleOf": str(schema["multiple_of"])}
        known = {name: value for name, value in digits.items() if value is not None}
        return {"type": "string", "format": "decimal", **bounds, **known, **multiple}

    def default_schema(self, schema: Any) -> JsonSchemaValue:
        made = super().default_schema(schema)
        if "default_factory" in schema and not is_constant(schema["default_factory"]):
            made = {"allOf": [made], "made-anew": True} if "$ref" in made else {**made, "made-anew": True}
        return made

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:
        return {"python": error_info.partition("(")[0].strip() or "unknown"}


def schema_of(cls: type[BaseModel]) -> dict[str, Any]:
    """The schema, its members sorted."""
    found: dict[str, Any] = _tidied(cls.model_json_schema(schema_generator=_Generator))
    return found


def _tidied(schema: Any, by_name: bool = False) -> Any:
    if isinstance(schema, list):
        return [_tidied(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {
        name: sorted(value) if name == "required" and not by_name else _tidied(value, not by_name and name in _BY_NAME)
        for name, value in sorted(schema.items())
        if by_name or name not in _WORDS
    }
    if not by_name and "const" in made:
        made["enum"] = [made.pop("const")]
    return made


def resolved(schema: Schema, definitions: Schema) -> Schema:
    """What a reference stands for, with what stands beside it; a schema that is none as it is."""
    while "$ref" in schema or (list(schema.get("allOf", ())) and len(schema["allOf"]) == 1):
        beside = {name: value for name, value in schema.items() if name not in ("$ref", "allOf")}
        inner = definitions[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema["allOf"][0]
        schema = {**inner, **beside}
    return schema
