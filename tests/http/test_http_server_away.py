"""`cqrs serve` on a store that is on a server, while that goes away and comes back; and its password, which nobody reads."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from cqrs_cli import Workbench
from cqrs_cli.http.benches import Benches
from cqrs_cli.http.options import Options
from cqrs_cli.stores.registry import impatient, open_store
from tests import bank, postgres_server
from tests.conftest import NO_POSTGRESQL
from tests.http.programs import Program, frames, program
from tests.missing import missing
from tests.postgres_server import Server, programs

pytestmark = [pytest.mark.file, pytest.mark.slow]
FOLLOWS = {"Accept": "text/event-stream"}


@pytest.fixture
def server() -> Iterator[Server]:
    """One of its own, that may be killed."""
    try:
        made = Server(programs())
    except postgres_server.NoServer as error:
        missing(f"{NO_POSTGRESQL}: {error}")
    yield made
    made.close()


def until(reached: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.05)


def committed(client: httpx.Client, path: str, body: dict[str, Any], key: str) -> list[Any]:
    """What a command was answered until it was in the log; sent again with its key as long as that is said to help."""
    answers = []
    while True:
        answer = client.post(path, json=body, headers={"Idempotency-Key": key})
        answers.append((answer.status_code, answer.json().get("code"), answer.headers.get("retry-after")))
        if answer.status_code != 503:
            assert answer.status_code in (200, 201), answer.text
            return answers
        time.sleep(0.2)


def test_a_server_that_goes_away_and_comes_back(server: Server, tmp_path: Path) -> None:
    url = f"{server.dsn()}?schema=office"
    open_store(url, create=True).close()
    heard: list[int] = []
    with program(tmp_path, "--run", app="tests.office:domain", store=url) as served, served.client() as client:
        committed(client, "/commands/pay", {"order_id": "o1"}, "k-1")
        until(lambda: "Shipped" in client.get("/events").text)
        thread = threading.Thread(target=follow, args=(served, heard), daemon=True)
        thread.start()
        until(lambda: heard)

        server.kill()
        for path in ("/events", "/projections/orders", "/health/ready", "/metrics"):
            away = client.get(path)
            assert (away.status_code, away.headers.get("retry-after")) == (503, "1"), (path, away.text)
            assert away.json()["code"] in ("unreachable", "connection-lost")
        assert client.get("/health/live").status_code == 200
        sent = client.post("/commands/pay", json={"order_id": "o2"}, headers={"Idempotency-Key": "k-2"})
        assert (sent.status_code, sent.headers["retry-after"]) == (503, "1")

        server.start()
        committed(client, "/commands/pay", {"order_id": "o2"}, "k-2")
        until(lambda: client.get("/events").text.count('"Shipped"') == 2)  # the reactions live, too
        until(lambda: client.get("/health/ready").status_code == 200)
        head = int(client.get("/events").headers["log-position"])
        until(lambda: len(heard) >= head)
        assert heard == list(range(1, len(heard) + 1))  # what answers the last of these may have come, too
        code, said = served.end()
        assert (code, "Traceback" in said) == (0, False)
        thread.join(60)
        assert not thread.is_alive()
        assert secret(server) not in said


def follow(served: Program, heard: list[int]) -> None:
    """One follower, which never connects anew."""
    with served.client() as own, own.stream("GET", "/events?after=@0", headers=FOLLOWS) as answer:
        for position, _ in frames(answer.iter_lines()):
            heard.append(position)


def secret(server: Server) -> str:
    return server.dsn().partition(":")[2].partition(":")[2].partition("@")[0]


def test_it_ends_while_the_server_is_away(server: Server, tmp_path: Path) -> None:
    url = f"{server.dsn()}?schema=office"
    open_store(url, create=True).close()
    with program(tmp_path, "--run", app="tests.office:domain", store=url) as served, served.client() as client:
        committed(client, "/commands/pay", {"order_id": "o1"}, "k-1")
        server.kill()
        until(lambda: client.get("/events").status_code == 503)
        code, said = served.end()
        assert (code, "Traceback" in said) == (0, False), said


def test_what_was_asked_while_a_server_restarts_is_answered_or_asked_anew(server: Server, tmp_path: Path) -> None:
    """Writers that go on through three crashes: each command once, and nobody hears of a lost one."""
    url = f"{server.dsn()}?schema=bank"
    open_store(url, create=True).close()
    over = threading.Event()
    with program(tmp_path, store=url) as served:
        done: list[str] = []

        def work(number: int) -> None:
            with served.client() as own:
                step = 0
                while not over.is_set():
                    step += 1
                    id = f"a{number}-{step}"
                    committed(own, "/commands/open", {"account_id": id}, f"k-{id}")
                    done.append(id)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            until(partial(lambda most: len(done) > most, len(done) + 5))
            server.kill()
            server.start()
        over.set()
        for thread in threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in threads)
        with served.client() as client:
            rows = client.get("/projections/balance?limit=1000").json()
            assert sorted(row["account_id"] for row in rows) == sorted(done)
            assert int(client.get("/events").headers["log-position"]) == len(done)
            opened = [event["stream"] for event in client.get("/events?limit=1000").json()]
            assert sorted(opened) == sorted(f"account-{id}" for id in done)


def test_the_password_is_in_no_answer_and_no_note(server: Server, tmp_path: Path) -> None:
    url, hidden = f"{server.dsn()}?schema=bank", secret(server)
    assert len(hidden) > 16
    open_store(url, create=True).close()
    told: list[str] = []
    with program(tmp_path, "--jsonl", store=url) as served:
        told.append(served.url)
        with httpx.Client(base_url=json.loads(served.url)["url"], timeout=60) as client:

            def ask() -> None:
                for path in (
                    "/openapi.json", "/metrics", "/health/ready", "/events", "/projections", "/reactions", "/sql?q=SELECT+now()",
                    "/sql?q=SELECT+nothing", "/aggregates/account-1", "/queries/richest", "/nothing", "/events?stream=account-1",
                ):  # fmt: skip
                    answer = client.get(path)
                    told.extend((answer.text, str(answer.headers)))
                answer = client.post("/commands/open", json={"account_id": "ada"})
                told.extend((answer.text, str(answer.headers)))

            ask()
            assert client.get("/sql", params={"q": "SELECT count(*) AS n FROM event_log"}).json() == [{"n": 1}]
            server.kill()
            ask()
            assert client.get("/events").status_code == 503
        told.append(served.end()[1])
    wrong = url.replace(hidden, "not-the-password")
    server.start()
    refused = Program(tmp_path, store=wrong)
    said = "".join(refused.process.communicate(timeout=60))
    assert refused.process.returncode != 0
    told.append(said)
    everything = "\n".join(told)
    assert "***" in everything, "nothing named the store"
    assert [word for word in (hidden, "not-the-password") if word in everything] == []


def test_who_reads_waits_for_no_server_and_who_writes_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(Workbench, "open", lambda url, *_, **given: opened.append(url))
    benches = Benches.__new__(Benches)  # without its threads, which would open it, too
    benches.url, benches.domain, benches.options = "postgresql://h/db?timeout=90", bank.domain, Options()
    benches.opened_to_read()
    benches.opened_to_operate()
    assert opened == ["postgresql://h/db?timeout=0&target_session_attrs=read-write", "postgresql://h/db?timeout=5"]


@pytest.mark.parametrize(
    ("url", "seconds", "expected"),
    [
        ("postgresql://h/db", 0, "postgresql://h/db?timeout=0"),
        ("postgres://h/db?schema=s", 5, "postgres://h/db?schema=s&timeout=5"),
        ("postgresql://h/db?timeout=90&schema=s", 5, "postgresql://h/db?timeout=5&schema=s"),
        ("postgresql://h/db?timeout=0.5", 5, "postgresql://h/db?timeout=0.5"),
        ("postgresql://h/db?timeout=1e3", 5, "postgresql://h/db?timeout=5"),
        ("postgresql://h/db?timeout=%39%30", 5, "postgresql://h/db?timeout=5"),
        ("postgresql://h/db?timeout=soon", 5, "postgresql://h/db?timeout=soon"),
        ("postgresql://h/db?connect_timeout=9", 5, "postgresql://h/db?connect_timeout=9&timeout=5"),
        ("shop.db?timeout=9", 5, "shop.db?timeout=9"),
        ("sqlite:shop.db", 5, "sqlite:shop.db"),
        ("memory:x", 5, "memory:x"),
    ],
)
def test_a_url_that_is_less_patient(url: str, seconds: int, expected: str) -> None:
    assert impatient(url, seconds) == expected
