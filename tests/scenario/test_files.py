"""Scenarios in files: what the values mean, what is compared, what is told, and what is refused with its line."""

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID
from weakref import WeakKeyDictionary

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from cqrs_cli import (
    After,
    Aggregate,
    Command,
    Domain,
    Event,
    ProcessManager,
    Projection,
    Recorded,
    Rejected,
    decide,
    evolve,
    react,
)
from cqrs_cli.domain.codec import Codec
from cqrs_cli.errors import InvalidInput, NotFound
from cqrs_cli.scenario.described import Described, described_in, files_in
from cqrs_cli.scenario.schema import scenario_schema
from cqrs_cli.scenario.trial import Tried, tried
from cqrs_cli.scenario.vocabulary import Vocabulary
from cqrs_cli.scenario.yaml_tree import plain, trees
from samples.orders.fulfilment import domain as shop
from tests.conftest import ROOT


class Kind(StrEnum):
    BOOK = "book"
    NO = "no"


class Part(BaseModel):
    name: str
    price: Decimal = Decimal(0)


class Rates(Protocol):
    def of(self, currency: str) -> Decimal: ...

    async def later(self, currency: str) -> date: ...


class Dice(Protocol):
    def __call__(self) -> int: ...


class Offer(Command):
    item_id: str
    text: str = ""
    number: int = 0
    price: Decimal = Decimal(0)
    share: float = 0.0
    yes: bool = False
    day: date | None = None
    kind: Kind = Kind.BOOK
    parts: list[Part] = []
    names: dict[str, int] = {}
    owner: UUID | None = None
    length: timedelta | None = None


class Offered(Event, version=2, upcasters={1: lambda data: {"offer": {"item_id": "old", **data}}}):
    offer: Offer
    at: datetime | None = None


class Rate(Command):
    item_id: str


class Rated(Event):
    rate: Decimal
    day: date
    thrown: int


class Remove(Command):
    item_id: str


class Item(Aggregate):
    item_id: str
    offer: Offer | None = None
    rates: list[Decimal] = []

    @decide(creates="either")
    def make(self, command: Offer) -> Offered | None:
        if command.text == "same":
            return None
        if command.text == "bug":
            raise RuntimeError("a bug of the domain")
        return Offered(offer=command, at=command.meta.timestamp)

    @decide
    async def rate(self, command: Rate, rates: Rates, dice: Dice) -> list[Rated]:
        return [Rated(rate=rates.of("EUR"), day=await rates.later("EUR"), thrown=dice())]

    @decide
    def remove(self, command: Remove) -> None:
        raise Rejected("it stays, since 2026", code="stays")

    @evolve
    def offered(self, event: Offered) -> None:
        self.offer = event.offer

    @evolve
    def rated(self, event: Rated) -> None:
        self.rates.append(event.rate)


class Board(Projection, key="item_id"):
    item_id: str
    text: str = ""
    price: Decimal = Decimal(0)
    since: datetime | None = None

    @evolve
    def offered(self, event: Offered, recorded: Recorded) -> None:
        self.text, self.price, self.since = event.offer.text, event.offer.price, recorded.recorded_at


class Care(ProcessManager, key="item_id"):
    item_id: str

    @react
    def offered(self, event: Offered) -> list[Rate | After]:
        return [Rate(item_id=self.item_id), After(timedelta(days=1), Remove(item_id=self.item_id), name="end")]


MARKET = Domain("market", Item, Board, Care)
WORDS = Vocabulary(MARKET)


def all_of(folder: Path, text: str) -> list[Tried]:
    file = folder / "one.scenario.yaml"
    file.write_text(text, encoding="utf-8")
    return [tried(WORDS, one) for one in described_in(str(file))]


@pytest.fixture
def told(tmp_path: Path) -> Any:
    """Tries the body of a scenario: why it fails, in lines; empty if it holds."""

    def why(body: str) -> list[str]:
        (found,) = all_of(tmp_path, "scenario: a name\n" + body)
        return (found.message or "").splitlines()

    return why


