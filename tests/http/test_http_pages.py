"""The pages: their frame, the overview, the log, the map and SQL; who may see them, and what they hide."""

from __future__ import annotations

import html
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import Workbench
from cqrs_cli.http.sessions import COOKIE, LASTS, Sessions
from tests import bank
from tests.conftest import Shell
from tests.http.served import Served, serving

TOKEN = "a-token-that-nobody-guesses"
EVIL = "<img src=x onerror=alert(1)></script><script>alert(2)</script>'\"{{7*7}}\u202e&lt;\x1b[2J"
PAGES = ("/ui/", "/ui/log", "/ui/domain", "/ui/sql", "/ui/nope")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def lines(page: str) -> list[str]:
    """The shell lines that a page shows."""
    return [html.unescape(one) for one in re.findall(r'<p class="shell">.*?<code[^>]*>(.*?)</code>', page, re.S)]


def positions(page: str) -> list[int]:
    """The events in the table of the log, by their links."""
    body = page[page.index('id="log"') :]
    return [int(one) for one in re.findall(r'<tr data-href="/ui/events/(\d+)"', body)]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """The bank, served for this machine alone: with SQL."""
    with serving(str(tmp_path / "cqrs.db"), bank.domain, sql=True) as one:
        yield one


@pytest.fixture
def filled(served: Served) -> Served:
    """The bank with three accounts and 130 deposits."""
    for name in ("ada", "bob", "cy"):
        served.post("/commands/open", {"account_id": name, "owner": name.title()})
    body = "".join(
        json.dumps({"command": "deposit", "data": {"account_id": "ada", "amount": number}}) + "\n"
        for number in range(100, 230)
    )
    served.post("/commands", content=body, headers={"Content-Type": "application/x-ndjson"})
    return served


# ── the frame ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_html_with_nothing_inline(served: Served, path: str) -> None:
    answer = served.get(path)
    assert answer.status_code == (404 if path == "/ui/nope" else 200)
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["cache-control"] == "no-store"
    assert not re.search(r"<script>|<style|\sstyle=|\son[a-z]+=|javascript:", answer.text)
    assert not re.search(r"""(src|href)=["'](https?:)?//""", answer.text), "something from elsewhere"


def test_its_files_are_kept_for_ever_by_a_name_that_changes(served: Served) -> None:
    page = served.get("/ui/").text
    found = re.findall(r'(?:src|href)="(/ui/static/[^"]+)"', page)
    assert len(found) == 4
    for path in found:
        answer = served.get(path)
        assert answer.status_code == 200, path
        assert "immutable" in answer.headers["cache-control"]
        assert re.search(r"\?[0-9a-f]{8}$", path)
    assert served.get("/ui/static/page.py").status_code == 404
    assert served.get("/ui/static/..%2Fsite.py").status_code == 404


def test_the_pulse(filled: Served) -> None:
    found = filled.get("/ui/pulse").json()
    assert found["head"] == 133
    assert set(found["lag"]) == set(bank.domain.projections)
    assert filled.get("/ui/pulse?x=1").status_code == 422


@pytest.mark.parametrize(
    ("wanted", "there"),
    [
        ("@3", "/ui/events/3"),
        ("3", "/ui/events/3"),
        ("account-ada", "/ui/streams/account-ada"),
        ("account-ada@5", "/ui/streams/account-ada?at=5"),
        ("Deposited", "/ui/log?type=Deposited"),
        ("balance", "/ui/models/balance"),
        ("deposit", "/ui/commands/deposit"),
        ("nothing of this", "/ui/log?contains=nothing+of+this"),
        ("<script>", "/ui/log?contains=%3Cscript%3E"),
        ("//evil.example", "/ui/log?contains=%2F%2Fevil.example"),
        ("", "/ui/"),
    ],
)
def test_the_jump(filled: Served, wanted: str, there: str) -> None:
    answer = filled.get("/ui/go", params={"to": wanted})
    assert (answer.status_code, answer.headers["location"]) == (303, there)


def test_the_jump_knows_ids(filled: Served) -> None:
    made = filled.post(
        "/commands/open", {"account_id": "dan"}, headers={"Idempotency-Key": "the-key", "Correlation-Id": "the-story"}
    )
    position = made.headers["log-position"]
    event = filled.get(f"/events/{position}").json()["event_id"]
    places = {
        one: filled.get("/ui/go", params={"to": one}).headers["location"] for one in ("the-key", "the-story", event)
    }
    assert places == {
        "the-key": f"/ui/events/{position}",
        "the-story": "/ui/trace/the-story",
        event: f"/ui/events/{position}",
    }


