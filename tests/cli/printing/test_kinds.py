"""Complaints by kind: what is alike, what is said of the others, and that what is remembered stays small."""

import pytest

from cqrs_cli.cli.printing import kinds as module
from cqrs_cli.cli.printing.kinds import MOST_CODES, MOST_KINDS, Kinds, shape_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("product-pen1 is there already", "product-cup2 is there already"),
        ("got 'two'", "got 'three words here'"),
        ('got "two"', 'got ""'),
        ("3 in stock, 5 wanted", "0 in stock, 12 wanted"),
        ("items[0].price: can't be 1.50", "items[12].price: can't be -3"),
        ("no 6db370b2-d2a5-4d6b-9d1a-0f9f5c9d1f77 here", "no 1a2b3c4d-d2a5-4d6b-9d1a-abcdefabcdef here"),
        ("no deadbeef", "no cafecafe"),
        ("due 2026-01-31T10:00:00Z", "due 2027-02-28T11:30:15.125+01:00"),
    ],
)
def test_values_make_no_difference(one: str, other: str) -> None:
    assert shape_of(one) == shape_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("the seat is taken", "the seat is blocked"),
        ("can't be read, isn't there", "can't be written, isn't there"),
        ("3 in stock", "3 in store"),
    ],
)
def test_words_do(one: str, other: str) -> None:
    assert shape_of(one) != shape_of(other)


def test_the_texts_of_the_command_are_values_where_they_stand_as_words() -> None:
    assert shape_of("Blue pen: none left", {"Blue pen", "pen"}) == shape_of("Cup: none left", {"Cup"})
    assert shape_of("pending", {"pen"}) == "pending"
    assert shape_of("pen pending pen", {"pen", ""}) == "… pending …"


@pytest.mark.parametrize("text", ["a" * 5_000 + "!", "deadbeef" * 700 + "g", "'" * 3_000, "-:." * 2_000, "1" * 9_000])
def test_long_texts_take_no_time(text: str) -> None:
    assert len(shape_of(text)) <= module._LOOKED_AT


def told(kinds: Kinds) -> list[str]:
    return [*kinds.more(), *kinds.table()]


def test_the_first_is_told_and_the_others_are_counted() -> None:
    kinds = Kinds()
    assert [kinds.add("sold-out", f"{n} wanted", n) is not None for n in (12, 1226, 1500, 4220)] == [True] + [False] * 3
    assert told(kinds) == ["… and 3 more like it (lines 1226–4220)", "4  sold-out  lines 12–4220"]


def test_one_more_is_one_line() -> None:
    kinds = Kinds()
    kinds.add("a", "x", 1)
    kinds.add("a", "x", 7)
    assert told(kinds)[0] == "… and 1 more like it (line 7)"


def test_of_several_kinds_the_one_that_is_meant_is_named() -> None:
    kinds = Kinds()
    for number, (code, text) in enumerate([("a", "one"), ("b", "two"), ("a", "one"), ("b", "two"), ("b", "two")], 1):
        kinds.add(code, text, number)
    assert told(kinds) == [
        "… and 1 more like line 1 (line 3)",
        "… and 2 more like it (lines 4–5)",
        "2  a  lines 1–3",
        "3  b  lines 2–5",
    ]


def test_what_was_told_in_full_needs_no_table() -> None:
    kinds = Kinds()
    kinds.add("a", "one", 1)
    kinds.add("b", "two", 2)
    assert told(kinds) == []


def test_positions_are_places_of_the_log() -> None:
    kinds = Kinds("@")
    for position in (4, 8, 9):
        kinds.add("failed", "boom", position)
    assert told(kinds) == ["… and 2 more like it (@8–@9)", "3  failed  @4–@9"]


def test_of_a_long_text_little_is_remembered() -> None:
    kinds = Kinds()
    kinds.add("a", "x" * 1_000_000, 1)
    assert max(map(len, kinds._codes["a"].kinds)) <= 1_000


def test_what_is_remembered_is_bounded() -> None:
    kinds, letters = Kinds(), [chr(ord("a") + n) for n in range(26)]
    words = [a + b + c for a in letters for b in letters for c in letters]
    full = 0
    for number, word in enumerate(words, 1):
        full += kinds.add(f"code {word[:2]}", word + "x" * 60, number) is not None
    assert full == (MOST_CODES + 1) * MOST_KINDS
    assert sum(len(code.kinds) for code in kinds._codes.values()) == full
    assert sum(code.all.count for code in kinds._codes.values()) == len(words)
    assert told(kinds)[0] == "… and 6 more code aa, in other words (lines 21–26)"
    assert "other codes" in told(kinds)[-1]
