"""The language of conditions: what it means, what it refuses, and that nothing in it can reach anything."""

import inspect
import sqlite3
import sys
from collections import deque
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Annotated, Any, NamedTuple, Optional
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, computed_field

from cqrs_cli.errors import Misuse
from cqrs_cli.expression import expression
from cqrs_cli.expression_types import Fields


class Color(StrEnum):
    RED = "red"
    GREEN = "green"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Part(BaseModel):
    sku: str = "pen"
    quantity: int = 2


ROW: dict[str, Any] = {
    "hotel": "Ritz",
    "taken": 5,
    "free": 2,
    "price": Decimal("12.50"),
    "weight": 0.1,
    "status": "paid",
    "color": Color.RED,
    "id": UUID("6db370b2-0000-7000-8000-000000000001"),
    "level": Level.HIGH,
    "shipped": date(2026, 1, 2),
    "naive": datetime(2026, 1, 2, 3, 4),
    "at": datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
    "gift": True,
    "nothing": None,
    "user": "till-1",
    "order_id": "o-1",
    "note": 'a "b" %',
    "data": {
        "amount": "-3.5",
        "n": 7,
        "items": [{"q": 1}, {"q": 11}],
        "tags": ["a", "b"],
        "nil": None,
        "d": "2026-01-01",
        "from": "Oslo",
        "class": "import",
        "digits": ["12345678901234567890123456789012345", Decimal("0.5")],
    },
    "part": Part(),
}


def holds(text: str) -> bool:
    return expression(text, list(ROW)).matches(ROW.get)


