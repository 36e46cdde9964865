"""The log over HTTP: pages, searches in bounded steps, one event, streams, stories, and aggregates then and now."""

from typing import Any
from urllib.parse import quote

import pytest

from cqrs_cli.http import events
from tests.http.served import Served
from tests.http.test_http_queries import followed


@pytest.fixture
def filled(served: Any) -> Any:
    """Two accounts, six events."""
    for number, id in enumerate(("ada", "bob")):
        key = {"Idempotency-Key": f"k-{number}"}
        served.post("/commands/open", {"account_id": id}, headers=key)
        served.post("/commands/deposit", {"account_id": id, "amount": 500, "note": f"note-{number}"})
        served.post("/commands/withdraw", {"account_id": id, "amount": 20})
    return served


def positions(pages: list[Any]) -> list[list[int]]:
    return [[event["position"] for event in page] for page in pages]


@pytest.mark.parametrize(
    ("query", "pages"),
    [
        ("", [[1, 2, 3, 4, 5, 6]]),
        ("limit=4", [[1, 2, 3, 4], [5, 6]]),
        ("limit=4&backwards=true", [[6, 5, 4, 3], [2, 1]]),
        ("stream=account-bob", [[4, 5, 6]]),
        ("stream=account-bob&limit=2&backwards=true", [[6, 5], [4]]),
        ("category=account&after=@2&before=@5", [[3, 4]]),
        ("type=Opened&type=Withdrawn&limit=3", [[1, 3, 4], [6]]),
        ("contains=note-1", [[5]]),
        ("where=data.amount>100&limit=1", [[2], [5]]),
        ("command=withdraw", [[3, 6]]),
        ("correlation=k-1", [[4]]),
        ("user=nobody", [[]]),
        ("since=2020-01-01&until=2020-01-02", [[]]),
        ("category=nothing", [[]]),
    ],
)
def test_pages_of_the_log(filled: Any, query: str, pages: list[list[int]]) -> None:
    assert positions(followed(filled, f"/events?{query}")) == pages


def test_a_search_ends_in_time_and_goes_on_from_there(filled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "WINDOW", 2)
    monkeypatch.setattr(events.page_of, "__defaults__", (-1.0,))
    pages = followed(filled, "/events?contains=note-1")
    assert positions(pages) == [[], [], [5]]
    backwards = followed(filled, "/events?contains=note-0&backwards=true")
    assert [page for page in positions(backwards) if page] == [[2]]
    assert len(backwards) == 3


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/events?stream=account-cid", 404, "stream-not-found"),
        ("/events?stream=", 422, "invalid-input"),
        ("/events?limit=x", 422, "invalid-input"),
        ("/events?after=-1", 422, "invalid-input"),
        ("/events?where=a>", 400, "expression"),
        ("/events?since=never", 400, "address"),
        ("/events?backward=true", 422, "invalid-input"),
        ("/events/99", 404, "event-not-found"),
        ("/events/account-ada@9", 404, "event-not-found"),
        ("/events/nothing", 404, "id-not-found"),
        ("/trace/nothing", 404, "id-not-found"),
        ("/aggregates/account-cid", 404, "stream-not-found"),
        ("/aggregates/account-ada?at=9", 404, "version-not-found"),
        ("/aggregates/account-ada@1?at=1", 400, "usage"),
        ("/aggregates/user-1", 404, "category-not-found"),
        ("/aggregates/account-ada/blame?field=nothing", 400, "unknown-field"),
        ("/nothing", 404, "no-such-path"),
        ("/events/", 404, "no-such-path"),
    ],
)
def test_what_is_not_there(filled: Any, path: str, status: int, code: str) -> None:
    answer = filled.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


def test_one_event_and_all_of_a_command(filled: Any) -> None:
    assert filled.get("/events/2").json() == filled.get("/events/account-ada@2").json()
    shown = filled.get("/events/@2").json()
    assert (shown["command"]["command"], shown["changes"][0]["path"]) == ("Deposit", "balance")
    assert filled.get("/events/k-1").json()["position"] == 4


