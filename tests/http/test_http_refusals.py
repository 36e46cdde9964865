"""What is refused rather than answered wrongly: parameters, rights, bytes that are no text, what is not there any more."""

import asyncio
import itertools
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.routing import Route

from cqrs_cli import Workbench
from cqrs_cli.http.app import routes
from cqrs_cli.http.identity import Identity, Right
from tests import bank, office
from tests.http.served import Served, serving
from tests.http.test_http_operation import ended
from tests.reacting import pay

NDJSON = {"Content-Type": "application/x-ndjson"}
FOLLOWS = {"Accept": "text/event-stream"}
RIGHTS: dict[tuple[str, str], Right | None] = {
    ("POST", "/commands/{name}"): "send",
    ("POST", "/commands"): "send",
    ("GET", "/queries/{name}"): "read",
    ("GET", "/events"): "read",
    ("GET", "/events/{what}"): "read",
    ("GET", "/streams"): "read",
    ("GET", "/trace/{what}"): "read",
    ("GET", "/aggregates/{stream}"): "read",
    ("GET", "/aggregates/{stream}/history"): "read",
    ("GET", "/aggregates/{stream}/blame"): "read",
    ("GET", "/projections"): "read",
    ("GET", "/projections/{name}"): "read",
    ("POST", "/projections/{name}/check"): "operate",
    ("POST", "/projections/{name}/rebuild"): "operate",
    ("GET", "/jobs/{id}"): "read",
    ("POST", "/jobs/{id}/cancel"): "operate",
    ("GET", "/reactions"): "read",
    ("GET", "/dead-letters"): "read",
    ("POST", "/dead-letters/{id}/retry"): "operate",
    ("POST", "/dead-letters/{id}/drop"): "operate",
    ("GET", "/health/live"): None,
    ("GET", "/health/ready"): None,
    ("GET", "/metrics"): "read",
    ("GET", "/sql"): "operate",
    ("GET", "/openapi.json"): "read",
}


def test_each_route_wants_its_right_and_no_other_does(tmp_path: Path) -> None:
    """Whoever has the two other rights is refused, whoever has this one alone is let in."""

    def who(headers: Any) -> Identity:
        return Identity("ada", frozenset(headers.get("x-may", "").split()))

    with serving(str(tmp_path / "cqrs.db"), bank.domain, authenticate=who, sql=True) as served:
        face = served.app.face  # type: ignore[attr-defined]
        told = {
            (method, one.path.replace(":id", ""))
            for one in routes(face)
            if isinstance(one, Route)
            for method in one.methods or ()
        }
        assert told - {("HEAD", path) for _, path in told} == RIGHTS.keys()
        for (method, path), right in RIGHTS.items():
            for may in ("read", "send", "operate"):
                asked = path.replace("{name}", "balance").replace("{", "").replace("}", "")
                others = " ".join(sorted({"read", "send", "operate"} - {may}))
                refused = served(method, asked, headers={"X-May": others}).status_code == 403
                assert refused is (may == right), (method, path, may)
            if right is not None:
                assert served(method, asked, headers={"X-May": right}).status_code != 403, (method, path)


