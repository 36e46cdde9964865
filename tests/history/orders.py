"""An order to be looked at."""

from decimal import Decimal
from uuid import UUID

from cqrs_cli import Workbench
from samples.orders.order import Address, CreateOrder, OrderItem


def created(bench: Workbench, product: UUID) -> UUID:
    """The id of a new order of one piece."""
    items = [OrderItem(product_id=product, product_name="Pen", quantity=1, unit_price=Decimal("1.50"))]
    home = Address(street="1 Main", city="Paris", postal_code="75001", country="FR")
    order: UUID = bench.send(CreateOrder(customer_id=UUID(int=2), items=items, shipping_address=home)).events[0].key
    return order
