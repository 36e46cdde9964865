"""Looking back in what has a history: the stock that real invoices move, and orders with their fulfilment."""

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from benchmarks.shelves import product, stock
from cqrs_cli import Workbench
from cqrs_cli.history.bisect import grouped, search_rows, search_streams
from cqrs_cli.history.blame import blame
from cqrs_cli.history.rows import RowHistory
from cqrs_cli.history.rules import ROW, STATE, condition
from cqrs_cli.history.steps import StreamHistory
from cqrs_cli.stores.contract import Selection
from samples.inventory import domain
from samples.inventory.stock import ReceiveStock, StockItem
from samples.orders.fulfilment import domain as shop
from samples.orders.inventory import Inventory
from samples.orders.order import CancelOrder, Order, PayOrder, SubmitOrder
from tests.history.orders import created

PAPERS = 55
PEN = UUID(int=1)


@pytest.fixture(scope="module")
def shelves(retail_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    with Workbench.open(str(tmp_path_factory.mktemp("shelves") / "stock.db"), domain) as bench:
        stock(bench, retail_csv, PAPERS)
        yield bench


def test_products_live_and_come_to_what_was_moved(shelves: Workbench) -> None:
    events = list(shelves.log())
    streams = Counter(event.stream for event in events)
    assert {event.type for event in events} == {"StockReceived", "StockReserved", "StockReleased", "StockTakenOut"}
    assert max(streams.values()) >= 10, "there is a history to look back in"
    for state in shelves.replay_all("stock"):
        item: Any = state.state
        assert item.on_hand >= 0
        assert item.reserved == {}
    assert shelves.replay(f"stock-{product('85123A')}").version > 3


def busiest(bench: Workbench, many: int) -> list[str]:
    return [stream for stream, _ in Counter(event.stream for event in bench.store.scan()).most_common(many)]


def test_blame_of_a_shelf_is_what_every_version_says(shelves: Workbench) -> None:
    for stream in busiest(shelves, 15):
        last = before = 0
        for event, state in shelves.steps(stream):
            item: Any = state.state
            if item.on_hand != before:
                last, before = event.position, item.on_hand
        found = {one.path: one for one in blame(StreamHistory(shelves, stream))}
        told = found["on_hand"].event
        assert (0 if told is None else told.position) == last


def test_a_rule_over_all_shelves_breaks_where_every_version_says(shelves: Workbench) -> None:
    rules = [condition(text, text, STATE, StockItem) for text in ("state.on_hand < 40", "len(state.reserved) < 1")]
    search = search_streams(shelves, rules, Selection(category="stock"))
    wanted = set()
    for stream in {event.stream for event in shelves.store.scan()}:
        first: dict[str, int] = {}
        for event, state in shelves.steps(stream):
            item: Any = state.state
            if item.on_hand >= 40:
                first.setdefault(rules[0].name, event.position)
            if item.reserved:
                first.setdefault(rules[1].name, event.position)
        wanted |= set(first.items())
    assert {(one.rule, one.position) for one in search.breaks} == wanted
    kinds = {(group.rule, group.type) for group in grouped(search)}
    assert kinds == {("state.on_hand < 40", "StockReceived"), ("len(state.reserved) < 1", "StockReserved")}


def test_a_rule_over_the_rows_of_the_shelves(shelves: Workbench) -> None:
    kind = shelves.domain.rows_of("availability")
    rules = [condition(text, text, ROW, kind.cls) for text in ("row.available >= 0", "row.available < 40")]
    found = search_rows(shelves, rules, kind)
    assert {one.rule for one in found.breaks} == {"row.available < 40"}
    one = random.Random(1).choice(found.breaks)
    blamed = {each.path: each.event for each in blame(RowHistory(shelves, kind, one.key, one.position))}["available"]
    assert blamed is not None
    assert blamed.position == one.position


class Plenty:
    def available(self, product_id: UUID, quantity: int) -> bool:
        return True


@pytest.fixture(scope="module")
def fulfilled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workbench, list[UUID]]]:
    """Four orders of a pen each, three pens: two are shipped, one is called off, one comes too late."""
    path = str(tmp_path_factory.mktemp("fulfilled") / "shop.db")
    with Workbench.open(path, shop, services={Inventory: Plenty()}) as bench:
        bench.runner().drain()
        bench.send(ReceiveStock(product_id=PEN, quantity=2))
        orders = [created(bench, PEN) for _ in range(4)]
        for order in orders:
            bench.send(SubmitOrder(order_id=order))
        bench.send(CancelOrder(order_id=orders[2], reason="changed my mind"))
        for order in (orders[0], orders[1], orders[3]):
            bench.send(PayOrder(order_id=order))
            bench.runner().drain()
        yield bench, orders


def test_a_break_and_its_blame_lead_to_the_reaction_that_made_it(fulfilled: tuple[Workbench, list[UUID]]) -> None:
    bench, orders = fulfilled
    text = "state.status != cancelled"
    search = search_streams(bench, [condition(text, text, STATE, Order)], Selection(category="order"))
    assert [one.key for one in search.breaks] == [f"order-{orders[2]}", f"order-{orders[3]}"]
    (late,) = bench.log(Selection(after=search.breaks[1].position - 1, limit=1))
    assert (late.command_type, late.metadata) == ("CancelOrder", {"reaction": "fulfilment.give_up"})
    status = {one.path: one for one in blame(StreamHistory(bench, late.stream))}["status"].event
    assert status is not None
    assert status.position == late.position


def test_the_rows_of_a_process_are_looked_back_in_as_any(fulfilled: tuple[Workbench, list[UUID]]) -> None:
    bench, orders = fulfilled
    kind = bench.domain.rows_of("fulfilment")
    rule = condition("trouble", "row.trouble is null", ROW, kind.cls)
    (found,) = search_rows(bench, [rule], kind).breaks
    assert found.after["order_id"] == str(orders[3])
    assert "short" in found.after["trouble"] or "available" in found.after["trouble"]