# ── what values mean ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("on", "on"), ("y", "y"), ("1:30", "1:30"), ("2026-01-01", "2026-01-01"), ("1_000", "1_000"),
        ("010", 10), ("0o10", 8), ("0x1F", 31), ("-7", -7), ("+7", 7), ("1.50", Decimal("1.50")), ("1e3", Decimal("1E+3")),
        (".5", Decimal("0.5")), ("true", True), ("False", False), ("~", None), ("", None), ("null", None), (".inf", ".inf"),
        (".nan", ".nan"), ("0b1", "0b1"), ("1.2.3", "1.2.3"), ("+", "+"), ("12345678901234567890.10", Decimal("12345678901234567890.10")),
    ],
)  # fmt: skip
def test_plain_scalars_are_those_of_yaml_1_2(text: str, value: Any) -> None:
    found = plain(text)
    assert (type(found), str(found)) == (type(value), str(value))


@pytest.mark.parametrize(
    ("field", "written", "meant"),
    [
        ("text", "no", "no"), ("text", "007", "007"), ("text", "1.50", "1.50"), ("text", "true", "true"), ("text", "1:30", "1:30"),
        ("text", "2026-01-01", "2026-01-01"), ("text", "'null'", "null"), ("text", "1e3", "1e3"), ("yes", "no", False), ("yes", "on", True),
        ("number", "010", 10), ("number", "'8'", 8), ("price", "1.50", "1.50"), ("price", "12345678901234567890.10", "12345678901234567890.10"),
        ("share", "0.1", 0.1), ("day", "2026-01-31", "2026-01-31"), ("kind", "no", "no"), ("owner", "~", None),
        ("parts", "[{name: 08, price: 1.10}]", [{"name": "08", "price": "1.10"}]), ("names", "{no: 1, 010: 2}", {"no": 1, "010": 2}),
        ("owner", "00000000-0000-0000-0000-000000000017", "00000000-0000-0000-0000-000000000017"), ("length", "PT1H", "PT1H"),
    ],
)  # fmt: skip
def test_a_value_means_what_its_field_takes(told: Any, field: str, written: str, meant: Any) -> None:
    when = f"when:\n  offer: {{item_id: 1, {field}: {written}}}\n"
    assert told(f"{when}then:\n  state: {{offer: {{item_id: 1, {field}: {written}}}}}") == []
    expected = json.dumps({"offer": {"item_id": "1", field: meant}, "at": "2026-01-01T00:00:00Z"})
    assert told(f"{when}then:\n  - Offered: {expected}") == []


def test_texts_stay_as_they_were_written() -> None:
    (tree,) = trees("a: 007\nb: '007'\nc: |\n  1\n", "f")
    assert tree.value == {"a": 7, "b": "007", "c": "1\n"}
    assert (tree.texts, tree.line(("c", "x", 3))) == ({("a",): "007"}, 3)


# ── what is compared ──────────────────────────────────────────────────────────────────────────

OFFER = "when:\n  offer: {item_id: a, text: x, price: 2.00}\n"


