"""The fulfilment process: every way from payment to shipping or back, however often and by how many it is run."""

import json
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from cqrs_cli import Command, CommandRejected, Rejected, Scenario, Workbench
from cqrs_cli.stores.commits import Commit, NewEvent
from cqrs_cli.workbench.processors.runner import Round
from samples.inventory.read_models import Availability
from samples.inventory.stock import ReceiveStock, ReserveStock
from samples.orders.fulfilment import PAID_WITHIN, RESERVED_WITHIN, Fulfilment, Step, domain
from samples.orders.order import (
    Address,
    CancelOrder,
    CreateOrder,
    ExpireOrder,
    OrderCancelled,
    OrderCreated,
    OrderItem,
    OrderItemAdded,
    OrderPaid,
    OrderSubmitted,
    PayOrder,
    RemoveOrderItem,
    SubmitOrder,
)
from tests.conftest import Shell
from tests.servers import program

ADA = UUID("11111111-1111-4111-8111-111111111111")
PEN = UUID("22222222-2222-4222-8222-222222222222")
INK = UUID("44444444-4444-4444-8444-444444444444")
NIB = UUID("55555555-5555-4555-8555-555555555555")
ORDER = UUID("aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa")
HOME = Address(street="1 Main", city="Paris", postal_code="75001", country="FR")
SECOND = timedelta(seconds=1)


class Shop:
    """A workbench with a runner, whose clock is as far ahead of the machine's as a test wants."""

    def __init__(self, bench: Workbench) -> None:
        self.bench, self.ahead = bench, timedelta(0)
        self.drain()  # the process begins here

    def drain(self, ahead: timedelta | None = None) -> Round:
        """Everything there is to do now, or so long from now."""
        self.ahead = ahead or self.ahead
        done = self.bench.runner(clock=lambda: datetime.now(UTC) + self.ahead).drain()
        assert done.failures == {}
        return done

    def stocked(self, **pieces: int) -> None:
        for name, quantity in pieces.items():
            self.bench.send(ReceiveStock(product_id=PRODUCTS[name], quantity=quantity))

    def ordered(self, paid: bool = True, submitted: bool = True, **pieces: int) -> UUID:
        """The id of an order of so many pieces by product."""
        items = [
            OrderItem(product_id=PRODUCTS[name], product_name=name, quantity=quantity, unit_price=Decimal("1.50"))
            for name, quantity in pieces.items()
        ]
        created = self.bench.send(CreateOrder(customer_id=ADA, items=items, shipping_address=HOME))
        order_id: UUID = created.events[0].key
        if submitted:
            self.bench.send(SubmitOrder(order_id=order_id))
        if submitted and paid:
            self.bench.send(PayOrder(order_id=order_id))
        return order_id

    def order(self, order_id: UUID) -> str:
        """Its status."""
        return str(self.bench.replay(f"order-{order_id}").state.model_dump()["status"])

    def process(self, order_id: UUID) -> Fulfilment:
        return next(row for row in self.bench.rows(Fulfilment) if row.order_id == order_id)

    def stock(self) -> dict[str, tuple[int, int, int]]:
        """On hand, reserved and available, by product."""
        names = {product_id: name for name, product_id in PRODUCTS.items()}
        rows = self.bench.rows(Availability)
        return {names[row.product_id]: (row.on_hand, row.reserved, row.available) for row in rows}

    def happened(self, after: int = 0) -> list[str]:
        return [event.type for event in self.bench.store.read() if event.position > after]


PRODUCTS = {"pen": PEN, "ink": INK, "nib": NIB}


def impatient(times: int) -> Callable[[], bool]:
    """Says stop when it is asked for the time after so many."""
    asked = count()
    return lambda: next(asked) >= times


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with Workbench.open(str(tmp_path / "shop.db"), domain) as bench:
        yield Shop(bench)


# ── paid, reserved, shipped ───────────────────────────────────────────────────────────────────


