"""Counts of a log, and what is known of its store."""

from pathlib import Path
from typing import Any

from cqrs_cli.errors import Unavailable
from cqrs_cli.log.diagnosis import Diagnosis, examine, judge
from cqrs_cli.log.statistics import Statistics, count
from cqrs_cli.stores.commits import Commit, NewEvent
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.rows import Checkpoint


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
