"""Orders of a shop: `cqrs --app samples.orders:domain send create-order …`."""

from pathlib import Path

from cqrs_cli import Domain

from .inventory import Inventory, StockFile
from .order import Order
from .read_models import CustomerTotals, OrderById, OrderItems, OrdersByCustomer, OrderSummary

domain = Domain("orders", Order, OrderSummary, OrderItems, CustomerTotals, OrderById, OrdersByCustomer)


@domain.provide
def stock() -> Inventory:
    return StockFile(Path(__file__).with_name("stock.json"))
