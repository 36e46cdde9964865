"""Every line that an export writes fits the JSON Schema of the format, and what does not fit is refused by an import."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker
from pydantic import BaseModel

from cqrs_cli import Aggregate, Command, Domain, Event, Meta, Workbench, decide, evolve
from cqrs_cli.errors import CqrsError
from cqrs_cli.log.rejections import Rejection
from cqrs_cli.stores.commits import Commit, NewEvent, SentCommand
from cqrs_cli.transfer.copy import Between
from cqrs_cli.transfer.interchange_lines import LineReader, LineWriter
from cqrs_cli.transfer.narrowing import Narrowing, Wanted
from samples.inventory import domain as inventory
from samples.inventory.stock import ReceiveStock, ReserveStock
from samples.lessons import box_office, concerts, visits
from samples.orders import domain as orders
from samples.orders.fulfilment import domain as fulfilment
from samples.orders.order import Address, CreateOrder, OrderItem, PayOrder, SubmitOrder
from samples.retail import domain as retail
from samples.retail.paper import InvoiceLine, IssueCreditNote, PlaceInvoice
from samples.users import domain as users
from samples.users.user import ChangeEmail, RegisterUser
from tests.conftest import ROOT
from tests.transfer.logs import AWKWARD, awkward_commits, history, make, plain_commits
from tests.transfer.test_interchange import complaints, exported, taken, written

PEN, ADA = UUID(int=2), UUID(int=1)
NOON = datetime(2010, 12, 1, 12, tzinfo=UTC)
FORMATS = FormatChecker(())


@FORMATS.checks("date-time")
def is_moment(text: object) -> bool:
    """RFC 3339, as an export writes it and as others may."""
    return (
        not isinstance(text, str)
        or re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", text) is not None
    )


@cache
def schema() -> Draft202012Validator:
    document = json.loads((ROOT / "docs/interchange.schema.json").read_text())
    Draft202012Validator.check_schema(document)
    return Draft202012Validator(document, format_checker=FORMATS)


def fits(record: Any) -> bool:
    return schema().is_valid(record)


def misfits(file: Path) -> list[str]:
    """What the schema says of the lines of a file."""
    lines = file.read_text(encoding="utf-8").split("\n")[:-1]
    assert len(lines) > 2
    return [
        f"line {number}: {error.message[:300]}"
        for number, line in enumerate(lines, 1)
        for error in schema().iter_errors(json.loads(line))
    ]


# ── logs of domains ───────────────────────────────────────────────────────────────────────────


def order(bench: Workbench) -> Any:
    home = Address(street="1 Main", city="Zürich", postal_code="75001", country="FR")
    items = [OrderItem(product_id=PEN, product_name="Pen ✒", quantity=2, unit_price=Decimal("1.50"))]
    return bench.send(CreateOrder(customer_id=ADA, items=items, shipping_address=home)).events[0].key


def of_orders(bench: Workbench) -> None:
    key = order(bench)
    bench.send(SubmitOrder(order_id=key).with_meta(user_id="ada", metadata={"channel": "web", "n": [1, None]}))
    bench.send(PayOrder(order_id=key))


def of_fulfilment(bench: Workbench) -> None:
    """A process with reactions and deadlines, one of them due, and a rejection of which the process hears."""
    bench.runner().drain()
    bench.send(ReceiveStock(product_id=PEN, quantity=3))
    for number in range(3):
        key = order(bench)
        bench.send(SubmitOrder(order_id=key))
        if number:
            bench.send(PayOrder(order_id=key))
    for hours in (0, 24 * 30):
        later = timedelta(hours=hours)
        bench.runner(clock=lambda later=later: datetime.now(UTC) + later).drain()  # type: ignore[misc]
    types = {event.type for event in bench.log()}
    assert {"StockReserved", "OrderShipped"} <= types
    assert types & {"OrderExpired", "OrderCancelled"}


def of_inventory(bench: Workbench) -> None:
    bench.send(ReceiveStock(product_id=PEN, quantity=3))
    bench.send(ReserveStock(product_id=PEN, order_id=ADA, quantity=1))


def of_users(bench: Workbench) -> None:
    key = bench.send(RegisterUser(email="ada@example.org", name="Ada")).events[0].key
    bench.send(ChangeEmail(user_id=key, email="new@example.org"))


def of_retail(bench: Workbench) -> None:
    lines = [InvoiceLine(stock_code="A", description="TEA", quantity=6, unit_price=Decimal("2.55"))]
    bench.send(PlaceInvoice(invoice_no="1", customer_id=None, country="France", placed_at=NOON, lines=lines))
    back = [lines[0].model_copy(update={"quantity": -6})]
    bench.send(IssueCreditNote(credit_no="C1", customer_id="17", country="France", issued_at=NOON, lines=back))


def of_concerts(bench: Workbench) -> None:
    bench.send(concerts.Announce(concert="jazz", seats=5, price=Decimal("10.00")))
    bench.send(concerts.Book(concert="jazz", booking="ada", seats=2))


def of_the_box_office(bench: Workbench) -> None:
    bench.runner().drain()
    bench.send(concerts.Announce(concert="jazz", seats=3, price=Decimal("10.00")))
    for booking, card in (("ada", "4111"), ("bob", "expired")):
        bench.send(box_office.Order(booking=booking, concert="jazz", seats=2, card=card))
        bench.runner().drain()
    assert "command-rejected" in {event.type for event in bench.log()}


def of_visits(bench: Workbench) -> None:
    bench.send(visits.LetIn(door="a", people=2))
    bench.send(visits.LetIn(door="b", people=3))


class Circle(BaseModel):
    kind: Literal["circle"] = "circle"
    radius: Decimal


class Square(BaseModel):
    kind: Literal["square"] = "square"
    side: float
    inner: Circle | Square | None = None


class Draw(Command):
    sheet: str
    shapes: dict[str, list[Circle | Square | None]]
    at: datetime | timedelta | None = None


class Drawn(Event):
    shapes: dict[str, list[Circle | Square | None]]
    at: datetime | timedelta | None = None


class Sheet(Aggregate, key="sheet"):
    sheet: str

    @decide(creates="either")
    def draw(self, command: Draw) -> Drawn:
        return Drawn(shapes=command.shapes, at=command.at)

    @evolve
    def drawn(self, event: Drawn) -> None: ...


def of_sheets(bench: Workbench) -> None:
    """Unions, models in models, texts that JSON escapes, and digits that a float has not."""
    inner = Square(side=1e-300, inner=Square(side=-0.0, inner=Circle(radius=Decimal("0.10000000000000000000001"))))
    shapes: dict[str, list[Circle | Square | None]] = {"": [None], 'é\u2028\x1b"\\': [inner], "漢": []}
    meta = Meta(user_id='a"d\x1ba', metadata={"é": {"deep": [[], {}]}})
    bench.send(
        Draw(sheet="1", shapes=shapes, at=timedelta(days=-1)).with_meta(user_id=meta.user_id, metadata=meta.metadata)
    )
    bench.send(Draw(sheet="2,ü", shapes={}, at=NOON))


LOGS: list[tuple[Domain, Callable[[Workbench], None]]] = [
    (orders, of_orders),
    (fulfilment, of_fulfilment),
    (inventory, of_inventory),
    (users, of_users),
    (retail, of_retail),
    (concerts.domain, of_concerts),
    (box_office.domain, of_the_box_office),
    (visits.domain, of_visits),
    (Domain("sheets", Sheet), of_sheets),
]


@pytest.mark.parametrize(("domain", "fill"), LOGS, ids=lambda one: getattr(one, "name", ""))
def test_the_log_of_a_domain(tmp_path: Path, domain: Domain, fill: Callable[[Workbench], None]) -> None:
    with Workbench.open(str(tmp_path / "a.db"), domain) as bench:
        fill(bench)
    assert misfits(exported(tmp_path / "a.db", tmp_path / "x")) == []


# ── logs that nobody would write ──────────────────────────────────────────────────────────────


def test_awkward_values(tmp_path: Path) -> None:
    source = make(tmp_path / "a.db", awkward_commits())
    assert misfits(exported(source, tmp_path / "x")) == []
    assert misfits(exported(source, tmp_path / "y", after=history(source)[3].events[-1].position)) == []


def test_a_part_of_a_log(tmp_path: Path) -> None:
    source = make(tmp_path / "a.db", plain_commits(20, a_commit=2))
    narrowing = Narrowing(Wanted(streams=["order-1,order-2"]))
    assert misfits(exported(source, tmp_path / "x", between=Between((narrowing,), narrowing.name))) == []


def test_what_was_imported_and_is_exported_again(tmp_path: Path) -> None:
    others = written(
        tmp_path / "others",
        {"stream": "a-1", "type": "T", "data": {"n": 1}, "recorded_at": "2020-01-01T10:00:00+02:00", "user_id": "ada"},
        {"stream": "a-1", "type": "T", "data": None},
        {"events": [{"stream": "b-1", "type": "T", "data_text": "no json"}], "metadata": {"a": 1}, "id": "mine"},
    )
    assert misfits(others) == []
    taken(others, tmp_path / "b.db", "others")
    again = exported(tmp_path / "b.db", tmp_path / "x")
    assert misfits(again) == []
    taken(again, tmp_path / "c.db", "again")
    assert [one.hash for one in history(tmp_path / "c.db")] == [one.hash for one in history(tmp_path / "b.db")]


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
PAYLOADS = st.sampled_from(AWKWARD) | JSON.map(lambda value: json.dumps(value).encode())
COMMANDS = st.builds(
    SentCommand,
    TEXTS,
    st.integers(1, 99),
    st.binary(min_size=32, max_size=32),
    st.none() | PAYLOADS,
    st.integers(-(2**60), 2**60),
)
COMMITS = st.builds(
    Commit,
    st.uuids().map(str),
    st.lists(st.builds(NewEvent, st.sampled_from(["a-1", "b-ü"]), TEXTS, st.integers(1, 9), PAYLOADS), min_size=1, max_size=3)
    .map(tuple),
    st.none() | COMMANDS,
    *[st.none() | TEXTS] * 3,
    st.none() | st.sampled_from(["{}", '{"a": 1}', "[1]", "null", "7", '"x"', "no json", '{"a":1,"a":2}']),
    recorded_us=st.none(),
)  # fmt: skip


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(commits=st.lists(COMMITS, min_size=1, max_size=20, unique_by=lambda one: one.id))
def test_whatever_a_store_takes(tmp_path_factory: pytest.TempPathFactory, commits: list[Commit]) -> None:
    folder = tmp_path_factory.mktemp("log")
    file = exported(make(folder / "a.db", commits), folder / "x")
    assert misfits(file) == []
    taken(file, folder / "b.db")
    assert [one.hash for one in history(folder / "b.db")] == [one.hash for one in history(folder / "a.db")]


# ── lines that are none ───────────────────────────────────────────────────────────────────────


def lines_of_each_kind(folder: Path) -> list[Any]:
    """The first line, a commit with every member there can be, an event alone, what was rejected, the last line."""
    commit = Commit(
        "c1",
        (NewEvent("a-1", "T", 1, b'{"n":1}'), NewEvent("a-1", "T", 1, b"no json")),
        SentCommand("Do", 2, b"d" * 32, b"{}", 7),
        "story", "c0:1", "ada", '{"a":1}', 1_600_000_000_000_000,
    )  # fmt: skip
    source = make(folder / "a.db", [commit, *plain_commits(1)])
    head, *commits, end = map(json.loads, exported(source, folder / "x").read_text().splitlines())
    as_texts: dict[str, Any] = {"command": {**commits[0]["command"], "data_text": "{ }"}, "metadata_text": "{ }"}
    del as_texts["command"]["data"]
    texts = {name: one for name, one in commits[0].items() if name != "metadata"} | as_texts
    alone = {"stream": "a-1", "type": "T", "version": 1, "schema_version": 1, "data": {"n": 1}, "user_id": "ada"}
    head |= {"previous": "0" * 64, "between": "less"}
    return [head, commits[0], texts, alone, json.loads(LineWriter().rejection(REJECTION)), end]


REJECTION = Rejection(
    "c7", "Do", 2, '{"n":1}', 7, "ada", "story", "c0:1", '{"a":1}', "a-1", 3, 9, "too-late", "It was late.", 1_600_000_000_000_000
)  # fmt: skip
WRONG_VALUES: tuple[Any, ...] = (
    None,
    "",
    0,
    7,
    -1,
    1.5,
    True,
    "x",
    [],
    {},
    [7],
    {"x": 1},
    "0" * 63,
    "G" * 64,
    2**62,
    "2020-01-01",
)
FREE = {"data", "metadata"}
"""Members of which the inside is the user's: anything may be there."""


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every member and element of a line, without what is the user's."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        if name in FREE and path:
            continue
        yield from places(one, (*path, name))


