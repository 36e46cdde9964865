"""`cqrs serve` as a program: signals, followers, reconnects, several processes on one store."""

import json
import os
import signal
import socket
import threading
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest

from cqrs_cli import Workbench
from tests import bank
from tests.http.programs import Program, frames, program
from tests.http.served import serving

pytestmark = pytest.mark.slow
FOLLOWS = {"Accept": "text/event-stream"}


def opened(client: httpx.Client, id: str) -> int:
    answer = client.post("/commands/open", json={"account_id": id})
    assert answer.status_code == 201, answer.text
    return int(answer.headers["log-position"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_whoever_follows(tmp_path: Path, number: int) -> None:
    with program(tmp_path) as server, server.client() as client:
        assert server.url.startswith("http://127.0.0.1:")
        opened(client, "ada")
        ended: list[bool] = []

        def follow(ready: threading.Event) -> None:
            path = f"{server.url}/events?after=@0"
            with suppress(httpx.HTTPError), httpx.stream("GET", path, headers=FOLLOWS, timeout=60) as answer:
                for _ in frames(answer.iter_lines()):
                    ready.set()
            ended.append(True)

        threads = []
        for _ in range(20):
            ready = threading.Event()
            threads.append(threading.Thread(target=follow, args=(ready,)))
            threads[-1].start()
            assert ready.wait(60)
        code, said = server.end(number)
        for thread in threads:
            thread.join()
        assert (code, len(ended)) == (0, 20)
        assert "Traceback" not in said
        assert "error" not in said


@pytest.mark.parametrize("words", [(), ("--run",), ("--read-only",)])
def test_one_whose_store_is_another_by_now_ends(tmp_path: Path, words: tuple[str, ...]) -> None:
    """It could answer nothing any more, and whoever keeps it running starts it anew only if it ends."""
    with Workbench.open(str(tmp_path / "cqrs.db"), bank.domain) as bench:
        bench.send(bank.Open(account_id="ada"))
    with Workbench.open(str(tmp_path / "other.db"), bank.domain) as bench:
        bench.send(bank.Open(account_id="bob"))
    with program(tmp_path, *words) as server, server.client() as client:
        assert client.get("/health/live").status_code == 200
        os.replace(tmp_path / "other.db", tmp_path / "cqrs.db")
        _, said = server.process.communicate(timeout=60)
    assert server.process.returncode == 7
    assert "error[replaced]" in said
    assert "Traceback" not in said


def test_one_inside_another_application_says_that_it_does_not_live(tmp_path: Path) -> None:
    store = str(tmp_path / "cqrs.db")
    with serving(store, bank.domain) as served:
        assert served.get("/health/live").status_code == 200
        os.rename(store, tmp_path / "elsewhere.db")
        live = served.get("/health/live")
        while live.status_code == 200:
            live = served.get("/health/live")
        assert (live.status_code, live.json()["code"]) == (503, "replaced")


def test_a_store_that_it_makes_is_told(tmp_path: Path) -> None:
    for told in (1, 0):
        with program(tmp_path) as server:
            assert server.url
            code, said = server.end()
        assert code == 0
        assert said.count("made the store cqrs.db") == told


def test_followers_hear_each_event_once_in_order_whatever_breaks(tmp_path: Path) -> None:
    """A follower that is cut off each 37 events, and goes on behind the last that it has."""
    with program(tmp_path) as server, server.client() as client:
        total, seen = 200, list[int]()
        writer = threading.Thread(target=lambda: [opened(client, f"a{number}") for number in range(total)])
        writer.start()
        last = "0"
        with httpx.Client(timeout=60) as own:
            while len(seen) < total:
                headers = {**FOLLOWS, "Last-Event-ID": last}
                with own.stream("GET", f"{server.url}/events", headers=headers) as answer:
                    assert answer.headers["content-type"].startswith("text/event-stream")
                    for id, data in islice(frames(answer.iter_lines()), min(37, total - len(seen))):
                        assert json.loads(data)["position"] == id
                        seen.append(id)
                        last = str(id)
        writer.join()
        assert seen == list(range(1, total + 1))


def test_a_follower_has_what_it_asked_for_and_what_others_write(tmp_path: Path) -> None:
    with program(tmp_path) as server, server.client() as client:
        opened(client, "ada")
        with client.stream("GET", "/events?type=Deposited&after=@0", headers=FOLLOWS) as answer:
            lines = answer.iter_lines()
            assert next(lines) == "retry: 1000"
            with Workbench.open(str(tmp_path / "cqrs.db"), bank.domain) as bench:  # another process, as it were
                bench.send(bank.Open(account_id="bob"))
                bench.send(bank.Deposit(account_id="bob", amount=5))
            [(id, data)] = islice(frames(lines), 1)
            assert (id, json.loads(data)["data"]["amount"]) == (3, 5)


def test_followers_are_bounded(tmp_path: Path) -> None:
    with program(tmp_path, "--followers", "1") as server, server.client() as client, server.client() as other:
        opened(client, "ada")
        with client.stream("GET", "/events?after=@0", headers=FOLLOWS) as answer:
            followed = frames(answer.iter_lines())  # to forget it would end it
            assert next(followed)[0] == 1
            refused = other.get("/events", headers=FOLLOWS)
            assert (refused.status_code, refused.json()["code"]) == (503, "busy")
            assert "cqrs_followers 1.0" in other.get("/metrics").text


def test_two_servers_on_one_store(tmp_path: Path) -> None:
    with program(tmp_path) as one, program(tmp_path) as two, one.client() as first, two.client() as second:
        for number in range(10):
            position = opened(first, f"a{number}")
            rows = second.get("/projections/balance", params={"wait": f"@{position}", "where": f"account_id=a{number}"})
            assert len(rows.json()) == 1
        assert second.post("/commands/open", json={"account_id": "a1"}).status_code == 400


def test_a_body_that_comes_slowly_holds_up_nobody(tmp_path: Path) -> None:
    with program(tmp_path) as server, server.client() as client:
        port = int(server.url.rpartition(":")[2])
        with closing(socket.create_connection(("127.0.0.1", port))) as slow:
            slow.sendall(b"POST /commands/open HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                         b"Content-Length: 100\r\n\r\n{")  # fmt: skip
            assert opened(client, "ada") == 1


def test_what_is_committed_is_there_after_a_kill(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    with program(tmp_path) as server, server.client() as client:

        def work(number: int) -> None:
            with suppress(httpx.HTTPError), httpx.Client(base_url=server.url, timeout=60) as own:
                for step in range(1000):
                    id = f"a{number}-{step}"
                    if own.post("/commands/open", json={"account_id": id}).status_code == 201:
                        acknowledged.append(id)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        while len(acknowledged) < 50:
            client.get("/health/live")
        server.process.kill()
        for thread in threads:
            thread.join()
    with Workbench.open(str(tmp_path / "cqrs.db"), bank.domain, read_only=True) as bench:
        assert set(acknowledged) <= {info.stream.removeprefix("account-") for info in bench.store.streams()}


def test_a_root_path_is_in_what_leads_on(tmp_path: Path) -> None:
    with program(tmp_path, "--root-path", "/bank") as server, server.client() as client:
        answer = client.post("/commands/open", json={"account_id": "ada"})
        assert answer.headers["location"] == "/bank/aggregates/account-ada"


def test_it_says_what_is_so_for_programs(tmp_path: Path) -> None:
    with program(tmp_path, "--jsonl") as server:
        told = json.loads(server.url)
        assert (told["read_only"], told["store"]) == (False, "cqrs.db")
        assert httpx.get(told["url"] + "/health/live").status_code == 200
        assert server.end()[0] == 0


def test_reactions_run_beside_it(tmp_path: Path) -> None:
    with program(tmp_path, "--run", app="tests.office:domain") as server, server.client() as client:
        client.post("/commands/pay", json={"order_id": "o1"})
        with client.stream("GET", "/events?after=@0&type=Shipped", headers=FOLLOWS) as answer:
            assert next(frames(answer.iter_lines()))[0] > 1
        assert server.end()[0] == 0


def test_a_server_without_its_store_says_so(tmp_path: Path) -> None:
    server: Any = Program(tmp_path, "--read-only")
    _, said = server.process.communicate(timeout=60)
    assert (server.process.returncode, server.url) == (3, "")
    assert "error[store-not-found]" in said
    assert "Traceback" not in said