@pytest.mark.parametrize(
    "text",
    [
        "hotel = Ritz", "hotel == 'Ritz'", 'hotel="Ritz"', "hotel != Adlon", "hotel <> 'Adlon' and taken > 3",
        "NOT hotel = Adlon", "hotel = Adlon OR taken >= 5", "taken > 3 And taken < 6", "3 < taken <= 5",
        "(hotel = Adlon or taken = 5) and free = 2", "not (hotel = Adlon)", "taken=5", "taken\n=\n5",
        # literals take the type of what they meet
        "price = 12.5", "price = '12.50'", "price > 12", "price < 12.51", "taken = '5'", "weight = 0.1", "weight < 0.11",
        "id = 6db370b2-0000-7000-8000-000000000001", "id = '6DB370B2-0000-7000-8000-000000000001'", "color = red",
        "shipped = 2026-01-02", "shipped > '2026-01-01'", "at > 2026-01-01", "at = 2026-01-02T03:04Z", "at < 2026-01-02T05:00+01:00",
        "at > shipped or date(at) = shipped", "gift = true", "gift", "gift = 'True'", "data.amount < 0", "data.amount = -3.5",
        "data.d < 2026-02-01",
        # bare words, with dashes too
        "user = till-1", "order-id = o-1", "order_id in (o-1, o-2)", "status in (open, paid)", "status in [paid]",
        "status in (paid)", "status in paid", "status not in (open, shipped)", "taken in (1, 5)", "price in ('12.5')",
        # null
        "nothing is null", "nothing = null", "nothing = None", "hotel is not null", "hotel != NULL", "data.nil is null",
        "data.absent is null", "data.absent.deeper is null", "data.items[9] is null", "data.items[0].q is not null",
        "not (nothing = 5)", "not nothing != 5", "not nothing < 5", "not nothing in (5)", "not nothing not in (5)",
        "not nothing like '%'", "null = nothing",
        # texts
        "hotel like 'R%'", "hotel like '_itz'", "hotel not like 'r%'", "note like '%b%'", "note like '%\"b\" %'",
        "lower(hotel) = ritz", "upper(hotel) = RITZ", "startswith(hotel, 'Ri')", "endswith(hotel, 'tz')", "contains(hotel, 'it')", "'it' in hotel", "contains(data.tags, 'a')", "'a' in data.tags",
        # numbers
        "taken + free = 7", "taken - free = 3", "taken * 2 > 9", "taken / 2 = 2.5", "taken % 2 = 1", "-taken = -5", "abs(-taken) = 5",
        "price * 2 = 25", "data.amount + 1 = '-2.5'", "taken / 0 is null", "nothing + 1 is null", "taken * 0 + 0.1 + 0.2 = 0.3",
        # lists and models
        "len(data.items) = 2", "data.items[1].q = 11", "data.items[-1].q = 11", "any(i.q > 9 for i in data.items)",
        "all(i.q > 0 for i in data.items)", "not all(i.q > 1 for i in data.items)", "sum(i.q for i in data.items) = 12",
        "max(i.q for i in data.items) = 11", "len(i for i in data.items if i.q > 5) = 1", "any(len > 9 for len in data.items) = false",
        "min(taken, free) = 2", "sum(data.absent) = 0", "max(data.absent) is null", "not any(i.q for i in data.absent)",
        "part.sku = pen", "part.quantity = 2", "part.absent is null", "data['n'] = 7",
        # texts as they are, and lists
        """note = 'a "b" %'""", """note = "a ""b"" %" """, r"""note = 'a \"b\" %'""", "hotel != 'it''s'", r"hotel != 'a\b'", "data.tags = ['a', 'b']",
        "data.tags = [a, b]", "data.tags != [a]",
        # typed values: enums, floats, times without a zone, exact numbers
        "color in (red, green)", "color != green", "level = 2", "level >= 1.5", "level in (1, 2)", "level = '2'", "weight = '0.1'", "0.05 < weight",
        "naive = 2026-01-02T03:04Z", "naive < 2026-01-02T04:00+00:30", "naive = at", "not naive > at", "2 < taken", "'Ritz' = hotel", "true = gift",
        "price * 0 + 12345678901234567890.123456789 * 1000 = 12345678901234567890123.456789", "sum(data.digits) = '12345678901234567890123456789012345.5'",
        "price / 3 < 4.17", "7 % 4 = 3 and taken % 0 is null", "(0 - taken) % 3 = 1", "(0 - price) % 3 = 2.5", "price % -3 = -2.5", "price % 2.5 = 0", "-1.5 < taken",
        # words that Python keeps for itself, and that begin with digits
        "data.from = Oslo", "data.class = import", "data['from'] in (Oslo, class)", "hotel != 6db370b2", "user not in (1a, 2b_c)",
        "note like 'a%b%'", "note not like 'a%c%'", "hotel like 'Ritz%'", "hotel like '%%R_t%z'", "hotel not like '%Ritz_'", "hotel like '%'",
    ],
)  # fmt: skip
def test_what_holds(text: str) -> None:
    assert holds(text) is True
    assert holds(f"not ({text})") is False


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("hotl = Ritz", "»hotl« = Ritz"),
        ("taken > 3 and hotl = x", "taken > 3 and »hotl« = x"),
        ("Ritz = hotel", "»Ritz« = hotel"),
        ("taken > abc", "»taken > abc«"),
        ("taken > 'abc'", "»taken > 'abc'«"),
        ("price = 1,5", None),
        ("at > yesterday", "»at > yesterday«"),
        ("taken-free > 1", "»taken-free« > 1"),
        ("taken is 5", "taken is »5«"),
        ("color = blue", "»color = blue«"),
        ("level = high", "»level = high«"),
        ("taken = 0x10", "»taken = 0x10«"),
        ("taken * 1e999999999 > 1", "»taken * 1e999999999 > 1«"),
        ("1e9999 - 1e-9999 > taken", "»1e9999 - 1e-9999 > taken«"),
        ("not " * 400 + "taken", None),
        ("taken" + "[0]" * 600, None),
        ("hotel = 'x", "hotel = »'«x"),
        ("taken & 3", "taken »&« 3"),
        ("é$ = 3", None),
        ("nofunction(taken)", "»nofunction(taken)«"),
        ("len()", None),
        ("len(taken, 1, 2)", None),
        ("len(obj=taken)", None),
        ("taken + hotel > 1", "»taken + hotel > 1«"),
        ("any(x for x in taken)", None),
        ("taken >", None),
        ("", None),
        ("and", None),
        ("taken taken", None),
        ("taken = 1" + "0" * 70, None),
        ("x" * 3000, None),
        ("taken = 1" + " or taken = 1" * 100, None),
        ("(" * 150 + "taken" + ")" * 150 + " = 5 5", None),
    ],
)
def test_what_is_a_mistake_is_told_with_its_place(text: str, marked: str | None) -> None:
    with pytest.raises(Misuse) as caught:
        holds(text)
    assert (caught.value.code, caught.value.exit_code) == ("expression", 2)
    assert caught.value.hint
    if marked is not None:
        assert caught.value.message.endswith(marked)


