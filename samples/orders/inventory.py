"""What is in stock: asked while deciding, so it only answers and never changes anything."""

import json
from pathlib import Path
from typing import Protocol
from uuid import UUID


class Inventory(Protocol):
    def available(self, product_id: UUID, quantity: int) -> bool:
        """Whether so many pieces can be delivered now."""
        ...


class StockFile:
    """An inventory in a JSON file, `{product id: pieces}`; a product that it doesn't list has 100."""

    UNLISTED = 100

    def __init__(self, path: Path) -> None:
        levels: dict[str, int] = json.loads(path.read_text(encoding="utf-8"))
        self._levels = {UUID(product_id): pieces for product_id, pieces in levels.items()}

    def available(self, product_id: UUID, quantity: int) -> bool:
        return quantity <= self._levels.get(product_id, self.UNLISTED)


class Plenty:
    """Stands in for an inventory where commands are only tried: there is always enough."""

    def available(self, product_id: UUID, quantity: int) -> bool:
        return True
