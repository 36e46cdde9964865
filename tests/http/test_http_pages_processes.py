"""The page of processes: where they stand, what waits, and dead letters that are sent again or dropped."""

import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest

from cqrs_cli import Workbench
from cqrs_cli.http.identity import Identity
from cqrs_cli.stores.commits import Commit, NewEvent
from cqrs_cli.stores.operational import DEAD_LETTERS
from tests import office
from tests.http.page import Page, page, submit, walk
from tests.http.served import Served, serving
from tests.reacting import pay

PATH = "/ui/processes"
APP = ("--app", "tests.office:domain")
HARM = "boom<script>alert(1)</script>\u202e"


@pytest.fixture
def store(tmp_path: Any) -> str:
    """The office with dead letters, deadlines, and an event that no reaction has answered yet."""
    path = str(tmp_path / "cqrs.db")
    with Workbench.open(path, office.domain) as bench:
        runner = bench.runner()
        runner.drain()
        pay(bench, "boom1", HARM, "o1")
        runner.drain()
        pay(bench, "o2")
    return path


@pytest.fixture
def served(store: str) -> Iterator[Served]:
    """It, served to ada."""
    with serving(store, office.domain, authenticate=lambda _: Identity("ada")) as one:
        yield one


def ids(found: Page) -> list[str]:
    """The ids of the dead letters that may be sent again."""
    return re.findall('action="/ui/processes/letters/([^"/]*)/retry"', found.answer.text)


def test_where_they_stand_and_what_is_there(served: Any, cqrs: Any) -> None:
    found = page(served, PATH)
    assert re.search(r"fulfilment process behind @\d+ 1 (\d+(\.\d)? s )?3 0 2 2", found.text)
    assert re.search(r"welcome policy behind @\d+ 1 (\d+(\.\d)? s )?– 0 0 0", found.text)
    assert "domain-failed Order.ship (deciding Ship) raised RuntimeError: the carrier is on strike" in found.text
    assert {"fulfilment", "letters", "waiting", "due"} <= set(found.ids)
    assert "CancelOrder" in found.text.split("Due later")[1]
    assert "shipped" in found.text.split("Instances of fulfilment")[1]
    assert "/ui/models/fulfilment/row?key=boom1" in found.links
    assert [path for path, status in walk(served, PATH).items() if status != 200] == []
    assert "fulfilment" in cqrs(*APP, *found.shell).stdout
    for line in set(re.findall("<code>(cqrs run --(?:failed|deadlines|status)[^<]*)</code>", found.answer.text)):
        assert cqrs(*APP, *line.split()[1:]).stdout


def test_what_means_harm_does_none(served: Any) -> None:
    found = page(served, PATH)
    assert "<script>alert" not in found.answer.text
    assert "\u202e" not in found.answer.text
    assert "boom<script>alert(1)</script>\\u202e" in found.text


def test_a_letter_is_sent_again_and_what_came_of_it_is_told(served: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "cqrs.http")
    [first, *_] = ids(page(served, PATH))
    answer = submit(served, f"{PATH}/letters/{first}/retry", {})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PATH}?retried={first}#letters")
    came = page(served, answer.headers["location"])
    assert "failed again Ship: Order.ship" in came.text
    assert len(ids(came)) == 2
    assert f"dead letter {first} sent again by ada" in " ".join(caplog.messages)
    assert submit(served, f"{PATH}/letters/nothing/retry", {}).status_code == 404
    again = page(served, f"{PATH}?retried=nothing")
    assert (again.status, "gave no events" in again.text) == (200, True)


def without_seconds(text: str) -> str:
    """What does not change while one looks."""
    return re.sub(r"\d+(\.\d)? s\b", "N s", text)