def test_without_pages(tmp_path: Path) -> None:
    with serving(str(tmp_path / "cqrs.db"), bank.domain, ui=False) as served:
        answer = served.get("/ui/")
        assert (answer.status_code, answer.json()["code"]) == (404, "no-such-path")


def test_where_a_proxy_has_put_them(tmp_path: Path) -> None:
    with serving(str(tmp_path / "cqrs.db"), bank.domain) as served:
        app = served.app

        async def moved(scope: Any, receive: Any, send: Any) -> None:
            await app({**scope, "root_path": "/shop", "path": "/shop" + scope["path"]}, receive, send)

        served.client._transport.app = moved  # type: ignore[attr-defined]
        page = served.get("/ui/log").text
        links = re.findall(r'(?:src|href|action|data-live)="(/[^"]*)"', page)
        assert links
        assert all(one.startswith("/shop/") for one in links)
        assert 'aria-current="page">Log' in page
        assert served.get("/ui").headers["location"] == "/shop/ui/"
        assert served.get("/", headers={"Accept": "text/html"}).headers["location"] == "/shop/ui/"


def test_a_session_below_a_path_is_for_that_path(tmp_path: Path) -> None:
    with serving(str(tmp_path / "cqrs.db"), bank.domain, token=TOKEN) as served:
        app = served.app

        async def moved(scope: Any, receive: Any, send: Any) -> None:
            await app({**scope, "root_path": "/shop", "path": "/shop" + scope["path"]}, receive, send)

        served.client._transport.app = moved  # type: ignore[attr-defined]
        begun = served.post("/ui/login", content=f"token={TOKEN}", headers=FORM)
        assert (begun.headers["location"], begun.headers["set-cookie"].count("Path=/shop;")) == ("/shop/ui/", 1)
        ended = served.post("/ui/logout", headers={"Cookie": begun.headers["set-cookie"].partition(";")[0]})
        assert "Path=/shop;" in ended.headers["set-cookie"]


def test_the_address_alone_leads_people_to_the_pages(tmp_path: Path) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    with serving(str(tmp_path / "cqrs.db"), bank.domain) as served:
        led = served.get("/", headers=browser)
        assert (led.status_code, led.headers["location"]) == (303, "/ui/")
        told = served.get("/")
        assert (told.status_code, told.json()["code"], told.json()["detail"]) == (404, "no-such-path", "there is no /")
        assert served.post("/", headers=browser).status_code == 405
    with serving(str(tmp_path / "cqrs.db"), bank.domain, token=TOKEN) as served:
        led = served.get("/", headers=browser)
        assert (led.status_code, led.headers["location"]) == (303, "/ui/login?to=/")
        assert served.get("/").status_code == 401
        assert served.post("/ui/login?to=/", content=f"token={TOKEN}", headers=FORM).headers["location"] == "/ui/"
    with serving(str(tmp_path / "cqrs.db"), bank.domain, token=TOKEN, ui=False) as served:
        assert served.get("/", headers=browser).status_code == 401, "there is no form to be led to"
        assert served.get("/ui/", headers=browser).status_code == 401


# ── who may ───────────────────────────────────────────────────────────────────────────────────


def test_a_session(tmp_path: Path) -> None:
    with serving(str(tmp_path / "cqrs.db"), bank.domain, token=TOKEN) as served:
        led = served.get("/ui/log?type=Opened", headers={"Accept": "text/html"})
        assert (led.status_code, led.headers["location"]) == (303, "/ui/login?to=/ui/log%3Ftype%3DOpened")
        assert served.get("/ui/log").status_code == 401, "a program is told so"
        assert served.get("/events", headers={"Accept": "text/html"}).status_code == 401
        assert served.get("/ui/login").status_code == 200
        assert served.get("/ui/static/page.css").status_code == 200
        wrong = served.post("/ui/login", content="token=another-token", headers=FORM)
        assert (wrong.status_code, len(wrong.cookies)) == (401, 0)
        right = served.post("/ui/login?to=/ui/log", content=f"token={TOKEN}", headers=FORM)
        assert (right.status_code, right.headers["location"]) == (303, "/ui/log")
        cookie = right.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert f"Max-Age={LASTS}" in cookie
        assert TOKEN not in cookie
        assert served.get("/ui/log").status_code == 200
        assert served.get("/events").status_code == 200, "what follows the log is asked with the session, too"
        out = served.post("/ui/logout")
        assert out.headers["location"] == "/ui/login"
        assert served.get("/ui/log").status_code == 401


