"""`cqrs verify`: what it says, what it prints for programs, and with which code it ends."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cqrs_cli.stores.registry import open_store
from cqrs_cli.testing.making import commit, event
from tests.log.test_signed_note import pem, public_pem


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        for _, sql in triggers:
            connection.execute(sql)
        connection.commit()


EDIT = "UPDATE events SET data = '{}' WHERE position = 3"


def test_a_sound_store(orders: Path, here: Any) -> None:
    ran = here("verify")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.startswith("7 events in 7 commits up to @7 are as they were written; a tail that was cut off, or")
    with open_store(str(orders), read_only=True) as store:
        hash = store.commit("command-7").hash.hex()  # type: ignore[union-attr]
    assert here("verify --json").json == {
        "ok": True, "commits": 7, "events": 7, "head": 7, "hash": hash, "findings": [],
    }  # fmt: skip


def test_a_changed_one(orders: Path, here: Any) -> None:
    change(orders, EDIT, "UPDATE commits SET user_id = 'eve' WHERE first_position = 5")
    ran = here("verify")
    assert ran.code == 6
    assert "command-3" in ran.out
    assert "2 findings in 7 events in 7 commits up to @7: keep the file as it is" in ran.err
    found = here("verify --json")
    assert found.code == 6
    assert [one["position"] for one in found.json["findings"]] == [3, 5]
    assert list(found.json["findings"][0]) == ["position", "what"]
    assert here("verify --csv").out.splitlines()[0] == "position,what"


def test_for_programs_that_show_findings(orders: Path, here: Any) -> None:
    assert 'tests="1" failures="0"' in here("verify --format junit").out
    change(orders, EDIT)
    ran = here("verify --format junit")
    assert ran.code == 6
    assert '<testcase classname="cqrs.verify" name="@3">' in ran.out
    assert here("verify --format github").out.startswith("::error title=verify%3A @3::the commit 'command-3' is not")
    sarif = here("verify --format sarif").json
    assert [one["ruleId"] for one in sarif["runs"][0]["results"]] == ["chain"]


def test_what_can_not_even_be_opened_is_a_finding(orders: Path, here: Any) -> None:
    with closing(sqlite3.connect(orders)) as connection:
        connection.execute("CREATE TRIGGER mine BEFORE INSERT ON commits BEGIN SELECT 1; END")
    ran = here("verify --json")
    assert ran.code == 6
    assert not ran.json["ok"]
    assert "the trigger mine on commits" in ran.json["findings"][0]["what"]


def test_what_is_no_store_is_an_error(here: Any, tmp_path: Path) -> None:
    assert here("verify").code == 3
    (tmp_path / "cqrs.db").write_bytes(b"something else" * 100)
    ran = here("verify --json")
    assert (ran.code, ran.error["code"]) == (6, "not-a-store")


def test_a_checkpoint_and_what_was_done_since(orders: Path, here: Any, tmp_path: Path, fill: Any) -> None:
    key = Ed25519PrivateKey.generate()
    (tmp_path / "key.pem").write_bytes(pem(key))
    (tmp_path / "public.pem").write_bytes(public_pem(key))
    ran = here("verify --checkpoint --key key.pem -o then.txt")
    assert ran.code == 0
    assert "its public key: cqrs/" in ran.err
    public = ran.err.partition("its public key: ")[2].split()[0]
    assert (tmp_path / "then.txt").read_text().splitlines()[1] == "7"
    fill(("order-9", "OrderCreated", {}))
    for words in ("--public-key public.pem", f"--public-key {public}", ""):
        ran = here(f"verify --against then.txt {words}")
        assert (ran.code, "the log only grew since @7" in ran.err) == (0, True)
    change(
        orders,
        "DELETE FROM events WHERE position > 6",
        "DELETE FROM commits WHERE first_position > 6",
        "DELETE FROM streams WHERE name = 'order-9'",
    )
    assert here("verify").code == 0, "without a checkpoint this can't be seen"
    ran = here("verify --against then.txt --json")
    assert ran.code == 6
    assert ran.json["findings"] == [{"position": 6, "what": "the checkpoint is at @7, and the log ends at @6"}]


def test_a_checkpoint_is_exactly_the_note(orders: Path, here: Any) -> None:
    ran = here("verify --checkpoint")
    assert ran.out.endswith("=\n\n")
    assert here("verify --checkpoint --json").json["note"] == ran.out
    assert list(here("verify --checkpoint --json").json) == ["origin", "position", "hash", "note"]


def test_a_checkpoint_that_somebody_changed(orders: Path, here: Any, tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    (tmp_path / "key.pem").write_bytes(pem(key))
    (tmp_path / "public.pem").write_bytes(public_pem(key))
    here("verify --checkpoint --key key.pem -o then.txt")
    text = (tmp_path / "then.txt").read_text()
    (tmp_path / "then.txt").write_text(text.replace("\n7\n", "\n6\n"))
    ran = here("verify --against then.txt --public-key public.pem --json")
    assert (ran.code, ran.error["code"]) == (6, "not-signed")


def test_of_a_changed_log_there_is_no_checkpoint(orders: Path, here: Any, tmp_path: Path) -> None:
    change(orders, EDIT)
    ran = here("verify --checkpoint")
    assert ran.code == 6
    assert "cqrs/" not in ran.out


def test_a_checkpoint_that_holds_stays_when_there_is_no_new_one(orders: Path, here: Any, tmp_path: Path) -> None:
    """It may be the only thing that proves what was: what is found goes elsewhere."""
    assert here("verify --checkpoint -o then.txt").code == 0
    then = (tmp_path / "then.txt").read_bytes()
    assert here("verify --against then.txt --checkpoint -o then.txt").code == 0
    assert (tmp_path / "then.txt").read_bytes() == then
    change(orders, EDIT)
    for words in ("", "--against then.txt", "--json"):
        ran = here(f"verify --checkpoint -o then.txt {words}")
        assert (ran.code, (tmp_path / "then.txt").read_bytes()) == (6, then), words
        assert "@3: " in ran.err
    change(orders, "DELETE FROM events WHERE position > 6", "DELETE FROM commits WHERE first_position > 6")
    assert here("verify --against then.txt --checkpoint -o then.txt").code == 6
    assert (tmp_path / "then.txt").read_bytes() == then


def test_a_checkpoint_of_another_log_is_told_as_that(orders: Path, here: Any, tmp_path: Path) -> None:
    with open_store(str(tmp_path / "other.db"), create=True) as store:
        store.append(commit("c1", event("order-1")))
    assert here("--store other.db verify --checkpoint -o other.txt").code == 0
    ran = here("verify --against other.txt --json")
    assert ran.code == 6
    assert "is of another log (cqrs/" in ran.json["findings"][0]["what"]


def test_a_checkpoint_that_went_through_windows(orders: Path, here: Any, tmp_path: Path) -> None:
    here("verify --checkpoint -o then.txt")
    (tmp_path / "then.txt").write_bytes((tmp_path / "then.txt").read_bytes().replace(b"\n", b"\r\n"))
    assert here("verify --against then.txt").code == 0


@pytest.mark.parametrize("position", [1, 2, 3])
@pytest.mark.parametrize("format", ["--json", "--format=junit", "--format=sarif", ""])
def test_what_was_found_is_said_though_the_domain_can_not_read_the_log(
    parcels: Any, tmp_path: Path, format: str, position: int
) -> None:
    for number in range(3):
        parcels(f"send register --parcel-id P{number} --weight 1")
    (path,) = tmp_path.glob("*.db")
    change(path, f"DELETE FROM events WHERE position = {position}")
    ran = parcels(f"verify --rows {format}")
    assert ran.code == 6
    assert f"@{position} of the commit" in ran.out


def test_how_much_was_compared_is_said(parcels: Any) -> None:
    parcels("send register --parcel-id P1 --weight 1")
    ran = parcels("verify --deep --rows")
    assert ran.code == 0
    assert "0 snapshots compared" in ran.err
    assert "0 rows compared" in ran.err
    parcels("project")
    assert "0 rows compared" not in parcels("verify --rows").err
    ran = parcels("verify --rows --app tests.bank:domain --json")
    assert (ran.code, ran.error["code"]) == (2, "foreign-log")


def test_who_has_read_beyond_the_end_is_not_ready(parcels: Any, tmp_path: Path) -> None:
    """The end of the log was cut off: what is written there next would be passed over."""
    for number in range(3):
        parcels(f"send register --parcel-id P{number} --weight 1")
    parcels("project")
    (path,) = tmp_path.glob("*.db")
    assert parcels("doctor").code == 0
    change(path, "DELETE FROM events WHERE position = 3", "DELETE FROM commits WHERE first_position = 3")
    ran = parcels("doctor --json")
    assert ran.code == 1
    told = [one["message"] for one in ran.json["findings"] if one["code"] == "beyond-the-end"]
    assert told, ran.out
    assert "it has read up to @3, and the log ends at @2" in told[0]
    status = parcels("project --status --json").json
    assert {one["status"] for one in status} == {"stopped"}
    assert parcels("project --status --max-lag 0").code == 1
    ran = parcels("project")
    name = status[0]["projection"]
    assert ran.code == 1
    assert ran.err.count(f"{name}: it has read up to @3") == 1, "told once"
    assert f"cqrs project {name} --rebuild" in ran.err
    assert "P1" not in ran.out, "rows of a log that is not there"
    assert parcels("project --rebuild").code == 0
    assert parcels("send register --parcel-id P9 --weight 1").code == 0


def test_what_is_refused(orders: Path, here: Any, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("nothing\n")
    (tmp_path / "other.txt").write_text("nothing\n\n")
    for words, code in (
        ("--key key.pem", "usage"),
        ("--public-key key.pem", "usage"),
        ("--against nothing.txt", "unreadable-file"),
        ("--against text.txt", "checkpoint"),
        ("--against other.txt", "checkpoint"),
        ("--checkpoint --key text.txt", "key"),
        ("--deep", "no-domain"),
        ("--rows", "no-domain"),
    ):
        ran = here(f"verify {words} --json")
        assert (ran.code, ran.error["code"]) == (2, code), words
        assert ran.error["hint"]


def test_types_snapshots_and_rows_by_a_domain(parcels: Any, here: Any, tmp_path: Path) -> None:
    assert parcels("send register --parcel-id P1 --weight 1").code == 0
    assert parcels("project").code == 0
    ran = parcels("verify --deep --rows")
    assert (ran.code, ran.out) == (0, ""), ran.err
    (path,) = tmp_path.glob("*.db")
    with closing(sqlite3.connect(path)) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM cqrs_checkpoints")]
        connection.execute(f"DELETE FROM {tables[0]}")
        connection.commit()
    assert parcels("verify").code == 0, "rows are compared when they are asked for"
    ran = parcels("verify --rows")
    assert ran.code == 6
    assert f"{tables[0]} " in ran.out
    change(path, "UPDATE event_types SET name = 'Unheard' WHERE id = 1")
    ran = parcels("verify --rows")
    assert ran.code == 6
    assert "is Unheard, which no event of" in ran.out
    assert "neither snapshots nor rows are compared" in ran.err


def test_a_check_of_rows_says_first_that_the_log_was_changed(parcels: Any, tmp_path: Path) -> None:
    parcels("send register --parcel-id P1 --weight 1")
    parcels("project")
    assert parcels("project --check").code == 0
    (path,) = tmp_path.glob("*.db")
    change(path, "UPDATE commits SET user_id = 'eve' WHERE first_position = 1")
    ran = parcels("project --check")
    assert ran.code == 6
    assert "error[not-verified]: the store is not what was written: @1: the commit" in ran.err
    assert "--rebuild" not in ran.err + ran.out
    assert json.loads(parcels("project --check --json").err.splitlines()[-1])["error"]["code"] == "not-verified"