@pytest.mark.parametrize(
    "path",
    [
        "/events?limit=0", "/events?limit=-1", "/events?limit=1001", "/events?limit=1e2", "/events?limit=٣", "/events?limit=" + "9" * 400,
        "/events?limit=1&limit=2", "/events?stream=a&stream=b", "/events?after=@1&after=@2", "/events?after=%00", "/events?contains=a%00b",
        "/events?backwards=yes", "/events?backwards=", "/events?after=99999999999999", "/events?limit= 1",
        "/streams?nothing=1", "/streams?after=", "/streams?limit=", "/streams?LIMIT=1",
        "/aggregates/account-ada?at=", "/aggregates/account-ada?at=1&at=2", "/aggregates/account-ada/history?after=0",
        "/projections/balance?wait=x", "/projections/balance?stale=2", "/projections/balance?limit=0", "/projections/balance?where=",
        "/projections?limit=1", "/queries/richest?least=1&least=2", "/queries/richest?nothing=1", "/queries/richest?limit=0",
        "/queries/richest?least=x", "/queries/richest?least=NaN", "/queries/richest?least=", "/queries/richest?cursor=",
        "/health/ready?max_lag=-1", "/health/ready?lag=1", "/dead-letters?dropped=x", "/trace/x?limit=1", "/openapi.json?x=1",
        "/reactions?x=1", "/metrics?x=1", "/jobs/x?limit=1",
    ],
)  # fmt: skip
def test_a_parameter_that_means_nothing_is_refused(served: Any, path: str) -> None:
    served.post("/commands/open", {"account_id": "ada"})
    answer = served.get(path)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-input"), answer.text
    assert answer.json()["errors"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (b"/events?contains=%ff", 400), (b"/events?contains=%ED%A0%80", 400), (b"/aggregates/account-%ff", 400),
        (b"/events?%ff=1", 400), (b"/queries/richest?least=%c3", 400), (b"/events?contains=%C3%BC", 200),
        (b"/aggregates/account-a%2Fb", 404), (b"/aggregates/account-a%252Fb", 200), (b"/aggregates/account-a%252Fb/", 404),
        (b"/aggregates//account-ada", 404), (b"//events", 404),
    ],
)  # fmt: skip
def test_a_url_says_what_it_says_and_is_text(served: Any, path: bytes, status: int) -> None:
    """Bytes that are no UTF-8 would be read as another name, silently; a slash in a key is percent-encoded in a stream's name."""
    served.post("/commands/open", {"account_id": "a/b"})

    async def ask() -> httpx.Response:
        url = httpx.URL("http://localhost", raw_path=path)
        answered: httpx.Response = await served.client.request("GET", url)
        return answered

    answer = served.run(ask())
    assert answer.status_code == status, answer.text


def test_letters_that_no_terminal_shows_are_a_name_like_any(served: Any) -> None:
    """Families of emoji are joined by a letter without a shape, and keys may hold line breaks."""
    for id in ("👨‍👩‍👧", "a\nb", "\ue000"):
        assert served.post("/commands/open", {"account_id": id, "owner": id}).status_code == 201
        found = served.get("/events", params={"contains": id.split("\n")[0]}).json()
        assert id in [event["data"]["owner"] for event in found]
        assert served.get("/projections/balance", params={"where": f'account_id = "{id}"'}).status_code in (200, 400)


def test_headers_that_say_two_things_are_refused(served: Any) -> None:
    def ask(*headers: tuple[str, str]) -> Any:
        return served.post("/commands/open", {"account_id": "ada"}, headers=list(headers))

    for name in ("Idempotency-Key", "Correlation-Id"):
        assert ask((name, "a"), (name, "b")).status_code == 422
    assert ask(("Host", "localhost"), ("Host", "evil.example")).status_code == 421
    assert served.get("/events").json() == []


@pytest.mark.parametrize(
    ("origin", "status"), [("http://localhost:8027", 403), ("http://localhost", 201), ("localhost", 403), ("http://LOCALHOST", 201)]
)  # fmt: skip
def test_another_port_is_another_origin(served: Any, origin: str, status: int) -> None:
    answer = served.post("/commands/open", {"account_id": "ada"}, headers={"Origin": origin})
    assert answer.status_code == status


