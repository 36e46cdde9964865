"""Stock with a history: what the real invoices of a shop do to its shelves, product by product.

`samples.inventory` fed by them: a delivery comes when there is too little, what is sold is kept for its invoice and
taken out, what is credited comes back, and what an invoice takes away (breakage, a wrong count) is corrected.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from cqrs_cli import Command, Workbench
from cqrs_cli.workbench.outcome import Request
from samples.inventory.stock import ReceiveStock, ReleaseStock, ReserveStock, TakeOutStock
from samples.retail.convert import SOURCE, commands

DELIVERY = 48
"""Pieces that come at least."""
WITHDRAWN = 50
"""Of so many sales one is called off and made again."""


def product(stock_code: str) -> UUID:
    """The id of a product, of which the shop knows the stock code alone."""
    return uuid5(SOURCE, f"product {stock_code}")


def movements(path: Path, papers: int | None = None) -> Iterator[Command]:
    """The commands of the first so many invoices and credit notes; None: of all. Each of them will be honoured."""
    on_hand = Counter[str]()
    for number, paper in enumerate(islice(commands(path), papers)):
        yield from _of_paper(paper, on_hand, withdrawn=number % WITHDRAWN == WITHDRAWN - 1)


def _of_paper(paper: dict[str, Any], on_hand: Counter[str], withdrawn: bool) -> Iterator[Command]:
    data, wanted = paper["data"], Counter[str]()
    name, comes_back = data.get("invoice_no") or data["credit_no"], "credit_no" in data
    for line in data["lines"]:
        wanted[line["stock_code"]] += line["quantity"]
    order = uuid5(SOURCE, f"order {name}")
    for code, quantity in wanted.items():
        at = product(code)
        if comes_back and quantity:
            on_hand[code] += abs(quantity)
            yield ReceiveStock(product_id=at, quantity=abs(quantity))
            continue
        if quantity < 0:  # no more than there is: the shop's own count is not known
            quantity = min(-quantity, on_hand[code])
        if not quantity:
            continue
        if quantity > on_hand[code]:
            delivered = max(DELIVERY, 2 * quantity)
            on_hand[code] += delivered
            yield ReceiveStock(product_id=at, quantity=delivered)
        on_hand[code] -= quantity
        yield ReserveStock(product_id=at, order_id=order, quantity=quantity)
        if withdrawn:
            yield ReleaseStock(product_id=at, order_id=order)
            yield ReserveStock(product_id=at, order_id=order, quantity=quantity)
        yield TakeOutStock(product_id=at, order_id=order)


def stock(bench: Workbench, path: Path, papers: int | None = None) -> int:
    """Send them; how many events there are then. Raises what one of them comes to instead."""
    requests = (Request(line, command) for line, command in enumerate(movements(path, papers), 1))
    for outcome in bench.send_batch(requests):
        if outcome.error is not None:
            raise outcome.error
    return bench.store.head()
