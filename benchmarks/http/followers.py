"""Followers of the log: many of a slow stream of commands, one from the beginning of a long log, none at all."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple, cast

import uvloop

from benchmarks.bank import OpenAccount, domain
from benchmarks.folders import Folders
from benchmarks.history import account
from benchmarks.http.connections import get
from benchmarks.http.load import ACCOUNTS, deposit
from benchmarks.http.program import Program, serving
from cqrs_cli import Workbench

COUNT, A_SECOND = 200, 50
P99_MS, MORE_MB, FROM_BEGINNING, IDLE, END_S = 100, 20, 35_000, 0.005, 1.0
"""The bars: of a command's way to all who follow, of memory, of events a second, of the processor, of the end."""
_ID = re.compile(rb"\nid: (\d+)\n")


class _Follower(asyncio.Protocol):
    """heard: when each position came, in the order in which they came."""

    def __init__(self, after: int) -> None:
        self.heard: list[tuple[int, float]] = []
        self._after, self._rest = after, b""
        self.begun, self.ended = asyncio.Event(), asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).write(get(f"/events?after=@{self._after}", "Accept: text/event-stream"))

    def data_received(self, data: bytes) -> None:
        self.begun.set()
        now, data = time.perf_counter(), self._rest + data
        end = 0
        for found in _ID.finditer(data):
            self.heard.append((int(found[1]), now))
            end = found.end()
        self._rest = data[max(end, len(data) - 40) :]

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set()


class _Heard(NamedTuple):
    """lost: what somebody did not hear, or heard out of order. ways: milliseconds from POST to each, sorted."""

    lost: int
    ways: list[float]
    more_mb: float
    cpu: float
    end: float


def measure(folders: Folders, seconds: float) -> Iterator[tuple[str, str]]:
    """Many who follow a few commands a second, and a server that nobody asks."""
    store = folders.new("followed.db")
    with Workbench.open(store, domain) as bench:
        for number in range(ACCOUNTS):
            bench.send(OpenAccount(account_id=account(number), owner="Ada"))
        bench.project()
    with serving(folders, store) as server:
        time.sleep(1)
        before = server.cpu
        time.sleep(seconds)
        share = (server.cpu - before) / seconds
        yield "http, idle: share of a processor", f"{share:.2%} [≤ {IDLE:.1%}: {_met(share <= IDLE)}]"
        came = uvloop.run(_followed(server, seconds))
    what, load = f"http, {COUNT} followers × {A_SECOND} commands/s", os.getloadavg()[0]
    yield f"{what}: not heard, or out of order", f"{came.lost} of {len(came.ways):,} [0: {_met(not came.lost)}]"
    p50, p99 = (came.ways[int(len(came.ways) * part)] for part in (0.5, 0.99))
    told = f"{p50:.1f} / {p99:.1f} ms, load {load:.0f} [p99 ≤ {P99_MS}: {_met(p99 <= P99_MS)}]"
    yield f"{what}: POST to heard, p50 / p99", told
    yield f"{what}: more memory", f"{came.more_mb:.1f} MB [≤ {MORE_MB}: {_met(came.more_mb <= MORE_MB)}]"
    yield f"{what}: processor for an event to one of them", f"{came.cpu / max(1, len(came.ways)) * 1e6:.0f} µs"
    yield f"{what}: SIGTERM to the end of the last", f"{came.end:.2f} s [≤ {END_S:.0f}: {_met(came.end <= END_S)}]"


async def _followed(server: Program, seconds: float) -> _Heard:
    loop, memory = asyncio.get_running_loop(), server.memory
    after = ACCOUNTS
    followers = [_Follower(after) for _ in range(COUNT)]
    for one in followers:
        await loop.create_connection(partial(_same, one), "127.0.0.1", server.port)
    await asyncio.gather(*(one.begun.wait() for one in followers))
    before = server.cpu
    sent = await _send(server.port, int(seconds * A_SECOND))
    wanted = range(after + 1, after + len(sent) + 1)
    end = time.perf_counter() + 30
    while time.perf_counter() < end and not all(len(one.heard) >= len(wanted) for one in followers):
        await asyncio.sleep(0.05)
    cpu, more = server.cpu - before, server.memory - memory
    begun = time.perf_counter()
    server.process.send_signal(signal.SIGTERM)
    await asyncio.gather(*(one.ended.wait() for one in followers))
    await asyncio.to_thread(server.process.wait)
    ended = time.perf_counter() - begun
    lost = sum([position for position, _ in one.heard] != list(wanted) for one in followers)
    ways = sorted((heard - sent[position]) * 1_000 for one in followers for position, heard in one.heard)
    return _Heard(lost, ways, more, cpu, ended)


def _same(one: _Follower) -> _Follower:
    return one


async def _send(port: int, count: int) -> dict[int, float]:
    """Commands, evenly over time; when each was sent, by its position."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sent, begun = dict[int, float](), time.perf_counter()
    for number in range(count):
        await asyncio.sleep(begun + number / A_SECOND - time.perf_counter())
        now = time.perf_counter()
        writer.write(deposit())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
        await reader.readexactly(int(fields[b"content-length"]))
        sent[int(fields[b"log-position"])] = now
    writer.close()
    return sent


def from_the_beginning(folders: Folders, store: Path) -> Iterator[tuple[str, str]]:
    """One who follows a long log from its beginning to its head."""
    with Workbench.open(store, domain, read_only=True) as bench:
        head = bench.store.head()

    async def follow(server: Program) -> tuple[float, float, bool]:
        one, begun, before = _Follower(0), time.perf_counter(), server.cpu
        await asyncio.get_running_loop().create_connection(lambda: one, "127.0.0.1", server.port)
        while len(one.heard) < head:
            await asyncio.sleep(0.01)
        clock, cpu = time.perf_counter() - begun, server.cpu - before
        return clock, cpu, [position for position, _ in one.heard] == list(range(1, head + 1))

    with serving(folders, store) as server:
        clock, cpu, whole = uvloop.run(follow(server))
    met = _met(head / cpu >= FROM_BEGINNING and whole)
    told = f"{head / clock:,.0f}/s; {head / cpu:,.0f} a second of the processor [≥ {FROM_BEGINNING:,}: {met}]"
    yield f"http, one follower from @0 to @{head:,}", told


def _met(is_met: bool) -> str:
    return "met" if is_met else "MISSED"
