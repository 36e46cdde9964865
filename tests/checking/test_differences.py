"""Each verdict on a change of a class, and that it is true: what was stored under the older class is read, or is not."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal, NamedTuple, Optional, Union
from uuid import UUID, uuid4

import pytest
from pydantic import BaseModel, Field, PlainSerializer, PlainValidator, ValidationError, create_model

from cqrs_cli import Command, Event, field
from cqrs_cli.checking.changes import written
from cqrs_cli.checking.differences import COMPATIBLE, UPCASTER, differences
from cqrs_cli.checking.schemas import schema_of
from cqrs_cli.domain.codec import Codec
from cqrs_cli.errors import CqrsError


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class OnlyRed(StrEnum):
    RED = "red"


class Item(BaseModel):
    sku: str
    quantity: int


class ItemWithPrice(Item):
    price: Decimal


class ItemWithNote(Item):
    note: str = ""


class Node(BaseModel):
    name: str
    inner: Optional["Node"] = None


class NamedNode(BaseModel):
    name: str
    label: str
    inner: Optional["NamedNode"] = None


class Strict(Item):
    model_config = {"extra": "forbid"}


class StrictSku(BaseModel):
    model_config = {"extra": "forbid"}
    sku: str


Fields = dict[str, Any]


class Case(NamedTuple):
    """old, new: the fields of an event, `(type, default)` or a type. payload: of the old one, which tells."""

    old: Fields
    new: Fields
    payload: str
    verdict: str
    path: str = "a"
    told: str = ""


OK = COMPATIBLE
UP = UPCASTER
CASES = {
    # fields
    "added with a default": Case({}, {"a": (int, 0)}, "{}", OK, told="is new, and has a default"),
    "added, a list that a factory makes": Case({}, {"a": (list[int], Field(default_factory=list))}, "{}", OK),
    "added, made anew at each reading": Case({}, {"a": (UUID, Field(default_factory=uuid4))}, "{}", UP, told="made anew"),
    "added, required": Case({}, {"a": int}, "{}", UP, told="is required, and older ones have none"),
    "removed": Case({"a": int}, {}, '{"a": 1}', OK, told="is read no more"),
    "became required": Case({"a": (int, 0)}, {"a": int}, "{}", UP, told="could be left out"),
    "became optional": Case({"a": int}, {"a": (int, 0)}, '{"a": 1}', OK, told="may be left out"),
    "renamed": Case({"b": int}, {"a": int}, '{"b": 1}', UP, told="and b of the same type is gone: was it renamed?"),
    "renamed, as it says": Case({"b": int}, {"a": (int, field(renamed_from="b"))}, '{"b": 1}', OK, told="was called b"),
    "renamed and narrowed": Case({"b": str}, {"a": (int, field(renamed_from="b"))}, '{"b": "x"}', UP, told="was string"),
    # types
    "int to float": Case({"a": int}, {"a": float}, '{"a": 1}', OK, told="was integer, is number"),
    "int to Decimal": Case({"a": int}, {"a": Decimal}, '{"a": 1}', OK),
    "int to text": Case({"a": int}, {"a": str}, '{"a": 1}', UP, told="was integer, is string"),
    "text to int": Case({"a": str}, {"a": int}, '{"a": "x"}', UP),
    "float to int": Case({"a": float}, {"a": int}, '{"a": 1.5}', UP),
    "Decimal to int": Case({"a": Decimal}, {"a": int}, '{"a": "1.5"}', UP),
    "Decimal to float": Case({"a": Decimal}, {"a": float}, '{"a": "1.5"}', OK, told="digits beyond those of a float"),
    "Decimal to text": Case({"a": Decimal}, {"a": str}, '{"a": "1.5"}', OK),
    "text to UUID": Case({"a": str}, {"a": UUID}, '{"a": "x"}', UP, told="was string, is uuid"),
    "UUID to text": Case({"a": UUID}, {"a": str}, f'{{"a": "{uuid4()}"}}', OK),
    "bool to int": Case({"a": bool}, {"a": int}, '{"a": true}', OK),
    "date to datetime": Case({"a": date}, {"a": datetime}, '{"a": "2026-01-31"}', OK),
    "datetime to date": Case({"a": datetime}, {"a": date}, '{"a": "2026-01-31T10:00:00Z"}', UP),
    "anything": Case({"a": int}, {"a": Any}, '{"a": 1}', OK, told="was integer, is anything"),
    "no longer anything": Case({"a": Any}, {"a": int}, '{"a": []}', UP, told="was anything, is integer"),
    # unions
    "or None": Case({"a": int}, {"a": (int | None, None)}, '{"a": 1}', OK, told="takes null too"),
    "no longer or None": Case({"a": int | None}, {"a": int}, '{"a": null}', UP, told="no longer takes null"),
    "one more type": Case({"a": int}, {"a": int | str}, '{"a": 1}', OK, told="takes string too"),
    "one type less": Case({"a": int | str}, {"a": int}, '{"a": "x"}', UP, told="no longer takes string"),
    "narrowed inside": Case({"a": str | None}, {"a": UUID | None}, '{"a": "x"}', UP, told="no longer takes string"),
    "union of models": Case({"a": Item | None}, {"a": ItemWithPrice | None}, '{"a": {"sku": "x", "quantity": 1}}', UP, "a.price"),
    # bounds
    "ge, tightened": Case({"a": (int, Field(ge=0))}, {"a": (int, Field(ge=2))}, '{"a": 1}', UP, told="minimum was 0, is 2"),
    "ge, loosened": Case({"a": (int, Field(ge=2))}, {"a": (int, Field(ge=0))}, '{"a": 2}', OK),
    "gt 0 to ge 0": Case({"a": (int, Field(gt=0))}, {"a": (int, Field(ge=0))}, '{"a": 1}', OK),
    "le, new": Case({"a": int}, {"a": (int, Field(le=5))}, '{"a": 6}', UP, told="maximum was none, is 5"),
    "max_length, tightened": Case({"a": (str, Field(max_length=5))}, {"a": (str, Field(max_length=2))}, '{"a": "xxx"}', UP),
    "min_length, gone": Case({"a": (str, Field(min_length=5))}, {"a": str}, '{"a": "xxxxx"}', OK),
    "pattern, new": Case({"a": str}, {"a": (str, Field(pattern="^x$"))}, '{"a": "y"}', UP),
    "pattern, gone": Case({"a": (str, Field(pattern="^x$"))}, {"a": str}, '{"a": "x"}', OK),
    "decimal, tightened": Case({"a": Decimal}, {"a": (Decimal, Field(max_digits=2))}, '{"a": "123"}', UP, told="maxDigits"),
    "decimal, above 0": Case({"a": Decimal}, {"a": (Decimal, Field(gt=0))}, '{"a": "-1"}', UP),
    "fewer items": Case({"a": list[int]}, {"a": (list[int], Field(max_length=1))}, '{"a": [1, 2]}', UP, told="maxItems"),
    "multiple of another": Case({"a": (int, Field(multiple_of=2))}, {"a": (int, Field(multiple_of=3))}, '{"a": 2}', UP),
    "multiple of a part": Case({"a": (int, Field(multiple_of=4))}, {"a": (int, Field(multiple_of=2))}, '{"a": 4}', OK),
    # choices
    "a member removed": Case({"a": Colour}, {"a": OnlyRed}, '{"a": "blue"}', UP, told="no longer takes 'blue'"),
    "a member added": Case({"a": OnlyRed}, {"a": Colour}, '{"a": "red"}', OK, told="takes 'blue' too"),
    "a literal less": Case({"a": Literal["x", "y"]}, {"a": Literal["x"]}, '{"a": "y"}', UP),
    "any text instead of choices": Case({"a": Colour}, {"a": str}, '{"a": "blue"}', OK),
    "choices instead of any text": Case({"a": str}, {"a": Colour}, '{"a": "green"}', UP),
    "numbers instead of choices": Case({"a": Literal["x"]}, {"a": int}, '{"a": "x"}', UP),
    # inside
    "a field of a model, required": Case({"a": Item}, {"a": ItemWithPrice}, '{"a": {"sku": "x", "quantity": 1}}', UP, "a.price"),
    "a field of a model, with a default": Case({"a": Item}, {"a": ItemWithNote}, '{"a": {"sku": "x", "quantity": 1}}', OK, "a.note"),
    "of a model in a list": Case({"a": list[Item]}, {"a": list[ItemWithPrice]}, '{"a": [{"sku": "x", "quantity": 1}]}', UP, "a[].price"),
    "of a model in a mapping": Case({"a": dict[str, Item]}, {"a": dict[str, ItemWithPrice]}, '{"a": {"k": {"sku": "x", "quantity": 1}}}', UP, "a{}.price"),
    "of a model in itself": Case({"a": Node}, {"a": NamedNode}, '{"a": {"name": "x"}}', UP, "a.label"),
    "a field that a strict model loses": Case({"a": Item}, {"a": StrictSku}, '{"a": {"sku": "x", "quantity": 1}}', UP, "a.quantity", "is refused"),
    "a model that becomes strict": Case({"a": Item}, {"a": Strict}, '{"a": {"sku": "x", "quantity": 1}}', OK, told="refuses fields"),
    "items narrowed": Case({"a": list[str]}, {"a": list[int]}, '{"a": ["x"]}', UP, "a[]"),
    "a list for a set": Case({"a": set[int]}, {"a": list[int]}, '{"a": [1]}', OK),
    "a set for a list": Case({"a": list[int]}, {"a": set[int]}, '{"a": [1, 1]}', OK, told="what came twice"),
    "a tuple for a list": Case({"a": list[int]}, {"a": tuple[int, int]}, '{"a": [1]}', UP),
    "a place of a tuple": Case({"a": tuple[int, str]}, {"a": tuple[int, int]}, '{"a": [1, "x"]}', UP, "a[]"),
    "a list for a text": Case({"a": str}, {"a": list[str]}, '{"a": "x"}', UP),
    "fields for a mapping": Case({"a": dict[str, int]}, {"a": Item}, '{"a": {"k": 1}}', UP, told="was a mapping"),
    "a mapping for fields": Case({"a": Item}, {"a": dict[str, str | int]}, '{"a": {"sku": "x", "quantity": 1}}', OK),
}  # fmt: skip


def event(fields: Fields, base: type[Any] = Event) -> type[Any]:
    make: Any = create_model
    made = {name: one if isinstance(one, tuple) else (one, ...) for name, one in fields.items()}
    found: type[Any] = make("Changed", __base__=base, __module__=__name__, **made)
    return found


def reader(cls: type[Any]) -> Callable[[bytes], Any]:
    if issubclass(cls, Command):
        codec = Codec({}, {"Changed": cls})
        return lambda data: codec.command("Changed", 1, data)
    return Codec({"Changed": cls}, {}).decoder("Changed", 1)


@pytest.mark.parametrize("name", CASES)
def test_the_verdict_is_true(name: str) -> None:
    case = CASES[name]
    old, new = event(case.old), event(case.new)
    payload = case.payload.encode()
    reader(old)(payload)
    found = differences(schema_of(old), schema_of(new))
    verdicts = {one.verdict for one in found}
    assert (UPCASTER in verdicts) == (case.verdict == UPCASTER), found
    if case.verdict == COMPATIBLE:
        reader(new)(payload)
    else:
        with pytest.raises((ValidationError, CqrsError)):
            reader(new)(payload)
    assert any(case.told in one.what and written(one.path) == case.path for one in found), found


def test_a_rename_behind_a_default_loses_what_was_stored_in_silence() -> None:
    old, new = event({"b": int}), event({"a": (int, 0)})
    assert reader(new)(b'{"b": 7}').a == 0  # it is read, and wrong
    (found,) = differences(schema_of(old), schema_of(new))
    assert (found.verdict, found.step, found.other) == (UPCASTER, "rename", "b")


def test_a_command_refuses_a_field_that_it_does_not_know() -> None:
    old, new = event({"a": int, "b": int}, Command), event({"b": int}, Command)
    (found,) = differences(schema_of(old), schema_of(new))
    assert (found.verdict, found.path) == (UPCASTER, ("a",))
    with pytest.raises(CqrsError):
        reader(new)(b'{"a": 1, "b": 1}')


def test_another_default_is_told() -> None:
    (found,) = differences(schema_of(event({"a": (int, 0)})), schema_of(event({"a": (int, 1)})))
    assert (found.verdict, found.what) == (COMPATIBLE, "where it is left out it is 1 now")


def test_names_of_models_and_words_for_people_are_no_change() -> None:
    class Article(BaseModel):
        """In other words."""

        sku: str = Field(title="SKU", description="as on the shelf")
        quantity: int

    before, after = (schema_of(event({"a": kind})) for kind in (list[Item], list[Article]))
    assert not differences(before, after)
    assert "title" not in str(after)


def test_a_field_that_is_called_title_is_a_field() -> None:
    assert schema_of(event({"title": str}))["properties"] == {"title": {"type": "string"}}


@pytest.mark.parametrize("name", CASES)
def test_nothing_changed_is_no_difference(name: str) -> None:
    for fields in (CASES[name].old, CASES[name].new):
        assert not differences(schema_of(event(fields)), schema_of(event(fields)))


def test_the_kinds_that_are_tagged() -> None:
    class Cat(BaseModel):
        kind: Literal["cat"]
        lives: int

    class Dog(BaseModel):
        kind: Literal["dog"]

    class Puppy(Dog):
        age: int

    tagged = Annotated[Union[Cat, Dog], Field(discriminator="kind")]  # noqa: UP007
    older = Annotated[Union[Cat, Puppy], Field(discriminator="kind")]  # noqa: UP007
    found = differences(schema_of(event({"a": tagged})), schema_of(event({"a": older})))
    assert [(one.path, one.verdict) for one in found if one.verdict != COMPATIBLE] == [(("a", "age"), UPCASTER)]
    assert not differences(schema_of(event({"a": tagged})), schema_of(event({"a": tagged})))


class Money:
    """Of no schema: pydantic is told by functions how it is read and written."""

    def __init__(self, cents: int) -> None:
        self.cents = cents


Cents = Annotated[Money, PlainValidator(lambda value: Money(int(value))), PlainSerializer(lambda money: money.cents)]


def test_a_type_without_a_schema_is_known_by_that_and_compared() -> None:
    before, after = schema_of(event({"a": Cents})), schema_of(event({"a": Cents, "b": (Cents, Money(3))}))
    assert not differences(before, before)
    assert [(one.path, one.verdict) for one in differences(before, after)] == [(("b",), COMPATIBLE)]
    assert {one.verdict for one in differences(schema_of(event({"a": int})), before)} <= {COMPATIBLE, UPCASTER}
