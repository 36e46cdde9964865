"""The orders sample: every rule as a scenario, and the life of an order as users run it."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from cqrs_cli import Event, NotFound, Page, Rejected, Scenario, Workbench
from samples.orders import domain
from samples.orders.order import (
    AddOrderItem,
    Address,
    CancelOrder,
    CreateOrder,
    Order,
    OrderCancelled,
    OrderCreated,
    OrderItem,
    OrderItemAdded,
    OrderItemRemoved,
    OrderPaid,
    OrderShipped,
    OrderStatus,
    OrderSubmitted,
    PayOrder,
    RemoveOrderItem,
    ShipOrder,
    SubmitOrder,
)
from samples.orders.read_models import OrderById, OrdersByCustomer, OrderSummary
from tests.conftest import ROOT, Shell

ADA = UUID("11111111-1111-4111-8111-111111111111")
BOB = UUID("99999999-9999-4999-8999-999999999999")
PEN = UUID("22222222-2222-4222-8222-222222222222")
SOLD_OUT = UUID("33333333-3333-4333-8333-333333333333")
FIVE_LEFT = UUID("44444444-4444-4444-8444-444444444444")
ORDER = UUID("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa")

HOME = Address(street="1 Main", city="Paris", postal_code="75001", country="FR")


def item(product_id: UUID = PEN, quantity: int = 2, price: str = "1.50", name: str = "Pen") -> OrderItem:
    return OrderItem(product_id=product_id, product_name=name, quantity=quantity, unit_price=Decimal(price))


def item_added(product_id: UUID = PEN, quantity: int = 2, price: str = "1.50", name: str = "Pen") -> OrderItemAdded:
    return OrderItemAdded(
        customer_id=ADA, product_id=product_id, product_name=name, quantity=quantity, unit_price=Decimal(price)
    )


def create(*items: OrderItem, customer_id: UUID = ADA) -> CreateOrder:
    return CreateOrder(customer_id=customer_id, items=list(items), shipping_address=HOME)


CREATED = OrderCreated(customer_id=ADA, shipping_address=HOME)
PENDING: tuple[Event, ...] = (CREATED, item_added())
SUBMITTED = (*PENDING, OrderSubmitted())
PAID = (*SUBMITTED, OrderPaid(amount=Decimal("3.00")))
SHIPPED = (*PAID, OrderShipped())
CANCELLED = (*PENDING, OrderCancelled(customer_id=ADA, amount=Decimal("3.00"), reason="no"))


# ── the rules ─────────────────────────────────────────────────────────────────────────────────


def test_an_order_is_created_with_its_items() -> None:
    Scenario(domain).when(create(item(), item(FIVE_LEFT, 5, "4.20", "Ink"))).then(
        CREATED, item_added(), item_added(FIVE_LEFT, 5, "4.20", "Ink")
    )


def test_an_order_may_begin_empty() -> None:
    Scenario(domain).when(create()).then(CREATED)


@pytest.mark.parametrize(
    ("product", "quantity", "enough"),
    [(PEN, 100, True), (PEN, 101, False), (FIVE_LEFT, 5, True), (FIVE_LEFT, 6, False), (SOLD_OUT, 1, False)],
)
def test_what_is_not_in_stock_is_not_ordered(product: UUID, quantity: int, enough: bool) -> None:
    creating = Scenario(domain).when(create(item(product, quantity)))
    adding = Scenario(domain).given(CREATED).when(AddOrderItem(order_id=ORDER, item=item(product, quantity)))
    if enough:
        creating.then(CREATED, item_added(product, quantity))
        adding.then(item_added(product, quantity))
    else:
        creating.then_rejected("out-of-stock")
        adding.then_rejected("out-of-stock")


def test_a_product_is_in_an_order_once() -> None:
    Scenario(domain).when(create(item(), item())).then_rejected("already-in-order")
    Scenario(domain).given(*PENDING).when(AddOrderItem(order_id=ORDER, item=item())).then_rejected("already-in-order")


def test_an_item_is_removed_with_all_its_pieces() -> None:
    removed = OrderItemRemoved(customer_id=ADA, product_id=PEN, amount=Decimal("3.00"))
    Scenario(domain).given(*PENDING).when(RemoveOrderItem(order_id=ORDER, product_id=PEN)).then(removed)
    Scenario(domain).given(*PENDING, removed).when(AddOrderItem(order_id=ORDER, item=item())).then(item_added())


def test_what_is_not_in_the_order_is_not_removed() -> None:
    Scenario(domain).given(*PENDING).when(RemoveOrderItem(order_id=ORDER, product_id=BOB)).then_rejected("not-in-order")


def test_an_empty_order_is_not_submitted() -> None:
    Scenario(domain).given(CREATED).when(SubmitOrder(order_id=ORDER)).then_rejected("empty-order")


def test_from_pending_to_shipped() -> None:
    Scenario(domain).given(*PENDING).when(SubmitOrder(order_id=ORDER)).then(OrderSubmitted())
    Scenario(domain).given(*SUBMITTED).when(PayOrder(order_id=ORDER)).then(OrderPaid(amount=Decimal("3.00")))
    Scenario(domain).given(*PAID).when(ShipOrder(order_id=ORDER)).then(OrderShipped())


@pytest.mark.parametrize("given", [SUBMITTED, PAID, SHIPPED, CANCELLED])
def test_only_a_pending_order_changes(given: tuple[Event, ...]) -> None:
    for command in (
        AddOrderItem(order_id=ORDER, item=item(FIVE_LEFT)),
        RemoveOrderItem(order_id=ORDER, product_id=PEN),
        SubmitOrder(order_id=ORDER),
    ):
        Scenario(domain).given(*given).when(command).then_rejected("not-pending")


@pytest.mark.parametrize("given", [PENDING, PAID, SHIPPED, CANCELLED])
def test_only_a_submitted_order_is_paid(given: tuple[Event, ...]) -> None:
    Scenario(domain).given(*given).when(PayOrder(order_id=ORDER)).then_rejected("not-submitted")


@pytest.mark.parametrize("given", [PENDING, SUBMITTED, SHIPPED, CANCELLED])
def test_only_a_paid_order_is_shipped(given: tuple[Event, ...]) -> None:
    Scenario(domain).given(*given).when(ShipOrder(order_id=ORDER)).then_rejected("not-paid")


@pytest.mark.parametrize("given", [PENDING, SUBMITTED, PAID])
def test_an_order_is_cancelled_before_it_is_shipped(given: tuple[Event, ...]) -> None:
    cancelled = OrderCancelled(customer_id=ADA, amount=Decimal("3.00"), reason="too late")
    Scenario(domain).given(*given).when(CancelOrder(order_id=ORDER, reason="too late")).then(cancelled)


def test_a_shipped_order_is_not_cancelled() -> None:
    Scenario(domain).given(*SHIPPED).when(CancelOrder(order_id=ORDER, reason="oh")).then_rejected("already-shipped")


def test_cancelling_twice_changes_nothing() -> None:
    Scenario(domain).given(*CANCELLED).when(CancelOrder(order_id=ORDER, reason="again")).then_nothing()


def test_nothing_is_left_to_check() -> None:
    assert domain.check() == []


# ── through the workbench ─────────────────────────────────────────────────────────────────────


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    with Workbench.open(str(tmp_path / "orders.db"), domain) as bench:
        yield bench


def opened(bench: Workbench, command: CreateOrder) -> UUID:
    key: UUID = bench.send(command).events[0].key
    return key


def rows(bench: Workbench, projection: str) -> list[dict[str, Any]]:
    return [row.model_dump() for row in bench.rows(projection)]


def test_read_models_follow_an_order(bench: Workbench) -> None:
    order_id = opened(bench, create(item(), item(FIVE_LEFT, 1, "4.20", "Ink")))
    bench.send(RemoveOrderItem(order_id=order_id, product_id=PEN))
    bench.send(SubmitOrder(order_id=order_id))
    bench.project()

    [summary] = rows(bench, "order_summary")
    created_at = summary.pop("created_at")
    assert created_at.utcoffset().total_seconds() == 0
    assert summary == {
        "order_id": order_id,
        "customer_id": ADA,
        "status": OrderStatus.SUBMITTED,
        "total_amount": Decimal("4.20"),
        "item_count": 1,
    }
    assert rows(bench, "order_items") == [
        {
            "order_id": order_id,
            "product_id": FIVE_LEFT,
            "product_name": "Ink",
            "quantity": 1,
            "unit_price": Decimal("4.20"),
        }
    ]
    assert rows(bench, "customer_totals") == [
        {"customer_id": ADA, "orders": 1, "cancelled": 0, "total_amount": Decimal("4.20")}
    ]


def test_a_customer_has_many_orders(bench: Workbench) -> None:
    opened(bench, create(item()))
    second = opened(bench, create(item(quantity=1)))
    opened(bench, create(item(quantity=10), customer_id=BOB))
    bench.send(CancelOrder(order_id=second, reason="no"))
    bench.project()
    totals = {row["customer_id"]: row for row in rows(bench, "customer_totals")}
    assert totals[ADA] == {"customer_id": ADA, "orders": 2, "cancelled": 1, "total_amount": Decimal("3.00")}
    assert totals[BOB] == {"customer_id": BOB, "orders": 1, "cancelled": 0, "total_amount": Decimal("15.00")}


def test_rebuilt_rows_are_the_same(bench: Workbench) -> None:
    first = opened(bench, create(item(), item(FIVE_LEFT, 1)))
    bench.project()
    bench.send(RemoveOrderItem(order_id=first, product_id=PEN))
    opened(bench, create(item(), customer_id=BOB))
    bench.project()
    names = sorted(domain.projections)
    live = {name: rows(bench, name) for name in names}
    bench.rebuild()
    assert {name: rows(bench, name) for name in names} == live
    assert [len(live[name]) for name in names] == [2, 2, 2]


def test_order_by_id(bench: Workbench) -> None:
    order_id = opened(bench, create(item()))
    found = bench.query(OrderById(order_id=order_id))
    assert isinstance(found, OrderSummary)
    assert found.total_amount == Decimal("3.00")
    assert bench.query(OrderById(order_id=ORDER)) is None


def test_orders_by_customer_in_pages_the_newest_first(bench: Workbench) -> None:
    mine = [opened(bench, create(item(quantity=number))) for number in range(1, 6)]
    opened(bench, create(item(), customer_id=BOB))
    seen: list[UUID] = []
    cursor = None
    for size in (2, 2, 1):
        page = bench.query(OrdersByCustomer(customer_id=ADA), limit=2, cursor=cursor)
        assert isinstance(page, Page)
        assert len(page.rows) == size
        seen += [row.order_id for row in page.rows]
        cursor = page.cursor
    assert cursor is None
    assert seen == mine[::-1]


def test_orders_by_customer_and_status(bench: Workbench) -> None:
    submitted = opened(bench, create(item()))
    opened(bench, create(item()))
    bench.send(SubmitOrder(order_id=submitted))
    page = bench.query(OrdersByCustomer(customer_id=ADA, status=OrderStatus.SUBMITTED))
    assert isinstance(page, Page)
    assert [row.order_id for row in page.rows] == [submitted]


def test_an_order_at_any_version(bench: Workbench) -> None:
    order_id = opened(bench, create(item(), item(FIVE_LEFT, 1)))
    stream = f"order-{order_id}"
    states = [bench.replay(stream, at=version).state for version in (1, 2, 3)]
    assert all(isinstance(state, Order) for state in states)
    assert [len(state.items) for state in states if isinstance(state, Order)] == [0, 1, 2]
    assert states[0].model_dump()["order_id"] == order_id


def test_a_rejection_writes_nothing(bench: Workbench) -> None:
    order_id = opened(bench, create(item()))
    head = bench.store.head()
    with pytest.raises(Rejected, match="not enough"):
        bench.send(AddOrderItem(order_id=order_id, item=item(SOLD_OUT)))
    with pytest.raises(NotFound):
        bench.send(SubmitOrder(order_id=ORDER))
    assert bench.store.head() == head


# ── as users run it ───────────────────────────────────────────────────────────────────────────

CREATE = [
    "send", "create-order", "--customer-id", str(ADA),
    "--item", f"product_id={PEN},product_name=Pen,quantity=2,unit_price=1.50",
    "--shipping-address.street", "1 Main", "--shipping-address.city", "Paris",
    "--shipping-address.postal-code", "75001", "--shipping-address.country", "FR",
]  # fmt: skip


@pytest.fixture
def shop(cqrs: Shell) -> Shell:
    cqrs.environ["CQRS_APP"] = "samples.orders:domain"
    return cqrs


def test_the_life_of_an_order_in_the_shell(shop: Shell) -> None:
    sent = shop.json(*CREATE)
    [stream] = [entry["stream"] for entry in sent["streams"]]
    order_id = str(*domain.aggregate_of(stream).key_of(stream))
    assert [event["type"] for event in sent["events"]] == ["OrderCreated", "OrderItemAdded"]

    shop("send", "submit-order", "--order-id", order_id)
    assert shop.json("replay", stream)["state"]["status"] == "submitted"
    assert shop.json("replay", stream, "--at", "1")["state"]["items"] == []
    shop("send", "pay-order", "--order-id", order_id)
    shop("send", "ship-order", "--order-id", order_id)
    refused = shop("send", "cancel-order", "--order-id", order_id, "--reason", "oh", exit_code=1)
    assert "error[already-shipped]" in refused.stderr

    types = [event["type"] for event in shop.json("log")]
    assert types == ["OrderCreated", "OrderItemAdded", "OrderSubmitted", "OrderPaid", "OrderShipped"]
    shop("project", "--rebuild")
    [row] = shop.json("query", "orders-by-customer", "--customer-id", str(ADA), "--status", "shipped")
    assert row["order_id"] == order_id
    assert row["total_amount"] == "3.00"
    assert shop.json("query", "order-by-id", "--order-id", order_id)["status"] == "shipped"


def test_it_is_the_default_app_of_the_checkout(tmp_path: Path) -> None:
    here = Shell(ROOT)
    store = str(tmp_path / "orders.db")
    here("--store", store, *CREATE)
    [row] = here.json("--store", store, "query", "orders-by-customer", "--customer-id", str(ADA))
    assert row["item_count"] == 1