def test_a_near_name_is_told() -> None:
    with pytest.raises(Misuse) as caught:
        holds("hotl = Ritz")
    assert caught.value.hint == "did you mean 'hotel'?"


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')", "().__class__", "taken.__class__ is not null",
        "lambda: 1", "[x for x in data.items]", "{x for x in data.items}", "f'{taken}'", "exec('1')", "eval(hotel)", "open(hotel)",
        "_scope('taken')", "_f_len(hotel)", "_member(part, 'sku')", "taken := 3", "taken ** 99999", "9 ** 9", "'x' * 999999999 = hotel",
        "data.items * 9999 = hotel", "taken << 99", "taken if gift else free", "*taken", "await taken", "hotel[0:1]", "getattr(part, 'sku')",
        "any(x for x in data.items for y in data.items)", "any(_x for _x in data.items)", "any(any(y for y in x) for x in data.items)",
        "().__class__.__mro__[1].__subclasses__()", "taken.bit_length()", "hotel.format(taken)", "'{0.__class__}'.format(taken) = hotel", "9**9**9 > taken",
        "{x: x for x in data.items}", "any(x for x in (y for y in data.items))", "any(x.a for x.a in data.items)", "any(x async for x in data.items)",
        "yield taken", "(yield taken)", "taken; taken", "taken # x", "~taken", "taken | free", "not (lambda: taken)()", "type(taken)", "_0 = taken",
        "data.items.append(1)", "print(1)", "b'x' = hotel", "1j = taken", "... = taken", "taken @ free",
    ],
)  # fmt: skip
def test_what_is_not_on_the_list_is_refused(text: str) -> None:
    with pytest.raises(Misuse) as caught:
        holds(text)
    assert caught.value.code == "expression"


def test_only_fields_of_a_model_are_seen() -> None:
    for name in ("model_dump", "model_fields", "_private", "copy"):
        assert holds(f"part.{name} is null"), name


def is_condition_or_mistake(text: str) -> bool:
    try:
        return expression(text, list(ROW)).matches(ROW.get) in (True, False)
    except Misuse as error:
        return error.code == "expression"


@given(st.text(max_size=60))
def test_whatever_is_typed_is_a_condition_or_a_mistake(text: str) -> None:
    assert is_condition_or_mistake(text)


PIECES = [
    *ROW,
    "=",
    "!=",
    "<",
    ">=",
    "and",
    "or",
    "not",
    "in",
    "(",
    ")",
    ",",
    "'x'",
    "3",
    "1.5",
    "null",
    "like",
    "is",
    "+",
    "[",
    "]",
    ".",
]


@given(st.lists(st.sampled_from(PIECES), max_size=12))
def test_whatever_words_are_put_together(words: list[str]) -> None:
    assert is_condition_or_mistake(" ".join(words))


def test_the_names_in_it_are_told() -> None:
    assert expression("data.amount < 0 and (user = x or any(i.q for i in data.items))", list(ROW)).names == {
        "data",
        "user",
    }


# ── objects in the scope ──────────────────────────────────────────────────────────────────────


@dataclass
class Address:
    city: str
    zip: "str | None" = None

    @property
    def shouted(self) -> str:
        raise AssertionError("a property is not looked at")


class Money(NamedTuple):
    amount: Decimal
    currency: str = "EUR"


class Line(BaseModel):
    sku: str
    quantity: int
    price: Money | None = None


class Shipping(BaseModel):
    kind: str = "post"
    weight: int = 1


class Pickup(BaseModel):
    kind: str = "pickup"
    shop: str = "s1"


