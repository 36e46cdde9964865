"""Invoices and credit notes: what was sold and what was taken back, as the shop's till wrote it down.

The till writes down more than sales: gifts without a price, adjustments of stock, whole papers of
such lines. A paper keeps the lines that moved money the right way; one without any is rejected.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from pydantic import BaseModel

from cqrs_cli import Aggregate, Command, Event, Rejected, decide, evolve


class InvoiceLine(BaseModel):
    stock_code: str
    description: str
    quantity: int
    unit_price: Decimal

    @property
    def amount(self) -> Decimal:
        return self.quantity * self.unit_price


def total(lines: Iterable[InvoiceLine]) -> Decimal:
    """What the lines come to; below zero for lines that were taken back."""
    return sum((line.amount for line in lines), Decimal(0))


# ── invoices ──────────────────────────────────────────────────────────────────────────────────


class PlaceInvoice(Command):
    """Sell to a customer, known or not."""

    invoice_no: str
    customer_id: str | None
    country: str
    placed_at: datetime
    lines: list[InvoiceLine]


class InvoicePlaced(Event):
    customer_id: str | None
    country: str
    placed_at: datetime
    lines: list[InvoiceLine]


class Invoice(Aggregate, key="invoice_no"):
    """A sale, known by the number on its paper."""

    invoice_no: str
    customer_id: str | None = None
    country: str = ""
    placed_at: datetime | None = None
    lines: list[InvoiceLine] = []

    @decide(creates=True)
    def place(self, command: PlaceInvoice) -> InvoicePlaced:
        sold = [line for line in command.lines if line.quantity > 0 and line.unit_price > 0]
        if not sold:
            raise Rejected(f"invoice {command.invoice_no} sells nothing", code="nothing-sold")
        return InvoicePlaced(
            customer_id=command.customer_id,
            country=command.country,
            placed_at=command.placed_at,
            lines=sold,
        )

    @evolve
    def placed(self, event: InvoicePlaced) -> None:
        self.customer_id = event.customer_id
        self.country = event.country
        self.placed_at = event.placed_at
        self.lines = event.lines


# ── credit notes ──────────────────────────────────────────────────────────────────────────────


class IssueCreditNote(Command):
    """Take something back; the quantities are below zero."""

    credit_no: str
    customer_id: str | None
    country: str
    issued_at: datetime
    lines: list[InvoiceLine]


class CreditNoteIssued(Event):
    customer_id: str | None
    country: str
    issued_at: datetime
    lines: list[InvoiceLine]


class CreditNote(Aggregate, key="credit_no"):
    """Something taken back, known by the number on its paper."""

    credit_no: str
    customer_id: str | None = None
    country: str = ""
    issued_at: datetime | None = None
    lines: list[InvoiceLine] = []

    @decide(creates=True)
    def issue(self, command: IssueCreditNote) -> CreditNoteIssued:
        returned = [line for line in command.lines if line.quantity < 0 and line.unit_price > 0]
        if not returned:
            raise Rejected(f"credit note {command.credit_no} takes nothing back", code="nothing-returned")
        return CreditNoteIssued(
            customer_id=command.customer_id,
            country=command.country,
            issued_at=command.issued_at,
            lines=returned,
        )

    @evolve
    def issued(self, event: CreditNoteIssued) -> None:
        self.customer_id = event.customer_id
        self.country = event.country
        self.issued_at = event.issued_at
        self.lines = event.lines
