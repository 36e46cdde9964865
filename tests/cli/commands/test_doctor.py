"""`cqrs doctor` and `cqrs config`."""

import errno
import os
import platform
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from cqrs_cli.log.diagnosis import judge
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.rows import Checkpoint
from cqrs_cli.stores.sqlite import lock as sqlite_lock
from cqrs_cli.stores.sqlite.release import has_wal_reset_bug, release

HEALTHY = {
    "sqlite_wal_reset_bug": False,
    "journal_mode": "wal",
    "lock": "flock",
    "durability": "full",
    "wal_bytes": 0,
    "store": "shop.db",
}


def codes(**facts: Any) -> list[tuple[str, str]]:
    return [(finding.code, finding.severity) for finding in judge({**HEALTHY, **facts})]


def test_facts_of_a_healthy_store(orders, here):
    ran = here("doctor --json")
    found = ran.json
    assert ran.code == 0
    assert found["ok"]
    facts = found["facts"]
    assert facts["python"] == platform.python_version()
    assert facts["sqlite"] == release()
    assert (facts["journal_mode"], facts["durability"], facts["format"]) == ("wal", "full", 4)
    assert facts["file_bytes"] > 0
    assert facts["head"] == 7
    assert list(found) == ["ok", "facts", "projections", "findings"]
    for finding in found["findings"]:
        assert list(finding) == ["code", "severity", "where", "message", "hint"]


def test_lag_comes_from_the_checkpoints(orders, here):
    with open_store(str(orders)) as store, store.transaction() as rows:
        rows.move("order_summary", None, Checkpoint("order_summary", 5, "f"))
    assert here("doctor --json").json["projections"] == [{"projection": "order_summary", "position": 5, "lag": 2}]
    assert "order_summary" in here("doctor").out


def test_the_wal_reset_bug_and_how_it_is_avoided():
    assert codes() == []
    assert codes(sqlite_wal_reset_bug=True) == [("wal-reset-bug", "note")]
    assert codes(sqlite_wal_reset_bug=True, lock=None) == [("wal-reset-bug", "error")]
    assert codes(sqlite_wal_reset_bug=True, lock=None, journal_mode="delete") == [("wal-reset-bug", "note")]


def test_a_store_that_can_only_be_read_has_no_danger_to_avoid():
    assert codes(sqlite_wal_reset_bug=True, immutable=True) == [("immutable", "note")]


def test_a_lock_that_somebody_keeps(orders, here):
    lock = sqlite_lock.WriteLock("x", f"{orders}-lock", 1)
    lock.acquire()
    ran = here("doctor --json")
    assert (ran.code, ran.json["ok"], ran.json["facts"]["locked"], ran.error["code"]) == (7, False, True, "locked")
    (finding,) = [finding for finding in ran.json["findings"] if finding["code"] == "locked"]
    assert "held by another process" in finding["message"]
    assert "error[locked]: the lock is held by another process" in here("doctor").out
    lock.release()
    lock.close()
    ran = here("doctor --json")
    assert (ran.code, ran.json["facts"]["locked"]) == (0, False)
    (orders.parent / "cqrs.db-lock").unlink()
    assert here("doctor --json").json["facts"]["locked"] is False
    assert not (orders.parent / "cqrs.db-lock").exists()


def test_other_findings():
    assert codes(durability="relaxed") == [("relaxed", "note")]
    assert codes(wal_bytes=10**9) == [("large-wal", "warning")]


@pytest.mark.parametrize(
    ("version", "bug"),
    [
        ("3.6.23", False), ("3.7.0", True), ("3.40.1", True), ("3.44.5", True), ("3.44.6", False), ("3.45.0", True),
        ("3.50.6", True), ("3.50.7", False), ("3.51.2", True), ("3.51.3", False), ("3.52.0", False),
    ],
)  # fmt: skip
def test_which_sqlite_has_the_bug(version, bug):
    assert has_wal_reset_bug(version) is bug


