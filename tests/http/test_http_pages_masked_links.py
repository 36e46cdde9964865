"""What is masked is shown as something else, and its link leads to the thing all the same, on every kind of page."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from cqrs_cli import Workbench
from cqrs_cli.http.seals import Seals
from tests import bank, office
from tests.http.page import page, walk
from tests.http.served import serving
from tests.reacting import pay

KEYS = ["lovelace", "turing", "0042", "näh,e"]
SHOWN = re.compile(r"lovelace|turing|\b0042\b|näh|n%C3%A4h")


@pytest.fixture
def store(tmp_path: Path) -> str:
    url = str(tmp_path / "cqrs.db")
    with Workbench.open(url, bank.domain) as bench:
        for key in KEYS:
            bench.send(bank.Open(account_id=key))
            bench.send(bank.Deposit(account_id=key, amount=5))
        bench.project()
    return url


def to_streams(links: list[str]) -> list[str]:
    return [link for link in links if link.startswith("/ui/streams/")]


@pytest.mark.parametrize("mask", [{"account_id": ""}, {"account_id": "hash"}, {"account_id": "blank", "key": ""}])
def test_every_link_leads_somewhere_and_shows_nothing(store: str, mask: dict[str, str]) -> None:
    """From the overview on: the log, events, streams and their versions, traces, read models and rows, forms."""
    with serving(store, bank.domain, mask=mask) as served:
        seen = walk(served, "/ui/")
        assert {path: status for path, status in seen.items() if status != 200} == {}
        for start in ("/ui/log", "/ui/events/", "/ui/streams/m-", "/ui/trace/", "/ui/models/"):
            assert any(path.startswith(start) for path in seen), start
        for path in seen:
            assert not SHOWN.search(path), path
            assert not SHOWN.search(served.get(path).text), path


def test_a_link_leads_to_the_stream_that_it_is_of(store: str) -> None:
    with serving(store, bank.domain, mask={"key": ""}) as served:
        for position, key in enumerate(KEYS):
            told = page(served, f"/ui/events/{2 * position + 1}")
            name = served.get(f"/events/{2 * position + 1}").json()["stream"]
            assert key not in name
            there = page(served, to_streams(told.links)[0])
            assert f"/ui/events/{2 * position + 2}" in page(served, to_streams(told.links)[0].split("?")[0]).links
            assert name in there.text
            [trace] = {link for link in there.links if "/ui/trace/m-" in link}
            assert page(served, trace).status == 200


def test_a_row_leads_nowhere_by_what_is_masked_of_it(store: str) -> None:
    with serving(store, bank.domain, mask={"account_id": ""}) as served:
        assert to_streams(page(served, "/ui/models/balance").links) == []
    with serving(store, bank.domain) as served:
        assert to_streams(page(served, "/ui/models/balance").links) != []


def test_what_is_followed_has_no_link_that_a_script_would_make_of_what_is_masked(store: str) -> None:
    for mask in ({}, {"key": ""}):
        with serving(store, bank.domain, mask=mask) as served:
            [button] = [of for tag, of in page(served, "/ui/log").tags if of.get("id") == "tail"]
            assert ("data-masked" in button) is bool(mask)


def test_letters_and_processes_lead_to_their_events(tmp_path: Path) -> None:
    url = str(tmp_path / "cqrs.db")
    with Workbench.open(url, office.domain) as bench:
        runner = bench.runner()
        runner.drain()
        pay(bench, "boom1", "order-of-kim")
        runner.drain()
    with serving(url, office.domain, mask={"order_id": "", "key": ""}) as served:
        seen = walk(served, "/ui/processes")
        assert {path: status for path, status in seen.items() if status != 200} == {}
        assert any(path.startswith("/ui/streams/m-") for path in seen)


def test_links_go_on_after_a_restart_with_the_same_key_alone(store: str) -> None:
    def links(served: Any) -> list[str]:
        return to_streams(page(served, "/ui/log").links)

    with serving(store, bank.domain, mask={"key": ""}, mask_key=b"k" * 16) as served:
        kept = links(served)
    with serving(store, bank.domain, mask={"key": ""}, mask_key=b"k" * 16) as served:
        assert links(served) == kept
        assert {served.get(link).status_code for link in kept} == {200}
    with serving(store, bank.domain, mask={"key": ""}, mask_key=b"l" * 16) as served:
        assert {served.get(link).status_code for link in kept} == {404}


@pytest.mark.parametrize("text", ["", "a", "order-17", "näh,e\udc80", "\0\0", "x" * 31, "x" * 32, "€" * 300])
def test_a_word_means_one_text_to_one_key(text: str) -> None:
    one, other = Seals(b"k"), Seals(b"l")
    word = one.word(text)
    assert word == quote(word, safe="") == one.word(text)
    assert one.text(word) == text
    assert other.text(word) is None
    for at in range(2, len(word) - 1):
        assert one.text(word[:at] + ("A" if word[at] != "A" else "B") + word[at + 1 :]) is None


@pytest.mark.parametrize("text", ["", "m-", "m-0123", "m-é", "order-17", "m-" + "A" * 22, "M-abc"])
def test_what_is_no_word_means_nothing(text: str) -> None:
    assert Seals(b"k").text(text) is None
