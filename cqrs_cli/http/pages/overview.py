"""The overview: how much there is, when it came, what is behind or stands still, what came last."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cqrs_cli import records
from cqrs_cli.errors import Misuse
from cqrs_cli.http.pages.site import Site, shell
from cqrs_cli.http.pages.text import seconds
from cqrs_cli.http.parameters import Parameters
from cqrs_cli.log.diagnosis import judge
from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.moments import rfc3339
from cqrs_cli.workbench.workbench import Workbench

SPANS = {"hour": 3_600, "day": 86_400, "week": 604_800, "all": 0}
BARS = 60
SHORTEST_US = 1_000_000
"""What a bar stands for, at least."""
RECENT = 12
MOST_TYPES = 14


class Counts:
    """Events by type, counted once and then only what came since; several threads may ask."""

    def __init__(self) -> None:
        self._lock, self._at, self._types = threading.Lock(), 0, dict[str, int]()

    def types(self, store: Store) -> dict[str, int]:
        """The types with their numbers, the most first."""
        with self._lock:
            head = store.head()
            if self._at == 0 or head < self._at:
                self._types, self._at = store.types(before=head + 1), head
            for event in store.scan(Selection(after=self._at, before=head + 1)) if head > self._at else ():
                self._types[event.type] = self._types.get(event.type, 0) + 1
            self._at = head
            return dict(sorted(self._types.items(), key=lambda one: (-one[1], one[0])))


class Overview:
    """The page that one begins with."""

    def __init__(self, site: Site, counts: Counts) -> None:
        self._site, self._counts = site, counts

    def routes(self) -> list[Route]:
        """What is served."""
        return [self._site.route("GET", "/ui/", self.show, "read", "overview")]

    async def show(self, request: Request) -> Response:
        """All of it; `span` says of which time the bars are."""
        span = Parameters(request, {"span"}).one("span") or "all"
        if span not in SPANS:
            raise Misuse(f"there is no span {span[:40]!r}", hint=f"one of {', '.join(SPANS)}")
        site = self._site

        def read(bench: Workbench) -> dict[str, Any]:
            store = bench.store
            recent = store.read(Selection(limit=RECENT, backwards=True))
            facts = store.describe()
            return {
                "facts": site.plain(bench, facts),
                "findings": site.plains(bench, map(records.finding, [*judge(facts), *store.findings()])),
                "projections": site.plains(bench, map(records.projection_status, bench.statuses())),
                "reactions": site.plains(bench, map(records.reaction_status, bench.reactions())),
                "recent": site.plains(bench, map(records.event, recent)),
                "bars": bars(store, SPANS[span]),
                "types": self._counts.types(store),
            }

        found = await site.face.benches.read(read)
        more = {"waiting": site.face.benches.waiting, "spans": list(SPANS), "span": span, "most_types": MOST_TYPES}
        return site.render(request, "overview.html", title="Overview", shell=shell("stats"), **more, **found)


def bars(store: Store, length: int) -> dict[str, Any]:
    """Events in 60 equal parts of the last so many seconds, or of the log's life (0): by bisection, without a scan."""
    first = next(iter(store.read(Selection(limit=1))), None)
    last = next(iter(store.read(Selection(limit=1, backwards=True))), None)
    if first is None or last is None:
        return {"counts": [], "most": 0}
    low = first.recorded_us - 1
    high = max(last.recorded_us, low + BARS * SHORTEST_US)
    if length:
        high = time.time_ns() // 1000
        low = high - length * 1_000_000
    edges = [low + (high - low) * number // BARS for number in range(BARS + 1)]
    counts: Sequence[int] = [after - before for before, after in pairwise(map(store.position_at, edges))]
    return {
        "counts": counts,
        "most": max(counts),
        "edges": [rfc3339(edge + 1) for edge in edges],
        "length": seconds((high - low) / BARS / 1e6),
    }