HOLDING = (
    OFFER + "then:\n- Offered: {offer: {item_id: a, text: x, price: 2}, at: 2026-01-01T00:00Z}",
    OFFER + "then:\n  Offered: {offer: {item_id: a, text: $anything, price: 2}, at: $anything}",
    OFFER + "then:\n  events: [Offered: {offer: $anything, at: {$regex: ^2026}}]",
    OFFER + "then:\n  state: {item_id: a}\n  rows: {board: [{item_id: a, price: {$approx: 2.1, within: 0.1}}]}",
    OFFER + "then:\n  sends: [rate: {item_id: a}, {remove: {item_id: a}, after: 1d}]",
    OFFER + "then:\n  sends: [Rate: {item_id: a}, {Remove: {item_id: $anything}, after: PT24H, named: end}]",
    "when: {offer: {item_id: a, text: same}}\nthen: nothing",
    "given: [offer: {item_id: a}]\nwhen: {remove: {item_id: a}}\nthen: {rejected: stays}",
    "given: [offer: {item_id: a}]\nwhen: {remove: {item_id: a}}\nthen: {rejected: {code: stays, message: {$regex: it stays}}}",
    "when: {remove: {item_id: a}}\nthen: {rejected: aggregate-not-found}",
    OFFER + "then: {holds: state.offer.price > 1}",
    "when: {Offered: {offer: {item_id: a, price: 2}}, stream: item-a}\nthen: {holds: [state.offer.price > 1, state.offer is not null], state: {item_id: a}}",
    "given: [{Offered: {offer: {item_id: a}}, stream: item-a}]\nwhen: {later: 1d}\nthen: {sends: [remove: {item_id: a}]}",
    "given: [offer: {item_id: a}]\nwhen: {later: 23h}\nthen: nothing",
    "given: [{offer: {item_id: a}, at: 2026-02-01T00:00Z}]\nwhen: {later: 2026-02-02T00:00:00Z}\nthen: {sends: [remove: {item_id: a}]}",
    "given: [{Offered: {text: t}, version: 1, stream: item-a}]\nthen: {rows: {board: [{item_id: a, text: t}]}}",
    "when: {Offered: {offer: {item_id: a}}, stream: item-a}\nthen: {sends: [rate: {item_id: a}, {remove: {item_id: a}, after: 1d}]}",
    "at: 2027-01-01T00:00+01:00\nwhen: {offer: {item_id: a}, at: 1h 30m}\nthen: {rows: {board: [{item_id: a, since: 2027-01-01T00:30Z}]}}",
    "given: [offer: {item_id: a}]\nservices: {Rates: {of: 1.5, later: 2026-01-31}, Dice: 6}\nwhen: {rate: {item_id: a}}\nthen: [Rated: {rate: 1.50, day: 2026-01-31, thrown: 6}]",
    "given: [offer: {item_id: a}, rate: {item_id: a}]\nservices: {Rates: {of: {in_turn: [1, 2]}, later: 2026-01-31}, Dice: {in_turn: [1, 2]}}\nwhen: {rate: {item_id: a}}\nthen: {state: {rates: [1, 2]}}",
    "given: [offer: {item_id: a}]\nservices: {Rates: {of: {raises: closed}}}\nwhen: {rate: {item_id: a}}\nthen: {rejected: closed}",
)  # fmt: skip


