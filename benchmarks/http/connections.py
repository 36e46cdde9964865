"""A lean client: connections over which one request goes after the other, as fast as they are answered."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple, cast

import uvloop

Requests = Callable[[], bytes]
"""Makes the next request, whole."""


class Came(NamedTuple):
    """What came of a load. seconds: that it took; each: of every request, sorted; statuses: how many of each."""

    seconds: float
    each: list[float]
    statuses: Counter[int]

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.each) / self.seconds

    def percentile(self, part: float) -> float:
        """Milliseconds in which this part of the requests was answered."""
        return self.each[min(len(self.each) - 1, int(len(self.each) * part))] * 1_000


def get(path: str, *headers: str) -> bytes:
    """A GET."""
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *headers, "\r\n"]).encode()


def post(path: str, body: bytes, *headers: str) -> bytes:
    """A POST of JSON."""
    kind, length = "Content-Type: application/json", f"Content-Length: {len(body)}"
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: localhost", kind, length, *headers, "\r\n"]).encode() + body


class _Connection(asyncio.Protocol):
    """Sends a request whenever the last one is answered, until the time is up."""

    def __init__(self, make: Requests, end: float, each: list[float], statuses: Counter[int]) -> None:
        self._make, self._end, self._each, self._statuses = make, end, each, statuses
        self._buffer, self._begun = b"", 0.0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._next()

    def _next(self) -> None:
        self._begun = time.perf_counter()
        if self._begun >= self._end:
            self._transport.close()
        else:
            self._transport.write(self._make())

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        status, wanted = int(self._buffer[9:12]), head + 4
        if status != 304:
            at = self._buffer[:head].lower().find(b"content-length:")
            assert at > 0, self._buffer[:head]
            wanted += int(self._buffer[at + 15 :].split(b"\r\n", 1)[0])
        if len(self._buffer) < wanted:
            return
        self._buffer = self._buffer[wanted:]
        self._each.append(time.perf_counter() - self._begun)
        self._statuses[status] += 1
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


def load(port: int, make: Requests, connections: int, seconds: float) -> Came:
    """What comes of so many connections in so many seconds."""

    async def run() -> Came:
        each, statuses, loop, begun = list[float](), Counter[int](), asyncio.get_running_loop(), time.perf_counter()

        def made() -> _Connection:
            return _Connection(make, begun + seconds, each, statuses)

        open_ = [await loop.create_connection(made, "127.0.0.1", port) for _ in range(connections)]
        await asyncio.wait_for(asyncio.gather(*(protocol.done for _, protocol in open_)), seconds + 60)
        return Came(time.perf_counter() - begun, sorted(each), statuses)

    return uvloop.run(run())