def test_where_a_plug_asks_nobody_is_led_to_a_form_for_a_token(tmp_path: Path) -> None:
    with serving(str(tmp_path / "cqrs.db"), bank.domain, authenticate=lambda headers: None) as served:
        told = served.get("/ui/log", headers={"Accept": "text/html"})
        assert (told.status_code, told.json()["code"]) == (401, "unauthorized")


@pytest.mark.parametrize(
    "to",
    ["https://evil.example", "//evil.example", "/events", "/ui/\\evil", "/ui", "javascript:alert(1)", "/ui/\r\nX: y"],
)
def test_signing_in_leads_nowhere_else(tmp_path: Path, to: str) -> None:
    with serving(str(tmp_path / "cqrs.db"), bank.domain, token=TOKEN) as served:
        answer = served.post("/ui/login", content=f"token={TOKEN}", headers=FORM, params={"to": to})
        assert answer.headers["location"] == "/ui/"


def test_a_session_can_t_be_made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Sessions(TOKEN)
    value = ours.begun(TOKEN)
    assert value is not None
    assert ours.hold(f"a=b; {COOKIE}={value}")
    assert Sessions(TOKEN).hold(f"{COOKIE}={value}")
    end, _, signature = value.partition(".")
    for other in (
        f"{int(end) + 1}.{signature}",
        f"{end}.",
        f"{end}.{'0' * 64}",
        signature,
        "",
        ".",
        "x.y",
        f"{end}.\xe9",
    ):
        assert not ours.hold(f"{COOKIE}={other}"), other
    assert not Sessions("another-token-than-that").hold(f"{COOKIE}={value}")
    assert not ours.hold("\x00=;;==")
    assert ours.begun("") is None
    assert ours.begun("\udcff") is None
    monkeypatch.setattr("cqrs_cli.http.sessions.time.time", lambda: int(end) + 1)
    assert not ours.hold(f"{COOKIE}={value}"), "it has ended"


def test_a_form_of_another_page_is_refused(tmp_path: Path) -> None:
    with serving(str(tmp_path / "cqrs.db"), bank.domain, token=TOKEN) as served:
        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
            answer = served.post("/ui/login", content=f"token={TOKEN}", headers={**FORM, **headers})
            assert answer.status_code == 403
        assert served.post("/ui/login", {"token": TOKEN}).status_code == 415


def test_rights(tmp_path: Path) -> None:
    from cqrs_cli.http.identity import Identity, Right

    may: set[Right] = {"read"}
    with serving(
        str(tmp_path / "cqrs.db"), bank.domain, sql=True, authenticate=lambda _: Identity("eve", frozenset(may))
    ) as served:
        assert served.get("/ui/").status_code == 200
        assert "eve" in served.get("/ui/").text
        refused = served.get("/ui/sql?q=select+1")
        assert refused.status_code == 403
        assert "may not operate" in refused.text
        may.clear()
        assert {
            served.get(path).status_code for path in ("/ui/", "/ui/log", "/ui/domain", "/ui/pulse", "/ui/go?to=x")
        } == {403}


# ── what is on them ───────────────────────────────────────────────────────────────────────────


def test_an_empty_store(served: Served) -> None:
    page = served.get("/ui/").text
    assert "The log is empty" in page
    assert "/ui/commands" in page
    assert "no event" in served.get("/ui/log").text


def test_the_overview(filled: Served) -> None:
    page = filled.get("/ui/").text
    assert ">133<" in page
    assert "read models behind" in page
    assert [int(one) for one in re.findall(r'<progress value="(\d+)"', page)] == [130, 3]
    bars = [int(one) for one in re.findall(r'aria-label="(\d+) events? from', page)]
    assert len(bars) == 60
    assert sum(bars) == 133
    for span in ("hour", "day", "week"):
        assert sum(map(int, re.findall(r'aria-label="(\d+) events? from', filled.get(f"/ui/?span={span}").text))) == 133
    assert filled.get("/ui/?span=year").status_code == 400
    assert filled.get("/ui/?sp=day").status_code == 422


