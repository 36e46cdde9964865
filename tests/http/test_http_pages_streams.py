"""The page of the streams: by category, by the beginning of their names, page by page; what its line gives."""

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
from cqrs_cli.stores.commits import Commit, NewEvent
from tests import bank
from tests.http.page_text import text_of
from tests.http.served import Served, serving

NAMES = ["account", "account-1", "account-10", "account-11", "account-2", "accounts-1", "old_box-7", "ship-ä", "ship-ö"]


def filled(path: Path, names: list[str]) -> str:
    """A store with streams of one event."""
    url = str(path / "cqrs.db")
    with Workbench.open(url, bank.domain) as bench:
        for name in names:
            bench.store.append(Commit(f"of {name}", (NewEvent(name, "Opened", 1, b'{"owner": "lovelace"}'),)))
    return url


@pytest.fixture
def listed(tmp_path: Path) -> Any:
    with serving(filled(tmp_path, NAMES), bank.domain) as served:
        yield served


def names_of(page: str) -> list[str]:
    """The streams that a page lists."""
    table = page.partition('id="streams"')[2]
    return [unescape(name) for name in re.findall(r'<tr data-href[^>]*>.*?<span class="nm">(.*?)</span>', table)]


CASES = [
    ("", NAMES),
    ("category=account", [name for name in NAMES if name.startswith("account-") or name == "account"]),
    ("category=old-box", ["old_box-7"]),
    ("category=nothing", []),
    ("begins=account", [name for name in NAMES if name.startswith("account")]),
    ("begins=account-1", ["account-1", "account-10", "account-11"]),
    ("category=account&begins=1", ["account-1", "account-10", "account-11"]),
    ("category=account&begins=account-10", ["account-10"]),
    ("begins=ship-%C3%A4", ["ship-ä"]),
    ("begins=s", ["ship-ä", "ship-ö"]),
    ("begins=*", []),
    ("after=account-11", NAMES[4:]),
    ("begins=account-1&after=account-1", ["account-10", "account-11"]),
    ("begins=account-1&after=zz", []),
    ("category=&begins=&after=", NAMES),
]


@pytest.mark.parametrize(("asked", "names"), CASES)
def test_which_streams(listed: Served, asked: str, names: list[str]) -> None:
    page = listed.get(f"/ui/streams?{asked}")
    assert page.status_code == 200
    assert names_of(page.text) == names


@pytest.mark.parametrize(("asked", "names"), CASES)
def test_the_line_gives_the_same(
    tmp_path: Path, asked: str, names: list[str], capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with serving(filled(tmp_path, NAMES), bank.domain) as served:
        line = unescape(
            re.findall(r'<p class="shell">.*?<code tabindex="0">(.*?)</code>', served.get(f"/ui/streams?{asked}").text)[
                -1
            ]
        )
    capsys.readouterr()
    assert boundary.run([*shlex.split(line)[1:], "--json"]) == 0
    assert [one["stream"] for one in json.loads(capsys.readouterr().out)] == names


def test_page_by_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cqrs_cli.http.pages.streams.PAGE", 3)
    with serving(filled(tmp_path, NAMES), bank.domain) as served:
        at, seen, pages = "/ui/streams?begins=account", [], 0
        while at:
            page = served.get(at).text
            seen += names_of(page)
            pages += 1
            found = re.search(r'id="older"[^>]*href="([^"]+)"', page)
            at = unescape(found[1]) if found else ""
        assert (seen, pages) == ([name for name in NAMES if name.startswith("account")], 2)
        assert 'id="newer" rel="prev" href="/ui/streams?begins=account"' in page


def test_names_that_are_hidden_stand_in_no_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cqrs_cli.http.pages.streams.PAGE", 1)
    with serving(filled(tmp_path, ["account-lovelace", "account-turing"]), bank.domain, mask={"key": ""}) as served:
        page = served.get("/ui/streams").text
        assert "lovelace" not in page
        more = re.search(r'id="older"[^>]*href="([^"]+)"', page)
        assert more is not None
        following = served.get(unescape(more[1])).text
        assert "1 stream by name" in text_of(following)
        assert not re.search("lovelace|turing", following)
        assert following != page


def test_what_means_nothing_is_refused(listed: Served) -> None:
    assert listed.get("/ui/streams?limit=3").status_code == 422
    assert listed.get("/ui/streams?begins=a&begins=b").status_code == 422
    page = listed.get('/ui/streams?begins="><script>alert(1)</script>').text
    assert "<script>alert" not in page
