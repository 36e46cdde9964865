"""From payment to shipping, across orders and stock: `cqrs --app samples.orders.fulfilment:domain run`.

A submitted order is to be paid within a day. What is paid for is reserved, product by product, and the
order is shipped once everything is. When a product is short, or the reservations are not complete within
an hour, it is cancelled. However an order ends up cancelled, what was reserved for it is released, as
the answer to `OrderCancelled`; so there is one place that makes good, not one for each way to fail.
"""

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from cqrs_cli import After, Cancel, CommandRejected, Domain, ProcessManager, evolve, react

from ..inventory import domain as inventory
from ..inventory.stock import ReleaseStock, ReserveStock, StockReleased, StockReserved, StockTakenOut, TakeOutStock
from . import domain as orders
from .order import (
    CancelOrder,
    ExpireOrder,
    OrderCancelled,
    OrderItemAdded,
    OrderItemRemoved,
    OrderPaid,
    OrderShipped,
    OrderSubmitted,
    ShipOrder,
)

PAID_WITHIN = timedelta(days=1)
RESERVED_WITHIN = timedelta(hours=1)


class Step(StrEnum):
    ORDERING = "ordering"
    AWAITING_PAYMENT = "awaiting-payment"
    RESERVING = "reserving"
    SHIPPING = "shipping"
    SHIPPED = "shipped"
    CANCELLED = "cancelled"


class Fulfilment(ProcessManager, key="order_id", version=1):
    """One order on its way: what it wants (pieces by product), what of it is reserved, what went wrong."""

    order_id: UUID
    step: Step = Step.ORDERING
    wanted: dict[UUID, int] = {}
    reserved: list[UUID] = []
    trouble: str | None = None

    # ── ordered, and to be paid ───────────────────────────────────────────────────────────────

    @evolve
    def item_added(self, event: OrderItemAdded) -> None:
        self.wanted[event.product_id] = event.quantity

    @evolve
    def item_removed(self, event: OrderItemRemoved) -> None:
        del self.wanted[event.product_id]

    @evolve
    def submitted(self, event: OrderSubmitted) -> None:
        self.step = Step.AWAITING_PAYMENT

    @react
    def wait_for_payment(self, event: OrderSubmitted) -> After:
        return After(PAID_WITHIN, ExpireOrder(order_id=self.order_id), name="payment")

    # ── paid: reserve every product ───────────────────────────────────────────────────────────

    @evolve
    def paid(self, event: OrderPaid) -> None:
        self.step = Step.RESERVING

    @react
    def reserve(self, event: OrderPaid) -> Iterator[Cancel | ReserveStock | After]:
        yield Cancel("payment")
        for product_id, quantity in self.wanted.items():
            yield ReserveStock(product_id=product_id, order_id=self.order_id, quantity=quantity)
        too_late = CancelOrder(order_id=self.order_id, reason="its stock was not reserved in time")
        yield After(RESERVED_WITHIN, too_late, name="stock")

    @evolve
    def stock_reserved(self, event: StockReserved) -> None:
        self.reserved.append(event.product_id)
        if self.step is Step.RESERVING and set(self.reserved) >= set(self.wanted):
            self.step = Step.SHIPPING

    @react
    def ship_or_release(self, event: StockReserved) -> Iterator[Cancel | ShipOrder | ReleaseStock]:
        if self.step is Step.SHIPPING:
            yield Cancel("stock")
            yield ShipOrder(order_id=self.order_id)
        elif self.step is Step.CANCELLED:  # the answer came after the order was given up
            yield ReleaseStock(product_id=event.product_id, order_id=self.order_id)

    # ── shipped ───────────────────────────────────────────────────────────────────────────────

    @evolve
    def shipped(self, event: OrderShipped) -> None:
        self.step = Step.SHIPPED

    @react
    def take_out(self, event: OrderShipped) -> Iterator[TakeOutStock]:
        for product_id in self.reserved:
            yield TakeOutStock(product_id=product_id, order_id=self.order_id)

    # ── or something went wrong ───────────────────────────────────────────────────────────────

    @evolve
    def rejected(self, event: CommandRejected) -> None:
        self.trouble = f"{event.command}: {event.reason.removeprefix(f'{event.command}: ')}"

    @react
    def give_up(self, event: CommandRejected) -> CancelOrder | None:
        if event.was(ReserveStock) and self.step is Step.RESERVING:
            return CancelOrder(order_id=self.order_id, reason=f"stock is short: {event.reason}")
        return None

    @evolve
    def cancelled(self, event: OrderCancelled) -> None:
        self.step = Step.CANCELLED

    @react
    def release(self, event: OrderCancelled) -> Iterator[Cancel | ReleaseStock]:
        yield Cancel("payment")
        yield Cancel("stock")
        for product_id in self.reserved:
            yield ReleaseStock(product_id=product_id, order_id=self.order_id)

    @evolve
    def no_longer_reserved(self, event: StockReleased | StockTakenOut) -> None:
        if event.product_id in self.reserved:
            self.reserved.remove(event.product_id)


domain = Domain("shop", orders, inventory, Fulfilment)
