"""A million events, looked at through `cqrs serve`: pages from anywhere, searches, lists and figures."""

from __future__ import annotations

import http.client
import random
import time
from collections.abc import Iterator
from statistics import median
from urllib.parse import urlsplit

from benchmarks.bank import AccountOpened, Deposited, domain
from benchmarks.folders import Folders
from benchmarks.history import account, write
from benchmarks.http.program import Program, serving
from cqrs_cli import Workbench
from cqrs_cli.stores.commits import NewEvent

PAGE_MS, STEP_S = 50, 0.3
"""The bars: of a page, and of a step of a search."""
TURNS = 7
_RARE = 0.00002


def measure(folders: Folders, events: int) -> Iterator[tuple[str, str]]:
    """A line for each question: the time of the processor and of the clock, medians of turns."""
    store = folders.new("long.db")
    with Workbench.open(store, domain, durability="relaxed") as bench:
        write(bench.store, _events(events), "long")
        bench.project()
        middle = next(iter(bench.store.read_at(events // 2))) if hasattr(bench.store, "read_at") else None
        assert middle is None or middle.position
    with serving(folders, store, "-q") as server:
        for what, path in _questions(events):
            yield f"http, {events:,} events: {what}", _page(server, path)
        for what, path in _searches():
            yield f"http, {events:,} events: {what}", _search(server, path)