def test_a_finding_is_an_answer_of_no(orders, here):
    os.chmod(orders, 0o666)
    ran = here("doctor --json")
    assert (ran.code, ran.json["ok"]) == (1, False)
    assert "writable-by-others" in [finding["code"] for finding in ran.json["findings"]]
    assert "warning[writable-by-others]" in here("doctor").out
    assert here("doctor --csv").out.startswith("code,severity,where,message,hint\n")


def test_a_store_that_can_not_be_opened_still_gives_the_facts(here, tmp_path):
    ran = here("doctor --json")
    assert (ran.code, ran.json["ok"], ran.error["code"]) == (3, False, "store-not-found")
    assert ran.json["facts"]["sqlite"] == release()
    (tmp_path / "cqrs.db").write_bytes(b"no database at all, but long enough to be one" * 50)
    ran = here("doctor --json")
    assert (ran.code, ran.json["facts"]["python"]) == (6, platform.python_version())


def test_config_says_where_each_value_came_from(here, monkeypatch, tmp_path):
    (tmp_path / "cqrs.toml").write_text('app = "shop:domain"\n')
    monkeypatch.setenv("CQRS_COLOR", "never")
    ran = here("config --json --store x.db")
    assert ran.code == 0
    found = {record["name"]: (record["value"], record["source"]) for record in ran.json}
    assert list(ran.json[0]) == ["name", "value", "source"]
    assert found["store"] == ("x.db", "--store")
    assert found["app"] == ("shop:domain", str(tmp_path / "cqrs.toml"))
    assert found["color"] == ("never", "CQRS_COLOR")
    assert found["debug"] == (False, "default")
    assert "cqrs.toml" in ran.err
    assert here("config -q").err == ""


def test_a_person_sees_no_fact_without_a_value(orders, here):
    assert [line for line in here("doctor").out.split("\n\n")[0].splitlines() if len(line.split()) < 2] == []


@pytest.mark.parametrize(
    "words", [["doctor"], ["send", "register", "--parcel-id", "P2", "--weight", "1"]], ids=" ".join
)
def test_a_file_system_that_can_not_lock(
    parcels: Any, here: Any, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    assert parcels("send register --parcel-id P1 --weight 1").code == 0

    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", flock)
    ran = here(*words)
    assert (ran.code, "error[cannot-lock]" in ran.err, "Traceback" in ran.err) == (7, True, False), ran.err


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("events", "data = replace(data, '1', '2') WHERE position = 3"),
        ("commits", "user_id = 'eve' WHERE first_position = (SELECT max(first_position) FROM commits)"),
        ("commits", "hash = zeroblob(32) WHERE first_position = (SELECT max(first_position) FROM commits)"),
    ],
)
def test_what_was_changed_in_the_log_is_found(orders, here, table, change):
    assert here("doctor --json").json["facts"]["proved_after"] == 0
    with closing(sqlite3.connect(orders)) as connection:
        (guard,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (f"{table}_update",)).fetchone()
        connection.execute(f"DROP TRIGGER {table}_update")
        connection.execute(f"UPDATE {table} SET {change}")
        connection.execute(guard)
        connection.commit()
    ran = here("doctor --json")
    assert (ran.code, ran.json["ok"], ran.json["facts"]["head"], ran.error["code"]) == (6, False, 7, "damaged")
    assert "its hash does not hold" in ran.error["message"]
    ran = here("log")
    assert (ran.code, ran.out) == (6, "")


def test_of_a_long_log_the_end_is_proved_unless_all_is_asked_for(orders, here, monkeypatch):
    monkeypatch.setattr("cqrs_cli.log.diagnosis.MOST_PROVED", 6)
    monkeypatch.setattr("cqrs_cli.log.diagnosis.LAST_PROVED", 2)
    ran = here("doctor --json")
    assert (ran.code, ran.json["facts"]["proved_after"]) == (0, 5)
    assert [one["code"] for one in ran.json["findings"] if one["code"] == "not-proved"] == ["not-proved"]
    assert "of 7 events only those after 5 were compared" in here("doctor").out
    ran = here("doctor --all --json")
    assert (ran.code, ran.json["facts"]["proved_after"]) == (0, 0)
    assert "not-proved" not in [one["code"] for one in ran.json["findings"]]