@pytest.mark.parametrize("body", HOLDING)
def test_what_holds(told: Any, body: str) -> None:
    if "closed" in body:
        body = body.replace("{raises: closed}}", "{raises: closed}, later: 2026-01-31}, Dice: 1")
    assert told(body) == []


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (OFFER + "then:\n- Offered: {offer: {item_id: a, text: x, price: 2.5}, at: $anything}", ["not the event that was expected:", "  Offered.offer.price: expected 2.5, was 2.00"]),
        (OFFER + "then:\n- Offered: {offer: {item_id: a, text: {$regex: ^y}, price: {$approx: 2.1}}, at: $anything}", ["not the event that was expected:", "  Offered.offer.text: expected a text like ^y, was x", "  Offered.offer.price: expected about 2.1, was 2.00"]),
        (OFFER + "then:\n- Rated: {rate: $anything, day: $anything, thrown: 1}", ["not the event that was expected:", "  expected Rated(rate=<anything>, day=<anything>, thrown=1), was Offered(offer={'item_id': 'a', 'text': 'x', 'number': 0, 'price': '2.00', 'share': 0.0, 'yes': False, 'day': None, 'kind': 'book', 'parts': [], 'names': {}, 'owner': None, 'length': None}, at=2026-01-01T00:00:00.000000Z)"]),
        (OFFER + "then: {holds: state.offer.price > 2}", ["state.offer.price > 2 does not hold of Item(item_id=a, "]),
        (OFFER + "then: nothing", ["expected no events, but was 1:"]),
        (OFFER + "then: {rejected: stays}", ["expected a rejection, but was "]),
        (OFFER + "then:\n  state: {offer: {item_id: a, text: y, price: 2}, rates: {$approx: 1}}", ["Item is not as expected:", "  .rates: expected about 1, was []", "  .offer.text: expected y, was x"]),
        (OFFER + "then:\n  rows: {board: [{item_id: b}, {item_id: a, text: {$regex: z}, price: 3}]}", ["the rows of board are not as expected:", "  board/a.text: expected a text like z, was x", "  board/b: expected, but there is no such row", "  board/a.price: expected 3, was 2.00"]),
        (OFFER + "then: {rows: {board: []}}", ["the rows of board are not as expected:", "  board/a: not expected, but there is "]),
        (OFFER + "then: {sends: [rate: {item_id: b}]}", ["expected 1 command, but was 2:", "  1. Rate.item_id: expected b, was a", "  2. not expected, but there is Remove(item_id=a) after P1D (end)"]),
        (OFFER + "then: {sends: [rate: {item_id: a}, {remove: {item_id: a}, after: 2d}]}", ["not the commands that were expected:", "  2. Remove, its delay: expected P2D, was P1D"]),
        ("when: {remove: {item_id: a}}\nthen: [Offered: {offer: $anything}]", ["expected [], but it was rejected: [aggregate-not-found] Remove: there is no item-a"]),
        ("when: {remove: {item_id: a}}\nthen: {state: {item_id: a}}", ["expected [], but it was rejected: [aggregate-not-found] Remove: there is no item-a"]),
        ("given: [offer: {item_id: a}]\nwhen: {remove: {item_id: a}}\nthen: {rejected: {code: goes, message: it stays}}", ["it was rejected otherwise than expected:", "  .code: expected goes, was stays", "  .message: expected it stays, was it stays, since 2026"]),
    ],
)  # fmt: skip
def test_what_does_not_hold_is_told_field_by_field(told: Any, body: str, lines: Sequence[str]) -> None:
    found = told(body)
    assert [line[: len(wanted)] for line, wanted in zip(found, lines, strict=False)] == list(lines)