def test_what_is_paid_is_reserved_shipped_and_taken_out(shop: Shop) -> None:
    shop.stocked(pen=10, ink=1)
    order_id = shop.ordered(pen=2, ink=1)
    paid_at = shop.bench.store.head()
    done = shop.drain()
    assert (done.sent, done.rejected, done.dead, done.next_due) == (5, 0, 0, None)
    assert shop.order(order_id) == "shipped"
    assert shop.happened(paid_at) == [*["StockReserved"] * 2, "OrderShipped", *["StockTakenOut"] * 2]
    assert shop.stock() == {"pen": (8, 0, 8), "ink": (0, 0, 0)}
    process = shop.process(order_id)
    assert (process.step, process.reserved, process.trouble) == (Step.SHIPPED, [], None)


def test_what_was_taken_off_the_order_is_not_reserved(shop: Shop) -> None:
    shop.stocked(pen=10, ink=1)
    order_id = shop.ordered(pen=2, ink=1, submitted=False)
    shop.bench.send(RemoveOrderItem(order_id=order_id, product_id=INK))
    shop.bench.send(SubmitOrder(order_id=order_id))
    shop.bench.send(PayOrder(order_id=order_id))
    shop.drain()
    assert shop.order(order_id) == "shipped"
    assert shop.stock() == {"pen": (8, 0, 8), "ink": (1, 0, 1)}


def test_a_product_that_was_never_in_stock_is_named_once(shop: Shop) -> None:
    order_id = shop.ordered(pen=1)
    shop.drain()
    assert shop.order(order_id) == "cancelled"
    assert shop.process(order_id).trouble == f"ReserveStock: there is no stock-{PEN}"


def test_every_command_knows_what_it_comes_from(shop: Shop) -> None:
    shop.stocked(pen=1)
    order_id = shop.ordered(pen=1, paid=False)
    shop.bench.send(PayOrder(order_id=order_id).with_meta(command_id="payment-1", user_id="ada"))
    shop.drain()
    story = [event for event in shop.bench.store.read() if event.correlation_id == "payment-1"]
    assert [event.type for event in story] == ["OrderPaid", "StockReserved", "OrderShipped", "StockTakenOut"]
    assert [event.causation_id for event in story] == [None, *(event.event_id for event in story[:-1])]
    assert {event.user_id for event in story} == {"ada"}


# ── short stock ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("wanted", [{"pen": 2, "ink": 3, "nib": 1}, {"ink": 3, "pen": 2, "nib": 1}])
def test_when_one_is_short_the_others_go_back(shop: Shop, wanted: dict[str, int]) -> None:
    shop.stocked(pen=10, ink=1, nib=1)
    order_id = shop.ordered(True, True, **wanted)
    done = shop.drain()
    assert (done.rejected, done.dead, done.next_due) == (1, 0, None)
    assert shop.order(order_id) == "cancelled"
    assert shop.stock() == {"pen": (10, 0, 10), "ink": (1, 0, 1), "nib": (1, 0, 1)}
    happened = Counter(shop.happened())
    assert (happened["StockReserved"], happened["StockReleased"], happened["OrderCancelled"]) == (2, 2, 1)
    assert (happened["command-rejected"], happened["OrderShipped"], happened["StockTakenOut"]) == (1, 0, 0)
    process = shop.process(order_id)
    assert (process.step, process.reserved) == (Step.CANCELLED, [])
    assert process.trouble == "ReserveStock: 3 wanted, 1 available"


def test_several_that_are_short_cancel_once(shop: Shop) -> None:
    shop.stocked(ink=1)
    order_id = shop.ordered(pen=1, ink=2)  # pens never came
    done = shop.drain()
    assert (done.rejected, done.dead) == (2, 0)
    assert shop.order(order_id) == "cancelled"
    assert shop.happened().count("OrderCancelled") == 1
    assert shop.stock() == {"ink": (1, 0, 1)}


