"""Keys as text: reversible, one spelling, nothing that addresses and subjects use."""

import re
import unicodedata
from datetime import date, datetime
from typing import Annotated, Any, NewType
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import TypeAliasType

from cqrs_cli import Aggregate, Command, Domain, Event, decide
from cqrs_cli.domain.aggregate import AggregateType, made_key
from cqrs_cli.domain.keys import key_text, parse_key, plain_type, spelt_key, stream_key, stream_name
from cqrs_cli.errors import InvalidInput
from cqrs_cli.stores.streams import check_stream_name

TEXTS = st.text(min_size=1).filter(lambda text: not any("\ud800" <= c <= "\udfff" for c in text))
KEYS = st.one_of(
    st.tuples(st.just(str), TEXTS),
    st.tuples(st.just(int), st.integers(-(2**63), 2**63 - 1)),
    st.tuples(st.just(UUID), st.uuids()),
    st.tuples(st.just(date), st.dates()),
)


@given(KEYS)
def test_keys_come_back_from_their_text(key: tuple[type, Any]) -> None:
    kind, value = key
    assert parse_key(kind, key_text(value)) == value


@given(st.lists(KEYS, min_size=1, max_size=4))
def test_composite_keys_come_back_from_the_stream(keys: list[tuple[type, Any]]) -> None:
    kinds = tuple(kind for kind, _ in keys)
    values = tuple(value for _, value in keys)
    stream = stream_name("order_line", values)
    assert stream_key(stream, kinds) == values
    assert stream.startswith("order_line-")


@given(TEXTS)
def test_no_character_of_an_address_stays_raw(text: str) -> None:
    written = key_text(text)
    assert not set(written) & set("@/,: \t\n\0")
    assert unicodedata.is_normalized("NFC", written)
    if len(written.encode()) <= 190:
        assert check_stream_name(f"a-{written}") == f"a-{written}"


@given(TEXTS)
def test_a_text_in_nfc_keeps_its_letters_and_another_form_is_another_key(text: str) -> None:
    composed, other = unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)
    kept = "".join(character for character in composed if character.isalnum() or character in "-_.")
    assert re.sub("(%[0-9A-F]{2})+", "", key_text(composed)) == kept
    assert (key_text(other) == key_text(composed)) is (other == composed)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("A-1_b.c", "A-1_b.c"),
        ("über", "über"),
        ("u\N{COMBINING DIAERESIS}ber", "u%CC%88ber"),
        ("\N{ANGSTROM SIGN}é", "%E2%84%AB%C3%A9"),
        ("a b", "a%20b"),
        ("a,b", "a%2Cb"),
        ("50%", "50%25"),
        ("a@b/c:d", "a%40b%2Fc%3Ad"),
        (-7, "-7"),
        (UUID(int=10), "00000000-0000-0000-0000-00000000000a"),
        (date(2026, 2, 3), "2026-02-03"),
    ],
)
def test_the_text_of_some_keys(value: Any, text: str) -> None:
    assert key_text(value) == text


class TaggedId(UUID):
    """As some drivers of databases have one."""


class Named(str):
    pass


@pytest.mark.parametrize(("value", "kind"), [(TaggedId(int=10), UUID), (Named("a b"), str)])
def test_a_subclass_has_the_text_of_its_base(value: Any, kind: type) -> None:
    assert key_text(value) == key_text(kind(str(value)))
    assert parse_key(kind, key_text(value)) == value


