"""An order, from creation to delivery: commands, events, state and rules, top to bottom."""

from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, Field, PositiveInt

from cqrs_cli import Aggregate, Command, Event, Rejected, decide, evolve

from .inventory import Inventory


class OrderStatus(StrEnum):
    PENDING = "pending"
    SUBMITTED = "submitted"
    PAID = "paid"
    SHIPPED = "shipped"
    CANCELLED = "cancelled"


class OrderItem(BaseModel):
    product_id: UUID
    product_name: str
    quantity: PositiveInt
    unit_price: Decimal = Field(ge=0, max_digits=12, decimal_places=4)

    @property
    def amount(self) -> Decimal:
        return self.quantity * self.unit_price


class Address(BaseModel):
    street: str
    city: str
    postal_code: str
    country: str


# ── commands ──────────────────────────────────────────────────────────────────────────────────


class CreateOrder(Command):
    """Open an order; it gets its id here and answers with it."""

    customer_id: UUID
    items: list[OrderItem]
    shipping_address: Address


class AddOrderItem(Command):
    """Put one more product on an order that is still pending."""

    order_id: UUID
    item: OrderItem


class RemoveOrderItem(Command):
    """Take a product off an order that is still pending, all pieces of it."""

    order_id: UUID
    product_id: UUID


class SubmitOrder(Command):
    """Say that the order is complete; from here on its items stay as they are."""

    order_id: UUID


class PayOrder(Command):
    """Record that the customer paid what the submitted order costs."""

    order_id: UUID


class ShipOrder(Command):
    """Hand a paid order to the carrier."""

    order_id: UUID


class CancelOrder(Command):
    """Call an order off, as long as it is not shipped."""

    order_id: UUID
    reason: str


class ExpireOrder(Command):
    """Call a submitted order off because it was not paid in time; a payment that came in just before wins."""

    order_id: UUID


# ── events ────────────────────────────────────────────────────────────────────────────────────
# They carry the customer and the amounts where a read model counts by them.


class OrderCreated(Event):
    customer_id: UUID
    shipping_address: Address


class OrderItemAdded(Event):
    customer_id: UUID
    product_id: UUID
    product_name: str
    quantity: int
    unit_price: Decimal


class OrderItemRemoved(Event):
    customer_id: UUID
    product_id: UUID
    amount: Decimal


class OrderSubmitted(Event):
    pass


class OrderPaid(Event):
    amount: Decimal


class OrderShipped(Event):
    pass


class OrderCancelled(Event):
    customer_id: UUID
    amount: Decimal
    reason: str


# ── state and rules ───────────────────────────────────────────────────────────────────────────


class Order(Aggregate):
    """A customer's order, from creation to delivery."""

    order_id: UUID
    customer_id: UUID | None = None
    status: OrderStatus = OrderStatus.PENDING
    items: list[OrderItem] = []
    shipping_address: Address | None = None

    @decide(creates=True)
    def create(self, command: CreateOrder, inventory: Inventory) -> Iterator[OrderCreated | OrderItemAdded]:
        yield OrderCreated(customer_id=command.customer_id, shipping_address=command.shipping_address)
        taken: set[UUID] = set()
        for item in command.items:
            yield added(item, command.customer_id, taken, inventory)
            taken.add(item.product_id)

    @decide
    def add_item(self, command: AddOrderItem, inventory: Inventory) -> OrderItemAdded:
        self.must_be(OrderStatus.PENDING, "changed")
        return added(command.item, self.customer, {item.product_id for item in self.items}, inventory)

    @decide
    def remove_item(self, command: RemoveOrderItem) -> OrderItemRemoved:
        self.must_be(OrderStatus.PENDING, "changed")
        for item in self.items:
            if item.product_id == command.product_id:
                return OrderItemRemoved(customer_id=self.customer, product_id=item.product_id, amount=item.amount)
        raise Rejected(f"product {command.product_id} is not in the order", code="not-in-order")

    @decide
    def submit(self, command: SubmitOrder) -> OrderSubmitted:
        self.must_be(OrderStatus.PENDING, "submitted")
        if not self.items:
            raise Rejected("an order without items can't be submitted", code="empty-order")
        return OrderSubmitted()

    @decide
    def pay(self, command: PayOrder) -> OrderPaid:
        self.must_be(OrderStatus.SUBMITTED, "paid")
        return OrderPaid(amount=self.amount)

    @decide
    def ship(self, command: ShipOrder) -> OrderShipped:
        self.must_be(OrderStatus.PAID, "shipped")
        return OrderShipped()

    @decide
    def cancel(self, command: CancelOrder) -> OrderCancelled | None:
        if self.status is OrderStatus.CANCELLED:
            return None
        if self.status is OrderStatus.SHIPPED:
            raise Rejected("a shipped order can't be cancelled", code="already-shipped")
        return OrderCancelled(customer_id=self.customer, amount=self.amount, reason=command.reason)

    @decide
    def expire(self, command: ExpireOrder) -> OrderCancelled | None:
        if self.status is not OrderStatus.SUBMITTED:
            return None
        return OrderCancelled(customer_id=self.customer, amount=self.amount, reason="not paid in time")

    @evolve
    def created(self, event: OrderCreated) -> None:
        self.customer_id = event.customer_id
        self.shipping_address = event.shipping_address

    @evolve
    def item_added(self, event: OrderItemAdded) -> None:
        self.items.append(OrderItem(**event.model_dump(exclude={"customer_id"})))

    @evolve
    def item_removed(self, event: OrderItemRemoved) -> None:
        self.items = [item for item in self.items if item.product_id != event.product_id]

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

    @property
    def amount(self) -> Decimal:
        return sum((item.amount for item in self.items), Decimal(0))

    @property
    def customer(self) -> UUID:
        """The customer of an order that exists: its first event names one."""
        assert self.customer_id is not None
        return self.customer_id

    def must_be(self, status: OrderStatus, wish: str) -> None:
        if self.status is not status:
            raise Rejected(f"a {self.status} order can't be {wish}, only a {status} one", code=f"not-{status}")


def added(item: OrderItem, customer_id: UUID, taken: set[UUID], inventory: Inventory) -> OrderItemAdded:
    """The event that puts the item on an order that holds the products `taken`, if the rules allow it."""
    if item.product_id in taken:
        raise Rejected(f"{item.product_name} is in the order already; remove it first", code="already-in-order")
    if not inventory.available(item.product_id, item.quantity):
        raise Rejected(f"not enough of {item.product_name} in stock for {item.quantity}", code="out-of-stock")
    return OrderItemAdded(customer_id=customer_id, **item.model_dump())