def test_the_last_piece_goes_to_one_of_two(shop: Shop) -> None:
    shop.stocked(pen=1)
    orders = [shop.ordered(pen=1), shop.ordered(pen=1)]
    shop.drain()
    assert [shop.order(order_id) for order_id in orders] == ["shipped", "cancelled"]
    assert shop.stock() == {"pen": (0, 0, 0)}


def test_what_somebody_reserved_by_hand_counts(shop: Shop) -> None:
    """The process's own wish is rejected then, but by that time everything is reserved: no reason to cancel."""
    shop.stocked(pen=3)
    order_id = shop.ordered(pen=1)
    shop.bench.send(ReserveStock(product_id=PEN, order_id=order_id, quantity=1))
    done = shop.drain()
    assert (done.rejected, shop.process(order_id).step) == (1, Step.SHIPPED)
    assert shop.stock() == {"pen": (2, 0, 2)}


def test_a_rejection_says_of_what() -> None:
    class KeepStock(Command, name="keep-stock", aliases=("ReserveStock",)):
        pass

    rejection = CommandRejected(command="ReserveStock", command_id="1", code="short-stock", reason="none left", data={})
    assert rejection.was(ReserveStock)
    assert rejection.was(KeepStock), "renamed since"
    assert not rejection.was(CancelOrder)


# ── deadlines ─────────────────────────────────────────────────────────────────────────────────


def test_what_is_not_paid_in_time_expires(shop: Shop) -> None:
    shop.stocked(pen=1)
    order_id = shop.ordered(pen=1, paid=False)
    assert shop.drain(PAID_WITHIN - 60 * SECOND).sent == 0
    assert shop.order(order_id) == "submitted"
    done = shop.drain(PAID_WITHIN + SECOND)
    assert (done.sent, done.next_due) == (1, None)
    assert shop.order(order_id) == "cancelled"
    cancelled = next(event for event in shop.bench.store.read() if event.type == "OrderCancelled")
    assert json.loads(cancelled.data)["reason"] == "not paid in time"
    with pytest.raises(Rejected, match="a cancelled order can't be paid"):
        shop.bench.send(PayOrder(order_id=order_id))
    head = shop.bench.store.head()
    shop.drain(PAID_WITHIN * 3)
    assert shop.bench.store.head() == head
    assert shop.stock() == {"pen": (1, 0, 1)}


def test_what_was_paid_in_time_does_not_expire(shop: Shop) -> None:
    shop.stocked(pen=2)
    early = shop.ordered(pen=1, paid=False)
    assert shop.drain().next_due is not None
    shop.bench.send(PayOrder(order_id=early))
    unseen = shop.ordered(pen=1)  # submitted and paid before any runner looks, which is late
    assert shop.drain(PAID_WITHIN * 2).next_due is None
    assert [shop.order(early), shop.order(unseen)] == ["shipped", "shipped"]


def test_a_payment_that_comes_in_between_wins() -> None:
    """The deadline was due and on its way when the payment came: the order has the last word."""
    item = OrderItemAdded(customer_id=ADA, product_id=PEN, product_name="Pen", quantity=1, unit_price=Decimal(1))
    submitted = (OrderCreated(customer_id=ADA, shipping_address=HOME), item, OrderSubmitted())
    late = OrderCancelled(customer_id=ADA, amount=Decimal(1), reason="not paid in time")
    expire = ExpireOrder(order_id=ORDER)
    Scenario(domain).given(*submitted).when(expire).then(late)
    Scenario(domain).given(*submitted, OrderPaid(amount=Decimal(1))).when(expire).then_nothing()
    Scenario(domain).given(*submitted, late).when(expire).then_nothing()


