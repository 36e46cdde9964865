"""A domain whose commands look like those of an office: an address, and lines of an article, a number and a price."""

import json
from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from pydantic import BaseModel

from cqrs_cli import Aggregate, Command, Domain, Event, decide, evolve

LINES = 3


class Address(BaseModel):
    street: str
    city: str
    postcode: str
    country: str = "FR"


class Line(BaseModel):
    sku: str
    quantity: int
    price: Decimal


class IssueInvoice(Command):
    invoice_id: UUID | None = None
    customer: str
    address: Address
    lines: list[Line]


class InvoiceIssued(Event):
    customer: str
    address: Address
    lines: list[Line]


class Invoice(Aggregate):
    invoice_id: UUID
    customer: str = ""
    total: Decimal = Decimal(0)

    @decide(creates=True)
    def issue(self, command: IssueInvoice) -> InvoiceIssued:
        return InvoiceIssued(customer=command.customer, address=command.address, lines=command.lines)

    @evolve
    def issued(self, event: InvoiceIssued) -> None:
        self.customer = event.customer
        self.total = sum((line.quantity * line.price for line in event.lines), Decimal(0))


domain = Domain("office", Invoice)


def lines_for(invoice_ids: Sequence[UUID]) -> bytes:
    """A command that issues an invoice for each id, as JSON lines."""
    address = {"street": "12 rue de la Paix", "city": "Paris", "postcode": "75002"}
    items = [
        {"sku": f"article-{number}", "quantity": number, "price": f"{number}9.90"} for number in range(1, LINES + 1)
    ]
    lines = [
        {
            "command": "issue-invoice",
            "data": {"invoice_id": str(each), "customer": "Ada Lovelace", "address": address, "lines": items},
        }
        for each in invoice_ids
    ]
    return "\n".join([*map(json.dumps, lines), ""]).encode()
