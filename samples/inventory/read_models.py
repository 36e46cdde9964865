"""What can still be promised, product by product."""

from uuid import UUID

from cqrs_cli import Page, Projection, Query, Read, Where, evolve

from .stock import StockReceived, StockReleased, StockReserved, StockTakenOut


class Availability(Projection, key="product_id", version=1, indexes="available"):
    """One row a product: `on_hand` lies on the shelf, `reserved` of it for orders, `available` for anybody."""

    product_id: UUID
    on_hand: int = 0
    reserved: int = 0
    available: int = 0

    @evolve
    def received(self, event: StockReceived) -> None:
        self.on_hand += event.quantity
        self.available += event.quantity

    @evolve
    def kept(self, event: StockReserved) -> None:
        self.reserved += event.quantity
        self.available -= event.quantity

    @evolve
    def released(self, event: StockReleased) -> None:
        self.reserved -= event.quantity
        self.available += event.quantity

    @evolve
    def taken_out(self, event: StockTakenOut) -> None:
        self.on_hand -= event.quantity
        self.reserved -= event.quantity


class LowStock(Query[Availability]):
    """Products of which few are available, the scarcest first."""

    at_most: int = 5

    def run(self, read: Read) -> Page[Availability]:
        return read.page(Availability, where=[Where("available", "<=", self.at_most)], order="available")
