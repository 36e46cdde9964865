"""JSON is read with its types; options and K=V are texts."""

import enum
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple

import pytest
from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)
from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

from cqrs_cli.payloads.jsontext import parse_json
from cqrs_cli.payloads.jsontypes import checker, misfits
from cqrs_cli.payloads.shapes import record_of
from tests.cli.options.test_options import complaints, given_fields, parsed


class Tone(enum.IntEnum):
    LOW = 1


class Inner(BaseModel):
    n: int = 0
    flag: bool = False


@dataclass
class Plain:
    n: int = 0
    secret: SecretStr | None = None


class Typed(TypedDict, total=False):
    n: int


class Pair(NamedTuple):
    n: int


class Tree(BaseModel):
    n: int = 0
    below: "list[Tree]" = []


class A(BaseModel):
    kind: Literal["a"] = "a"
    n: int


class B(BaseModel):
    kind: Literal["b"] = "b"
    text: str


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid")

    whole: int = 0
    ratio: float = 0
    price: Decimal = Decimal(0)
    gift: bool | None = None
    day: date | None = None
    at: datetime | None = None
    clock: time | None = None
    lasts: timedelta | None = None
    name: str = ""
    either: int | str | None = None
    inner: Inner | None = None
    inners: list[Inner] = []
    counts: dict[str, int] = {}
    deep: dict[str, list[int]] = {}
    tree: Tree | None = None
    plain: Plain | None = None
    typed: Typed | None = None
    union: A | B | None = None
    aliased: int = Field(0, validation_alias=AliasChoices("aliased", "other"))
    anything: Any = None


CASES = [
    ('{"whole": true}', "whole", "integer, not true or false (got true)"),
    ('{"whole": "5"}', "whole", "integer, not a text (got '5')"),
    ('{"ratio": "1.5"}', "ratio", "number, not a text (got '1.5')"),
    ('{"ratio": false}', "ratio", "number, not true or false (got false)"),
    ('{"price": true}', "price", "decimal, not true or false (got true)"),
    ('{"gift": 1}', "gift", "boolean, not a number (got 1)"),
    ('{"gift": "yes"}', "gift", "boolean, not a text (got 'yes')"),
    ('{"day": 0}', "day", "date, not a number (got 0)"),
    ('{"at": 1700000000}', "at", "datetime, not a number (got 1700000000)"),
    ('{"clock": 5}', "clock", "time, not a number (got 5)"),
    ('{"lasts": true}', "lasts", "timedelta, not true or false (got true)"),
    ('{"either": true}', "either", "int|text, not true or false (got true)"),
    ('{"inner": {"n": "5"}}', "inner.n", "integer, not a text (got '5')"),
    ('{"inners": [{}, {"flag": "on"}]}', "inners[1].flag", "boolean, not a text (got 'on')"),
    ('{"counts": {"a": "5"}}', "counts.a", "integer, not a text (got '5')"),
    ('{"deep": {"a": [1, "5"]}}', "deep.a[1]", "integer, not a text (got '5')"),
    ('{"tree": {"below": [{"below": [{"n": "5"}]}]}}', "tree.below[0].below[0].n", "integer, not a text (got '5')"),
    ('{"plain": {"n": "5"}}', "plain.n", "integer, not a text"),
    ('{"typed": {"n": "5"}}', "typed.n", "integer, not a text (got '5')"),
    ('{"union": {"kind": "a", "n": "5"}}', "union.n", "integer, not a text (got '5')"),
    ('{"other": "5"}', "aliased", "integer, not a text (got '5')"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "place", "said"), CASES)
def test_a_value_of_another_type_is_refused_where_it_is(text: str, place: str, said: str) -> None:
    fits = checker(record_of(Model))
    assert fits is not None
    assert not fits(parse_json(text))
    [complaint] = complaints(lambda: parsed(Model, "-d", text))
    assert complaint.endswith(said)
    assert complaint.removeprefix("--").startswith(f"{place}: ")


