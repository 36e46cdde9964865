"""Random commands for the samples. Each is a maker: it gets the ids made so far and gives the command.

`new` says that the command makes an id, which later ones may name.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

from hypothesis import strategies as st

from cqrs_cli import Command
from samples.inventory.stock import ReceiveStock, ReleaseStock, ReserveStock, TakeOutStock
from samples.orders.order import (
    AddOrderItem,
    Address,
    CancelOrder,
    CreateOrder,
    ExpireOrder,
    OrderItem,
    PayOrder,
    RemoveOrderItem,
    ShipOrder,
    SubmitOrder,
)
from samples.users.user import ChangeEmail, CloseAccount, RegisterUser


class Maker(NamedTuple):
    """Of a command, from the ids that there are."""

    make: Callable[[list[UUID]], Command]
    new: bool = False


Makers = st.SearchStrategy[Maker]


def uid(kind: str, number: int) -> UUID:
    """The id of something that no command made."""
    return uuid5(NAMESPACE_URL, f"{kind}:{number}")


def pick(ids: list[UUID], number: int) -> UUID:
    """One of the ids; of nobody if there is none."""
    return ids[number % len(ids)] if ids else uid("nobody", number)


which = st.integers(0, 5)
products = st.integers(0, 3).map(lambda number: uid("product", number))
items = st.builds(
    OrderItem,
    product_id=products,
    product_name=st.sampled_from(["pen", "ink", "=x", "Größe"]),
    quantity=st.integers(1, 120),
    unit_price=st.sampled_from([Decimal("0"), Decimal("1.10"), Decimal("1.1000"), Decimal("99999999.9999")]),
)
address = Address(street="s", city="c", postal_code="007", country="DE")


def _create(customer: int, found: list[OrderItem]) -> Maker:
    command = CreateOrder(customer_id=uid("customer", customer), items=found, shipping_address=address)
    return Maker(lambda ids: command.model_copy(), new=True)


def _on_order(kind: Callable[..., Command], **given: Any) -> Makers:
    return which.map(lambda number: Maker(lambda ids: kind(order_id=pick(ids, number), **given)))


new_orders = st.builds(
    _create, st.integers(0, 2), st.lists(items, min_size=1, max_size=3, unique_by=lambda item: item.product_id)
)
order_commands: Makers = st.one_of(
    st.builds(_create, st.integers(0, 2), st.lists(items, max_size=3)),
    st.builds(lambda n, item: Maker(lambda ids: AddOrderItem(order_id=pick(ids, n), item=item)), which, items),
    st.builds(
        lambda n, one: Maker(lambda ids: RemoveOrderItem(order_id=pick(ids, n), product_id=one)), which, products
    ),
    _on_order(SubmitOrder),
    _on_order(PayOrder),
    _on_order(ShipOrder),
    _on_order(CancelOrder, reason="r"),
    _on_order(ExpireOrder),
)

_some = st.integers(0, 2).map(lambda number: uid("product", number))
_order = st.integers(0, 2).map(lambda number: uid("order", number))


def _fixed(command: Command) -> Maker:
    return Maker(lambda ids: command.model_copy())


new_stock = st.builds(ReceiveStock, product_id=_some, quantity=st.integers(5, 20)).map(_fixed)
stock_commands: Makers = st.one_of(
    st.builds(ReceiveStock, product_id=_some, quantity=st.integers(1, 9)),
    st.builds(ReserveStock, product_id=_some, order_id=_order, quantity=st.integers(1, 9)),
    st.builds(ReleaseStock, product_id=_some, order_id=_order),
    st.builds(TakeOutStock, product_id=_some, order_id=_order),
).map(_fixed)

_mail = st.sampled_from(["a@x.org", " A@X.org ", "b@x.org", "c@x.org"])


def _register(email: str) -> Maker:
    return Maker(lambda ids: RegisterUser(email=email, name="n"), new=True)


new_users = st.sampled_from(["a@x.org", "b@x.org", "c@x.org"]).map(_register)
user_commands: Makers = st.one_of(
    _mail.map(_register),
    st.builds(lambda n, email: Maker(lambda ids: ChangeEmail(user_id=pick(ids, n), email=email)), which, _mail),
    which.map(lambda n: Maker(lambda ids: CloseAccount(user_id=pick(ids, n)))),
)
