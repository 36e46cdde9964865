"""What the browser looks at: the orders with fulfilment, with a policy whose commands come to nothing, and a snapshot."""

from __future__ import annotations

from datetime import timedelta

from cqrs_cli import After, Domain, Policy, Recorded, react
from samples.orders import history
from samples.orders.fulfilment import domain as fulfilment
from samples.orders.order import CancelOrder, OrderShipped, OrderSubmitted


class Recall(Policy):
    """Calls back what was shipped, which nobody can; and looks again after a week."""

    @react
    def recall(self, event: OrderShipped, recorded: Recorded) -> CancelOrder:
        return CancelOrder(order_id=recorded.key, reason="recalled")

    @react
    def look_again(self, event: OrderSubmitted, recorded: Recorded) -> After:
        return After(timedelta(days=36_500), CancelOrder(order_id=recorded.key, reason="forgotten"))


domain = Domain("shop", fulfilment, Recall)


def write(store: str) -> None:
    """The week of the shop."""
    history.write(store, domain)