@pytest.mark.parametrize(
    "text",
    [
        '{"whole": 5, "ratio": 1, "price": "1.50", "gift": true, "day": "2026-01-01", "at": "2026-01-01T10:00:00Z"}',
        '{"whole": 5.0, "ratio": 1e5, "price": 1.50, "clock": "10:00", "lasts": "-PT1H", "name": "x", "either": "5"}',
        '{"lasts": 5, "either": 5, "gift": null, "inner": null, "inners": [], "counts": {}, "deep": {"a": []}}',
        '{"inner": {"n": 5, "flag": true}, "tree": {"below": [{"n": 5}]}, "plain": {"n": 5}, "typed": {}}',
        '{"union": {"kind": "b", "text": "5"}, "anything": [true, "5"], "other": 5}',
    ],
)
def test_what_json_means_is_taken(text: str) -> None:
    assert list(misfits(record_of(Model), parse_json(text))) == []
    fits = checker(record_of(Model))
    assert fits is not None
    assert fits(parse_json(text))
    assert parsed(Model, "-d", text)


def test_options_and_pairs_stay_lenient() -> None:
    made = parsed(
        Model, *("--whole", "5", "--ratio", "1.5", "--inner", "n=5,flag=yes", "--inners", "n=5", "--counts", "a=5")
    )
    assert given_fields(made) == {
        "whole": 5, "ratio": 1.5, "inner": {"n": 5, "flag": True}, "inners": [{"n": 5}], "counts": {"a": 5}
    }  # fmt: skip


def test_json_in_an_option_is_json() -> None:
    def told(*words: str) -> tuple[str, ...]:
        return complaints(lambda: parsed(Model, *words))

    assert told("--inner", '{"n": "5"}') == ("--inner.n: Input should be a valid integer, not a text (got '5')",)
    assert told("--inners", "n=1", "--inners", '[{"n": 2}, {"n": true}]') == (
        "--inners[2].n: Input should be a valid integer, not true or false (got true)",
    )
    assert told("--counts", '{"a": "5"}') == ("--counts.a: Input should be a valid integer, not a text (got '5')",)
    assert told("--deep", 'a=["5"]') == ("--deep.a[0]: Input should be a valid integer, not a text (got '5')",)


def test_an_option_takes_the_place_of_what_json_has_wrong() -> None:
    assert given_fields(
        parsed(Model, "-d", '{"whole": "5", "inner": {"n": "5"}}', "--whole", "6", "--inner", "n=6")
    ) == {
        "whole": 6,
        "inner": {"n": 6},
    }
    [said] = complaints(lambda: parsed(Model, "-d", '{"whole": "5", "inner": {"n": "5"}}', "--whole", "6"))
    assert said.startswith("--inner.n: ")


def test_who_reads_values_before_pydantic_decides_what_they_may_be() -> None:
    class Own(BaseModel):
        loose: Annotated[int, BeforeValidator(int)] = 0
        many: list[Annotated[int, BeforeValidator(int)]] = []
        by_method: int = 0
        strict: int = 0

        @field_validator("by_method", mode="before")
        @classmethod
        def read(cls, value: Any) -> int:
            return int(value)

        @field_validator("strict")
        @classmethod
        def checked(cls, value: int) -> int:
            return value

    found = list(misfits(record_of(Own), {"loose": "5", "many": ["5"], "by_method": "5", "strict": "5"}))
    assert [one.path for one in found] == [("strict",)]

    class Whole(BaseModel):
        n: int

        @model_validator(mode="before")
        @classmethod
        def read(cls, given: Any) -> Any:
            return given

    assert list(misfits(record_of(Whole), {"n": "5"})) == []
    assert checker(record_of(Whole)) is None


def test_nothing_is_quoted_beside_a_secret() -> None:
    for text in ('{"plain": {"n": "geheim", "secret": "x"}}',):
        [said] = complaints(lambda text=text: parsed(Model, "-d", text))  # type: ignore[misc]
        assert "geheim" not in said


@pytest.mark.parametrize(("text", "place", "said"), CASES)
def test_lines_of_a_batch_are_json(parcels: Any, text: str, place: str, said: str, monkeypatch: Any) -> None:
    from cqrs_cli.payloads.lines import _command
    from cqrs_cli.payloads.model_reader import ModelReader

    record = record_of(Model)
    found: list[Any] = []
    kind: Any = ModelReader(Model, record, True, checker(record))
    _command(kind, {"command": "model", "data": parse_json(text)}, found, True)
    [complaint] = map(str, found)
    assert complaint == f"{place}: Input should be a valid {said}"
