"""Killing `cqrs serve` under clients, each of which sends a command again, under its key, until somebody answers.

Used short by the suite, long by `make faults`.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cqrs_cli import Aggregate, Command, Domain, Event, Projection, Workbench, decide, evolve
from tests.conftest import ROOT

SHELVES = 40
"""Streams, to each of which several clients write."""
PARTS = 3
"""Events of each command."""
AN_ANSWER = 60.0
"""Seconds in which some server answers."""


class Fill(Command):
    """Put something on a shelf, in parts."""

    shelf_id: str


class Filled(Event):
    part: int


class Shelf(Aggregate):
    shelf_id: str

    @decide(creates="either")
    def fill(self, command: Fill) -> list[Filled]:
        return [Filled(part=part) for part in range(PARTS)]

    @evolve
    def filled(self, event: Filled) -> None:
        pass


class OnShelves(Projection, key="shelf_id"):
    """How much is on each."""

    shelf_id: str
    parts: int = 0

    @evolve
    def filled(self, event: Filled) -> None:
        self.parts += 1


domain = Domain("shelves", Shelf, OnShelves)
APP = f"{__name__}:domain"


class Servers:
    """`cqrs serve` again and again, each forked off a process that has imported all of it: a start takes no second."""

    def __init__(self, folder: Path) -> None:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("CQRS_")}
        code = f"from {__name__} import serve_again; serve_again()"
        self._process = subprocess.Popen(
            [sys.executable, "-c", code], cwd=folder, env=environ | {"PYTHONPATH": str(ROOT)}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self._pid = 0

    def start(self) -> int:
        """Start one; the port on which it answers."""
        self._say("start")
        self._pid = int(self._heard())
        return int(self._heard().rpartition(":")[2])

    def end(self, number: int) -> int:
        """End it by a signal; what `waitpid` says of it."""
        os.kill(self._pid, number)
        self._pid = 0
        return int(self._heard())

    def close(self) -> None:
        """No more of them."""
        if self._pid:
            self.end(signal.SIGKILL)
        self._process.communicate()

    def _say(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()

    def _heard(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def serve_again() -> None:
    """In a process of its own: for each line that it is told a server, whose pid it says, and what became of it."""
    from cqrs_cli.cli.commands import serve  # noqa: F401
    from cqrs_cli.cli.shell import boundary
    from cqrs_cli.http import app, serving  # noqa: F401

    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os.write(1, f"{os.getpid()}\n".encode())
            sys.exit(boundary.run(["--app", APP, "serve", "--port", "0", "-q"]))
        os.write(1, f"{os.waitpid(pid, 0)[1]}\n".encode())


class Account(NamedTuple):
    """What became of the commands.

    acknowledged: answered 201. resolved: answered 200, a duplicate, after somebody died who had been asked for it.
    again: sent more than once. lost: answered, and not in the log. twice: more than once in the log. half: without all
    of their events. unasked: in the log, and nobody's. failed: other answers.
    """

    acknowledged: int
    resolved: int
    again: int
    lost: int
    twice: int
    half: int
    unasked: int
    failed: Sequence[str]


class _Clients:
    """Clients that send commands of a key each, one after the other, to whoever serves at the moment."""

    def __init__(self, count: int) -> None:
        self.port: int | None = None
        self.answered: dict[str, int] = {}
        self.again = 0
        self.failed: list[str] = []
        self._over, self._lock = threading.Event(), threading.Lock()
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(count)]
        for thread in self._threads:
            thread.start()

    def until_more(self, count: int) -> None:
        """Wait until so many more were answered."""
        wanted, end = len(self.answered) + count, time.monotonic() + AN_ANSWER
        while len(self.answered) < wanted:
            assert time.monotonic() < end, f"nothing is answered any more: {self.failed[-3:]}"
            assert not self.failed, self.failed[:3]
            time.sleep(0.002)

    def stop(self) -> None:
        """Let each have its answer, and end."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _work(self, client: int) -> None:
        chance, number, connection = random.Random(client), 0, _Connection()
        while not self._over.is_set():
            number += 1
            key, body = f"k{client}-{number}", {"shelf_id": f"s{chance.randrange(SHELVES)}"}
            tries, end = 0, time.monotonic() + AN_ANSWER
            while (status := self._try(connection, key, body)) is None:
                tries = tries + 1 if connection.has_sent else tries
                if time.monotonic() > end:
                    self.failed.append(f"{key} has no answer")
                    return
                time.sleep(0.005)
            with self._lock:
                self.again += tries > 0
                if status in (200, 201):
                    self.answered[key] = status
                else:
                    self.failed.append(f"{key}: {status}")
        connection.close()

    def _try(self, connection: _Connection, key: str, body: dict[str, str]) -> int | None:
        """The status of the answer; None if there is none, or one that says to send it again."""
        port = self.port
        if port is None:
            connection.has_sent = False
            return None
        status = connection.post(port, key, json.dumps(body).encode())
        return None if status == 503 else status


class _Connection:
    """A connection that is made anew when it is gone. has_sent: whether the last request went out."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._port, self.has_sent = 0, False

    def post(self, port: int, key: str, body: bytes) -> int | None:
        """The status of the answer; None if it did not come whole."""
        self.has_sent = False
        try:
            if self._socket is None or port != self._port:
                self.close()
                self._socket, self._port = socket.create_connection(("127.0.0.1", port), AN_ANSWER), port
            head = "POST /commands/fill HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            self._socket.sendall(f"{head}Idempotency-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            self.has_sent = True
            return self._answer(self._socket)
        except OSError:
            self.close()
            return None

    def _answer(self, open_: socket.socket) -> int:
        got = b""
        while b"\r\n\r\n" not in got or len(got) < _length(got):
            more = open_.recv(65_536)
            if not more:
                raise ConnectionError("it ended in the middle")
            got += more
        return int(got[9:12])

    def close(self) -> None:
        """Forget it."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None


def _length(answer: bytes) -> int:
    """How long an answer is, of which the head is there."""
    head = answer[: answer.index(b"\r\n\r\n") + 4]
    [length] = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return len(head) + int(length)


def kill_loop(folder: Path, kills: int, clients: int, seed: int = 1) -> Account:
    """Kill the server again and again in the midst of what it does; what became of what it was asked."""
    chance, servers, some = random.Random(seed), Servers(folder), _Clients(clients)
    try:
        for _ in range(kills):
            some.port = servers.start()
            some.until_more(clients)
            time.sleep(chance.uniform(0, 0.05))
            assert servers.end(signal.SIGKILL) == signal.SIGKILL
            some.port = None
        some.port = servers.start()
        some.until_more(clients)
        some.stop()
        assert servers.end(signal.SIGTERM) == 0
    finally:
        some.stop()
        servers.close()
    return _account(folder / "cqrs.db", some)


def _account(path: Path, clients: _Clients) -> Account:
    """What the log has of what the clients heard; the rows are those of the log."""
    with Workbench.open(path, domain) as bench:
        assert bench.store.audit().flaws == []
        events = Counter(event.commit_id for event in bench.store.read())
        bench.project()
        assert not bench.check("on_shelves").drift
    statuses = Counter(clients.answered.values())
    return Account(
        statuses[201],
        statuses[200],
        clients.again,
        lost=sum(key not in events for key in clients.answered),
        twice=sum(count > PARTS for count in events.values()),
        half=sum(count < PARTS for count in events.values()),
        unasked=sum(key not in clients.answered for key in events),
        failed=tuple(clients.failed),
    )
