"""Payloads: which JSON may enter the log, and that it is the same every time."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, computed_field, field_serializer

from cqrs_cli import Command, Event
from cqrs_cli.domain.codec import Codec
from cqrs_cli.domain.payload import canonical_json, canonical_plain_json, check_payload, payload_writer, sorted_sets
from cqrs_cli.errors import InvalidInput, LimitExceeded
from cqrs_cli.stores.commits import MAX_DEPTH


class Free(Event):
    value: Any = None
    other: str = ""


def payload_json(model: BaseModel, *, has_sets: bool) -> bytes:
    return payload_writer(type(model), has_sets=has_sets)(model)


def payload(value: Any) -> bytes:
    return payload_json(Free(value=value), has_sets=True)


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


@pytest.mark.parametrize("value", ["\ud800", ["a", "\udfff"], {"\ud800": 1}])
def test_lone_surrogates_are_refused(value: Any) -> None:
    with pytest.raises(InvalidInput, match="no Unicode but has a lone surrogate") as caught:
        payload(value)
    assert "Error" not in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("value", ["\0", ["a\0"], {"a\0b": 1}])
def test_null_characters_are_refused(value: Any) -> None:
    with pytest.raises(InvalidInput, match=r"U\+0000"):
        payload(value)


def test_the_written_form_of_a_null_character_is_a_text_like_any_other() -> None:
    assert json.loads(payload("\\u0000"))["value"] == "\\u0000"


@pytest.mark.parametrize("data", [b'{"a":NaN}', b'{"a":[Infinity]}', b'{"a":-Infinity}'])
def test_numbers_that_json_has_not(data: bytes) -> None:
    with pytest.raises(InvalidInput, match="JSON has not"):
        check_payload(data, "it")


def test_the_words_are_texts_like_any_other() -> None:
    check_payload(b'{"a":"NaN","Infinity":1}', "it")


def test_depth_is_limited() -> None:
    assert payload(nested(MAX_DEPTH - 1))  # the model is a level itself
    for depth in (MAX_DEPTH, 500, 100_000):
        for has_sets in (True, False):  # the limits of Python and of pydantic are not the same
            with pytest.raises(LimitExceeded, match="64 deep"):
                payload_json(Free(value=nested(depth)), has_sets=has_sets)


def test_depth_after_a_text_with_escapes_counts() -> None:
    for text in ("\n", "\\", '"', 'a"[\\'):
        with pytest.raises(LimitExceeded, match="64 deep"):
            payload([text, nested(MAX_DEPTH)])


def test_brackets_in_texts_are_no_depth() -> None:
    assert payload("[{" * 500 + '\\"' * 50)
    assert payload(["\\", "[" * 200])


@pytest.mark.parametrize("value", [object(), lambda: 1, {(1, 2): object()}])
def test_what_can_not_be_written(value: Any) -> None:
    with pytest.raises(InvalidInput, match="can't be written as JSON"):
        payload(value)


class Tone(StrEnum):
    HIGH = "high"
    LOW = "low"


@dataclass
class Chord:
    tones: set[str]


class Bar(BaseModel):
    chords: list[Chord]
    tones: frozenset[Tone]


def test_sets_are_sorted_wherever_they_are() -> None:
    bar = Bar(chords=[Chord({"c", "a", "b"})], tones=frozenset(Tone))
    value = sorted_sets({"bars": (bar,), "plain": {"x": frozenset({3, 1, 2})}})
    assert value["bars"][0].chords[0].tones == ["a", "b", "c"]
    assert value["bars"][0].tones == ["high", "low"]
    assert value["plain"]["x"] == [1, 2, 3]
    assert bar.chords[0].tones == {"a", "b", "c"}, "the value itself is left alone"


def test_what_has_no_set_is_shared() -> None:
    value = {"a": [Bar(chords=[], tones=frozenset()).chords, (1, "b")]}
    assert sorted_sets(value) is value


PROGRAM = """
from cqrs_cli import Event
from cqrs_cli.domain.codec import Codec
class Tagged(Event):
    tags: frozenset[str]
    pairs: dict[str, set[int | str]]
print(Codec({}, {}).encode(Tagged(tags=set("abcdefgh"), pairs={"x": {"one", 2, "three"}})).data.decode())
"""


def test_stored_bytes_do_not_depend_on_the_hash_seed() -> None:
    root = str(Path(__file__).parents[2])
    told = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": root},
            capture_output=True,
            encoding="utf-8",
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert told == {'{"tags":["a","b","c","d","e","f","g","h"],"pairs":{"x":["one","three",2]}}\n'}


def test_computed_fields_are_not_stored() -> None:
    class Sized(Command):
        width: int

        @computed_field  # type: ignore[prop-decorator]
        @property
        def area(self) -> int:
            return self.width**2

    assert payload_json(Sized(width=2), has_sets=False) == b'{"width":2}'


def test_the_canonical_form_has_what_was_set_in_sorted_order() -> None:
    class Many(Command):
        zone: str = "x"
        tags: set[str] = {"b", "a"}
        alpha: dict[str, int] = {}

    assert (
        canonical_json(Many(zone="é", alpha={"b": 1, "a": 2}), has_sets=True)
        == '{"alpha":{"a":2,"b":1},"zone":"é"}'.encode()
    )
    assert canonical_json(Many(tags={"y", "x"}), has_sets=True) == b'{"tags":["x","y"]}'


def test_the_canonical_form_calls_fields_by_their_aliases() -> None:
    class Part(BaseModel):
        depth: int = Field(serialization_alias="z")

    class Aliased(Command):
        name: str = Field(alias="called")
        part: Part

    aliased = Aliased(called="x", part=Part(depth=1))
    assert canonical_json(aliased, has_sets=False) == b'{"called":"x","part":{"z":1}}'
    assert canonical_json(aliased, has_sets=True) == b'{"called":"x","part":{"z":1}}'


class Plain(Command):
    zeta: str = ""
    alpha: int = 0
    maybe: bool | None = None
    ident: UUID | None = None
    amount: Decimal = Decimal(0)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "zeta": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
            "alpha": st.integers(),
            "maybe": st.none() | st.booleans(),
            "ident": st.none() | st.uuids(),
            "amount": st.decimals(allow_nan=False, allow_infinity=False),
        },
    )
)
def test_the_short_way_to_canonical_json_gives_the_same(fields: dict[str, Any]) -> None:
    command = Plain(**fields)
    assert canonical_plain_json(command) == canonical_json(command, has_sets=False)


def test_only_plain_commands_take_the_short_way() -> None:
    class Aliased(Command):
        name: str = Field(alias="called")

    class Written(Command):
        name: str

        @field_serializer("name")
        def loud(self, name: str) -> str:
            return name.upper()

    class Nested(Command):
        inner: Plain

    codec = Codec({}, {})
    assert [codec._shape(cls).plain for cls in (Plain, Aliased, Written, Nested)] == [True, False, False, False]