def test_what_is_not_reserved_in_time_is_released_and_cancelled(shop: Shop) -> None:
    """Nobody answers for the ink: its stream holds an event from a newer version than this code."""
    shop.stocked(pen=1, ink=1)
    newer = NewEvent(f"stock-{INK}", "StockReceived", 99, b'{"crates": 2}')
    order_id = shop.ordered(pen=1, ink=1)
    runner = shop.bench.runner(clock=lambda: datetime.now(UTC) + shop.ahead)
    shop.bench.store.append(Commit("newer", (newer,)))
    first = runner.drain()
    assert set(first.failures) == {"availability"}
    assert (first.sent, first.dead) == (1, 1)
    assert first.next_due is not None
    [letter] = shop.bench.failed()
    assert (letter.outgoing.command, letter.outgoing.process) == ("ReserveStock", str(order_id))
    assert (shop.order(order_id), shop.process(order_id).step) == ("paid", Step.RESERVING)

    shop.ahead = RESERVED_WITHIN - 60 * SECOND
    assert runner.drain().sent == 0
    shop.ahead = RESERVED_WITHIN + SECOND
    assert runner.drain().sent == 2
    assert shop.order(order_id) == "cancelled"
    assert shop.bench.replay(f"stock-{PEN}").state.model_dump()["reserved"] == {}
    assert shop.happened()[-2:] == ["OrderCancelled", "StockReleased"]


# ── cancelled by hand ─────────────────────────────────────────────────────────────────────────


def test_stock_that_is_reserved_after_all_goes_back_at_once(shop: Shop) -> None:
    shop.stocked(pen=3)
    order_id = shop.ordered(pen=1)
    shop.bench.send(CancelOrder(order_id=order_id, reason="changed my mind"))  # before any runner looks
    shop.drain()
    assert shop.order(order_id) == "cancelled"
    assert shop.happened()[-2:] == ["StockReserved", "StockReleased"]
    shop.bench.send(ReserveStock(product_id=PEN, order_id=order_id, quantity=2))
    shop.drain()
    assert shop.happened()[-2:] == ["StockReserved", "StockReleased"]
    assert shop.stock() == {"pen": (3, 0, 3)}
    assert shop.process(order_id).reserved == []


def test_an_order_that_is_cancelled_just_before_it_is_shipped(shop: Shop) -> None:
    """Reserved, but not shipped yet when the customer cancels: the shipping is rejected, the stock goes back."""
    shop.stocked(pen=1)
    order_id = shop.ordered(pen=1)
    for times in count():
        shop.bench.runner(stop=impatient(times)).drain()
        if "StockReserved" in shop.happened():
            break
    assert "OrderShipped" not in shop.happened()
    shop.bench.send(CancelOrder(order_id=order_id, reason="changed my mind"))
    done = shop.drain()
    assert (done.rejected, done.dead) == (1, 0)
    assert shop.process(order_id).trouble == "ShipOrder: a cancelled order can't be shipped, only a paid one"
    assert shop.order(order_id) == "cancelled"
    assert shop.stock() == {"pen": (1, 0, 1)}


# ── however often, and by how many ────────────────────────────────────────────────────────────


def test_running_again_does_nothing(shop: Shop) -> None:
    shop.stocked(pen=1)
    shop.ordered(pen=1)
    shop.ordered(pen=1)
    shop.drain()
    head = shop.bench.store.head()
    for _ in range(3):
        done = shop.drain(PAID_WITHIN * 2)
        assert (done.position, done.taken, done.sent, done.rejected, done.dead) == (head, 0, 0, 0, 0)


def test_looking_back_sends_nothing(shop: Shop) -> None:
    """A replay, a check, a rebuild and a dry run are no reasons to react."""
    shop.stocked(pen=1)
    order_id = shop.ordered(pen=1)
    shop.drain()
    process = shop.process(order_id)
    unpaid = shop.ordered(pen=1, paid=False)
    head = shop.bench.store.head()
    list(shop.bench.replay_all())
    shop.bench.send(PayOrder(order_id=unpaid), dry_run=True)
    assert not shop.bench.check("fulfilment").drift
    shop.bench.rebuild()
    shop.bench.rebuild("fulfilment")
    assert shop.process(order_id) == process
    [status] = shop.bench.reactions()
    assert (status.waiting, status.lag) == (0, 3)
    assert shop.bench.store.head() == head