# ── what is refused ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "line", "message", "hint"),
    [
        ("when: {ofer: {item_id: a}}\nthen: nothing", 2, "when.ofer: no command or event is called 'ofer'", "did you mean 'offer'?"),
        ("when:\n  offer:\n    item_id: a\n    txt: b\nthen: nothing", 5, "when.offer.txt: there is no field 'txt' here", "did you mean 'text'?"),
        ("when: {offer: {item_id: a, parts: [{name: b, prise: 1}]}}\nthen: nothing", 2, "when.offer.parts.0.prise: there is no field", "did you mean 'price'?"),
        ("when: {offer: {item_id: a}}\nthen:\n- Offered: {offer: {item_id: a, prise: 2}}", 4, "then.0.Offered.offer.prise: there is no field", "did you mean 'price'?"),
        ("when: {offer: {text: b}}\nthen: nothing", 2, "when.offer.item_id: Field required", ""),
        ("when: {offer: {item_id: a, number: x}}\nthen: nothing", 2, "when.offer.number: Input should be a valid integer", ""),
        ("when: {offer: {item_id: a, number: true}}\nthen: nothing", 2, "when.offer.number: a number is wanted, not a truth", ""),
        ("when: {offer: {item_id: a, text: ~}}\nthen: nothing", 2, "when.offer.text: Input should be a valid string", ""),
        ("when: {offer: {item_id: a}}\nthen: {stat: {item_id: a}}", 3, "then.stat: no event is called 'stat'", ""),
        ("when: {offer: {item_id: a}}\nthen: {state: {itm: a}}", 3, "then.state.itm: Item has no field 'itm'", "did you mean 'item_id'?"),
        ("when: {offer: {item_id: a}}\nthen: {state: {item_id: a}, sate: 1}", 3, "then.sate: means nothing here", "there are: events"),
        ("when: {offer: {item_id: a}}\nthen: {rows: {bord: []}}", 3, "then.rows.bord: no projection 'bord'", "did you mean"),
        ("when: {offer: {item_id: a}}\nthen: {rows: {board: [{text: a}]}}", 3, "then.rows.board.0: a row of board without its item_id", ""),
        ("when: {offer: {item_id: a}}\nthen: {events: 3}", 3, "then.events: a list is wanted", ""),
        ("when: {offer: {item_id: a}, stream: x, strem: y}\nthen: nothing", 2, "when: one command or event is wanted", ""),
        ("when: {offer: {item_id: a}, version: 1}\nthen: nothing", 2, "when.version: means nothing here", ""),
        (OFFER + "then:\n  holds: [stat.price > 2]", 5, "then.holds.0: ", ""),
        (OFFER + "then:\n  holds: type = Offered", 5, "then.holds: 'type = Offered' looks at type", "state"),
        (OFFER + "then: {state: {}}", 4, "then.state: nothing is expected there", ""),
        (OFFER + "then: {holds: []}", 4, "then.holds: nothing is expected there", ""),
        ("then:\n  rows: {}", 3, "then.rows: nothing is expected there", "for none"),
        ("when: {later: soon}\nthen: nothing", 2, "when.later: 'soon' is no time", "90m"),
        ("when: {later: 2026-01-01T10:00}\nthen: nothing", 2, "when.later: '2026-01-01T10:00' is no time", "Z"),
        ("then: nothing", 1, "when: a scenario tries something", ""),
        ("when: {later: 1d}", 1, "then: a scenario without a then proves nothing", ""),
        ("when: {later: 1d}\nthen:", 3, "then: a scenario without a then proves nothing", ""),
        ("when: {later: 1d}\nten: nothing", 3, "ten: no member of a scenario", "did you mean"),
        ("given: {Offered: {}}\nwhen: {later: 1d}\nthen: nothing", 2, "given: what happened is a list", ""),
        ("given: [{Offered: {}, version: 1}]\nwhen: {later: 1d}\nthen: nothing", 2, "given.0.version: an event of an older", ""),
        ("given: [{remove: {item_id: a}}]\nwhen: {later: 1d}\nthen: nothing", 2, "given.0: the given Remove is rejected", "given is what happened"),
        ("services: {Rate: {}}\nwhen: {later: 1d}\nthen: nothing", 2, "services.Rate: nobody asks for a service 'Rate'", "did you mean 'Rates'?"),
        ("services: {Rates: {off: 1}}\nwhen: {later: 1d}\nthen: nothing", 2, "services.Rates.off: Rates has no method 'off'", ""),
        ("services: {Rates: {of: much}}\nwhen: {later: 1d}\nthen: nothing", 2, "services.Rates.of: Input should be a valid decimal", ""),
        ("services: {Rates: 3}\nwhen: {later: 1d}\nthen: nothing", 2, "services.Rates: Rates answers by its methods", ""),
        ("given: [offer: {item_id: a}]\nservices: {Dice: 1}\nwhen:\n  rate: {item_id: a}\nthen: nothing", 4, "when: Item.rate asks for Rates, which has no stand-in", "rehearse_with"),
        ("given: [offer: {item_id: a}]\nservices: {Dice: 1, Rates: {later: 2026-01-01}}\nwhen: {rate: {item_id: a}}\nthen: nothing", 4, "when: Item.rate (deciding Rate) raised AttributeError: the scenario says no answer of Rates.of", ""),
        ("when: {offer: {item_id: a, text: bug}}\nthen: nothing", 2, "when: Item.make (deciding Offer) raised RuntimeError: a bug of the domain", ""),
        (OFFER + "then: [Offered: {offer: {$about: 3}}]", 4, "then.0.Offered.offer: $about is no matcher", "$approx"),
        (OFFER + "then: [Offered: {offer: {$approx: x}}]", 4, "then.0.Offered.offer: $approx is for numbers", ""),
        (OFFER + "then: [Offered: {offer: {$regex: '('}}]", 4, "then.0.Offered.offer.$regex: '(' is no regular expression", ""),
        (OFFER + "then: [Offered: {offer: {$regex: a, text: b}}]", 4, "then.0.Offered.offer: $regex, text is no matcher", ""),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line(tmp_path: Path, body: str, line: int, message: str, hint: str) -> None:
    (found,) = all_of(tmp_path, "scenario: a name\n" + body)
    assert (found.line, (found.message or "")[: len(message)]) == (line, message)
    assert hint in (found.hint or "")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("scenario: [", 2, "this is no YAML"),
        ("scenario: a\n\tx: b", 2, "this is no YAML"),
        ("scenario: a\nthen: nothing\nthen: nothing", 3, "then stands here twice"),
        (
            "scenario: a\nwhen: !!python/object:os.system x",
            2,
            "the tag tag:yaml.org,2002:python/object:os.system means nothing",
        ),
        ("scenario: a\nwhen: !x y", 2, "the tag !x means nothing here"),
        ("scenario: a\n? [b]\n: c", 2, "a name is a plain text"),
        ("scenario: a\nwhen: {<<: {a: b}}", 2, "<< merges nothing"),
        ("- a", 1, "a scenario has members"),
        ("given: []", 1, "scenario: a scenario has a name"),
        ("scenario:\nwhen: {later: 1d}\nthen: nothing", 1, "scenario: a scenario has a name"),
    ],
)
def test_what_is_no_scenario(tmp_path: Path, text: str, line: int, message: str) -> None:
    (found,) = all_of(tmp_path, text)
    assert (found.line, (found.message or "")[: len(message)], found.code) == (line, message, "scenario")