@pytest.mark.parametrize("value", ["", "\ud800", None, 1.5, True, datetime(2026, 1, 1), ("a",), b"a"])
def test_what_is_no_key(value: object) -> None:
    with pytest.raises(InvalidInput):
        key_text(value)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (int, "007"),
        (int, "1_000"),
        (int, "+1"),
        (int, "٣"),
        (int, "x"),
        (UUID, "00000000-0000-0000-0000-00000000000A"),
        (UUID, "{00000000-0000-0000-0000-00000000000a}"),
        (UUID, "0" * 32),
        (UUID, "x"),
        (date, "20260203"),
        (date, "2026-W01-1"),
        (str, "%61"),
        (str, "%c3%bc"),
        (str, "%FF"),
        (str, "a b"),
        (str, ""),
    ],
)
def test_another_spelling_is_no_key(kind: type, text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_key(kind, text)


def test_a_stream_with_another_number_of_parts() -> None:
    with pytest.raises(InvalidInput, match="has 1 key parts, not 2"):
        stream_key("a-b", (str, str))


class Made(Event):
    pass


class Make(Command):
    thing_id: UUID | None = None


class Thing(Aggregate):
    thing_id: UUID
    ignores = (Made,)

    @decide(creates=True)
    def make(self, command: Make) -> Made:
        raise NotImplementedError


def test_a_made_key_depends_on_category_and_command_id_alone() -> None:
    class Other(Aggregate):
        other_id: str

    thing = Domain("d", Thing).aggregates["thing"]
    other = Domain("d", Other).aggregates["other"]
    clause = thing.deciders[Make]

    def made(aggregate: AggregateType, command_id: str) -> Any:
        [key] = made_key(aggregate, clause, Make().with_meta(command_id=command_id))
        return key

    assert made(thing, "c1") == made(thing, "c1") != made(thing, "c2")
    assert isinstance(made(other, "c1"), str)
    assert str(made(thing, "c1")) != made(other, "c1")
    # for ever: a retry must find its stream
    assert made(thing, "c1") == UUID("61f5df3d-66fe-5559-8a04-50b530f1ed04")


Sku = NewType("Sku", str)
Aliased = TypeAliasType("Aliased", UUID)


@pytest.mark.parametrize(
    ("annotation", "plain"),
    [
        (int, int),
        (int | None, int),
        (None | UUID, UUID),
        (Aliased, UUID),
        (Annotated[Aliased, "x"], UUID),
        (NewType("Named", Aliased), UUID),
        (Aliased | None, UUID),
        (Annotated[int, "x"], int),
        (Annotated[int, "x"] | None, int),  # pyright: ignore[reportOperatorIssue]
        (Sku, str),
        (Sku | None, str),
        (int | str, int | str),
        (int | str | None, int | str | None),
        (list[int], list[int]),
        (type(None), type(None)),
    ],
)
def test_plain_types(annotation: Any, plain: Any) -> None:
    assert plain_type(annotation) == plain


def spelt_in(stream: str, *kinds: type) -> tuple[str, ...] | None:
    short = spelt_key(kinds, ["thing", "thi.g"])
    return short(stream) if short is not None else None


@given(st.one_of(st.text(min_size=1, max_size=12), st.uuids(), st.integers(-(2**63), 2**63 - 1), st.dates()))
def test_a_key_is_taken_as_spelt_only_where_it_is_written_so(value: Any) -> None:
    """The short way of the row folds: the text in the stream's name, or a closer look."""
    kind = type(value)
    stream = stream_name("thing", (value,))
    found = spelt_in(stream, kind)
    assert found in (None, (str(parse_key(kind, stream.partition("-")[2])),))
    assert (found is not None) == (
        kind is UUID or (kind is str and re.fullmatch(r"[A-Za-z0-9._-]+", value) is not None)
    )


def test_another_spelling_gets_a_closer_look() -> None:
    upper = "thing-" + str(UUID(int=0xABC)).upper()
    assert spelt_in(upper, UUID) is None
    assert spelt_in("thing-a%20b", str) is None
    assert spelt_in("thing-a,b", str) is None
    assert spelt_in("thing-a,b", str, str) == ("a", "b")
    assert spelt_in("thing-a", str, str) is None
    assert spelt_in("thing", str) is None
    assert spelt_in("weird-a", str) is None
    assert spelt_in("thi.g-a", str) == ("a",)
    assert spelt_in("thixg-a", str) is None