def test_it_begins_where_it_is_told(tmp_path: Path) -> None:
    for begins_at, status in (("head", "paid"), ("beginning", "shipped")):
        with Workbench.open(str(tmp_path / f"{status}.db"), domain) as bench:
            shop = Shop.__new__(Shop)
            shop.bench = bench
            shop.stocked(pen=1)
            order_id = shop.ordered(pen=1)
            bench.runner(start=bench.store.head() if begins_at == "head" else 0).drain()
            assert shop.order(order_id) == status
            assert shop.process(order_id).wanted == {PEN: 1}  # its state is folded from the beginning all the same


def outcome(bench: Workbench) -> dict[str, Any]:
    """What matters of a store, without ids and times."""
    orders = sorted(str(state.state.model_dump()["status"]) for state in bench.replay_all("order"))
    kinds = Counter(event.type for event in bench.store.read())
    return {"orders": orders, "kinds": kinds, "stock": [row.model_dump() for row in bench.rows(Availability)]}


def a_busy_day(shop: Shop) -> None:
    shop.stocked(pen=20, ink=6)
    for number in range(10):
        shop.ordered(pen=1, ink=1 + number % 2)


def test_stopped_after_any_step_it_ends_the_same(tmp_path: Path) -> None:
    outcomes = []
    for times in (1_000, 2, 3, 4):
        url = str(tmp_path / f"{times}.db")
        with Workbench.open(url, domain) as bench:
            a_busy_day(Shop(bench))
        for _ in range(1_000):
            with Workbench.open(url, domain) as bench:
                bench.runner(stop=impatient(times)).drain()
                [status] = bench.reactions()
                if status.waiting == status.lag == 0:
                    break
        with Workbench.open(url, domain) as bench:
            Shop(bench).drain()
            outcomes.append(outcome(bench))
    assert outcomes[0]["orders"].count("shipped") > 0
    assert outcomes[0]["orders"].count("cancelled") > 0
    assert outcomes[0]["kinds"]["OrderShipped"] + outcomes[0]["kinds"]["OrderCancelled"] == 10
    for other in outcomes[1:]:
        assert other["kinds"]["OrderShipped"] == other["orders"].count("shipped")
        assert all(row["reserved"] == 0 and row["available"] == row["on_hand"] >= 0 for row in other["stock"])
    assert all(other["orders"] == outcomes[0]["orders"] for other in outcomes)


def test_two_runners_at_once(shop: Shop, cqrs: Shell) -> None:
    a_busy_day(shop)
    words = [*program(), "--app", "samples.orders.fulfilment:domain", "--store", "shop.db"]
    runners = [
        subprocess.Popen([*words, "run", "--once"], cwd=cqrs.folder, env=cqrs.environ, stdout=subprocess.DEVNULL)
        for _ in range(2)
    ]
    assert [runner.wait(100) for runner in runners] == [0, 0]
    shop.drain()
    result = outcome(shop.bench)
    assert Counter(result["orders"]).total() == 10
    for kind, status in (("OrderShipped", "shipped"), ("OrderCancelled", "cancelled")):
        assert result["kinds"][kind] == result["orders"].count(status) > 0
    shipped = result["kinds"]["OrderShipped"]
    assert result["kinds"]["StockTakenOut"] == 2 * shipped
    assert result["kinds"]["StockReserved"] == result["kinds"]["StockReleased"] + 2 * shipped
    assert result["kinds"]["command-rejected"] == result["orders"].count("cancelled")
    assert all(row["reserved"] == 0 for row in result["stock"])
    assert shop.bench.failed() == []


# ── as users run it ───────────────────────────────────────────────────────────────────────────


