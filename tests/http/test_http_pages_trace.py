"""The page of a story: the tree, its times, what waits and what failed; long ones."""

from __future__ import annotations

import json
import re
import shlex
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import Workbench
from cqrs_cli.cli.shell import boundary
from cqrs_cli.http.pages.trace import _length
from cqrs_cli.log.trace import newest_of_stream, story, stream_story, trace, walk
from cqrs_cli.stores.commits import Commit, NewEvent
from tests import bank, office
from tests.http.page_text import text_of
from tests.http.served import Served, serving
from tests.reacting import pay


@pytest.fixture
def store(tmp_path: Path) -> str:
    """An order that is paid and shipped, commands that came to nothing, one of them dropped, a deadline."""
    url = str(tmp_path / "cqrs.db")
    with Workbench.open(url, office.domain) as bench:
        pay(bench, "o1", "boom1", "bad1", "boom2", items=["pen"])
        bench.runner(start=0).drain()
        bench.drop(bench.failed()[0].command_id, by="ada", reason="a test")
    return url


@pytest.fixture
def told(store: str) -> Any:
    with serving(store, office.domain) as served:
        yield served


def rows(page: str) -> list[tuple[int, str]]:
    """The rows of the tree: depth and kind."""
    found = re.findall(r'<td class="d(\d+)"><span class="kind ([a-z]+)">', page)
    return [(int(depth), kind) for depth, kind in found]


def test_a_story_is_a_tree(told: Served, store: str) -> None:
    page = told.get("/ui/trace/@1")
    assert page.status_code == 200
    with Workbench.open(store, office.domain, read_only=True) as bench:
        nodes = list(walk(trace(bench.store, "@1")))
    assert rows(page.text) == [(min(depth, 11), node.kind) for node, depth, _ in nodes]
    assert {"command", "event", "reaction"} <= {kind for _, kind in rows(page.text)}
    for node, *_ in nodes:
        assert node.name in text_of(page.text)


def test_by_every_name_that_the_shell_takes(told: Served) -> None:
    tree = rows(told.get("/ui/trace/@1").text)
    for name in ("1", "pay-o1", "pay-o1:1"):
        assert rows(told.get(f"/ui/trace/{name}").text) == tree, name
    of_stream = told.get("/ui/trace/order-o1")
    assert rows(of_stream.text) == tree
    assert "All that led to the events of this stream" in text_of(of_stream.text)


ABSENT = ("failed", "waiting", "deadline", "dropped")


def test_what_happened_has_a_bar_and_what_did_not_is_dashed(told: Served, store: str) -> None:
    met: dict[str, int] = {}
    for order in ("o1", "boom1", "bad1", "boom2"):
        page = told.get(f"/ui/trace/pay-{order}").text
        for kind, row in re.findall(r'<tr class="([a-z]+)"(.*?)</tr>', page, re.S):
            met[kind] = met.get(kind, 0) + 1
            assert ("<rect" in row) == (kind in ("command", "event", "import")), row
            assert ('class="open"' in row) == (kind in ABSENT), row
    assert {"command", "event", "reaction", "failed", "dropped"} <= met.keys()


def test_what_failed_says_why_and_who_dropped_it(told: Served, store: str) -> None:
    with Workbench.open(store, office.domain, read_only=True) as bench:
        failed = bench.failed()
    assert failed
    for letter in failed:
        page = text_of(told.get(f"/ui/trace/{letter.outgoing.correlation_id}").text)
        assert f"{letter.code}: {letter.reason}" in page
    pages = [text_of(told.get(f"/ui/trace/pay-{order}").text) for order in ("boom1", "bad1", "boom2")]
    assert sum("dropped by ada: a test" in page for page in pages) == 1


def test_what_is_not_there(told: Served) -> None:
    for path, status, code in [
        ("/ui/trace/@99", 404, "event-not-found"),
        ("/ui/trace/nothing-like-it", 404, "id-not-found"),
        ("/ui/trace/@1?x=1", 422, "invalid-input"),
        ("/ui/trace/@1?from=0", 422, "invalid-input"),
    ]:
        page = told.get(path)
        assert (page.status_code, code in page.text) == (status, True), path


def test_a_long_story_has_pages_and_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cqrs_cli.http.pages.trace.PAGE", 10)
    monkeypatch.setattr("cqrs_cli.http.pages.trace.MOST_COMMITS", 12)
    url = str(tmp_path / "cqrs.db")
    with Workbench.open(url, bank.domain) as bench:
        for number in range(30):
            new = NewEvent("account-1", "Withdrawn", 1, b'{"amount": 1}')
            bench.store.append(Commit(f"c{number}", (new,), correlation_id="all"))
    with serving(url, bank.domain) as served:
        at, seen = "/ui/trace/all", []
        while at:
            page = served.get(at).text
            assert "Its first 12 commands" in text_of(page)
            seen += rows(page)
            found = re.search(r'id="older"[^>]*href="([^"]+)"', page)
            at = "/ui/trace/all" + found[1] if found else ""
        assert len(seen) == 24
        of_stream = text_of(served.get("/ui/trace/account-1").text)
        assert "at most 12 commands" in of_stream
    with Workbench.open(url, bank.domain, read_only=True) as bench:
        assert story(bench.store, "all", 30).is_whole
        assert not story(bench.store, "all", 29).is_whole
        assert newest_of_stream(bench.store, "account-1").roots == stream_story(bench.store, "account-1")
        assert not newest_of_stream(bench.store, "account-1", newest=29).is_whole
        assert newest_of_stream(bench.store, "account-1", newest=30).is_whole


def test_hostile_and_hidden(tmp_path: Path) -> None:
    url = str(tmp_path / "cqrs.db")
    hostile = "<script>alert(1)</script>\u202e"
    with Workbench.open(url, bank.domain) as bench:
        bench.store.append(
            Commit("one", (NewEvent("account-1", hostile, 1, b"{}"),), correlation_id=hostile, user_id="lovelace")
        )
    with serving(url, bank.domain, mask={"user_id": ""}) as served:
        page = served.get("/ui/trace/@1").text
        assert "<script>alert" not in page
        assert "\u202e" not in page
        assert "lovelace" not in page
        assert " style=" not in page


def test_the_line_gives_the_same(told: Served, capsys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = told.get("/ui/trace/order-o1").text
    line = unescape(re.findall(r'<p class="shell">.*?<code tabindex="0">(.*?)</code>', page)[-1])
    capsys.readouterr()
    assert boundary.run([*shlex.split(line)[1:], "--json"]) == 0
    waiting, names = json.loads(capsys.readouterr().out), []
    while waiting:
        one = waiting.pop(0)
        names.append(one["name"])
        waiting = [*one["children"], *waiting]
    assert len(names) == len(rows(page))


def test_lengths() -> None:
    told = {0: "0.0 ms", 1_500: "1.5 ms", 2_500_000: "2.5 s", 61_000_000: "1 min 1 s", 90_061_000_000: "1 d 1 h"}
    assert {length: _length(length) for length in told} == told
