"""What is on the shelves: `cqrs --app samples.inventory:domain send receive-stock …`."""

from cqrs_cli import Domain

from .read_models import Availability, LowStock
from .stock import StockItem

domain = Domain("inventory", StockItem, Availability, LowStock)