def test_streams_by_pages(filled: Any) -> None:
    pages = followed(filled, "/streams?limit=1")
    assert [[one["stream"] for one in page] for page in pages] == [["account-ada"], ["account-bob"]]
    assert filled.get("/streams?category=user").json() == []


def test_stories(filled: Any) -> None:
    [root] = filled.get("/trace/k-0").json()
    assert (root["name"], root["children"][0]["name"]) == ("Open", "Opened")
    roots = filled.get("/trace/account-ada").json()
    assert [root["name"] for root in roots] == ["Open", "Deposit", "Withdraw"]
    assert "recorded_at" in roots[0]


def test_an_aggregate_then_and_now(filled: Any) -> None:
    now, then = filled.get("/aggregates/account-ada"), filled.get("/aggregates/account-ada?at=2")
    assert (now.json()["state"]["balance"], now.headers["etag"]) == (480, '"3"')
    assert (then.json()["state"]["balance"], then.headers["etag"]) == (500, '"2"')
    assert filled.get("/aggregates/account-bob?at=@4").json()["version"] == 1
    assert filled.get("/aggregates/account-ada@2").json() == then.json()


def test_the_history_of_an_aggregate(filled: Any) -> None:
    pages = followed(filled, "/aggregates/account-ada/history?limit=2")
    assert [[step["version"] for step in page] for page in pages] == [[1, 2], [3]]
    assert pages[1][0]["changes"] == [{"path": "balance", "old": 500, "new": 480}]
    assert pages[0][0]["event"]["type"] == "Opened"


@pytest.mark.parametrize("id", ["50%", "50%25", "a b", 'a"b', "a/b", "a?b#c", "ключ", "😀", "a&b=c+d"])
def test_pages_go_on_in_the_same_stream_whatever_it_is_called(served: Any, id: str) -> None:
    for made in (id, quote(id, safe="")):  # a stream that is called like the other one's path
        served.post("/commands/open", {"account_id": made})
        for _ in range(4):
            served.post("/commands/deposit", {"account_id": made, "amount": 1})
    stream = next(one["stream"] for one in served.get("/events?type=Opened").json())
    pages = followed(served, f"/aggregates/{quote(stream, safe='')}/history?limit=2")
    assert [[step["version"] for step in page] for page in pages] == [[1, 2], [3, 4], [5]]
    assert {step["event"]["stream"] for page in pages for step in page} == {stream}


def test_a_follower_beyond_the_end_is_told(filled: Any) -> None:
    """A store was put back to a backup: what comes next would be taken for what was seen already."""
    follows = {"Accept": "text/event-stream"}
    for answer in (
        filled.get("/events", headers=follows | {"Last-Event-ID": "7"}),
        filled.get("/events?after=@99", headers=follows),
    ):
        assert (answer.status_code, answer.json()["code"], answer.json()["head"]) == (409, "beyond-the-end", 6)


def test_where_each_field_is_from(filled: Any) -> None:
    told = {one["path"]: one["version"] for one in filled.get("/aggregates/account-ada/blame").json()}
    assert (told["balance"], told["owner"]) == (3, 1)
    [one] = filled.get("/aggregates/account-ada/blame?field=balance&at=2").json()
    assert (one["value"], one["version"]) == (500, 2)
    past = filled.get("/aggregates/account-ada/blame?history=balance").json()
    assert [change["new"] for change in past][-2:] == [500, 480]
    assert filled.get("/aggregates/account-ada/blame?history=balance&field=balance").status_code == 400


def test_methods_that_are_not_there(served: Any) -> None:
    answer = served("DELETE", "/events")
    assert (answer.status_code, answer.json()["code"]) == (405, "method-not-allowed")
    assert "GET" in answer.headers["allow"]
    assert served("HEAD", "/health/live").content == b""


def test_an_id_may_hold_a_slash(served: Served) -> None:
    made = served.post("/commands/open", {"account_id": "ada"}, headers={"Idempotency-Key": "a/b"})
    assert served.get("/events/a%2Fb").json()["position"] == int(made.headers["log-position"])
    assert served.get("/trace/a%2Fb").json()[0]["id"] == "a/b"
