"""What would be: compared with sending it in earnest, and with the store as it was before."""

import hashlib
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from cqrs_cli import Aggregate, Command, Domain, Event, Projection, Rejected, Workbench, decide, evolve
from cqrs_cli.domain.messages import Command as AnyCommand
from cqrs_cli.errors import DefinitionError, Misuse
from cqrs_cli.history.what_if import WhatIf, what_if
from cqrs_cli.stores.operational import OUTBOX
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.workbench.outcome import Request
from samples.inventory.stock import ReceiveStock
from samples.orders.fulfilment import domain as fulfilment
from samples.orders.inventory import Inventory, Plenty
from samples.orders.order import CancelOrder, PayOrder, SubmitOrder
from tests.history.orders import created


class Rates:
    called = 0

    def rate(self) -> int:
        Rates.called += 1
        return 2


class Add(Command):
    tally_id: str
    number: int


class Convert(Command):
    tally_id: str


class Added(Event):
    number: int


class Tally(Aggregate):
    tally_id: str
    total: int = 0

    @decide(creates="either")
    def add(self, command: Add) -> Added:
        if command.number < 0:
            raise Rejected("a negative number", code="negative")
        return Added(number=command.number)

    @decide
    def convert(self, command: Convert, rates: Rates) -> Added:
        return Added(number=self.total * rates.rate())

    @evolve
    def added(self, event: Added) -> None:
        self.total += event.number


class Totals(Projection, key="tally_id"):
    tally_id: str
    total: int = 0

    @evolve
    def added(self, event: Added) -> None:
        self.total += event.number


tallies = Domain("tallies", Tally, Totals)


@tallies.provide
def rates() -> Rates:
    return Rates()


@pytest.fixture
def path(tmp_path: Path) -> str:
    path = str(tmp_path / "tallies.db")
    with Workbench.open(path, tallies) as bench:
        for number in (1, 2, 3):
            bench.send(Add(tally_id="a", number=number))
        bench.send(Add(tally_id="b", number=9))
        bench.project()
    return path


def tried(path: str, *commands: AnyCommand, domain: Domain = tallies, then: Domain | None = None, **how: Any) -> WhatIf:
    requests = [Request(line, command) for line, command in enumerate(commands, 1)]
    with SQLiteStore(path, read_only=True) as store:
        return what_if(store, domain, then or domain, requests, **how)


def told(changes: Any) -> list[tuple[str, str, Any, Any]]:
    return [(one.subject, *one.change) for one in changes]


def digests(path: str) -> dict[str, Any]:
    files = [file for file in Path(path).parent.iterdir() if not file.name.endswith("-shm") and file.stat().st_size]
    return {file.name: (hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_mtime_ns) for file in files}


def test_streams_states_and_rows_that_would_be_others(path: str) -> None:
    found = tried(path, Add(tally_id="a", number=5), Add(tally_id="new", number=1))
    assert [(event.stream, event.version, event.position) for event in found.events] == [
        ("tally-a", 4, 5),
        ("tally-new", 1, 6),
    ]
    assert told(found.states) == [("tally-a", "total", 6, 11), ("tally-new", "total", 0, 1)]
    assert told(found.rows) == [
        ("totals/a", "total", 6, 11),
        ("totals/new", "tally_id", None, "new"),
        ("totals/new", "total", None, 1),
    ]
    assert (found.position, found.drained, found.outgoing) == (4, None, [])


def test_on_an_earlier_history(path: str) -> None:
    found = tried(path, Add(tally_id="a", number=5), position=2)
    assert told(found.states) == [("tally-a", "total", 3, 8)]
    assert told(found.rows) == [("totals/a", "total", 3, 8)]


def test_a_rejection_is_an_outcome(path: str) -> None:
    found = tried(path, Add(tally_id="a", number=-1), Add(tally_id="a", number=1))
    assert [one.status for one in found.outcomes] == ["rejected", "committed"]
    assert len(found.events) == 1


def test_nothing_is_written(path: str) -> None:
    before = digests(path)
    tried(path, Add(tally_id="a", number=5))
    assert digests(path) == before


def test_other_code_is_compared_with_that_of_today(path: str) -> None:
    class Twice(Aggregate, category="tally"):
        tally_id: str
        total: int = 0

        @decide(creates="either")
        def add(self, command: Add) -> Added:
            return Added(number=command.number)

        @evolve
        def added(self, event: Added) -> None:
            self.total += 2 * event.number

    found = tried(path, Add(tally_id="a", number=1), then=Domain("tallies", Twice))
    assert told(found.states) == [("tally-a", "total", 6, 14)]


