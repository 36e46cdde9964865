"""Requests under load: `cqrs serve`, a bare FastAPI application and a loop of `Workbench` calls, in turns."""

from __future__ import annotations

import http.client
import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from typing import Any, NamedTuple
from uuid import UUID

from benchmarks.bank import BalanceOf, Deposit, OpenAccount, domain
from benchmarks.folders import Folders
from benchmarks.history import account
from benchmarks.http import bare
from benchmarks.http.connections import Came, Requests, get, load, post
from benchmarks.http.program import Program, program, serving
from cqrs_cli import Workbench

ACCOUNTS = 1_000
POST_AT_MOST, GET_AT_MOST, KNOWN_AT_MOST = 450, 300, 150
"""Microseconds of the processor that a request may take at 32 connections: the bars."""
LOOPS_AT_LEAST = 3
"""POSTs a second at 32 connections, in turns of a loop that sends the same."""


class Turn(NamedTuple):
    """One contestant's turn. micros: of the processor for a request; p50, p99: milliseconds."""

    micros: float
    rate: float
    p50: float
    p99: float


def measure(folders: Folders, seconds: float, turns: int) -> Iterator[tuple[str, str]]:
    """A line for each contestant: the medians of its turns."""
    store = folders.new("http.db")
    with Workbench.open(store, domain) as bench:
        for number in range(ACCOUNTS):
            bench.send(OpenAccount(account_id=account(number), owner="Ada"))
        bench.project()
    with (
        Workbench.open(folders.new("loop.db"), domain) as loop,
        program(folders, bare.__name__) as plain,
        serving(folders, store) as ours,
    ):
        for number in range(ACCOUNTS):
            loop.send(OpenAccount(account_id=account(number), owner="Ada"))
        loop.project()
        does = dict(_contestants(ours, plain, loop, seconds))
        taken: dict[str, list[Turn]] = {name: [] for name in does}
        for _, (name, play) in itertools.product(range(turns), does.items()):
            taken[name].append(play())
    middle = {name: Turn(*map(median, zip(*found, strict=True))) for name, found in taken.items()}
    for name, turn in middle.items():
        yield f"http {name}", _told(turn) + _judged(name, turn, middle)


def _contestants(
    ours: Program, plain: Program, loop: Workbench, seconds: float
) -> Iterator[tuple[str, Callable[[], Turn]]]:
    known = _etag(ours)

    def unchanged() -> bytes:
        return balance(f"If-None-Match: {known()}")

    def plainly_unchanged() -> bytes:
        return balance('If-None-Match: "1"')

    for what, wanted, make, plainly in (
        ("POST", 201, deposit, deposit),
        ("GET by key", 200, balance, balance),
        ("304", 304, unchanged, plainly_unchanged),
    ):
        for count in (1, 32):
            label = f"{what}, {count} connection{'s' if count > 1 else ''}"
            yield label, partial(_asked, ours, make, count, seconds, wanted)
            yield f"{label}: bare FastAPI", partial(_asked, plain, plainly, count, seconds, wanted)
        if what != "304":
            yield f"{what}: a loop in a process", partial(_looped, loop, what, seconds)


def deposit() -> bytes:
    """A command to any of the accounts."""
    return post("/commands/deposit", b'{"account_id":"%s","cents":100}' % str(_any()).encode())


def balance(*headers: str) -> bytes:
    """A query for any of them."""
    return get(f"/queries/balance-of?account_id={_any()}", *headers)


def _any() -> UUID:
    return account(random.randrange(ACCOUNTS))


def _etag(ours: Program) -> Callable[[], str]:
    """Of the read models of a server, asked for anew after writes."""
    kept: list[tuple[float, str]] = []

    def told() -> str:
        if not kept or time.monotonic() - kept[-1][0] > 5:
            kept.append((time.monotonic(), _asked_for_etag(ours.port)))
        return kept[-1][1]

    return told


def _asked_for_etag(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", f"/queries/balance-of?account_id={_any()}")
    found = connection.getresponse().headers["etag"]
    connection.close()
    return found


def _asked(server: Program, make: Requests, count: int, seconds: float, wanted: int) -> Turn:
    make()
    before = server.cpu
    came = load(server.port, make, count, seconds)
    time.sleep(0.3)  # read models are kept up a little later: that is part of what a command costs
    taken = server.cpu - before
    assert set(came.statuses) == {wanted}, came.statuses
    return Turn(taken / len(came.each) * 1e6, came.rate, came.percentile(0.5), came.percentile(0.99))


def _looped(bench: Workbench, what: str, seconds: float) -> Turn:
    def send() -> Any:
        return bench.send(Deposit(account_id=_any(), cents=100))

    def ask() -> Any:
        return bench.query(BalanceOf(account_id=_any()))

    do, each = send if what == "POST" else ask, list[float]()
    begun, before = time.perf_counter(), time.process_time()
    while (start := time.perf_counter()) < begun + seconds:
        do()
        each.append(time.perf_counter() - start)
    taken, wall = time.process_time() - before, time.perf_counter() - begun
    came = Came(wall, sorted(each), Counter())
    return Turn(taken / len(each) * 1e6, came.rate, came.percentile(0.5), came.percentile(0.99))


def _told(turn: Turn) -> str:
    return f"{turn.micros:,.0f} µs, {turn.rate:,.0f}/s, {turn.p50:.2f} / {turn.p99:.2f} ms"


def _judged(name: str, turn: Turn, all_: dict[str, Turn]) -> str:
    bars = {"POST": POST_AT_MOST, "GET by key": GET_AT_MOST, "304": KNOWN_AT_MOST}
    what, _, count = name.partition(", ")
    if count != "32 connections":
        return ""
    bar = bars[what]
    told = f", {turn.micros / all_[f'{name}: bare FastAPI'].micros:.1f}× bare [≤ {bar} µs: {_met(turn.micros <= bar)}]"
    if what == "POST":
        loops = turn.rate / all_["POST: a loop in a process"].rate
        told += f" {loops:.1f} loops [≥ {LOOPS_AT_LEAST}: {_met(loops >= LOOPS_AT_LEAST)}]"
    return told


def _met(is_met: bool) -> str:
    return "met" if is_met else "MISSED"
