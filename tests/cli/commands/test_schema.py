"""`cqrs schema`: JSON Schemas, and examples that validate."""

from __future__ import annotations

import datetime as dt
import enum
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    UUID4,
    AnyUrl,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    FutureDate,
    IPvAnyAddress,
    Json,
    NaiveDatetime,
    PastDatetime,
    SecretStr,
    model_validator,
)

from cqrs_cli.cli.options.examples import example_of
from cqrs_cli.cli.options.patterns import text_for
from tests.cli.conftest import PARCELS

NEW_YEAR = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


class Size(enum.Enum):
    SMALL = "small"
    LARGE = "large"


class Color(enum.Enum):
    RED = "red"


class Card(BaseModel):
    kind: Literal["card"]
    number: str = Field(pattern=r"^\d{4}-\d{4}$")


class Cash(BaseModel):
    kind: Literal["cash"]
    amount: Decimal


class Tree(BaseModel):
    name: str
    children: list[Tree] = []
    parent: Tree | None = None


@pytest.mark.parametrize(
    "hint",
    [
        *(str, int, float, Decimal, bool, bytes, UUID, UUID4, Color, Any, dt.date, dt.time, dt.timedelta),
        *(AwareDatetime, NaiveDatetime, PastDatetime, FutureDate, AnyUrl, IPvAnyAddress, SecretStr, Json),
        Annotated[int, Field(gt=5, multiple_of=7)],
        Annotated[int, Field(lt=-3)],
        Annotated[float, Field(gt=0, lt=1)],
        Annotated[Decimal, Field(gt=0, max_digits=4, decimal_places=2)],
        Annotated[Decimal, Field(ge=100, le=200, multiple_of=Decimal("0.25"))],  # type: ignore[call-overload]
        Annotated[str, Field(min_length=10, max_length=12)],
        Annotated[str, Field(max_length=1)],
        Annotated[str, Field(pattern=r"^[A-Z]{2}\d+(x|y)?$", min_length=6)],
        Annotated[str, Field(pattern=r"^[^a-z\s]\w+@[\w.-]+\.(com|org)$")],
        Literal["x", 3],
        Annotated[Card | Cash, Field(discriminator="kind")],
        list[Card | Cash],
        Tree,
        list[Tree],
        Annotated[list[int], Field(min_length=3)],
        Annotated[set[int], Field(min_length=3)],
        Annotated[frozenset[Annotated[str, Field(min_length=2)]], Field(min_length=2)],
        Annotated[list[int], Field(max_length=0)],
        tuple[int, str, Decimal],
        dict[str, int],
        dict[int, str],
        dict[UUID, int],
        dict[Annotated[str, Field(pattern="^[a-z]{3}$")], int],
        Annotated[dict[str, int], Field(min_length=3)],
        int | None,
        int | str,
        Annotated[dt.date, Field(gt=dt.date(2020, 1, 1), lt=dt.date(2020, 1, 3))],
        Annotated[dt.timedelta, Field(gt=dt.timedelta(days=3))],
        Annotated[dt.timedelta, Field(lt=dt.timedelta(seconds=3))],
        Annotated[dt.time, Field(gt=dt.time(15))],
        Annotated[dt.datetime, Field(gt=NEW_YEAR, lt=NEW_YEAR + dt.timedelta(hours=12))],
        Annotated[list[Annotated[dt.date, Field(lt=dt.date(1900, 1, 1))]], Field(min_length=2)],
        Json[list[int]],
        Annotated[dict[Size, int], Field(min_length=2)],
    ],
    ids=str,
)
def test_an_example_of_every_kind_validates(hint: Any) -> None:
    class Model(BaseModel):
        model_config = ConfigDict(extra="forbid")
        __annotations__ = {"value": hint}

    example = example_of(Model)
    assert example.refused is None
    Model.model_validate_json(json.dumps(example.payload))
    assert example_of(Model) == example, "the same one every time"
    assert "value" in example.payload


def test_the_users_examples_and_defaults_come_first() -> None:
    class Model(BaseModel):
        street: str = Field(examples=["1 Main"])
        size: int = 40
        wrong: int = Field(examples=["no number", 7])

    assert example_of(Model).payload == {"street": "1 Main", "size": 40, "wrong": 7}


def test_all_fields_unless_a_validator_wants_fewer() -> None:
    class Either(BaseModel):
        a: int | None = None
        b: int | None = None
        c: int

        @model_validator(mode="after")
        def _one(self) -> Either:
            if self.a is not None and self.b is not None:
                raise ValueError("a or b")
            return self

    example = example_of(Either)
    assert example.refused is None
    assert example.payload == {"c": 1}


def test_what_no_example_can_satisfy_is_said() -> None:
    class Never(BaseModel):
        a: int

        @model_validator(mode="after")
        def _never(self) -> Never:
            raise ValueError("never")

    assert example_of(Never).refused is not None


@given(st.from_regex(r"[a-z]{1,3}(-[0-9]{2})?", fullmatch=True))
def test_a_literal_pattern_is_its_own_example(text: str) -> None:
    assert text_for(f"^{re.escape(text)}$") == text


@pytest.mark.parametrize("pattern", ["[", "(?P<a>x)(?P=a)", "a{2,1}"])
def test_patterns_that_can_not_be_read(pattern: str) -> None:
    assert text_for(pattern) is None


# ── the command ───────────────────────────────────────────────────────────────────────────────


def test_the_schema_of_each_kind(orders_app: Any) -> None:
    for name, title in (
        ("create-order", "CreateOrder"),
        ("create_order", "CreateOrder"),
        ("OrderCreated", "OrderCreated"),
        ("order-created", "OrderCreated"),
        ("orders-by-customer", "OrdersByCustomer"),
        ("order_summary", "OrderSummary"),
        ("projection:order-summary", "OrderSummary"),
    ):
        ran = orders_app(f"schema {name}")
        assert (ran.code, ran.json["title"]) == (0, title)


def test_everything_has_an_example_that_can_be_sent_back(orders_app: Any) -> None:
    for row in orders_app("schema --json").json:
        ran = orders_app(f"schema {row['kind']}:{row['name']} --example")
        assert (ran.code, ran.err) == (0, ""), row
        assert isinstance(ran.json, dict)


def test_without_a_name_it_lists(parcels: Any) -> None:
    rows = parcels("schema --json").json
    assert [(row["kind"], row["name"]) for row in rows] == [
        ("command", "break"),
        ("command", "refuse"),
        ("command", "register"),
        ("command", "touch"),
        ("event", "Registered"),
        ("query", "heaviest"),
        ("query", "all"),
        ("query", "one"),
        ("projection", "parcels"),
    ]
    assert rows[2]["version"] == 1
    assert rows[2]["description"] == "Take a parcel in."


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("schema registr", 3, "did you mean 'register'"),
        ("schema event:register", 3, "nothing is called"),
        ("schema --example", 2, "of what?"),
    ],
)
def test_refusals(parcels: Any, words: str, code: int, said: str) -> None:
    ran = parcels(words)
    assert ran.code == code
    assert said in ran.err


def test_a_name_of_several_things(here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = PARCELS.read_text()
    source = source.replace("class Registered(Event):", 'class Registered(Event, name="parcels"):')
    (tmp_path / "twice_domain.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("CQRS_APP", "twice_domain:domain")
    ran = here("schema", "parcels")
    assert ran.code == 2
    assert "event:parcels, projection:parcels" in ran.err
    assert here("schema", "event:parcels").json["title"] == "Registered"
