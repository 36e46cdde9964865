"""Orders of a shop: `cqrs --app samples.orders:domain send create-order …`."""

from pathlib import Path

from cqrs_cli import Domain

from .inventory import Inventory, Plenty, StockFile
from .order import Order
from .read_models import CustomerTotals, OrderById, OrderItems, OrdersByCustomer, OrderSummary

_PARTS = (Order, OrderSummary, OrderItems, CustomerTotals, OrderById, OrdersByCustomer)
domain = Domain("orders", *_PARTS, journal_rejections=True)


def stock() -> Inventory:
    return StockFile(Path(__file__).with_name("stock.json"))


# What was in stock then is kept, and so is who was refused: `cqrs rehearse` judges by both when the rules change.
domain.provide(stock, record=True)


@domain.rehearse_with
def plenty() -> Inventory:
    return Plenty()
