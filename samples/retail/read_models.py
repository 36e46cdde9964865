"""Revenue by country, day, product and customer. Credit notes count below zero; days are UTC."""

from datetime import UTC, date
from decimal import Decimal

from cqrs_cli import Page, Projection, Query, Read, Recorded, Where, evolve

from .paper import CreditNoteIssued, InvoicePlaced, total


def products(event: InvoicePlaced | CreditNoteIssued, recorded: Recorded) -> list[str]:
    return [line.stock_code for line in event.lines]


class CountryRevenue(Projection, key="country", version=1):
    country: str
    invoices: int = 0
    credit_notes: int = 0
    revenue: Decimal = Decimal(0)

    @evolve
    def sold(self, event: InvoicePlaced) -> None:
        self.invoices += 1
        self.revenue += total(event.lines)

    @evolve
    def returned(self, event: CreditNoteIssued) -> None:
        self.credit_notes += 1
        self.revenue += total(event.lines)


class DailyRevenue(Projection, key="day", version=1):
    day: date
    invoices: int = 0
    credit_notes: int = 0
    revenue: Decimal = Decimal(0)

    @evolve(key=lambda event, recorded: event.placed_at.astimezone(UTC).date())
    def sold(self, event: InvoicePlaced) -> None:
        self.invoices += 1
        self.revenue += total(event.lines)

    @evolve(key=lambda event, recorded: event.issued_at.astimezone(UTC).date())
    def returned(self, event: CreditNoteIssued) -> None:
        self.credit_notes += 1
        self.revenue += total(event.lines)


class ProductSales(Projection, key="stock_code", version=1):
    """A paper with many products concerns many rows; the last description of a product wins."""

    stock_code: str
    description: str = ""
    quantity: int = 0
    revenue: Decimal = Decimal(0)

    @evolve(key=products)
    def moved(self, event: InvoicePlaced | CreditNoteIssued) -> None:
        for line in event.lines:
            if line.stock_code == self.stock_code:
                self.description = line.description
                self.quantity += line.quantity
                self.revenue += line.amount


class CustomerRevenue(Projection, key="customer_id", version=1):
    """Known customers only: an event whose key is None concerns no row."""

    customer_id: str
    invoices: int = 0
    revenue: Decimal = Decimal(0)

    @evolve
    def bought(self, event: InvoicePlaced) -> None:
        self.invoices += 1
        self.revenue += total(event.lines)

    @evolve
    def returned(self, event: CreditNoteIssued) -> None:
        self.revenue += total(event.lines)


class TopProducts(Query[ProductSales]):
    """Products by revenue, the best first."""

    min_revenue: Decimal = Decimal(0)

    def run(self, read: Read) -> Page[ProductSales]:
        return read.page(ProductSales, where=[Where("revenue", ">", self.min_revenue)], order="-revenue,stock_code")


class TopCustomers(Query[CustomerRevenue]):
    """Known customers by revenue, the best first."""

    min_revenue: Decimal = Decimal(0)

    def run(self, read: Read) -> Page[CustomerRevenue]:
        return read.page(CustomerRevenue, where=[Where("revenue", ">", self.min_revenue)], order="-revenue,customer_id")
