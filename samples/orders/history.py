"""A week of the shop, the same whenever it is made: the log that the corpus in `histories/` is of.

python -m samples.orders.history STORE
cqrs --app samples.orders.fulfilment:domain corpus refresh --from STORE -o samples/orders/histories

Orders that are shipped, changed, called off, not paid in time and short of stock, and what was refused. A second run
adds nothing.
"""

import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from cqrs_cli import Command, Domain, Rejected, Workbench
from cqrs_cli.errors import CqrsError

from ..inventory.stock import ReceiveStock
from .fulfilment import domain
from .order import (
    AddOrderItem,
    Address,
    CancelOrder,
    CreateOrder,
    OrderItem,
    PayOrder,
    RemoveOrderItem,
    ShipOrder,
    SubmitOrder,
)

MONDAY = datetime(2026, 3, 2, 8, tzinfo=UTC)
ADA, BOB = UUID("aaaaaaaa-0000-4000-8000-000000000001"), UUID("bbbbbbbb-0000-4000-8000-000000000002")
PEN, INK = UUID("22222222-2222-4222-8222-222222222222"), UUID("44444444-4444-4444-8444-444444444444")
HAT, CAP = UUID("33333333-3333-4333-8333-333333333333"), UUID("55555555-5555-4555-8555-555555555555")
"""Of hats there are none, of ink five."""
NAMES = {PEN: "Fountain pen", INK: "Blue ink", HAT: "Felt hat", CAP: "Wool cap"}
PRICES = {PEN: Decimal("12.50"), INK: Decimal("4.25"), HAT: Decimal("39.00"), CAP: Decimal("18.00")}
HOME = Address(street="1 Quay Road", city="Oslo", postal_code="0150", country="NO")


class Shop:
    """The shop at work: each command an hour after the one before, and its reactions at once."""

    def __init__(self, store: str, domain: Domain = domain) -> None:
        self.now, self._sent = MONDAY, 0
        self._bench = Workbench.open(store, domain, create=True, clock=lambda: self.now)

    def __enter__(self) -> "Shop":
        self._bench.runner().drain()  # what reacts begins here, and not after the first order
        return self

    def __exit__(self, *rest: Any) -> None:
        self._bench.close()

    def send(self, command: Command) -> Any:
        """Send it; gives the key of its aggregate, or None if it was rejected, which is on record."""
        self._sent += 1
        self.pass_by(hours=1)
        with suppress(Rejected):
            sent = self._bench.send(
                command.with_meta(command_id=f"shop-{self._sent:03}", timestamp=self.now, user_id="desk")
            )
            self._bench.runner().drain()
            return sent.events[0].key if sent.events else None
        return None

    def pass_by(self, hours: int) -> None:
        """Time passes, and deadlines come due."""
        self.now += timedelta(hours=hours)
        self._bench.runner().drain()

    def order(self, *wanted: tuple[UUID, int], customer: UUID = ADA) -> Any:
        """A new order; None if it was refused."""
        return self.send(CreateOrder(customer_id=customer, items=list(map(item, wanted)), shipping_address=HOME))


def item(wanted: tuple[UUID, int]) -> OrderItem:
    """So many pieces of a product."""
    product, quantity = wanted
    return OrderItem(product_id=product, product_name=NAMES[product], quantity=quantity, unit_price=PRICES[product])


def write(store: str, domain: Domain = domain) -> None:
    """All that happened in that week. domain: another one that has all of this in it."""
    with Shop(store, domain) as shop:
        for product, quantity in ((PEN, 20), (INK, 4), (CAP, 3)):
            shop.send(ReceiveStock(product_id=product, quantity=quantity))
        _refused(shop)
        for number in range(3):
            _shipped(shop, BOB if number else ADA)
        _called_off(shop)


def _refused(shop: Shop) -> None:
    shop.order((HAT, 1))
    shop.order((PEN, 1), (INK, 6))
    shop.order((PEN, 1), (PEN, 2))


def _shipped(shop: Shop, customer: UUID) -> None:
    one = shop.order((PEN, 2), (INK, 1), customer=customer)
    shop.send(AddOrderItem(order_id=one, item=item((CAP, 1))))
    shop.send(AddOrderItem(order_id=one, item=item((CAP, 1))))
    shop.send(AddOrderItem(order_id=one, item=item((HAT, 1))))
    shop.send(RemoveOrderItem(order_id=one, product_id=INK))
    shop.send(RemoveOrderItem(order_id=one, product_id=INK))
    shop.send(PayOrder(order_id=one))
    shop.send(SubmitOrder(order_id=one))
    shop.send(RemoveOrderItem(order_id=one, product_id=PEN))
    shop.send(ShipOrder(order_id=one))
    shop.send(PayOrder(order_id=one))
    shop.send(CancelOrder(order_id=one, reason="changed my mind"))


def _called_off(shop: Shop) -> None:
    """By the customer; because it was not paid; because the stock was short."""
    one = shop.order((PEN, 1), (CAP, 1))
    shop.send(SubmitOrder(order_id=one))
    shop.send(CancelOrder(order_id=one, reason="changed my mind"))
    shop.send(SubmitOrder(order_id=one))
    empty = shop.order()
    shop.send(SubmitOrder(order_id=empty))
    late = shop.order((PEN, 3))
    shop.send(SubmitOrder(order_id=late))
    shop.pass_by(hours=25)
    short = shop.order((PEN, 1), (INK, 5))
    shop.send(SubmitOrder(order_id=short))
    shop.send(PayOrder(order_id=short))


def main(words: list[str]) -> int:
    if len(words) != 1 or words[0].startswith("-"):
        print("usage: python -m samples.orders.history STORE", file=sys.stderr)
        return 2
    try:
        write(words[0])
    except CqrsError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
