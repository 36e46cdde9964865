"""Counts of a log, and what is known of its store."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli.errors import Unavailable
from cqrs_cli.log.diagnosis import Diagnosis, examine, judge
from cqrs_cli.log.statistics import Statistics, count, count_by
from cqrs_cli.stores.commits import Commit, NewEvent, Recorded
from cqrs_cli.stores.moments import micros
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.rows import Checkpoint
from cqrs_cli.testing.making import commit, event


def test_an_empty_log(tmp_path: Path) -> None:
    with open_store(str(tmp_path / "shop.db"), create=True) as store:
        assert count(store) == Statistics(0, None, None, {}, {})


def test_streams_and_events_by_category_and_type(tmp_path: Path) -> None:
    with open_store(str(tmp_path / "shop.db"), create=True) as store:
        for id, stream in enumerate(("a-1", "a-2", "a-1", "b-1")):
            store.append(Commit(str(id), (NewEvent(stream, "Done", 1, b"{}"),)))
        found = count(store)
        assert (found.head, found.categories, found.types) == (4, {"a": (2, 3), "b": (1, 1)}, {"Done": 4})
        first, *_, last = store.read()
        assert (found.first_recorded_us, found.last_recorded_us) == (first.recorded_us, last.recorded_us)


def test_a_store_is_examined(tmp_path: Path) -> None:
    with open_store(str(tmp_path / "shop.db"), create=True) as store:
        store.append(Commit("c", (NewEvent("a-1", "Done", 1, b"{}"),)))
        with store.transaction() as rows:
            rows.move("p", None, Checkpoint("p", 0, "{}"))
        found = examine(store, {"sqlite_wal_reset_bug": False})
    assert found.lags == [("p", 0, 1)]
    assert found.facts["head"] == 1
    assert "read_only" not in found.facts
    assert found.failure is None


def test_what_is_wrong_with_it() -> None:
    facts: dict[str, Any] = {"sqlite_wal_reset_bug": False, "store": "shop.db"}
    note, error = judge({**facts, "durability": "relaxed"}), judge({**facts, "locked": True})
    assert [(one.code, one.severity, one.where) for one in note + error] == [
        ("relaxed", "note", "shop.db"),
        ("locked", "error", "shop.db"),
    ]
    assert Diagnosis(facts, [], note, None).ok
    assert not Diagnosis(facts, [], error, None).ok
    assert not Diagnosis(facts, [], [], Unavailable("locked")).ok


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("day", [("2026-01-01", 1), ("2026-01-02", 3)]),
        ("hour", [("2026-01-01T23:00Z", 1), ("2026-01-02T00:00Z", 1), ("2026-01-02T05:00Z", 2)]),
        ("stream", None),
    ],
)
def test_days_and_hours_are_in_their_order_and_the_rest_by_number(
    by: str, expected: list[tuple[str, int]] | None
) -> None:
    times = ["2026-01-02T05:00", "2026-01-02T05:59", "2026-01-02T00:00", "2026-01-01T23:59"]
    events = [
        Recorded(
            1,
            "a-1",
            1,
            kind,
            1,
            b"{}",
            "c",
            1,
            None,
            "c",
            None,
            None,
            micros(datetime.fromisoformat(f"{time}+00:00")),
            None,
        )
        for time, kind in zip(times, "BAAC", strict=True)
    ]
    if expected is None:
        assert count_by(events, "type") == [("A", 2), ("B", 1), ("C", 1)]
    else:
        assert count_by(events, by) == expected


def test_local_days_and_hours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a zone that is half an hour off, an hour of it is no hour of UTC."""
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        with open_store(str(tmp_path / "a.db"), create=True) as store:
            store.clock = lambda: int(datetime(2026, 3, 9, 18, 40, tzinfo=UTC).timestamp()) * 10**9
            store.append(commit("c", event("order-1")))
            events = list(store.read())
        assert count_by(events, "day", local=True) == [("2026-03-10", 1)]
        assert count_by(events, "hour", local=True) == [("2026-03-10T00:00+05:30", 1)]
        assert count_by(events, "day") == [("2026-03-09", 1)]
    finally:
        monkeypatch.undo()
        time.tzset()
