"""Many who follow a log at once, over sockets of one loop; each hears what it hears and how its connection ended."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

_ID = re.compile(rb"^id: (\d+)$", re.MULTILINE)


class Follower:
    """One that reads until its connection ends. heard: the positions, in the order in which they came.

    clean: whether the answer came to its end, and then the connection.
    """

    def __init__(self) -> None:
        self.heard: list[int] = []
        self.status, self.clean = b"", False

    async def follow(self, port: int, path: str, came: Callable[[], object]) -> None:
        """Follow to the end. came: called whenever something came."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n".encode())
        self.status = (await reader.readuntil(b"\r\n\r\n"))[9:12]
        rest = b""
        while (size := int(await reader.readline(), 16)) > 0:
            rest += (await reader.readexactly(size + 2))[:-2]
            came()
            whole, end, rest = rest.rpartition(b"\n\n")
            self.heard += map(int, _ID.findall(whole + end))
        assert await reader.readexactly(2) == b"\r\n"
        self.clean = await reader.read() == b""
        writer.close()
