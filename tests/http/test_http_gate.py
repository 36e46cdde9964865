"""The gate: of each rule one request that is refused and one that passes."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from cqrs_cli import Workbench
from cqrs_cli.http import create_app, router
from cqrs_cli.http.gate import HEADERS
from cqrs_cli.http.identity import Identity
from tests import bank
from tests.http.served import Served, serving

BODY = {"account_id": "ada"}
TOKEN = "a-token-that-nobody-guesses"
ORIGIN = "https://shop.example.org"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200), ("localhost:8027", 200), ("127.0.0.1:1", 200), ("[::1]:80", 200), ("LOCALHOST", 200),
        ("bank.example.org:443", 200), ("evil.example", 421), ("localhost.evil.example", 421), ("", 421),
        ("127.0.0.1.nip.io", 421),
    ],
)  # fmt: skip
def test_the_host_must_be_ours(tmp_path: Any, host: str, status: int) -> None:
    """A page whose name is made to lead here (DNS rebinding) says another name."""
    with serving(str(tmp_path / "cqrs.db"), bank.domain, hosts=frozenset({"bank.example.org"})) as served:
        assert served.get("/events", headers={"Host": host}).status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({"Sec-Fetch-Site": "none"}, 201),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://localhost"}, 201),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"}, 201),
    ],
)
def test_who_sends_is_no_other_page(tmp_path: Any, headers: Any, status: int) -> None:
    with serving(str(tmp_path / "cqrs.db"), bank.domain, origins=frozenset({ORIGIN})) as served:
        answer = served.post("/commands/open", BODY, headers=headers)
        assert answer.status_code == status
        assert len(served.get("/events", headers={"Sec-Fetch-Site": "cross-site"}).json()) == (status == 201)


def test_pages_elsewhere_may_ask_if_they_are_named(tmp_path: Any) -> None:
    asks = {"Access-Control-Request-Method": "POST"}
    with serving(str(tmp_path / "cqrs.db"), bank.domain, origins=frozenset({ORIGIN})) as served:
        allowed = served("OPTIONS", "/commands/open", headers={"Origin": ORIGIN, **asks})
        assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (204, ORIGIN)
        assert "idempotency-key" in allowed.headers["access-control-allow-headers"]
        assert served.get("/events", headers={"Origin": ORIGIN}).headers["access-control-allow-origin"] == ORIGIN
        other = served("OPTIONS", "/commands/open", headers={"Origin": "https://evil.example", **asks})
        assert other.status_code == 405
        assert "access-control-allow-origin" not in other.headers
    with serving(str(tmp_path / "cqrs.db"), bank.domain) as served:
        assert "access-control-allow-origin" not in served.get("/events", headers={"Origin": ORIGIN}).headers


def test_a_token(tmp_path: Any) -> None:
    with serving(str(tmp_path / "cqrs.db"), bank.domain, token=TOKEN) as served:
        for given in ("", "Bearer", "Bearer x", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, "Bearer \xff"):
            answer = served.get("/events", headers={"Authorization": given.encode("latin-1")})
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized"), given
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert TOKEN not in answer.text
        for scheme in ("Bearer", "bearer"):
            assert served.get("/events", headers={"Authorization": f"{scheme} {TOKEN}"}).status_code == 200
        assert served.get("/health/live").json() == {"live": True}
        assert served.get("/health/ready").json() == {"ready": True}
        assert "processors" in served.get("/health/ready", headers={"Authorization": f"Bearer {TOKEN}"}).json()
        assert served.get("/metrics").status_code == 401


def test_a_plug_says_who_it_is_and_what_they_may(tmp_path: Any) -> None:
    people = {
        "ada": Identity("ada"),
        "bob": Identity("bob", frozenset({"read"})),
        "cid": Identity("cid", frozenset({"send"})),
    }

    async def who(headers: Any) -> Identity | None:
        if headers.get("x-user") == "broken":
            raise KeyError("secret")
        return people.get(headers.get("x-user", ""))

    with serving(str(tmp_path / "cqrs.db"), bank.domain, authenticate=who, sql=True) as served:

        def ask(user: str, method: str, path: str, json: Any = None) -> int:
            given = {} if json is None else {"json": json}
            status: int = served(method, path, headers={"X-User": user}, **given).status_code
            return status

        assert ask("ada", "POST", "/commands/open", BODY) == 201
        assert served.get("/events", headers={"X-User": "ada"}).json()[0]["user_id"] == "ada"
        wanted = {
            ("POST", "/commands/open"): {"ada": 400, "bob": 403, "cid": 400, "eve": 401},
            ("GET", "/events"): {"ada": 200, "bob": 200, "cid": 403, "eve": 401},
            ("GET", "/openapi.json"): {"ada": 200, "bob": 200, "cid": 403, "eve": 401},
            ("POST", "/projections/balance/check"): {"ada": 202, "bob": 403, "cid": 403, "eve": 401},
            ("POST", "/dead-letters/x/retry"): {"ada": 404, "bob": 403, "cid": 403, "eve": 401},
            ("GET", "/sql?q=select+1"): {"ada": 200, "bob": 403, "cid": 403, "eve": 401},
            ("GET", "/health/live"): {"ada": 200, "bob": 200, "cid": 200, "eve": 200},
        }
        for (method, path), statuses in wanted.items():
            for user, status in statuses.items():
                body = BODY if path == "/commands/open" else None
                assert ask(user, method, path, body) == status, (method, path, user)
        failed = served.get("/events", headers={"X-User": "broken"})
        assert (failed.status_code, failed.json()["code"]) == (500, "domain-failed")


def test_a_body_that_is_too_large(tmp_path: Any) -> None:
    with serving(str(tmp_path / "cqrs.db"), bank.domain, max_body=100) as served:

        async def chunks() -> Any:
            for _ in range(3):
                yield b" " * 50

        typed = {"Content-Type": "application/json"}
        for content in (b"{}" + b" " * 99, chunks()):
            answer = served.post("/commands/open", content=content, headers=typed)
            assert (answer.status_code, answer.json()["code"]) == (413, "body-too-large")
        for length in ("-1", "x", "1" * 30):
            assert (
                served.post("/commands/open", content=b"", headers={**typed, "Content-Length": length}).status_code
                == 413
            )
        assert served.post("/commands/open", BODY).status_code == 201


def test_every_answer_has_the_headers_that_keep_browsers_out(served: Any) -> None:
    for path in ("/events", "/nothing", "/openapi.json"):
        found = served.get(path).headers
        assert {name.decode(): found[name.decode()] for name, _ in HEADERS} == {
            a.decode(): b.decode() for a, b in HEADERS
        }
    assert served.get("/events", headers={"Host": "evil"}).headers["x-content-type-options"] == "nosniff"


def test_what_is_masked_does_not_leave(tmp_path: Any) -> None:
    path = str(tmp_path / "cqrs.db")
    with Workbench.open(path, bank.domain) as bench:
        bench.send(bank.Open(account_id="ada", owner="Adelaide Example"))
    fields = {"owner": "", "note": "blank"}
    with serving(path, bank.domain, mask=fields, mask_key=b"k" * 16, sql=True) as served:
        deposit = served.post("/commands/deposit", {"account_id": "ada", "amount": 5, "note": "a secret word"})
        assert deposit.status_code == 201
        asked = (
            "/events", "/events/1", "/streams", "/aggregates/account-ada", "/aggregates/account-ada/history",
            "/aggregates/account-ada/blame", "/projections/balance", "/queries/richest", "/projections", "/metrics",
            "/events?where=data.owner%3D'Adelaide Example'%3E", "/trace/account-ada", "/openapi.json",
        )  # fmt: skip
        answers = [deposit, *(served.get(one) for one in asked), served.post("/commands/open", {"owner": 5})]
        wrong = {"account_id": "ada", "owner": "Adelaide Example", "kind": "Adelaide Example"}
        answers.append(served.post("/commands/open", wrong))
        for answer in answers:
            assert "Adelaide" not in answer.text, answer.request.url
            assert "secret word" not in answer.text, answer.request.url
        assert served.get("/sql?q=select+1").json()["code"] == "mask"


def test_it_can_be_a_part_of_somebodys_application(tmp_path: Any) -> None:
    app = FastAPI()
    app.include_router(router(str(tmp_path / "cqrs.db"), bank.domain, token=TOKEN), prefix="/bank")
    served = Served(app, lambda: app.router.lifespan_context(app))
    served.open()
    try:
        mine = {"Authorization": f"Bearer {TOKEN}", "Host": "anything"}
        assert served.post("/bank/commands/open", BODY).status_code == 401
        made = served.post("/bank/commands/open", BODY, headers=mine)
        assert made.status_code == 201
        assert (
            served.post("/bank/commands/open", BODY, headers={**mine, "Sec-Fetch-Site": "cross-site"}).status_code
            == 403
        )
        assert served.get("/bank/events", headers=mine).json()[0]["stream"] == "account-ada"
        assert served.get("/bank/health/live").status_code == 200
        assert "/bank" not in app.openapi()["paths"]
    finally:
        served.close()


def test_options_are_given_whole_or_one_by_one() -> None:
    from cqrs_cli.http import Options

    with pytest.raises(TypeError):
        create_app("x.db", bank.domain, Options(), readers=2)
    assert asyncio.iscoroutinefunction(create_app("x.db", bank.domain, readers=2).__call__)
    assert httpx.__version__


def inside(tmp_path: Path, kind: str) -> tuple[FastAPI, str]:
    """An application of the user's that has ours below a path, and the path."""
    store = str(tmp_path / "cqrs.db")
    if kind == "router":
        mine = FastAPI()
        mine.include_router(router(store, bank.domain), prefix="/a bank")
        return mine, "/a%20bank"
    shop = create_app(store, bank.domain)
    mine = FastAPI(lifespan=shop.lifespan)
    mine.mount("/bank", shop)
    return mine, "/bank"


