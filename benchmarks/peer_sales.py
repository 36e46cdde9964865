"""Papers of a shop with pyeventsourcing, written as its documentation does."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from benchmarks.sales import Line


class Invoice(Aggregate):
    @event("Placed")
    def __init__(self, number: str, customer: str | None, country: str, placed_at: datetime) -> None:
        self.number, self.customer, self.country, self.placed_at = number, customer, country, placed_at
        self.total = Decimal(0)

    @event("LineSold")
    def sell(self, stock_code: str, description: str, quantity: int, unit_price: Decimal) -> None:
        self.total += quantity * unit_price

    def sell_all(self, lines: Sequence[Line]) -> None:
        """An event each."""
        for line in lines:
            self.sell(*line)


class Sales(Application[UUID]):
    pass