def test_a_bar_leads_to_its_events(filled: Served) -> None:
    page = filled.get("/ui/").text
    for link, count in re.findall(r'<a href="(/ui/log\?since[^"]+)"[^>]*aria-label="(\d+) event', page):
        if int(count):
            found = filled.get(html.unescape(link)).text
            assert len(positions(found)) == min(int(count), 50), link


def test_counts_go_on_from_where_they_were(filled: Served) -> None:
    filled.get("/ui/")
    filled.post("/commands/open", {"account_id": "dan"})
    assert [int(one) for one in re.findall(r'<progress value="(\d+)"', filled.get("/ui/").text)] == [130, 4]


def test_pages_of_the_log(filled: Served) -> None:
    """To the oldest and back again: every event once each way."""
    path, seen = "/ui/log", list[int]()
    while True:
        page = filled.get(path).text
        seen += positions(page)
        older = re.search(r'id="older"[^>]*href="([^"]+)"', page)
        if older is None:
            break
        path = html.unescape(older[1])
    assert seen == list(range(133, 0, -1))
    back = list[list[int]]()
    while True:
        page = filled.get(path).text
        back.insert(0, positions(page))
        newer = re.search(r'id="newer"[^>]*href="([^"]+)"', page)
        if newer is None:
            break
        path = html.unescape(newer[1])
    assert sorted({one for part in back for one in part}) == list(range(1, 134))


def test_the_log_filtered(filled: Served) -> None:
    def found(**given: Any) -> list[int]:
        answer = filled.get("/ui/log", params=given)
        assert answer.status_code == 200
        return positions(answer.text)

    assert found(type="Opened") == [3, 2, 1]
    assert found(type=["Opened", "Deposited"], stream="account-bob") == [2]
    assert found(contains="229") == [133]
    assert found(where="data.amount > 227") == [133, 132]
    assert found(category="account", until="2000-01-01") == []
    assert found(type="", stream="", contains="") == list(range(133, 83, -1)), "a field that is left empty says nothing"
    assert (
        "no event type" in filled.get("/ui/log?type=Nope").text.lower()
        or "Nope" in filled.get("/ui/log?type=Nope").text
    )
    for wrong in ("where=x+>", "since=yesterday-ish", "before=x", "colour=red", "stream=nope-1"):
        assert filled.get(f"/ui/log?{wrong}").status_code in (400, 404, 422), wrong


def test_saved_filters(tmp_path: Path) -> None:
    with serving(
        str(tmp_path / "cqrs.db"), bank.domain, filters={"big ones": "type=Deposited&where=data.amount+%3E+200"}
    ) as served:
        page = served.get("/ui/log").text
        link = re.search(r'href="([^"]+)">big ones<', page)
        assert link
        assert served.get(html.unescape(link[1])).status_code == 200


def test_the_map(orders: Served) -> None:
    page = orders.get("/ui/domain").text
    for name in ("CreateOrder", "OrderCreated", "OrderSummary", "Order.create"):
        assert name in page
    drawn = set(re.findall(r'data-id="([^"]+)"', page))
    near = {one for text in re.findall(r'data-near="([^"]+)"', page) for one in text.split()}
    assert near == drawn
    listed = page[page.index("The same as a list") :]
    assert "CreateOrder" in listed
    assert "decides" in listed
    assert "evolves" in listed


def test_what_leads_to_what() -> None:
    from cqrs_cli.http.pages.domain_graph import DomainGraph
    from samples.orders.fulfilment import domain

    graph = DomainGraph(domain)
    near = graph.near("e:OrderPaid")
    assert {"c:pay-order", "a:order", "e:OrderPaid", "p:order_summary", "r:fulfilment", "c:reserve-stock"} <= near
    assert "e:OrderCreated" not in near
    assert "p:availability" not in near
    assert {"r:fulfilment", "a:stock", "e:StockReserved"} <= graph.near("c:reserve-stock")


