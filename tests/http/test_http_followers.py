"""Followers by the hundred: none loses an event, and a server that ends lets all of them go."""

import asyncio
import gc
import json
import signal
import socket
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import Workbench
from cqrs_cli.errors import Passing
from cqrs_cli.http.benches import Benches
from cqrs_cli.http.options import Options
from cqrs_cli.http.tail import Tail
from cqrs_cli.json_text import json_line
from cqrs_cli.stores.contract import Selection
from tests import bank
from tests.http.followers import Follower
from tests.http.programs import Program, program

pytestmark = pytest.mark.slow
MANY = 200


async def followed(server: Program, count: int, events: int) -> tuple[list[Follower], int, str]:
    """So many follow from the beginning until they have so many events, then the server is ended."""
    port, followers, loop = (
        int(server.url.rpartition(":")[2]),
        [Follower() for _ in range(count)],
        asyncio.get_running_loop(),
    )
    ready, ended = asyncio.Event(), asyncio.Event()

    def came() -> None:
        if all(len(one.heard) >= events for one in followers):
            ready.set()

    path = "/events?after=@0"
    tasks = [asyncio.create_task(one.follow(port, path, came)) for one in followers]
    sending = loop.run_in_executor(None, opened, server, events)
    await ready.wait()
    await sending
    ending = loop.run_in_executor(None, server.end, signal.SIGTERM)
    await asyncio.gather(*tasks)
    ended.set()
    return followers, *await ending


def opened(server: Program, count: int) -> None:
    with server.client() as client:
        for number in range(count):
            assert client.post("/commands/open", json={"account_id": f"a{number}"}).status_code == 201


def test_two_hundred_hear_everything_and_are_let_go(tmp_path: Path) -> None:
    """Had somebody waited for them, uvicorn would have cut them off: their answers would have no end."""
    with program(tmp_path) as server:
        followers, code, said = asyncio.run(followed(server, MANY, 20))
    assert [one.status for one in followers] == [b"200"] * MANY
    assert all(one.heard == list(range(1, 21)) for one in followers)
    assert [one.clean for one in followers] == [True] * MANY
    assert code == 0
    assert "Traceback" not in said
    assert "rror" not in said


def test_one_that_does_not_read_holds_up_nobody(tmp_path: Path) -> None:
    """Neither the others, nor the end: it is cut off."""
    with Workbench.open(tmp_path / "cqrs.db", bank.domain) as bench:
        for number in range(30):
            bench.send(bank.Open(account_id=f"a{number}", owner="x" * 100_000))
    with program(tmp_path) as server:
        port = int(server.url.rpartition(":")[2])
        with closing(socket.create_connection(("127.0.0.1", port))) as stalled:
            stalled.sendall(b"GET /events?after=@0 HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")
            assert stalled.recv(15) == b"HTTP/1.1 200 OK"
            with server.client() as client:
                answer = client.post("/commands/open", json={"account_id": "ada"})
                assert answer.status_code == 201
                rows = client.get(
                    "/projections/balance", params={"wait": f"@{answer.headers['log-position']}", "limit": "1"}
                )
                assert len(json.loads(rows.text)) == 1
            code, said = server.end()
    assert code == 0
    assert "Traceback" not in said


def test_who_hears_nothing_is_told_that_it_is_heard(tmp_path: Path) -> None:
    """Also where events come all the time, none of which is wanted: else a proxy would cut it off."""

    async def told() -> list[bytes]:
        benches = Benches(str(tmp_path / "cqrs.db"), bank.domain, Options())
        tail = Tail(benches, lambda bench, record: json_line(record), lambda error: None, keep_alive=0.01)
        busy = asyncio.create_task(write(benches, tail))
        came = []
        async for chunk in tail.follow(0, Selection(), lambda event: False):
            came.append(chunk)
            if len(came) == 4:
                break
        busy.cancel()
        await asyncio.gather(busy, return_exceptions=True)
        await asyncio.to_thread(tail.close)
        await asyncio.to_thread(benches.close)
        return came

    async def write(benches: Benches, tail: Tail) -> None:
        for number in range(1_000_000):
            await benches.send(bank.Open(account_id=f"a{number}"))
            tail.told()

    first, *others = asyncio.run(told())
    assert first == b"retry: 1000\n: follows from @0\n\n"
    assert all(one.startswith(b": still here, @") for one in others)


def test_what_fails_when_whoever_waited_is_gone_is_no_bug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is when the server ends while its store is away."""
    gone = threading.Event()

    def fails(self: Workbench) -> Any:
        gone.wait(60)
        raise Passing("away", code="unreachable")

    async def unheard() -> list[str]:
        told: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["message"]))
        benches = Benches(str(tmp_path / "cqrs.db"), bank.domain, Options())
        try:
            waiting = asyncio.ensure_future(benches.catch_up())
            while benches._catching_up is None:
                await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            gone.set()
            while not benches._catching_up.done():
                await asyncio.sleep(0.001)
            await asyncio.sleep(0)
            benches._catching_up = None
            gc.collect()
            return told
        finally:
            gone.set()
            benches.close()

    monkeypatch.setattr(Workbench, "try_project", fails)
    assert asyncio.run(unheard()) == []