class Loose(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: str = "x"


class Order(BaseModel):
    total: Decimal = Decimal("12.50")
    color: Color = Color.RED
    items: list[Line] = [Line(sku="pen", quantity=2), Line(sku="cup", quantity=10, price=Money(Decimal(3)))]
    address: Annotated[Optional[Address], "where to"] = Address("Oslo")  # noqa: UP045
    by_sku: dict[str, Line] = {"pen": Line(sku="pen", quantity=2)}
    way: Shipping | Pickup = Pickup()
    loose: Loose = Loose(colour="red")  # type: ignore[call-arg]
    last: deque[int] = deque([1, 2])
    anything: Any = {"a": [1]}
    _hidden: int = 5

    @computed_field
    def count(self) -> int:
        return len(self.items)

    @computed_field
    def broken(self) -> int:
        raise KeyError("never")


KINDS = {"state": Order, "before": Order | None, "event": Any, "recorded": Fields({"user": str, "position": int})}
SCOPE = {
    "state": Order(),
    "before": None,
    "event": {"amount": Decimal(5)},
    "recorded": {"user": "ada", "position": 7},
}
TRUE_OF_OBJECTS = [
    "state.total >= 0", "state.total = 12.5", "state.color = red", "state.color != green", "state.count = 2",
    "any(i.quantity > 9 for i in state.items)", "sum(i.quantity for i in state.items) = 12", "state.items[1].sku = cup",
    "any(i.price.amount = 3 for i in state.items)", "state.items[0].price is null", "state.items[0].price.amount is null",
    "state.address.city = Oslo", "state.address.zip is null", "state.by_sku.pen.quantity = 2", "state.by_sku['pen'].sku = pen",
    "any(i.quantity = 2 for i in state.by_sku)", "state.way.shop = s1", "state.way.weight is null", "state.loose.colour = red",
    "state.loose.other is null", "len(state.last) = 2", "state.last[1] = 2", "state.anything.a[0] = 1", "state.anything.b.c is null",
    "before is null", "before.total is null", "not state.total >= before.total", "state.items = state.items", "event.amount = 5",
    "event.none is null", "recorded.user = ada and recorded.position > 6", "state.items[5].sku is null", "state.address = state.address",
]  # fmt: skip


@pytest.mark.parametrize("typed", [True, False])
@pytest.mark.parametrize("text", TRUE_OF_OBJECTS)
def test_models_dataclasses_and_tuples_are_seen_by_their_fields(text: str, typed: bool) -> None:
    assert expression(text, KINDS if typed else list(KINDS)).matches(SCOPE.get) is True


@pytest.mark.parametrize(
    ("text", "marked", "hint"),
    [
        ("state.totl >= 0", "»state.totl« >= 0", "did you mean 'total'?"),
        ("state.total >= before.totl", "»before.totl«", "did you mean 'total'?"),
        ("any(i.quantty > 9 for i in state.items)", "»i.quantty«", "did you mean 'quantity'?"),
        ("state.items[0].price.amonut = 1", "»state.items[0].price.amonut«", "did you mean 'amount'?"),
        ("state.address.ctiy = Oslo", "»state.address.ctiy«", "did you mean 'city'?"),
        ("state.address.shouted = Oslo", "»state.address.shouted«", "there is city, zip"),
        ("state.by_sku.pen.qty = 1", "»state.by_sku.pen.qty«", None),
        ("state['totl'] = 1", "»state['totl']« = 1", "did you mean 'total'?"),
        ("state.way.shopp = x", "»state.way.shopp«", "did you mean 'shop'?"),
        ("state.total.amount = 1", "»state.total.amount«", "it has none"),
        ("state.color.value = red", "»state.color.value«", "it has none"),
        ("state._hidden = 5", "»state._hidden«", None),
        ("state.model_fields is null", "»state.model_fields« is null", None),
        ("recorded.usr = ada", "»recorded.usr«", "did you mean 'user'?"),
        ("state.class = 1", "»state.class« = 1", None),
    ],
)
def test_a_field_that_a_type_has_not_is_a_mistake_with_its_place(text: str, marked: str, hint: str | None) -> None:
    with pytest.raises(Misuse) as caught:
        expression(text, KINDS)
    assert caught.value.code == "expression"
    assert marked in caught.value.message
    assert hint is None or caught.value.hint == hint


def test_what_a_field_has_no_type_for_is_null() -> None:
    for text in ("state.totl is null", "state._hidden is null", "state.address.shouted is null", "state.copy is null"):
        assert expression(text, list(KINDS)).matches(SCOPE.get), text


def test_a_computed_field_that_raises_is_told() -> None:
    with pytest.raises(Misuse, match=r"broken raised KeyError: 'never'"):
        expression("state.broken > 1", KINDS).matches(SCOPE.get)


def test_wherever_it_is_read_it_is_a_condition_or_a_mistake() -> None:
    """However deep the program is in already."""

    def deep(levels: int, text: str) -> bool:
        return is_condition_or_mistake(text) if levels == 0 else deep(levels - 1, text)

    limit, now = sys.getrecursionlimit(), len(inspect.stack())
    for text in ("not " * 200 + "taken", "taken" + "[0]" * 140 + " = 5", "abs(" * 100 + "taken" + ")" * 100 + " = 5"):
        for left in (150, 300, 700):
            assert deep(limit - now - left, text)


def test_no_text_makes_like_slow() -> None:
    asked = expression("text like '" + "%a" * 900 + "b'", ["text"])
    assert asked.matches({"text": "a" * 100_000}.get) is False
    assert expression("text like '%" + "_a%" * 300 + "'", ["text"]).matches({"text": "a" * 100_000}.get) is True


@given(st.text("ab%_", max_size=8), st.text("ab\n", max_size=8))
def test_like_is_what_sqlite_says(pattern: str, text: str) -> None:
    connection = sqlite3.connect(":memory:")
    (found,) = connection.execute("SELECT ? LIKE ?", (text, pattern)).fetchone()
    connection.close()
    assert expression(f"text like '{pattern}'", ["text"]).matches({"text": text}.get) is bool(found)


@given(
    st.decimals(allow_nan=False, allow_infinity=False),
    st.integers(),
    st.sampled_from(["<", "<=", ">", ">=", "=", "!="]),
)
def test_a_typed_number_compares_as_any_other(left: Decimal, right: int, sign: str) -> None:
    """On either side, and as a value that is looked at for itself."""
    number = f"{right}" if abs(right) < 10**50 else "7"
    scope = {"left": left, "right": int(number)}
    turned = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(sign, sign)
    both = expression(f"left {sign} right", ["left", "right"]).matches(scope.get)
    assert expression(f"left {sign} {number}", ["left"]).matches(scope.get) is both
    assert expression(f"{number} {turned} left", ["left"]).matches(scope.get) is both
