"""Operation over HTTP: jobs, reactions, dead letters, health, figures and SQL."""

import asyncio
import logging
import re
from typing import Any

import pytest

from cqrs_cli import Workbench
from cqrs_cli.errors import CqrsError, Misuse, Passing
from cqrs_cli.http import keeping, tail
from cqrs_cli.http.identity import Identity
from cqrs_cli.jsonable import jsonable
from cqrs_cli.stores.contract import Selection
from cqrs_cli.workbench.processors.rows import RowFold
from tests import bank, office
from tests.http.served import Served, serving
from tests.reacting import pay


def ended(served: Served, job: Any) -> Any:
    """The record of a job that has ended."""
    assert job.status_code == 202, job.text
    found = job.json()
    while found["state"] == "running":
        found = served.get(job.headers["location"]).json()
    return found


def test_a_check_and_a_rebuild_are_jobs(served: Any, tmp_path: Any) -> None:
    served.post("/commands/open", {"account_id": "ada"})
    assert served.get("/projections/balance").json()
    checked = ended(served, served.post("/projections/balance/check"))
    assert (checked["state"], checked["result"]["compared"], checked["result"]["drift"]) == ("done", 1, [])
    with Workbench.open(str(tmp_path / "cqrs.db"), bank.domain) as bench, bench.store.transaction() as rows:
        kind = bench.domain.rows_of("balance")
        [row] = [tuple(one) for one in bench.store.rows.select(kind.table)]
        place = [column.name for column in kind.table.columns].index("owner")
        rows.put(kind.table, [(*row[:place], "eve", *row[place + 1 :])])
    checked = ended(served, served.post("/projections/balance/check"))
    [drift] = checked["result"]["drift"]
    assert (drift["column"], drift["live"], drift["fresh"]) == ("owner", "eve", "ada")
    rebuilt = ended(served, served.post("/projections/balance/rebuild"))
    assert (rebuilt["state"], rebuilt["result"][0]["status"], rebuilt["kind"]) == ("done", "ready", "rebuild")
    assert served.get("/projections/balance").json()[0]["owner"] == "ada"


