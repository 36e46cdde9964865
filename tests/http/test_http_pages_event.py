"""The page of an event: what it shows, and that it shows what can't be folded, what is hostile and what is hidden."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli import Workbench
from cqrs_cli.stores.commits import Commit, NewEvent
from tests import bank
from tests.http.page_text import text_of
from tests.http.served import Served, serving

HOSTILE = "<script>alert(1)</script>\"'{{7*7}}\u202e"


def filled(path: Path) -> str:
    """A store with an account of six events, two of them of one command."""
    url = str(path / "cqrs.db")
    with Workbench.open(url, bank.domain) as bench:
        bench.send(bank.Open(account_id="1", owner="lovelace").with_meta(user_id="kim", metadata={"channel": "web"}))
        bench.send(bank.Deposit(account_id="1", amount=50, note="first"))
        bench.send(bank.Withdraw(account_id="1", amount=20))
        two = tuple(NewEvent("account-1", "Deposited", 3, json.dumps({"amount": n}).encode()) for n in (7, 8))
        bench.store.append(Commit("both", two))
        bench.send(bank.Deposit(account_id="2" if bench.store.version("account-2") else "1", amount=1, note=HOSTILE))
    return url


@pytest.fixture
def shown(tmp_path: Path) -> Any:
    with serving(filled(tmp_path), bank.domain) as served:
        yield served


def test_all_of_an_event(shown: Served) -> None:
    page = shown.get("/ui/events/@2")
    assert page.status_code == 200
    told = text_of(page.text)
    for part in ("Deposited", "@2", '"amount": 50', '"note": "first"', "account-1", "Envelope", "hash of the commit"):
        assert part in told, part
    assert "balance 0 → 50" in told
    assert "balance 1" in told.partition("Rows that it concerns")[2]
    assert "The command that was sent" in told
    assert "cqrs show @2" in told
    assert 'id="newer" rel="next" href="/ui/events/3"' in page.text
    assert 'id="older" rel="prev" href="/ui/events/1"' in page.text


def test_by_every_name(shown: Served) -> None:
    by_position = shown.get("/ui/events/2").text
    for name in ("@2", "account-1@2"):
        assert text_of(shown.get(f"/ui/events/{name}").text) == text_of(by_position)
    assert "Committed together 2 events" in text_of(shown.get("/ui/events/both").text)
    assert "@4" in text_of(shown.get("/ui/events/both:1").text)


def test_the_ends_of_the_log(shown: Served) -> None:
    first, last = shown.get("/ui/events/1").text, shown.get("/ui/events/6").text
    assert 'id="older"' not in first
    assert 'id="newer"' in first
    assert 'id="newer"' not in last
    assert "kim" in text_of(first)
    assert '"channel": "web"' in text_of(first)


def test_what_is_imported_says_so(shown: Served) -> None:
    told = text_of(shown.get("/ui/events/4").text)
    assert "none, it was imported" in told
    assert "The command that was sent" not in told
    assert "balance 30 → 37" in told


def test_what_is_not_there(shown: Served) -> None:
    for path, status, code in [
        ("/ui/events/99", 404, "event-not-found"),
        ("/ui/events/nothing-like-it", 404, "id-not-found"),
        ("/ui/events/account-1", 400, "address"),
        ("/ui/events/account-1@99", 404, "event-not-found"),
        ("/ui/events/2?x=1", 422, "invalid-input"),
    ]:
        page = shown.get(path)
        assert (page.status_code, code in page.text) == (status, True), path


def test_a_type_that_nobody_knows_any_more(tmp_path: Path) -> None:
    url = filled(tmp_path)
    with Workbench.open(url, bank.domain) as bench:
        bench.store.append(Commit("old", (NewEvent("account-1", "Frozen", 1, b'{"why": 1.50}'),)))
        bench.store.append(Commit("foreign", (NewEvent("ship-1", "Sailed", 1, b'{"to": "Oslo"}'),)))
    with serving(url, bank.domain) as served:
        for position, what in ((7, "Frozen"), (8, "Sailed")):
            page = served.get(f"/ui/events/{position}")
            assert page.status_code == 200
            assert what in text_of(page.text)
            assert "What it changed is not known" in text_of(page.text)
        assert '"why": 1.50' in text_of(served.get("/ui/events/7").text), "a number keeps its digits"
        assert "&#34;why&#34;:1.50}" in served.get("/ui/events/7").text, "also where it is copied"


def test_what_is_hostile_is_text(shown: Served) -> None:
    page = shown.get("/ui/events/6").text
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert "{{7*7}}" in html.unescape(page)
    assert "\\u202e" in page


def test_what_is_hidden_is_nowhere(tmp_path: Path) -> None:
    with serving(filled(tmp_path), bank.domain, mask={"owner": "", "amount": ""}) as served:
        page = served.get("/ui/events/1")
        assert page.status_code == 200
        assert "lovelace" not in page.text
        assert "50" not in text_of(served.get("/ui/events/2").text).partition("What it changed")[0]


def test_who_may_not_read_sees_nothing(tmp_path: Path) -> None:
    with serving(filled(tmp_path), bank.domain, token="secret") as served:
        page = served.get("/ui/events/2")
        assert page.status_code in (303, 401)
        assert "Deposited" not in page.text


def test_a_long_story_is_not_looked_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cqrs_cli.http.pages.event.MOST_OF_STORY", 3)
    url = str(tmp_path / "cqrs.db")
    with Workbench.open(url, bank.domain) as bench:
        bench.send(bank.Open(account_id="1").with_meta(correlation_id="all"))
        for amount in (1, 2, 3):
            bench.send(bank.Deposit(account_id="1", amount=amount).with_meta(correlation_id="all"))
    with serving(url, bank.domain) as served:
        assert "Its story has more than 3 commands" in text_of(served.get("/ui/events/2").text)


def test_a_fold_that_takes_too_long_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cqrs_cli.http.pages.states.BUDGET", -1.0)
    monkeypatch.setattr("cqrs_cli.http.pages.states._PART", 2)
    with serving(filled(tmp_path), bank.domain) as served:
        assert "it is the fold of 6 events" in text_of(served.get("/ui/events/6").text)
        assert "balance 0 → 50" in text_of(served.get("/ui/events/2").text)