def test_aliases_are_values_but_not_without_end(tmp_path: Path) -> None:
    shared = "scenario: a\ngiven: [offer: &offer {item_id: a, text: x}]\nwhen: {offer: *offer}\nthen:\n- Offered: {offer: *offer, at: $anything}"
    (found,) = all_of(tmp_path, shared)
    assert found.ok, found
    bomb = "scenario: a\nx0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
    bomb += "".join(f"x{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 10)}]\n" for at in range(1, 9))
    (found,) = all_of(tmp_path, bomb)
    assert found.message == "this is too much for a scenario"


def test_what_a_domain_is_made_of_is_looked_up_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand scenarios take half a second because a codec is made for the first alone."""
    made = []
    monkeypatch.setattr("cqrs_cli.scenario.ground.Codec", lambda *given: made.append(given) or Codec(*given))
    monkeypatch.setattr("cqrs_cli.scenario.ground._grounds", WeakKeyDictionary())
    text = "---\n".join(f"scenario: {at}\n{OFFER}then: {{state: {{item_id: a}}}}\n" for at in range(50))
    assert all(one.ok for one in all_of(tmp_path, text))
    assert len(made) == 1


def test_several_in_a_file_each_for_itself(tmp_path: Path) -> None:
    good = "scenario: {}\nwhen: {{offer: {{item_id: a, text: same}}}}\nthen: nothing\n"
    text = "---\n".join([good.format("one"), "# nothing\n", good.format("two"), "scenario: x\n", good.format("one")])
    found = all_of(tmp_path, text)
    assert [(one.name, one.line, one.ok) for one in found[:2]] == [("one", 1, True), ("two", 7, True)]
    assert [(one.line, one.message) for one in found[2:]] == [
        (11, "then: a scenario without a then proves nothing"),
        (13, "scenario: another scenario of this file (line 1) has the name 'one'"),
    ]


def test_keys_that_are_made_are_the_same_each_time(tmp_path: Path) -> None:
    file = tmp_path / "order.scenario.yaml"
    item = "{product_id: 00000000-0000-0000-0000-000000000002, product_name: Pen, quantity: 1, unit_price: 1}"
    address = "{street: a, city: b, postal_code: 0123, country: no}"
    create = f"when:\n  create-order: {{customer_id: 00000000-0000-0000-0000-000000000001, items: [{item}], shipping_address: {address}}}"
    file.write_text(f"scenario: a\n{create}\nthen:\n  state: {{shipping_address: {address}, order_id: wrong}}\n")
    first, second = ([tried(Vocabulary(shop), one) for one in described_in(str(file))] for _ in range(2))
    assert first == second
    file.write_text(f"scenario: a\n{create}\nthen:\n  state: {{shipping_address: {address}}}\n")
    (found,) = (tried(Vocabulary(shop), one) for one in described_in(str(file)))
    assert found.ok, found


# ── files ─────────────────────────────────────────────────────────────────────────────────────


def test_files_are_found_below_folders_and_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "b.scenario.yaml",
        "a/c.scenario.yml",
        "a/other.yaml",
        ".hidden/d.scenario.yaml",
        "node_modules/e.scenario.yaml",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    monkeypatch.chdir(tmp_path)
    assert files_in(["."]) == ["a/c.scenario.yml", "b.scenario.yaml"]
    assert files_in(["b.scenario.yaml", ".", "a/other.yaml"]) == ["b.scenario.yaml", "a/c.scenario.yml", "a/other.yaml"]
    with pytest.raises(NotFound, match="there is no c"):
        files_in(["c"])


def test_a_file_that_can_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"scenario: \xff")
    (found,) = described_in(str(tmp_path / "one"))
    assert isinstance(found, InvalidInput)
    assert "no text in UTF-8" in found.message
    (found,) = described_in(str(tmp_path))
    assert isinstance(found, InvalidInput)
    assert "can't be read: Is a directory" in found.message
    (tmp_path / "empty").write_text("\n---\n")
    assert list(described_in(str(tmp_path / "empty"))) == []


def test_nothing_is_folded_to_read_them(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("scenario: a\nwhen: {later: 1d}\nthen: nothing\n")
    (found,) = described_in(str(tmp_path / "one"))
    assert isinstance(found, Described)
    assert (found.name, found.line) == ("a", 1)


# ── the schema ────────────────────────────────────────────────────────────────────────────────


def test_the_schema_that_is_shipped_is_that_of_any_domain() -> None:
    shipped = json.loads((ROOT / "docs" / "scenario.schema.json").read_text(encoding="utf-8"))
    assert shipped == scenario_schema()


SCAFFOLD = ROOT / "cqrs_cli" / "cli" / "commands" / "init" / "scaffold" / "shop.scenario.yaml"


@pytest.mark.parametrize("schema", [scenario_schema(), scenario_schema(MARKET)], ids=["any", "market"])
def test_editors_are_told_the_same(schema: Any) -> None:
    """What holds above fits the schema; a member that is misspelt does not."""
    Draft202012Validator.check_schema(schema)
    fits = Draft202012Validator(schema).is_valid
    for body in (
        *HOLDING,
        *(f"{OFFER}then: {then}" for then in ("nothing", "{sends: [rate: {item_id: a}]}", "[Rated]")),
    ):
        (tree,) = trees(f"scenario: a name\n{body}", "f")
        assert fits(as_json(tree.value)), body
    for body in (
        OFFER,
        OFFER + "then: {stat: 1, holds: a}",
        OFFER + "thn: nothing\nthen: nothing",
        "then: {rows: 3}",
        OFFER + "then: []",
    ):
        (tree,) = trees(f"scenario: a name\n{body}", "f")
        assert not fits(as_json(tree.value)), body


def as_json(value: Any) -> Any:
    return json.loads(json.dumps(value, default=float))


def test_the_first_file_of_a_project_fits_the_schema() -> None:
    found = list(trees(SCAFFOLD.read_text(encoding="utf-8"), "f"))
    assert len(found) == 2
    assert all(Draft202012Validator(scenario_schema()).is_valid(as_json(tree.value)) for tree in found)


def test_the_schema_of_a_domain_has_its_names() -> None:
    schema = scenario_schema(MARKET)
    names = {name: list(one["anyOf"][0]["properties"]) for name, one in schema["$defs"].items() if name != "then"}
    assert {"offer", "Offer", "Offered", "stream", "version"} <= set(names["happened"])
    assert "Offer" not in names["event"]
    assert "Offered" not in names["sent"]
    rows = schema["$defs"]["then"]["anyOf"][2]["properties"]["rows"]
    assert (list(rows["properties"]), rows["additionalProperties"]) == (["board", "care"], False)