def test_what_pages_elsewhere_are_told(tmp_path: Path) -> None:
    """A cache must not give one page's answer to another, and a script sees where a command's events are."""
    origin = "https://shop.example.org"
    with serving(str(tmp_path / "cqrs.db"), bank.domain, origins=frozenset({origin})) as served:
        made = served.post("/commands/open", {"account_id": "ada"}, headers={"Origin": origin})
        assert made.headers["vary"] == "Origin"
        exposed = {one.strip() for one in made.headers["access-control-expose-headers"].split(",")}
        assert exposed >= {"ETag", "Link", "Location", "Log-Position", "Log-Lag", "Retry-After"}
        assert "access-control-allow-credentials" not in made.headers
        refused = served.get("/nothing", headers={"Origin": origin})
        assert refused.headers["access-control-allow-origin"] == origin
        policy = served.get("/events").headers["content-security-policy"]
        for rule in (
            "default-src 'none'",
            "script-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ):
            assert rule in policy


def test_a_server_that_only_reads_takes_no_batch(tmp_path: Path) -> None:
    with Workbench.open(str(tmp_path / "cqrs.db"), bank.domain):
        pass
    with serving(str(tmp_path / "cqrs.db"), bank.domain, read_only=True) as served:
        line = b'{"command": "open", "data": {"account_id": "a"}}'
        refused = served.post("/commands", content=line, headers=NDJSON)
        assert (refused.status_code, refused.json()["code"]) == (403, "read-only")
        for path in ("/projections/balance/rebuild", "/dead-letters/x/drop"):
            assert served.post(path, {"reason": "x"}).json()["code"] == "read-only"
        assert served.get("/events").json() == []


@pytest.mark.parametrize("root", ["", "/bank"])
def test_below_a_path_everything_leads_on_below_it(tmp_path: Path, root: str) -> None:
    """A proxy serves it below a path; what is open without a token is open there, and nothing else."""
    mine = {"Authorization": "Bearer a-token-that-nobody-guesses"}
    with serving(str(tmp_path / "cqrs.db"), bank.domain, token="a-token-that-nobody-guesses") as served:
        below = httpx.AsyncClient(
            transport=httpx.ASGITransport(served.app, root_path=root), base_url="http://localhost"
        )

        def ask(method: str, path: str, **given: Any) -> httpx.Response:
            found: httpx.Response = served.run(below.request(method, root + path, **given))
            return found

        assert ask("GET", "/health/live").json() == {"live": True}
        assert ask("GET", "/events").status_code == 401
        for id in ("ada", "bob"):
            made = ask("POST", "/commands/open", json={"account_id": id}, headers=mine)
            assert made.headers["location"] == f"{root}/aggregates/account-{id}"
        job = ask("POST", "/projections/balance/check", headers=mine)
        assert job.headers["location"] == f"{root}/jobs/{job.json()['job']}"
        assert (
            ask("GET", "/streams?limit=1", headers=mine).headers["link"].startswith(f"<{root}/streams?limit=1&after=")
        )


def test_a_job_ends_when_it_is_cancelled_and_two_at_once_are_all(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(_: Any, name: str, progress: Any) -> Any:
        for batch in itertools.count():
            progress(batch, 10)
            time.sleep(0.01)

    monkeypatch.setattr(Workbench, "check", endless)
    begun = [served.post("/projections/balance/check") for _ in range(2)]
    third = served.post("/projections/flow/check")
    assert (third.status_code, third.json()["code"], third.headers["retry-after"]) == (503, "busy", "1")
    for one in begun:
        assert served.get(one.headers["location"]).json()["state"] == "running"
        told = served.post(f"{one.headers['location']}/cancel")
        assert told.status_code == 202
        assert ended(served, one)["state"] == "cancelled"


def test_what_has_stopped_is_not_unchanged(served: Any) -> None:
    """Who has the rows is not told that they are as they were, where a read model could not take the newest events."""
    served.post("/commands/open", {"account_id": "ada"})
    known = {path: served.get(path).headers["etag"] for path in ("/queries/richest", "/projections/balance")}
    served.post("/commands/deposit", {"account_id": "ada", "amount": 777})
    for path, tag in known.items():
        answer = served.get(path, headers={"If-None-Match": tag})
        assert (answer.status_code, answer.json()["code"]) == (500, "domain-failed"), path
        stale = served.get(path, params={"stale": "true"}).headers["etag"]
        assert served.get(path, headers={"If-None-Match": stale}).status_code == 500, path


def test_a_tag_of_another_server_is_none_of_this(tmp_path: Path) -> None:
    """Its rows may have been of another version of the code."""
    store = str(tmp_path / "cqrs.db")
    with Workbench.open(store, bank.domain) as bench:
        bench.send(bank.Open(account_id="ada"))
        bench.project()
    tags = []
    for _ in range(2):
        with serving(store, bank.domain, read_only=True) as served:
            tags.append([served.get("/queries/richest").headers["etag"] for _ in range(2)])
    assert tags[0][0] == tags[0][1]
    assert tags[1][0] == tags[1][1]
    assert tags[0][0] != tags[1][0]


def test_a_server_that_is_further_behind_than_it_may_is_not_ready(tmp_path: Path) -> None:
    store = str(tmp_path / "cqrs.db")
    with Workbench.open(store, bank.domain) as bench:
        for number in range(3):
            bench.send(bank.Open(account_id=f"a{number}"))
    with serving(store, bank.domain, read_only=True) as served:
        late = served.get("/health/ready?max_lag=2")
        assert (late.status_code, late.json()["late"], late.headers["retry-after"]) == (503, ["balance", "flow"], "1")
        assert served.get("/health/ready?max_lag=3").status_code == 200


def test_what_follows_has_no_end_and_its_last_id_comes_first(served: Any) -> None:
    for bound in ("before=@9", "until=2030-01-01", "limit=5", "backwards=true"):
        answer = served.get(f"/events?{bound}", headers=FOLLOWS)
        assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, bound.partition("=")[0])
    assert served.get("/events", headers={**FOLLOWS, "Last-Event-ID": "x"}).status_code == 422


def test_a_page_behind_a_letter_that_is_gone_is_not_the_first(tmp_path: Path) -> None:
    store = str(tmp_path / "cqrs.db")
    with Workbench.open(store, office.domain) as bench:
        runner = bench.runner()
        runner.drain()
        pay(bench, "boom1", "boom2")
        runner.drain()
    with serving(store, office.domain) as served:
        answer = served.get("/dead-letters?after=nothing")
        assert (answer.status_code, answer.json()["code"]) == (400, "cursor")


# ── who follows ───────────────────────────────────────────────────────────────────────────────


async def heard(served: Any, after: int, count: int) -> list[int]:
    """The positions of the next events that a follower hears."""
    from cqrs_cli.stores.contract import Selection

    found: list[int] = []
    frames = served.app.face.tail.follow(after, Selection(), None)
    async for part in frames:
        found += [int(line[4:]) for line in part.decode().split("\n") if line.startswith("id: ")]
        if len(found) >= count:
            break
    await frames.aclose()
    return found


def test_whoever_comes_back_misses_nothing_and_hears_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From each position on, out of the ring, out of pages of the store, and over the seam between them."""
    from collections import deque

    from cqrs_cli.http import tail

    monkeypatch.setattr(tail, "PAGE", 3)
    total = 20
    with serving(str(tmp_path / "cqrs.db"), bank.domain) as served:
        served.app.face.tail._ring = deque(maxlen=5)  # type: ignore[attr-defined]
        coming = asyncio.run_coroutine_threadsafe(heard(served, 0, total), served._loop)
        for number in range(total):
            served.post("/commands/open", {"account_id": f"a{number}"})
        assert coming.result(60) == list(range(1, total + 1))
        for after in range(total):
            assert served.run(heard(served, after, total - after)) == list(range(after + 1, total + 1))


def test_what_came_while_nobody_followed_is_heard_by_who_comes_back(served: Any) -> None:
    """What is kept at hand has a gap there, and must not be taken for all."""

    def written(first: int, last: int) -> None:
        for number in range(first, last + 1):
            served.post("/commands/open", {"account_id": f"a{number}"})
        while served.app.face.tail.head < last:
            pass

    coming = asyncio.run_coroutine_threadsafe(heard(served, 0, 3), served._loop)
    written(1, 3)
    assert coming.result(60) == [1, 2, 3]
    written(4, 6)
    coming = asyncio.run_coroutine_threadsafe(heard(served, 6, 1), served._loop)
    while not served.app.face.tail.followers:
        pass
    written(7, 7)
    assert coming.result(60) == [7]
    assert served.run(heard(served, 2, 5)) == [3, 4, 5, 6, 7]


def last_id(served: Served, headers: dict[str, str], query: str = "") -> int:
    """The position that a follower begins behind, as it is told in its first frame."""

    async def first() -> str:
        scope: dict[str, Any] = {
            "type": "http", "method": "GET", "path": "/events", "raw_path": b"/events", "query_string": query.encode(),
            "headers": [(b"host", b"localhost"), *((a.lower().encode(), b.encode()) for a, b in headers.items())],
            "http_version": "1.1", "scheme": "http", "server": ("localhost", 80), "root_path": "",
        }  # fmt: skip
        told: asyncio.Queue[bytes] = asyncio.Queue()

        async def send(message: Any) -> None:
            if message["type"] == "http.response.body" and message.get("body"):
                await told.put(message["body"])

        async def receive() -> Any:
            await asyncio.sleep(60)

        task = asyncio.ensure_future(served.app(scope, receive, send))
        frame = await asyncio.wait_for(told.get(), 60)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return frame.decode()

    return int(served.run(first()).partition("follows from @")[2].split("\n")[0])


def test_where_a_follower_begins(served: Any) -> None:
    for number in range(5):
        served.post("/commands/open", {"account_id": f"a{number}"})
    while served.app.face.tail.head < 5:
        pass
    assert last_id(served, FOLLOWS) == 5
    assert last_id(served, FOLLOWS, "after=@2") == 2
    assert last_id(served, {**FOLLOWS, "Last-Event-ID": "3"}) == 3
    assert last_id(served, {**FOLLOWS, "Last-Event-ID": "4"}, "after=@2") == 4