def changed(record: Any, path: tuple[Any, ...], change: Callable[[Any, Any], None]) -> Any:
    again = copy.deepcopy(record)
    inner = again
    for step in path[:-1]:
        inner = inner[step]
    change(inner, path[-1])
    return again


def mutations(record: Any) -> Iterator[tuple[str, Any]]:
    def put(path: tuple[Any, ...], name: Any, value: Any) -> Any:
        return changed(record, (*path, name), lambda inner, _: inner.update({name: value}))

    for path in places(record):
        if path:
            yield f"without {path}", changed(record, path, lambda inner, name: inner.pop(name))
            for value in WRONG_VALUES:
                again = changed(record, path, partial(_set, value))
                if again != record:
                    yield f"{value!r} at {path}", again
        at = record
        for step in path:
            at = at[step]
        if not isinstance(at, dict):
            continue
        yield f"a stranger in {path}", put(path, "stranger", 1)
        for name in ("data", "metadata"):
            if name in at:
                yield f"{name} in {path} as a text, too", put(path, f"{name}_text", "{ }")
            elif f"{name}_text" in at:
                yield f"{name} in {path}, too", put(path, name, {})


def _set(value: Any, inner: Any, name: Any) -> None:
    inner[name] = value


def takes(folder: Path, record: Any) -> bool:
    """Whether an import takes such a line, or in a file of its own such a commit."""
    try:
        if "cqrs_interchange" in record:
            LineReader().head(record)
        elif "end" in record:
            LineReader().end(record)
        else:
            return not complaints(written(folder / "line", record))[1]
    except CqrsError:
        return False
    return True


def test_a_line_that_is_broken_fits_no_more_and_is_not_taken(tmp_path: Path) -> None:
    """By schema and importer alike: whoever writes files can rely on the one to know what the other says."""
    head, full, texts, alone, rejected, end = lines_of_each_kind(tmp_path)
    differ = []
    for record in (head, full, texts, alone, rejected, end):
        assert fits(record)
        tried = [(told, line, fits(line), takes(tmp_path, line)) for told, line in mutations(record)]
        assert 0 < sum(fit for *_, fit, _ in tried) < len(tried)
        if record is head or record is end:  # what they lack is found when it is compared with what was there
            tried = [one for one in tried if one[2] and not one[3]]
        differ += [f"{told}: fits {fit}, taken {taken}: {line}" for told, line, fit, taken in tried if fit != taken]
    assert differ == [], "\n".join(differ)
