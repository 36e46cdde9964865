"""The JSON Schema that is printed says what `send` takes."""

import json
import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from cqrs_cli.payloads.jsonschema import DIALECT, SchemaGenerator

RULES: list[dict[str, Any]] = [
    {},
    {"gt": 0},
    {"ge": 0},
    {"decimal_places": 2},
    {"max_digits": 5, "decimal_places": 2},
    {"gt": 0, "max_digits": 5, "decimal_places": 2},
]
NUMBERS = st.from_regex(r"[+-]?[0-9]{0,4}\.?[0-9]{0,3}([eE][+-]?[0-9])?", fullmatch=True, alphabet="+-.0123456789eE")
ODD = st.sampled_from(
    ["", "-", "+", ".", "1e", "e5", "1_000", "0x10", "NaN", "Infinity", "١", "--1", "1.2.3", "-0", "-0.00"]
)


def pattern(rules: dict[str, Any]) -> str:
    class Model(BaseModel):
        price: Decimal = Field(**rules)  # type: ignore[misc]

    choices = Model.model_json_schema(schema_generator=SchemaGenerator)["properties"]["price"]["anyOf"]
    [found] = [choice["pattern"] for choice in choices if choice["type"] == "string"]
    return str(found)


@pytest.mark.parametrize("rules", RULES, ids=str)
@given(text=NUMBERS | ODD)
def test_a_decimal_in_a_text_is_refused_by_the_schema_where_it_is_refused_at_all(
    rules: dict[str, Any], text: str
) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(Decimal)

    class Model(BaseModel):
        price: Decimal = Field(**rules)  # type: ignore[misc]

    try:
        Model(price=text)  # type: ignore[arg-type]  # as it comes in JSON
    except ValidationError:
        taken = False
    else:
        taken = adapter.validate_python(text).is_finite() and text.isascii() and "_" not in text
    fits = re.search(pattern(rules), text) is not None
    if "e" in text.lower() and ("max_digits" in rules or "decimal_places" in rules):
        assert not fits  # its digits can't be counted
    else:
        assert fits == taken


def test_every_schema_names_its_dialect(orders_app: Any) -> None:
    for line in orders_app("schema --jsonl").out.splitlines():
        one = json.loads(line)
        assert orders_app(f"schema {one['kind']}:{one['name']}").json["$schema"] == DIALECT
