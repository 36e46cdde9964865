"""The inventory sample: every rule as a scenario, what is available, and stock as users keep it."""

from pathlib import Path
from uuid import UUID

import pytest

from cqrs_cli import Command, Event, Scenario, Workbench
from samples.inventory import domain
from samples.inventory.read_models import Availability, LowStock
from samples.inventory.stock import (
    ReceiveStock,
    ReleaseStock,
    ReserveStock,
    StockItem,
    StockReceived,
    StockReleased,
    StockReserved,
    StockTakenOut,
    TakeOutStock,
)
from tests.conftest import Shell

PEN = UUID("22222222-2222-4222-8222-222222222222")
INK = UUID("44444444-4444-4444-8444-444444444444")
ORDER = UUID("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa")
OTHER = UUID("bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb")

FIVE = StockReceived(product_id=PEN, quantity=5)
KEPT = StockReserved(product_id=PEN, order_id=ORDER, quantity=3)


def receive(quantity: int, product_id: UUID = PEN) -> ReceiveStock:
    return ReceiveStock(product_id=product_id, quantity=quantity)


def reserve(quantity: int, order_id: UUID = ORDER) -> ReserveStock:
    return ReserveStock(product_id=PEN, order_id=order_id, quantity=quantity)


def release(order_id: UUID = ORDER) -> ReleaseStock:
    return ReleaseStock(product_id=PEN, order_id=order_id)


def take_out(order_id: UUID = ORDER) -> TakeOutStock:
    return TakeOutStock(product_id=PEN, order_id=order_id)


# ── the rules ─────────────────────────────────────────────────────────────────────────────────


def test_deliveries_add_up() -> None:
    scenario = Scenario(domain).when(receive(5)).then(FIVE)
    scenario.when(receive(2)).then(StockReceived(product_id=PEN, quantity=2))
    assert isinstance(scenario.state, StockItem)
    assert scenario.state.on_hand == scenario.state.available == 7


@pytest.mark.parametrize(("quantity", "code"), [(1, None), (5, None), (6, "short-stock")])
def test_what_is_available_can_be_reserved(quantity: int, code: str | None) -> None:
    scenario = Scenario(domain).given(FIVE).when(reserve(quantity))
    if code is None:
        scenario.then(StockReserved(product_id=PEN, order_id=ORDER, quantity=quantity))
    else:
        scenario.then_rejected(code)


def test_what_is_reserved_is_not_available_to_others() -> None:
    Scenario(domain).given(FIVE, KEPT).when(reserve(3, OTHER)).then_rejected("short-stock")
    Scenario(domain).given(FIVE, KEPT).when(reserve(2, OTHER)).then(
        StockReserved(product_id=PEN, order_id=OTHER, quantity=2)
    )


def test_an_order_reserves_a_product_once() -> None:
    Scenario(domain).given(FIVE, KEPT).when(reserve(1)).then_rejected("already-reserved")


@pytest.mark.parametrize("command", [reserve(1), release(), take_out()])
def test_a_product_that_never_came_is_not_on_the_books(command: Command) -> None:
    Scenario(domain).when(command).then_rejected("aggregate-not-found")


def test_what_is_released_is_available_again() -> None:
    released = StockReleased(product_id=PEN, order_id=ORDER, quantity=3)
    Scenario(domain).given(FIVE, KEPT).when(release()).then(released)
    Scenario(domain).given(FIVE, KEPT, released).when(reserve(5, OTHER)).then(
        StockReserved(product_id=PEN, order_id=OTHER, quantity=5)
    )


def test_releasing_what_is_not_reserved_changes_nothing() -> None:
    Scenario(domain).given(FIVE, KEPT).when(release(OTHER)).then_nothing()


def test_only_what_is_reserved_is_taken_out() -> None:
    gone = StockTakenOut(product_id=PEN, order_id=ORDER, quantity=3)
    scenario = Scenario(domain).given(FIVE, KEPT).when(take_out()).then(gone)
    assert isinstance(scenario.state, StockItem)
    assert (scenario.state.on_hand, scenario.state.available) == (2, 2)
    scenario.when(take_out()).then_rejected("not-reserved")
    Scenario(domain).given(FIVE).when(take_out()).then_rejected("not-reserved")


def test_nothing_is_left_to_check() -> None:
    assert domain.check() == []


# ── what is available ─────────────────────────────────────────────────────────────────────────

AFTER: list[tuple[tuple[Event, ...], tuple[int, int, int]]] = [
    ((FIVE,), (5, 0, 5)),
    ((FIVE, KEPT), (5, 3, 2)),
    ((FIVE, KEPT, StockReleased(product_id=PEN, order_id=ORDER, quantity=3)), (5, 0, 5)),
    ((FIVE, KEPT, StockTakenOut(product_id=PEN, order_id=ORDER, quantity=3)), (2, 0, 2)),
]


@pytest.mark.parametrize(("events", "row"), AFTER)
def test_a_row_is_what_the_aggregate_says(events: tuple[Event, ...], row: tuple[int, int, int]) -> None:
    availability, stock = Availability(product_id=PEN), StockItem(product_id=PEN)
    for event in events:
        domain.projections["availability"].evolvers[type(event)].function(availability, event)
        domain.aggregates["stock"].evolvers[type(event)].function(stock, event)
    assert (availability.on_hand, availability.reserved, availability.available) == row
    assert (stock.on_hand, sum(stock.reserved.values()), stock.available) == row


def test_low_stock_lists_the_scarcest_first(tmp_path: Path) -> None:
    with Workbench.open(str(tmp_path / "stock.db"), domain) as bench:
        for number, quantity in enumerate((7, 3, 5), 1):
            bench.send(receive(quantity, UUID(int=number)))
        assert [row.available for row in bench.query(LowStock())] == [3, 5]
        assert [row.available for row in bench.query(LowStock(at_most=10))] == [3, 5, 7]


# ── as users run it ───────────────────────────────────────────────────────────────────────────


def test_stock_in_the_shell(cqrs: Shell) -> None:
    cqrs.environ["CQRS_APP"] = "samples.inventory:domain"
    pen, order = ("--product-id", str(PEN)), ("--order-id", str(ORDER))
    cqrs("send", "receive-stock", *pen, "--quantity", "5")
    cqrs("send", "reserve-stock", *pen, *order, "--quantity", "3")
    short = cqrs("send", "reserve-stock", *pen, "--order-id", str(OTHER), "--quantity", "3", exit_code=1)
    assert "error[short-stock]: 3 wanted, 2 available" in short.stderr
    unknown = cqrs("send", "take-out-stock", "--product-id", str(INK), *order, exit_code=3)
    assert "error[aggregate-not-found]" in unknown.stderr
    assert cqrs.json("query", "low-stock", "--at-most", "2")[0]["available"] == 2
    cqrs("send", "take-out-stock", *pen, *order)
    [row] = cqrs.json("query", "availability")
    assert row == {"product_id": str(PEN), "on_hand": 2, "reserved": 0, "available": 2}
    assert cqrs.json("replay", f"stock-{PEN}", "--at", "2")["state"]["reserved"] == {str(ORDER): 3}
    cqrs("project", "--check")