def test_sql(filled: Served) -> None:
    page = filled.get(
        "/ui/sql", params={"q": "SELECT type, count(*) AS n FROM event_log GROUP BY type ORDER BY n"}
    ).text
    assert ">Opened<" in page
    assert ">130<" in page
    assert "2 rows in" in page
    wrong = filled.get("/ui/sql", params={"q": "SELECT nope"})
    assert wrong.status_code == 400
    assert "SELECT nope" in wrong.text
    assert "no such column" in wrong.text
    assert (
        "the first 500 rows"
        in filled.get(
            "/ui/sql",
            params={"q": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 600) SELECT i FROM n"},
        ).text
    )
    assert filled.get("/ui/sql", params={"q": "DELETE FROM events"}).status_code == 400


@pytest.mark.parametrize(
    ("given", "code"), [({"sql": False}, "sql-off"), ({"sql": True, "mask": {"owner": ""}}, "mask")]
)
def test_where_no_sql_is_answered(tmp_path: Path, given: Any, code: str) -> None:
    with serving(str(tmp_path / "cqrs.db"), bank.domain, **given) as served:
        answer = served.get("/ui/sql?q=select+1")
        assert answer.status_code >= 400
        assert f"<b>{code}</b>" in answer.text


@pytest.mark.slow
@pytest.mark.file
def test_the_line_for_the_shell_says_the_same(cqrs: Shell, tmp_path: Path) -> None:
    cqrs("--app", "tests.bank:domain", "send", "open", "--account-id", "ada", "--owner", "it's $HOME")
    cqrs("--app", "tests.bank:domain", "send", "deposit", "--account-id", "ada", "--amount", "5")
    with serving(str(tmp_path / "cqrs.db"), bank.domain, sql=True) as served:
        for path in (
            "/ui/", "/ui/domain", "/ui/sql", "/ui/sql?q=select+'it''s+$HOME'+AS+told", "/ui/log",
            "/ui/log?type=Opened&contains=it's+$HOME&where=data.owner+!%3D+null&category=account&until=2999-01-01&before=@2",
            "/ui/log?stream=account-ada&after=@1&since=2000-01-01",
        ):  # fmt: skip
            (line,) = lines(served.get(path).text)
            words = shlex.split(line)
            assert words[0] == "cqrs"
            found = cqrs.json("--app", "tests.bank:domain", *words[1:])
            if "/ui/log" in path:
                shown = sorted(positions(served.get(path).text))
                assert sorted(one["position"] for one in found) == shown
                assert shown


# ── what must not leave, and what must not run ────────────────────────────────────────────────


def test_hostile_payloads_are_text(served: Served) -> None:
    served.post("/commands/open", {"account_id": "ada", "owner": EVIL}, headers={"Idempotency-Key": "evil'\"<b>1"})
    for path, given in {
        "/ui/": {}, "/ui/log": {"contains": "<script>alert(3)</script>"}, "/ui/sql": {"q": "select '<script>alert(4)</script>\u202e' AS \"<b>\""},
        "/ui/go": {"to": "<script>alert(5)</script>"}, "/ui/<script>alert(6)<": {}, "/ui/login": {"to": "/ui/\"><script>alert(7)</script>"},
    }.items():  # fmt: skip
        for answer in (served.get(path, params=given), served.get("/ui/log")):
            page = answer.text
            assert not re.search(r"""<script>|<img|'"<b>1|\{\{7\*7\}\}49""", page), path
            assert not re.search("[\u202e\x1b]", page), path
    assert "\\u202e" in served.get("/ui/log").text


def test_what_is_masked_is_on_no_page(tmp_path: Path) -> None:
    path = str(tmp_path / "cqrs.db")
    with Workbench.open(path, bank.domain) as bench:
        bench.send(bank.Open(account_id="ada", owner="Adelaide Example"))
    with serving(path, bank.domain, mask={"owner": ""}, mask_key=b"k" * 16) as served:
        for page in (
            "/ui/",
            "/ui/log",
            "/ui/log?stream=account-Adelaide+Example",
            "/ui/log?where=data.owner%3D'Adelaide+Example'%3E",
        ):
            assert "Adelaide" not in re.sub(r'value="[^"]*"', "", served.get(page).text), page


def test_digits_are_kept(served: Served) -> None:
    served.post("/commands/open", {"account_id": "ada"})
    served.post("/commands/deposit", {"account_id": "ada", "amount": 9007199254740993})
    assert "9007199254740993" in served.get("/ui/log").text
