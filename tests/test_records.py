"""The members of every record that programs read, and their order: a promise."""

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cqrs_cli import Workbench, records
from cqrs_cli.config import Setting
from cqrs_cli.errors import Conflict, InvalidInput, Rejected
from cqrs_cli.finding import Finding
from cqrs_cli.history.blame import Blamed, BlamedChange
from cqrs_cli.history.changes import Change, changes
from cqrs_cli.history.comparison import ABSENT
from cqrs_cli.history.snapshot_comparison import Difference
from cqrs_cli.log import outbox, statistics
from cqrs_cli.log.diagnosis import Diagnosis
from cqrs_cli.log.letters import letters
from cqrs_cli.log.stops import Skip
from cqrs_cli.log.trace import Node, trace
from samples.inventory.stock import ReceiveStock
from samples.orders.fulfilment import domain

PEN = "22222222-2222-4222-8222-222222222222"
EVENT = (
    "position stream version type schema_version data event_id command_id correlation_id causation_id user_id "
    "recorded_at metadata"
)
LETTER = "id reaction process command data code reason position event_id correlation_id failed_at"
SKIP = Skip("availability", 1, "ada", 0, "broken")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    with Workbench.open(tmp_path / "shop.db", domain) as opened:
        yield opened


def sent(bench: Workbench, id: str = "c1", **more: Any) -> Any:
    command = ReceiveStock.model_validate({"product_id": PEN, "quantity": 3}).with_meta(command_id=id)
    return bench.send(command, **more)


def members(record: Any) -> str:
    return " ".join(record)


def hints(error: Any) -> str | None:
    return "in other words"


def test_every_record_is_found_in_the_file_that_has_it() -> None:
    assert sorted(records._FILE_OF) == sorted(records.__all__)
    for name, file in records._FILE_OF.items():
        assert getattr(records, name) is getattr(import_module(f"cqrs_cli.records.{file}"), name)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        records.__getattr__("nothing")


def test_events_streams_and_counts(bench: Workbench) -> None:
    sent(bench)
    (event,) = bench.store.read()
    assert members(records.event(event)) == " ".join(records.EVENT) == EVENT
    (stream,) = bench.store.streams()
    told = "stream category version first_recorded_at last_recorded_at"
    assert members(records.stream(stream)) == " ".join(records.STREAM) == told
    found = records.statistics(statistics.count(bench.store))
    assert members(found) == "events streams head first_recorded_at last_recorded_at categories types"
    assert found["categories"] == [{"category": "stock", "streams": 1, "events": 1}]
    assert found["types"] == [{"type": "StockReceived", "events": 1}]
    assert [members(row) for row in records.flat_statistics(found)] == ["kind name streams events"] * 2


def test_outcomes(bench: Workbench) -> None:
    committed = records.outcome(sent(bench), hints)
    assert members(committed) == "status command command_id position streams events"
    assert members(committed["streams"][0]) == "stream version"
    assert members(committed["events"][0]) == EVENT
    dry = records.outcome(sent(bench, "c2", dry_run=True), hints)
    assert members(dry) == "status command command_id position streams events changes"
    assert members(dry["changes"][0]) == "projection key before after"
    failed = sent(bench, "c3")._replace(status="rejected", error=Rejected("no", hint="own words", sku="pen"), line=4)
    record = records.outcome(failed, hints)
    assert members(record) == "status line command command_id reason code hint sku"
    assert record["hint"] == "in other words"
    flat = "line status command command_id position stream events code reason"
    assert members(records.flat_outcome(failed)) == " ".join(records.FLAT_OUTCOME) == flat
    assert records.batch({"committed": 1, "not-found": 2, "rejected": 1}, 5) == {
        "committed": 1, "duplicate": 0, "unchanged": 0, "rejected": 3, "conflict": 0, "invalid": 0, "failed": 0, "events": 5,
        "as_expected": 0, "unexpected": 0, "dry_run": 0,
    }  # fmt: skip


def test_errors() -> None:
    error = Conflict("no", hint="own words", stream="a-1", actual=2)
    assert records.error(error, "other words") == {
        "error": {"code": "conflict", "message": "no", "hint": "other words", "stream": "a-1", "actual": 2}
    }
    assert members(records.error(InvalidInput("no", ("a",)), None)["error"]) == "code message complaints"


def test_aggregates(bench: Workbench) -> None:
    sent(bench)
    state = records.state(bench.replay(f"stock-{PEN}"))
    assert members(state) == "stream version state"
    (event,) = bench.store.read()
    step = records.step(state, event, changes({}, state["state"]))
    assert members(step) == "stream version state event changes"
    assert members(step["changes"][0]) == "path old new"
    assert records.step(state, event, [Change("a", 1, None)])["changes"] == [{"path": "a", "old": 1, "new": None}]
    (taken,) = bench.snapshots.take([f"stock-{PEN}"])
    assert members(records.taken(taken)) == " ".join(records.TAKEN) == "stream version status reason"
    (kept,) = bench.snapshots.all(None)
    told = "stream version position aggregate_version bytes taken_at status reason"
    assert members(records.snapshot(kept)) == " ".join(records.SNAPSHOT) == told
    found = records.comparison(1, [Difference("a-1", "x", 1, 2)])
    assert found == {"compared": 1, "differences": [{"stream": "a-1", "path": "x", "kept": 1, "folded": 2}]}


