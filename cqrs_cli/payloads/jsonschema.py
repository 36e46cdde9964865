"""The JSON Schema of a model as `send` reads JSON: pydantic's, but for decimals in texts."""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DIGITS = r"([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"


class SchemaGenerator(GenerateJsonSchema):
    """A decimal may be a text: pydantic lets it have any sign, no digit and no exponent. A tag has to be there."""

    def decimal_schema(self, schema: Any) -> JsonSchemaValue:
        """As pydantic's, with a pattern of what is taken."""
        made = super().decimal_schema(schema)
        for choice in made.get("anyOf", ()):
            if choice.get("type") == "string":
                choice["pattern"] = _pattern(schema)
        return made

    def tagged_union_schema(self, schema: Any) -> JsonSchemaValue:
        """As pydantic's; but the tag has to be there, also where the models that it tells apart have a default."""
        made = super().tagged_union_schema(schema)
        tag = made.get("discriminator", {}).get("propertyName")
        return made if tag is None or self.mode != "validation" else made | {"required": [tag]}


def _pattern(schema: Any) -> str:
    """What a text has to be like; a bound other than 0 can't be told by one."""
    number = _number(schema.get("max_digits"), schema.get("decimal_places"))
    least, above = schema.get("ge"), schema.get("gt")
    if above is not None and above >= 0:
        return rf"^\+?(?=[0-9.]*[1-9]){number}$"
    if least is not None and least >= 0:
        return rf"^(\+?|-(?=[0.]*([eE]|$))){number}$"
    return rf"^[+-]?{number}$"


def _number(digits: int | None, places: int | None) -> str:
    if digits is None and places is None:
        return _DIGITS
    whole = "[0-9]*" if digits is None else f"0*[0-9]{{0,{digits - (places or 0)}}}"
    return rf"(?=\.?[0-9]){whole}(\.[0-9]{{0,{digits if places is None else places}}}0*)?"
