"""What the package takes for granted about pydantic's insides: an assertion for each, to fail first when it changes."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Generic, Literal, TypeVar

import pydantic
import pytest
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, TypeAdapter, ValidationError, field_serializer

import cqrs_cli
from cqrs_cli.domain import pydantic_fast as fast

INSIDES = re.compile(
    r"__pydantic_(?!init_subclass__)\w+|pydantic_core(?!_schema__)|pydantic\._|(?<!__get_pydantic_)core_schema|vars\(BaseModel\)|PydanticUndefined"
)
Row = TypeVar("Row")


class Inner(BaseModel):
    price: Decimal


class Outer(BaseModel):
    name: str = Field(alias="n")
    inner: list[Inner] = []
    kind: Literal["a", "b"] = "a"


def test_the_schemas_of_a_type_are_those_of_a_field_of_it():
    kinds = [node["type"] for node in fast.nodes_of_type(TypeAdapter(list[Inner]))]
    assert kinds == ["list", "model", "model-fields", "model-field", "decimal"]


def test_a_schema_alone_reads_as_it_does_in_its_class():
    (literal,) = (node for node in fast.nodes(Outer) if node["type"] == "literal")
    assert fast.reader(literal)(b'"a"') == "a"
    with pytest.raises(ValidationError):
        fast.reader(literal)(b'"c"')


def test_a_field_is_read_by_older_names_too():
    class Seated(BaseModel):
        seats: int
        note: str = Field("", alias="Note")

        @classmethod
        def __get_pydantic_core_schema__(cls, source, handler):
            return fast.also_read_as(cls, handler(source), {"seats": ("guests", "people"), "note": ("remark",)})

    read = fast.from_json(Seated)
    for text in (b'{"seats": 3, "Note": "x"}', b'{"guests": 3, "remark": "x"}', b'{"people": 3, "remark": "x"}'):
        assert read(text).model_dump() == {"seats": 3, "note": "x"}


def test_what_only_its_type_can_write_is_told_by_its_error():
    with pytest.raises(fast.PydanticSerializationError):
        fast.to_json(object())
    assert issubclass(fast.PydanticSerializationError, ValueError)
    assert fast.to_jsonable_python([object()], fallback=lambda value: "x") == ["x"]


def test_nobody_else_names_them():
    package = Path(cqrs_cli.__file__).parent
    found = [
        f"{path.relative_to(package)}:{number}: {line.strip()}"
        for path in sorted(package.rglob("*.py"))
        if path.name != "pydantic_fast.py"
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if INSIDES.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    ["cls.__pydantic_validator__", "from pydantic_core import to_json", "pydantic._internal", "vars(BaseModel)[slot]"],
)
def test_the_search_would_find_them(line):
    assert INSIDES.search(line)
    assert not INSIDES.search("def __pydantic_init_subclass__(cls, **_):")  # this one is documented


def test_reading_is_what_the_documented_way_gives():
    data = b'{"n": "x", "inner": [{"price": "1.10"}], "unknown": 1}'
    assert fast.from_json(Outer)(data) == Outer.model_validate_json(data)
    assert fast.from_json(Outer)(data.decode()) == Outer.model_validate_json(data)
    with pytest.raises(ValidationError):
        fast.from_json(Outer)(b"{}")


def test_reading_of_values_is_lax_and_by_both_names():
    class Strict(BaseModel):
        model_config = ConfigDict(strict=True)

        number: int = Field(alias="n")

    assert fast.from_python(Strict)({"number": "5"}).number == fast.from_python(Strict)({"n": 5}).number == 5
    with pytest.raises(ValidationError):
        Strict.model_validate({"n": "5"})


def test_writing_is_what_the_documented_way_gives():
    outer = Outer(n="x", inner=[Inner(price=Decimal("1.10"))])
    written = fast.writer(Outer)(outer, by_alias=True, round_trip=True, warnings=False)
    assert written == outer.model_dump_json(by_alias=True, round_trip=True).encode()
    assert written == b'{"n":"x","inner":[{"price":"1.10"}],"kind":"a"}'
    plain = fast.to_plain(Outer)(outer, mode="json", by_alias=True, exclude_unset=True)
    assert plain == outer.model_dump(mode="json", by_alias=True, exclude_unset=True)


def test_no_method_of_the_class_is_asked():
    class Own(BaseModel):
        number: int = 1

        def model_dump_json(self, **_):
            raise AssertionError

        @classmethod
        def model_validate_json(cls, *_, **__):
            raise AssertionError

    assert fast.from_json(Own)(fast.writer(Own)(Own())) == Own()


def test_a_constructed_instance_is_like_a_validated_one():
    made = fast.constructed(Outer, {"name": "x", "inner": [], "kind": "a"}, {"name", "inner", "kind"})
    validated = Outer(n="x", inner=[], kind="a")
    assert made == validated
    assert made.model_fields_set == validated.model_fields_set
    assert (made.model_extra, made.__pydantic_private__) == (validated.model_extra, validated.__pydantic_private__)
    assert made.model_copy(update={"name": "y"}).name == "y"
    assert set(BaseModel.__slots__) == {
        "__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__",
    }  # fmt: skip


def test_what_counts_as_set():
    outer = Outer(n="x")
    fast.count_as_set(outer, {"inner", "kind"})
    assert outer.model_fields_set == {"name", "inner", "kind"}
    assert fast.fields_set(outer) is outer.model_fields_set


def test_what_is_hidden_are_extra_fields_and_private_attributes():
    class Open(BaseModel):
        model_config = ConfigDict(extra="allow")
        _count: int = PrivateAttr(default=3)

    assert fast.hidden(Open.model_validate({"more": 1})) == {"more": 1, "_count": 3}
    assert fast.hidden(Outer(n="x")) == {}


def rules() -> Iterator[type[BaseModel]]:
    class Field_(BaseModel):
        x: int = 1

        @pydantic.field_validator("x")
        @classmethod
        def look(cls, value):
            return value

    class Model_(BaseModel):
        @pydantic.model_validator(mode="after")
        def look(self):
            return self

    class Post(BaseModel):
        def model_post_init(self, context):
            pass

    yield from (Field_, Model_, Post)


@pytest.mark.parametrize("cls", list(rules()), ids=lambda cls: cls.__name__)
def test_rules_of_a_class_are_seen(cls):
    assert not fast.has_no_rules(cls)
    assert fast.has_no_rules(Outer)


def test_the_functions_that_pydantic_calls_are_known():
    class Ruled(BaseModel):
        n: int
        text: str

        @pydantic.field_validator("n")
        @classmethod
        def positive(cls, value):
            return value

        @pydantic.model_validator(mode="after")
        def whole(self):
            return self

        @field_serializer("text")
        def written(self, value):
            return value

        @pydantic.computed_field
        def double(self) -> int:
            return 2 * self.n

        def other(self):
            return 1

    assert fast.decorated(Ruled) == {"positive", "whole", "written", "double"}
    assert fast.decorated(BaseModel) == set()


def test_an_open_annotation_is_seen():
    class Open(BaseModel):
        later: "Later"  # type: ignore[name-defined]  # noqa: F821

    assert not fast.is_complete(Open)
    assert fast.is_complete(Outer)


def test_the_arguments_of_a_generic_model():
    class Answer(BaseModel, Generic[Row]):
        row: Row

    assert fast.generic_arguments(Answer[Inner]) == (Inner,)
    assert fast.generic_arguments(Answer) == fast.generic_arguments(Outer) == fast.generic_arguments(int) == ()


def test_the_schemas_within_a_class():
    class Written(BaseModel):
        number: int

        @field_serializer("number")
        def write(self, number: int) -> str:
            return str(number)

    kinds = [node["type"] for node in fast.nodes(Outer)]
    assert sorted(set(kinds)) == [
        "decimal",
        "default",
        "list",
        "literal",
        "model",
        "model-field",
        "model-fields",
        "str",
    ]
    assert [node["cls"] for node in fast.nodes(Outer) if node["type"] == "model"] == [Outer, Inner]
    assert [node["serialization_alias"] for node in fast.nodes(Outer) if "serialization_alias" in node] == ["n"]
    assert any("serialization" in node for node in fast.nodes(Written))
    assert not any("serialization" in node for node in fast.nodes(Outer))


def test_times_that_were_read_have_a_zone_of_a_fixed_offset():
    class At(BaseModel):
        at: datetime

    read = fast.from_json(At)(b'{"at": "2026-01-31T10:00:00+01:00"}').at
    assert isinstance(read.tzinfo, fast.TzInfo)
    assert read == datetime(2026, 1, 31, 9, tzinfo=UTC)


def test_a_field_without_a_default_has_the_mark_for_it():
    assert Inner.model_fields["price"].default is fast.UNDEFINED
    assert fast.to_json({"a": Decimal("1.0")}) == b'{"a":"1.0"}'
    assert fast.to_jsonable_python({"a": Decimal("1.0")}) == {"a": "1.0"}


def test_whose_code_reads_values_before_pydantic_is_known():
    class Reader(BaseModel):
        before: int = 0
        after: int = 0

        @pydantic.field_validator("before", mode="before")
        @classmethod
        def first(cls, value):
            return value

        @pydantic.field_validator("after")
        @classmethod
        def last(cls, value):
            return value

    class Whole(Reader):
        @pydantic.model_validator(mode="wrap")
        @classmethod
        def around(cls, value, handler):
            return handler(value)

    class After(BaseModel):
        n: int = 0

        @pydantic.model_validator(mode="after")
        def last(self):
            return self

    assert fast.reads_raw(Reader) == {"before"}
    assert fast.reads_raw(Whole) == {"before", "after"}
    assert fast.reads_raw(After) == set()
