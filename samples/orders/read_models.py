"""What people ask about orders: three tables and two queries over them."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from cqrs_cli import DELETE, Delete, Page, Projection, Query, Read, Recorded, evolve

from .order import (
    OrderCancelled,
    OrderCreated,
    OrderItemAdded,
    OrderItemRemoved,
    OrderPaid,
    OrderShipped,
    OrderStatus,
    OrderSubmitted,
)


class OrderSummary(Projection, key="order_id", version=1):
    """One row an order; `item_count` counts products, not pieces."""

    order_id: UUID
    customer_id: UUID | None = None
    status: OrderStatus = OrderStatus.PENDING
    total_amount: Decimal = Decimal(0)
    item_count: int = 0
    created_at: datetime | None = None

    @evolve
    def created(self, event: OrderCreated, recorded: Recorded) -> None:
        self.customer_id = event.customer_id
        self.created_at = recorded.recorded_at

    @evolve
    def item_added(self, event: OrderItemAdded) -> None:
        self.total_amount += event.quantity * event.unit_price
        self.item_count += 1

    @evolve
    def item_removed(self, event: OrderItemRemoved) -> None:
        self.total_amount -= event.amount
        self.item_count -= 1

    @evolve
    def submitted(self, event: OrderSubmitted) -> None:
        self.status = OrderStatus.SUBMITTED

    @evolve
    def paid(self, event: OrderPaid) -> None:
        self.status = OrderStatus.PAID

    @evolve
    def shipped(self, event: OrderShipped) -> None:
        self.status = OrderStatus.SHIPPED

    @evolve
    def cancelled(self, event: OrderCancelled) -> None:
        self.status = OrderStatus.CANCELLED


class OrderItems(Projection, key=("order_id", "product_id"), version=1):
    """One row a product of an order."""

    order_id: UUID
    product_id: UUID
    product_name: str = ""
    quantity: int = 0
    unit_price: Decimal = Decimal(0)

    @evolve
    def added(self, event: OrderItemAdded) -> None:
        self.product_name = event.product_name
        self.quantity = event.quantity
        self.unit_price = event.unit_price

    @evolve
    def removed(self, event: OrderItemRemoved) -> Delete:
        return DELETE


class CustomerTotals(Projection, key="customer_id", version=1):
    """One row a customer, over all of their orders; `total_amount` leaves the cancelled ones out."""

    customer_id: UUID
    orders: int = 0
    cancelled: int = 0
    total_amount: Decimal = Decimal(0)

    @evolve
    def order_created(self, event: OrderCreated) -> None:
        self.orders += 1

    @evolve
    def item_added(self, event: OrderItemAdded) -> None:
        self.total_amount += event.quantity * event.unit_price

    @evolve
    def item_removed(self, event: OrderItemRemoved) -> None:
        self.total_amount -= event.amount

    @evolve
    def order_cancelled(self, event: OrderCancelled) -> None:
        self.cancelled += 1
        self.total_amount -= event.amount


class OrderById(Query[OrderSummary]):
    """The summary of one order."""

    order_id: UUID

    def run(self, read: Read) -> OrderSummary | None:
        return read.get(OrderSummary, self.order_id)


class OrdersByCustomer(Query[OrderSummary]):
    """A customer's orders, the newest first."""

    customer_id: UUID
    status: OrderStatus | None = None

    def run(self, read: Read) -> Page[OrderSummary]:
        return read.page(OrderSummary, order="-created_at", customer_id=self.customer_id, status=self.status)