def test_the_read_side(bench: Workbench) -> None:
    sent(bench)
    (status,) = bench.project("availability")
    found = records.projection_status(status._replace(skips=[SKIP], contained=frozenset({1})))
    assert members(found) == "projection status position lag lag_seconds rows reason source rebuilding skipped"
    assert members(found["skipped"][0]) == "position by at reason held"
    late = status._replace(lag=2, lag_seconds=1.23456)
    assert records.readiness(late) == {"name": "availability", "status": "ready", "lag": 2, "lag_seconds": 1.235}
    assert members(records.section("p", 1, 0, [])) == "projection position lag rows"
    assert members(records.plan(bench.plans("availability")[0])) == "projection events rows_now estimated_seconds"
    with bench.store.transaction() as rows:
        table = bench.domain.rows_of("availability").table
        (row,) = rows.select(table)
        rows.put(table, [(row[0], 999, *row[2:])])
    check = records.check(bench.check("availability"))
    assert members(check) == "projection compared drift"
    assert members(check["drift"][0]) == " ".join(records.DRIFT) == "key column live fresh"
    assert records.answer(status) == {"value": status}
    (row_model,) = bench.rows("availability")
    assert members(records.answer(row_model)) == "product_id on_hand reserved available"


def test_runs_and_reactions(bench: Workbench) -> None:
    sent(bench)
    done = bench.runner(start=0).drain()
    found = records.run_round(done._replace(failures={"p": Rejected("no")}), 0, hints)
    assert members(found) == "at position answered sent honoured rejected failed held at_work next_deadline stopped"
    assert found["stopped"] == [{"name": "p", "code": "rejected", "message": "no", "hint": "in other words"}]
    at_work: Any = ("p", 1, 2)
    assert records.run_round(done._replace(at_work=at_work), 0, hints)["at_work"] == {
        "name": "p", "position": 1, "head": 2,
    }  # fmt: skip
    (status, *_) = bench.reactions()
    found = records.reaction_status(status._replace(skips=[SKIP]))
    told = "reaction kind status position lag lag_seconds rows waiting deadlines failed reason source skipped rewound"
    assert members(found) == told
    assert members(found["skipped"][0]) == "position by at reason"
    outgoing = SimpleNamespace(command_id="c1", command="Ship")
    delivery: Any = SimpleNamespace(outgoing=outgoing, status="dead", error=Rejected("no"))
    assert records.delivery(delivery) == {"id": "c1", "command": "Ship", "status": "failed", "reason": "no"}


def test_letters_and_traces(bench: Workbench) -> None:
    sent(bench)
    (event,) = bench.store.read()
    envelope = (event.event_id, 1, 0, 1, 0, "", "ship", None, 0, "Ship", 1, "{}", event.correlation_id, None, "{}")
    waits = outbox.Outgoing("fulfilment", *envelope)
    with bench.store.transaction() as rows:
        outbox.apply(rows, [waits])
        outbox.bury(rows, waits, Rejected("no"), 0)
    (dead,) = letters(bench.store.rows)
    assert members(records.letter(dead)) == " ".join(records.LETTER) == LETTER
    dropped = dead._replace(dropped_us=1, dropped_by="ada", dropped_because="old")
    assert members(records.letter(dropped)) == f"{LETTER} dropped_at dropped_by dropped_because"
    (root,) = trace(bench.store, "c1")
    found = records.trace(root)
    assert members(found) == "id kind name position stream children"
    (below,) = json.loads(found["children"])
    assert members(below) == "id kind name position stream children"
    assert members(records.trace(Node("x", "deadline", "Ship", None, None, 1, []))).split()[-2:] == [
        "due_at",
        "children",
    ]
    told = "id kind name position stream dropped_at dropped_by dropped_because children"
    assert members(records.trace(Node("x", "dropped", "Ship", None, None, None, [], dropped))) == told


def test_what_is_told_of_the_past(bench: Workbench) -> None:
    sent(bench)
    (event,) = bench.store.read()
    made_by = "position version type command_id recorded_at user_id stream command clause"
    assert members(records.blamed(Blamed("a", 1, event, "Account.opened (a.py:1)"))) == f"path value {made_by}"
    assert records.blamed(Blamed("a", 1, None, None)) == dict.fromkeys(made_by.split()) | {"path": "a", "value": 1}
    change = BlamedChange("a", ABSENT, 1, event, None)
    assert members(records.blamed_change(change)) == f"path old new {made_by}"
    assert records.change(change) == {"path": "a", "old": None, "new": 1}
    (root,) = trace(bench.store, "c1")
    told = "id kind name position stream recorded_at user_id children"
    assert members(records.story(root)) == told
    assert members(json.loads(records.story(root)["children"])[0]) == told


def test_what_there_is() -> None:
    found = records.diagnosis(Diagnosis({"a": 1}, [("p", 1, 2)], [Finding("c", "note", "w", "m")], None))
    assert found == {
        "ok": True,
        "facts": {"a": 1},
        "projections": [{"projection": "p", "position": 1, "lag": 2}],
        "findings": [{"code": "c", "severity": "note", "where": "w", "message": "m", "hint": None}],
    }
    assert members(records.setting(Setting("store", "x", "default"))) == "name value source"
    assert members(records.definition("event", "Opened", 1, dict, "")) == "kind name version class description"
    assert members(records.query("best", [], "")) == "query parameters description"
    assert members(records.project("x", [], [], [])) == "directory created kept next"
