"""Where the pages are, on the store of the week."""

from __future__ import annotations

from cqrs_cli import Workbench
from cqrs_cli.stores.contract import Selection
from tests.browser.shop import domain


class Places:
    """Of a store. order: a stream with many versions. story: the correlation of what shipped it."""

    def __init__(self, store: str) -> None:
        with Workbench.open(store, domain, create=False, read_only=True) as bench:
            events = list(bench.store.read(Selection(types=frozenset({"OrderShipped"}), limit=1)))
            self.order, self.shipped = events[0].stream, events[0].position
            self.story, self.head = events[0].correlation_id, bench.store.head()

    def all(self) -> list[str]:
        """One of every page, and of some that are not there."""
        return [
            "/ui/",
            "/ui/?span=week",
            "/ui/log",
            "/ui/log?type=OrderPaid&contains=4",
            "/ui/log?stream=nope-1&type=Nope",
            f"/ui/events/{self.shipped}",
            "/ui/streams",
            "/ui/streams?category=stock",
            f"/ui/streams/{self.order}",
            f"/ui/streams/{self.order}?at=3",
            "/ui/streams/nope-1",
            f"/ui/trace/{self.story}",
            "/ui/models",
            "/ui/models/order_summary?order=-total_amount&where=total_amount%3E1",
            "/ui/models/fulfilment",
            "/ui/commands",
            "/ui/commands/create-order",
            "/ui/commands/receive-stock",
            "/ui/processes",
            "/ui/domain",
            "/ui/sql?q=select+1+as+n",
            "/ui/sql?q=select+nope",
            "/ui/nowhere",
        ]