@pytest.mark.parametrize("gives", ["ada", 7, ValueError("the password is hush"), SystemExit(0)])
def test_a_plug_that_fails_tells_nobody_why(tmp_path: Path, gives: Any, caplog: pytest.LogCaptureFixture) -> None:
    def who(headers: Mapping[str, str]) -> Any:
        if isinstance(gives, BaseException):
            raise gives
        return gives

    with serving(str(tmp_path / "cqrs.db"), bank.domain, authenticate=who) as served:
        answer = served.get("/events")
        assert (answer.status_code, answer.json()["code"]) == (500, "domain-failed")
        assert "hush" not in answer.text
        assert "ada" not in answer.text
        assert served.get("/events").status_code == 500, "it goes on"
    assert "authenticate" in caplog.text


@contextmanager
def living(mine: FastAPI) -> Iterator[Served]:
    served = Served(mine, lambda: mine.router.lifespan_context(mine))
    served.open()
    try:
        yield served
    finally:
        served.close()


@pytest.mark.parametrize("kind", ["router", "mounted"])
def test_addresses_lead_on_wherever_it_is(tmp_path: Path, kind: str) -> None:
    mine, below = inside(tmp_path, kind)
    with living(mine) as client:
        made = client.post(f"{below}/commands/open", {"account_id": "a b"})
        assert made.status_code == 201, made.text
        assert made.headers["location"].startswith(f"{below}/aggregates/account-")
        assert client.get(made.headers["location"]).json()["version"] == 1
        client.post(f"{below}/commands/deposit", {"account_id": "a b", "amount": 1})
        paged = client.get(made.headers["location"] + "/history?limit=1")
        assert client.get(paged.links["next"]["url"]).json()[0]["version"] == 2
        client.get(f"{below}/projections/balance")
        job = client.post(f"{below}/projections/balance/check").headers["location"]
        assert client.get(job).status_code == 200
        assert client.get(f"{below}/openapi.json").json()["servers"] == [{"url": below}]
        if kind != "router":
            assert client.get(f"{below}/ui/").status_code == 200


def test_one_whose_life_nobody_begins_says_so(tmp_path: Path) -> None:
    mine = FastAPI()
    mine.mount("/bank", create_app(str(tmp_path / "cqrs.db"), bank.domain))
    with living(mine) as client:
        told = client.get("/bank/events")
        assert (told.status_code, told.json()["code"]) == (503, "no-lifespan")
        assert "lifespan" in told.json()["hint"]