def test_inline_rows_are_ready_on_the_fork(tmp_path: Path) -> None:
    class Names(Projection, key="tally_id", inline=True, unique=("total",)):
        tally_id: str
        total: int = 0

        @evolve
        def added(self, event: Added) -> None:
            self.total += event.number

    domain, path = Domain("tallies", Tally, Names), str(tmp_path / "inline.db")
    with Workbench.open(path, domain) as bench:
        bench.send(Add(tally_id="a", number=3))
    with Workbench.open(path, Domain("tallies", Tally)) as bench:
        list(bench.send_batch(Request(0, Add(tally_id="z", number=1)) for _ in range(12_000)))
    (outcome,) = tried(path, Add(tally_id="b", number=3), domain=domain).outcomes
    assert outcome.error is not None
    assert outcome.error.code == "not-unique"


# ── services ──────────────────────────────────────────────────────────────────────────────────


def test_a_live_service_is_not_called_unless_it_is_said(path: str) -> None:
    Rates.called = 0
    (outcome,) = tried(path, Convert(tally_id="a")).outcomes
    assert isinstance(outcome.error, Misuse)
    assert (outcome.error.code, outcome.error.details["service"]) == ("no-stand-in", "Rates")
    assert Rates.called == 0
    assert told(tried(path, Convert(tally_id="a"), live_services=True).states) == [("tally-a", "total", 6, 18)]
    assert Rates.called == 1


def test_a_stand_in_is_called_in_its_place(path: str) -> None:
    class Flat(Rates):
        def rate(self) -> int:
            return 10

    domain = Domain("tallies", Tally, Totals)
    domain.provide(rates)

    @domain.rehearse_with
    def flat() -> Rates:
        return Flat()

    Rates.called = 0
    outer = Domain("all", domain)
    assert told(tried(path, Convert(tally_id="a"), domain=outer).states) == [("tally-a", "total", 6, 66)]
    assert Rates.called == 0
    with pytest.raises(DefinitionError, match="has a factory already"):
        domain.rehearse_with(flat)


# ── reactions ─────────────────────────────────────────────────────────────────────────────────

PEN = UUID(int=1)


@pytest.fixture
def shop(tmp_path: Path) -> tuple[str, UUID]:
    """A store with stock and an order that is submitted and waits to be paid."""
    path = str(tmp_path / "shop.db")
    with Workbench.open(path, fulfilment, services={Inventory: Plenty()}) as bench:
        bench.send(ReceiveStock(product_id=PEN, quantity=10))
        order = created(bench, PEN)
        bench.send(SubmitOrder(order_id=order))
        bench.runner(start=0).drain()
    return path, order


def test_reactions_answer_on_the_fork_as_they_would(shop: tuple[str, UUID]) -> None:
    path, order = shop
    before = digests(path)
    with SQLiteStore(path, read_only=True) as store:
        waiting = list(store.rows.select(OUTBOX))
    found = tried(path, PayOrder(order_id=order), domain=fulfilment, react=True)
    assert [event.type for event in found.events] == ["OrderPaid", "StockReserved", "OrderShipped", "StockTakenOut"]
    assert (f"order-{order}", "status", "submitted", "shipped") in told(found.states)
    assert digests(path) == before
    with SQLiteStore(path, read_only=True) as store:
        assert list(store.rows.select(OUTBOX)) == waiting
    with Workbench.open(path, fulfilment) as bench:  # and in earnest
        bench.send(PayOrder(order_id=order))
        bench.runner().drain()
        assert [event.type for event in bench.log()][-4:] == [event.type for event in found.events]


def test_what_would_be_sent_later_is_told(shop: tuple[str, UUID], tmp_path: Path) -> None:
    path, _ = shop
    with Workbench.open(path, fulfilment, services={Inventory: Plenty()}) as bench:
        order = created(bench, PEN)
    found = tried(path, SubmitOrder(order_id=order), domain=fulfilment, react=True)
    assert [(one.command, one.deadline) for one in found.outgoing] == [("ExpireOrder", "payment")]
    assert tried(path, SubmitOrder(order_id=order), domain=fulfilment).outgoing == []


def test_without_reactions_nothing_answers(shop: tuple[str, UUID]) -> None:
    path, order = shop
    assert [
        event.type for event in tried(path, CancelOrder(order_id=order, reason="no"), domain=fulfilment).events
    ] == ["OrderCancelled"]