def test_one_that_goes_through_leads_to_its_events(store: str) -> None:
    with Workbench.open(store, office.domain) as bench:
        [letter, _] = bench.failed()
        with bench.store.transaction() as rows:  # the carrier works again, for another order
            data = json.dumps({"order_id": "o2", "items": []})
            rows.put(DEAD_LETTERS, [(*letter.outgoing._replace(data=data), *letter[1:])])
    with serving(store, office.domain) as one:
        answer = submit(one, f"{PATH}/letters/{letter.command_id}/retry", {})
        came = page(one, answer.headers["location"])
        assert "sent Shipped order-o2 @2" in came.text
        assert "/ui/streams/order-o2?at=2" in came.links
        assert letter.command_id not in ids(came)
        reloaded = page(one, answer.headers["location"])
        assert without_seconds(reloaded.text) == without_seconds(came.text)
        assert [event["type"] for event in one.get("/events?stream=order-o2").json()] == ["Paid", "Shipped"]


def test_a_letter_is_dropped_with_a_reason(served: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "cqrs.http")
    [first, second] = ids(page(served, PATH))
    drop = f"{PATH}/letters/{first}/drop"
    for fields in ({}, {"reason": ""}, {"reason": "  "}):
        found = Page(submit(served, drop, fields))
        assert (found.status, "unreasoned" in found.ids, len(ids(found))) == (422, True, 2)
    assert submit(served, drop, {"reason": "x", "by": "eve"}).status_code == 422
    answer = submit(served, drop, {"reason": "a <test>"})
    assert answer.headers["location"] == f"{PATH}?dropped={first}#letters"
    gone = page(served, answer.headers["location"])
    assert "dropped Ship: a <test>" in gone.text
    assert ids(gone) == [second]
    [told] = served.get("/dead-letters?dropped=true").json()
    assert (told["dropped_by"], told["dropped_because"]) == ("ada", "a <test>")
    assert f"{first} dropped by ada" in " ".join(caplog.messages)
    assert submit(served, drop, {"reason": "again"}).status_code == 404
    assert "no such letter" in page(served, f"{PATH}?dropped={second}").text


def test_rights_and_reading_only(store: str) -> None:
    with serving(store, office.domain) as one:
        [first, *_] = ids(page(one, PATH))
    acts: tuple[tuple[str, dict[str, str]], ...] = (
        (f"{PATH}/letters/{first}/retry", {}),
        (f"{PATH}/letters/{first}/drop", {"reason": "x"}),
    )
    readers: dict[str, Any] = {"authenticate": lambda _: Identity("eve", frozenset({"read", "send"}))}
    reads_only: dict[str, Any] = {"read_only": True}
    for settings in (readers, reads_only):
        with serving(store, office.domain, **settings) as one:
            found = page(one, PATH)
            assert ids(found) == []
            assert "the carrier is on strike" in found.text
            for path, fields in (*acts, (acts[1][0], {"reason": ""})):
                assert submit(one, path, fields).status_code == 403
    with serving(store, office.domain, authenticate=lambda _: Identity("eve", frozenset({"send"}))) as one:
        assert page(one, PATH).status == 403


def test_a_stopped_reaction_says_what_to_do(store: str, cqrs: Any) -> None:
    with Workbench.open(store, office.domain) as bench:
        bench.store.append(Commit("bad", (NewEvent("order-o2", "Shipped", 9, b"{}"),)), ())
        failures = bench.runner().drain().failures
        assert failures
    with serving(store, office.domain) as one:
        found = page(one, PATH)
        assert "stopped" in found.text
        lines = re.findall("<code>(cqrs run --skip [^<]*)</code>", found.answer.text)
    assert any("welcome@" in line for line in lines)
    cqrs(*APP, *lines[0].split()[1:])


def test_what_is_masked_is_told_nowhere(store: str) -> None:
    with serving(store, office.domain, mask={"order_id": ""}) as one:
        found = page(one, PATH)
        assert found.status == 200
        assert not re.search(r"boom1|\bo1\b", found.answer.text)
        walked, nothing = walk(one, PATH), ("/ui/streams/", "/ui/trace/")  # which a pseudonym names
        assert [path for path, status in walked.items() if status != 200 and not path.startswith(nothing)] == []
