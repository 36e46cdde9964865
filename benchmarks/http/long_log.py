"""A long log, looked at through `cqrs serve`: pages from anywhere, searches, lists and figures."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from benchmarks.bank import domain
from benchmarks.folders import Folders
from benchmarks.history import account, write_lived
from benchmarks.http.program import Program, serving
from cqrs_cli import Workbench

PAGE_MS, STEP_MS = 50, 300
"""The bars: milliseconds of a page, and of a step of a search."""
TURNS = 5


class Asked(NamedTuple):
    """What came of a question: milliseconds of the clock and of the server's processor, events found, the way on."""

    clock: float
    cpu: float
    found: int
    onward: str | None


def made(folders: Folders, events: int) -> Path:
    """A store with so many, each of a command and a user of its own, and with its read model."""
    store = folders.new("long.db")
    with Workbench.open(store, domain, durability="relaxed") as bench:
        write_lived(bench.store, events // 50, events)
        bench.project()
    return store


def look(folders: Folders, store: Path) -> Iterator[tuple[str, str]]:
    """A line for each question: medians of turns."""
    with Workbench.open(store, domain, read_only=True) as bench:
        head = bench.store.head()
    with serving(folders, store) as server:
        _asked(server, "/health/ready")
        middle = json.loads(_body(server, f"/events?after=@{head // 2 - 1}&limit=1"))[0]
        for what, path in _pages(head, middle):
            turns = [_asked(server, path) for _ in range(TURNS)]
            yield f"http, {head:,} events: {what}", _told(turns, PAGE_MS, median(one.cpu for one in turns))
        turns = [_asked(server, "/events?type=AccountOpened&backwards=true") for _ in range(TURNS)]
        told = _told(turns, STEP_MS, median(one.clock for one in turns))
        yield f"http, {head:,} events: a type whose newest event is far back", told
        for what, path in _searches():
            steps = list(_to_the_end(server, path))
            told = _told(steps, STEP_MS, median(one.clock for one in steps))
            yield f"http, {head:,} events: {what}", f"{told}, {len(steps)} steps to the end"


def _pages(head: int, middle: dict[str, str]) -> Iterator[tuple[str, str]]:
    stream, moment = middle["stream"], quote(middle["recorded_at"])
    yield "the newest", "/events?backwards=true"
    yield f"@{head // 2:,}", f"/events?after=@{head // 2}"
    yield f"@{head // 2:,}, backwards", f"/events?before=@{head // 2}&backwards=true"
    yield "@1,000", "/events?after=@1000"
    yield "of a type, the newest", "/events?type=Deposited&backwards=true"
    yield "of a type, from the beginning", "/events?type=Deposited"
    yield "since a moment", f"/events?since={moment}"
    yield "until a moment, backwards", f"/events?until={moment}&backwards=true"
    yield "of a stream", f"/events?stream={stream}"
    yield "of a category", "/events?category=account&backwards=true"
    yield "of a user", "/events?user=clerk-3&backwards=true"
    yield "that contain something", "/events?contains=Lovelace"
    yield "one event", f"/events/{head // 2}"
    yield "its story", f"/trace/{middle['command_id']}"
    yield "an aggregate", f"/aggregates/{stream}"
    yield "the page of figures", "/ui/"
    yield "the page of the log", "/ui/log"
    yield "the page of streams", "/ui/streams"
    yield "its blame", f"/aggregates/{stream}/blame"
    yield "/streams", "/streams"
    yield "/streams from the middle", f"/streams?category=account&after=account-{account(head // 100)}"
    yield "/projections", "/projections"
    yield "rows of a read model", "/projections/account_balance?limit=100"
    yield "/metrics", "/metrics"
    yield "/health/ready", "/health/ready"


def _searches() -> Iterator[tuple[str, str]]:
    yield "a text that is nowhere", "/events?contains=nowhere"
    yield "a text that is nowhere, backwards", "/events?contains=nowhere&backwards=true"
    yield "a category that is none", "/events?category=nothing"
    yield "a user that is none", "/events?user=nobody"
    yield "a condition that holds nowhere", f"/events?where={quote('data.cents > 1000000')}"


def _body(server: Program, path: str) -> bytes:
    return _got(server, path)[0]


def _got(server: Program, path: str) -> tuple[bytes, str | None]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status == 200, (path, body)
    link = answer.headers.get("link")
    return body, None if link is None else link[1:].partition(">")[0]


def _asked(server: Program, path: str) -> Asked:
    begun, before = time.perf_counter(), server.cpu
    body, onward = _got(server, path)
    clock = (time.perf_counter() - begun) * 1_000
    return Asked(clock, (server.cpu - before) * 1_000, body.count(b'{"position"'), onward)


def _to_the_end(server: Program, path: str) -> Iterator[Asked]:
    while True:
        came = _asked(server, path)
        yield came
        if came.onward is None:
            return
        assert urlsplit(came.onward).path == "/events"
        path = came.onward


def _told(turns: list[Asked], bar: int, judged: float) -> str:
    """judged: of a page the time of the processor, for the clock tells what else the machine does."""
    clock, cpu = median(one.clock for one in turns), median(one.cpu for one in turns)
    met = "met" if judged <= bar else "MISSED"
    return f"{cpu:,.0f} ms of the processor, {clock:,.0f} of the clock [≤ {bar}: {met}]"