class Order(NamedTuple):
    shell: Shell
    id: str

    def sent(self, command: str, *words: str) -> None:
        self.shell("send", command, "--order-id", self.id, *words)

    def status(self) -> str:
        return str(self.shell.json("query", "order-by-id", "--order-id", self.id)["status"])


@pytest.fixture
def shell(cqrs: Shell) -> Shell:
    cqrs.environ["CQRS_APP"] = "samples.orders.fulfilment:domain"
    cqrs("send", "receive-stock", "--product-id", str(PEN), "--quantity", "10")
    cqrs("send", "receive-stock", "--product-id", str(INK), "--quantity", "1")
    cqrs("run", "--once")
    return cqrs


def placed(shell: Shell, pens: int, inks: int) -> Order:
    sent = shell.json(
        "send", "create-order", "--customer-id", str(ADA),
        "--item", f"product_id={PEN},product_name=Pen,quantity={pens},unit_price=1.50",
        "--item", f"product_id={INK},product_name=Ink,quantity={inks},unit_price=4.20",
        "--shipping-address.street", "1 Main", "--shipping-address.city", "Paris",
        "--shipping-address.postal-code", "75001", "--shipping-address.country", "FR",
    )  # fmt: skip
    stream = sent["streams"][0]["stream"]
    order = Order(shell, str(*domain.aggregate_of(stream).key_of(stream)))
    order.sent("submit-order")
    return order


def names(node: dict[str, Any]) -> Any:
    """A traced tree by the names in it."""
    return {node["name"]: [names(child) for child in node["children"]]}


def test_from_payment_to_shipping_in_the_shell(shell: Shell) -> None:
    order = placed(shell, 2, 1)
    shell("run", "--once")
    [status] = shell.json("run", "--status")
    assert (status["status"], status["deadlines"], status["failed"]) == ("ready", 1, 0)
    order.sent("pay-order", "--command-id", "payment-1")
    assert shell.json("run", "--once")["sent"] == 5
    assert order.status() == "shipped"
    [paid] = shell.json("trace", "payment-1")
    taken_out: dict[str, Any] = {"fulfilment.take_out": [{"TakeOutStock": [{"StockTakenOut": []}]}] * 2}
    shipped = {"fulfilment.ship_or_release": [{"ShipOrder": [{"OrderShipped": [taken_out]}]}]}
    reserved = [{"ReserveStock": [{"StockReserved": []}]}, {"ReserveStock": [{"StockReserved": [shipped]}]}]
    assert names(paid) == {"PayOrder": [{"OrderPaid": [{"fulfilment.reserve": reserved}]}]}
    again = shell.json("run", "--once")
    assert (again["sent"], again["answered"]) == (0, 0)
    [row] = shell.json("project", "fulfilment")["rows"]
    assert (row["order_id"], row["step"]) == (order.id, "shipped")
    shell("project", "fulfilment", "--check")
    shell("project", "fulfilment", "--rebuild")
    assert shell.json("project", "fulfilment")["rows"] == [row]


def test_short_stock_in_the_shell(shell: Shell) -> None:
    order = placed(shell, 2, 2)
    order.sent("pay-order", "--command-id", "payment-1")
    ran = shell.json("run", "--once")
    assert (ran["rejected"], ran["failed"]) == (1, 0)
    assert order.status() == "cancelled"
    assert {row["available"] for row in shell.json("query", "availability")} == {10, 1}
    traced = shell("trace", "payment-1").stdout
    for text in ("PayOrder", "ReserveStock", "command-rejected", "CancelOrder", "OrderCancelled", "StockReleased"):
        assert text in traced
    [row] = shell.json("project", "fulfilment")["rows"]
    assert (row["step"], row["trouble"]) == ("cancelled", "ReserveStock: 2 wanted, 1 available")
    assert shell.json("run", "--failed") == []
    late = shell("send", "pay-order", "--order-id", order.id, exit_code=1)
    assert "error[not-submitted]" in late.stderr