def test_a_job_that_fails_says_why_and_one_that_is_stopped_that_it_was(
    served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.post("/commands/open", {"account_id": "ada"})
    served.post("/commands/deposit", {"account_id": "ada", "amount": 777})
    failed = ended(served, served.post("/projections/balance/rebuild"))
    assert (failed["state"], failed["problem"]["code"]) == ("failed", "domain-failed")
    gather = RowFold.gather

    def slow(self: Any, events: Any) -> Any:
        for one in list(jobs._known.values()):
            one.cancel()
        return gather(self, events)

    jobs = served.app.face.jobs
    monkeypatch.setattr(RowFold, "gather", slow)
    assert ended(served, served.post("/projections/flow/rebuild"))["state"] in ("cancelled", "done")
    assert served.get("/jobs/nothing").json()["code"] == "job-not-found"


@pytest.fixture
def office_served(tmp_path: Any) -> Any:
    """The office with two dead letters, served to ada."""
    path = str(tmp_path / "cqrs.db")
    with Workbench.open(path, office.domain) as bench:
        runner = bench.runner()
        runner.drain()
        pay(bench, "boom1", "boom2", "o1")
        runner.drain()
    with serving(path, office.domain, authenticate=lambda _: Identity("ada")) as served:
        yield served


def test_dead_letters_are_listed_sent_again_and_dropped_with_a_reason(office_served: Any) -> None:
    letters = office_served.get("/dead-letters").json()
    assert len(letters) == 2
    [first] = office_served.get("/dead-letters?limit=1").json()
    assert "after=" in office_served.get("/dead-letters?limit=1").headers["link"]
    again = office_served.post(f"/dead-letters/{first['id']}/retry")
    assert (again.status_code, again.json()["status"]) == (200, "failed")
    for body in ({}, {"reason": ""}, {"reason": 1}, {"reason": "x", "by": "eve"}):
        assert office_served.post(f"/dead-letters/{first['id']}/drop", body).status_code == 422
    dropped = office_served.post(f"/dead-letters/{first['id']}/drop", {"reason": "a test"})
    assert dropped.json()["dropped_by"] == "ada"
    assert dropped.json()["dropped_because"] == "a test"
    assert [one["id"] for one in office_served.get("/dead-letters").json()] == [letters[1]["id"]]
    assert [one["id"] for one in office_served.get("/dead-letters?dropped=true").json()] == [first["id"]]
    for verb, given in (("retry", None), ("drop", {"reason": "x"})):
        missing = office_served.post(f"/dead-letters/nothing/{verb}", given)
        assert (missing.status_code, missing.json()["code"]) == (404, "dead-letter-not-found")


def test_every_operation_is_on_record_with_who_it_was(office_served: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "cqrs.http")
    id = office_served.get("/dead-letters").json()[0]["id"]
    office_served.post(f"/dead-letters/{id}/retry")
    office_served.post(f"/dead-letters/{id}/drop", {"reason": "x"})
    ended(office_served, office_served.post("/projections/orders/rebuild"))
    told = " ".join(caplog.messages)
    assert re.search(f"dead letter {id} sent again by ada.* {id} dropped by ada.*rebuild of orders by ada", told)


def test_reactions_and_health(office_served: Any) -> None:
    statuses = office_served.get("/reactions").json()
    assert sum(one["failed"] for one in statuses) == 2
    assert office_served.get("/health/ready").json()["ready"] is True
    assert office_served.get("/health/ready?max_lag=1000").status_code == 200
    figures = office_served.get("/metrics").text
    assert re.search(r'cqrs_dead_letters{reaction="\w+"} 2.0', figures)
    assert "cqrs_head 6.0" in figures or re.search(r"cqrs_head \d+\.0", figures)
    assert 'cqrs_requests_total{name="ready",status="200"} 2.0' in figures


@pytest.mark.slow
def test_reactions_run_if_they_are_to(tmp_path: Any) -> None:
    path = str(tmp_path / "cqrs.db")
    with serving(path, office.domain, run=True) as served:
        served.post("/commands/pay", {"order_id": "o1"})
        while "Shipped" not in [event["type"] for event in served.get("/events").json()]:
            pass


def test_reactions_begin_before_the_first_command_comes(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else they would find a log with events for them, and not know whether these are theirs to answer."""
    monkeypatch.setattr(keeping.Reactions, "_run", lambda self: None)  # the thread, which may come late
    with serving(str(tmp_path / "cqrs.db"), office.domain, run=True) as served:
        assert {one["status"] for one in served.get("/reactions").json()} == {"ready"}
        served.post("/commands/pay", {"order_id": "o1"})
    with Workbench.open(tmp_path / "other.db", office.domain) as bench:
        pay(bench, "o1")
    with pytest.raises(Misuse, match="never ran"):
        serving(str(tmp_path / "other.db"), office.domain, run=True).__enter__()


def test_lag_is_told_in_seconds_too(tmp_path: Any) -> None:
    path = str(tmp_path / "cqrs.db")
    with Workbench.open(path, bank.domain) as bench:
        bench.send(bank.Open(account_id="ada"))
    with serving(path, bank.domain, read_only=True) as served:
        figures = served.get("/metrics").text
        assert 'cqrs_lag_events{kind="projection",name="balance"} 1.0' in figures
        [seconds] = re.findall(r'cqrs_lag_seconds{kind="projection",name="balance"} (\S+)', figures)
        assert float(seconds) > 0
        assert [served.get(f"/health/ready?max_lag={most}").status_code for most in ("1", "1h")] == [200, 200]
        for most in ("0", "0s"):
            late = served.get(f"/health/ready?max_lag={most}")
            assert (late.status_code, late.json()["late"]) == (503, ["balance", "flow"])
            assert {one["lag"] for one in late.json()["processors"]} == {1}
            assert min(one["lag_seconds"] for one in late.json()["processors"]) > 0
        for most in ("x", "-1", "1y", "1.5"):
            refused = served.get(f"/health/ready?max_lag={most}")
            assert (refused.status_code, refused.json()["errors"][0]["parameter"]) == (422, "max_lag")


def test_sql_reads_and_is_off_unless_it_is_wanted(tmp_path: Any) -> None:
    with serving(str(tmp_path / "cqrs.db"), bank.domain) as served:
        assert served.get("/sql?q=select+1").json()["code"] == "sql-off"
    with serving(str(tmp_path / "cqrs.db"), bank.domain, sql=True) as served:
        served.post("/commands/open", {"account_id": "ada"})
        assert served.get("/sql", params={"q": "SELECT type, count(*) AS n\nFROM event_log"}).json() == [
            {"type": "Opened", "n": 1}
        ]
        for statement in ("DELETE FROM events", "SELECT", "SELECT 1; SELECT 2"):
            answer = served.get("/sql", params={"q": statement})
            assert (answer.status_code, answer.json()["code"]) == (400, "sql")
        many = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 10001) SELECT x FROM n"
        assert served.get("/sql", params={"q": many}).status_code == 413
        assert served.get("/sql").status_code == 422


def test_too_many_that_wait_are_told_so(tmp_path: Any) -> None:
    import threading

    with serving(str(tmp_path / "cqrs.db"), bank.domain, readers=1, waiting=1) as served:
        free, busy = threading.Event(), threading.Event()
        benches = served.app.face.benches  # type: ignore[attr-defined]

        async def fill() -> Any:
            first = benches._readers.submit(lambda bench: busy.set() or free.wait())
            while not busy.is_set():
                await __import__("asyncio").sleep(0)
            return first, benches._readers.submit(lambda bench: None)

        waiting = served.run(fill())
        answer = served.get("/events")
        free.set()
        assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "busy", "1")

        async def done() -> None:
            for one in waiting:
                await one

        served.run(done())
        assert served.get("/events").status_code == 200


def test_a_follower_who_is_behind_waits_for_a_store_that_is_away(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    served.post("/commands/open", {"account_id": "ada"})  # before anybody follows: it is read from the store
    face, left = served.app.face, [Passing("away", code="unreachable"), Passing("away", code="busy")]
    read = face.benches.read

    async def away(work: Any) -> Any:
        if left:
            raise left.pop()
        return await read(work)

    async def heard() -> list[bytes]:
        while face.tail.head < 1:  # while nobody follows, so that it does not come from what is kept for followers
            await asyncio.sleep(0.01)
        follow, found = face.tail.follow(0, Selection(), None), []
        async for frame in follow:
            found.append(frame)
            if frame.startswith(b"id: "):
                break
        await follow.aclose()
        return found

    monkeypatch.setattr(tail, "AWAY", 0.01)
    monkeypatch.setattr(face.benches, "read", away)
    begin, *waits, event = served.run(heard())
    assert begin.startswith(b"retry: ")
    assert waits == [b": waits for the store\n\n"] * 2
    assert event.startswith(b"id: 1\n")


def test_a_bug_is_no_traceback_on_the_wire(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from cqrs_cli.http import events

    def broken(*_: Any) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(events, "page_of", broken)
    answer = served.get("/events")
    assert (answer.status_code, answer.json()["code"]) == (500, "bug")
    assert "secret" not in answer.text


def test_the_store_that_is_not_there_is_told(tmp_path: Any) -> None:
    with pytest.raises(CqrsError) as raised, serving(str(tmp_path / "none.db"), bank.domain, read_only=True):
        pass
    assert raised.value.code == "store-not-found"
    assert jsonable({}) == {}
