"""The stock of one product: what lies on the shelf, and for which orders it is kept.

What is reserved stays on the shelf until it is taken out for its order, or released for others.
"""

from uuid import UUID

from pydantic import PositiveInt

from cqrs_cli import Aggregate, Command, Event, Rejected, decide, evolve

# ── commands ──────────────────────────────────────────────────────────────────────────────────


class ReceiveStock(Command):
    """Put a delivery on the shelf; the first one of a product puts it on the books."""

    product_id: UUID
    quantity: PositiveInt


class ReserveStock(Command):
    """Keep pieces for an order, all of them or none."""

    product_id: UUID
    order_id: UUID
    quantity: PositiveInt


class ReleaseStock(Command):
    """Let others have what was kept for an order."""

    product_id: UUID
    order_id: UUID


class TakeOutStock(Command):
    """Take what was kept for an order off the shelf: it leaves the house."""

    product_id: UUID
    order_id: UUID


# ── events ────────────────────────────────────────────────────────────────────────────────────
# They carry product and order: whoever waits for an order's stock hears of several products.


class StockReceived(Event):
    product_id: UUID
    quantity: int


class StockReserved(Event):
    product_id: UUID
    order_id: UUID
    quantity: int


class StockReleased(Event):
    product_id: UUID
    order_id: UUID
    quantity: int


class StockTakenOut(Event):
    product_id: UUID
    order_id: UUID
    quantity: int


# ── state and rules ───────────────────────────────────────────────────────────────────────────


class StockItem(Aggregate, category="stock", key="product_id"):
    """A product on the shelf. A product that was never received is not on the books: not found."""

    product_id: UUID
    on_hand: int = 0
    reserved: dict[UUID, int] = {}

    @decide(creates="either")
    def receive(self, command: ReceiveStock) -> StockReceived:
        return StockReceived(product_id=self.product_id, quantity=command.quantity)

    @decide
    def reserve(self, command: ReserveStock) -> StockReserved:
        if command.order_id in self.reserved:
            raise Rejected(f"stock is reserved for order {command.order_id} already", code="already-reserved")
        if command.quantity > self.available:
            raise Rejected(f"{command.quantity} wanted, {self.available} available", code="short-stock")
        return StockReserved(product_id=self.product_id, order_id=command.order_id, quantity=command.quantity)

    @decide
    def release(self, command: ReleaseStock) -> StockReleased | None:
        if command.order_id not in self.reserved:
            return None
        quantity = self.reserved[command.order_id]
        return StockReleased(product_id=self.product_id, order_id=command.order_id, quantity=quantity)

    @decide
    def take_out(self, command: TakeOutStock) -> StockTakenOut:
        if command.order_id not in self.reserved:
            raise Rejected(f"nothing is reserved for order {command.order_id}", code="not-reserved")
        quantity = self.reserved[command.order_id]
        return StockTakenOut(product_id=self.product_id, order_id=command.order_id, quantity=quantity)

    @evolve
    def received(self, event: StockReceived) -> None:
        self.on_hand += event.quantity

    @evolve
    def kept(self, event: StockReserved) -> None:
        self.reserved[event.order_id] = event.quantity

    @evolve
    def released(self, event: StockReleased) -> None:
        del self.reserved[event.order_id]

    @evolve
    def taken_out(self, event: StockTakenOut) -> None:
        self.on_hand -= event.quantity
        del self.reserved[event.order_id]

    @property
    def available(self) -> int:
        return self.on_hand - sum(self.reserved.values())
