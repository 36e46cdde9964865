"""`cqrs fork` in a shell: what it makes, what it says, what it refuses."""

import json
from pathlib import Path

import pytest

from tests.conftest import Shell

PRODUCT = ("send", "add-product", "--name", "Pen", "--price", "1.50", "--sku")


@pytest.fixture
def shop(cqrs: Shell) -> Shell:
    cqrs("init", ".")
    for sku in ("pen", "ink", "nib"):
        cqrs(*PRODUCT, sku)
    return cqrs


def test_a_fork_is_made_and_used_like_any_store(shop: Shell) -> None:
    ran = shop("fork", "try.db", "--at", "@2")
    assert ran.stdout.startswith(f"try.db has 2 events of sqlite:{shop.folder.resolve()}/shop.db, up to @2, hash ")
    assert [event["position"] for event in shop.json("--store", "try.db", "log")] == [1, 2]
    shop("--store", "try.db", *PRODUCT, "cap")
    assert len(shop.json("--store", "try.db", "project", "product-sales")["rows"]) == 3
    assert len(shop.json("log")) == 3, "the store itself is as it was"


def test_its_record(shop: Shell) -> None:
    made = shop.json("fork", "try.db")
    assert list(made) == ["fork", "source", "position", "hash", "taken_at"]
    assert (made["fork"], made["position"], len(made["hash"])) == ("try.db", 3, 64)


def test_a_time_is_the_history_as_it_was_then(shop: Shell) -> None:
    second = shop.json("log")[1]["recorded_at"]
    assert shop.json("fork", "then.db", "--at", second)["position"] == 2
    assert shop.json("fork", "before.db", "--at", "1d")["position"] == 0


def test_what_is_refused(shop: Shell, tmp_path: Path) -> None:
    for words, code, exit_code in (
        (["shop.db"], "exists", 2),
        (["no/where.db"], "store-not-found", 3),
        (["postgres://host/db"], "configuration", 2),
        (["try.db", "--at", "2"], "address", 2),
        (["try.db", "--at", "@4"], "position", 3),
        (["try.db", "--at", "soon"], "address", 2),
    ):
        ran = shop("fork", *words, "--json", exit_code=exit_code)
        assert json.loads(ran.stderr)["error"]["code"] == code, words
    assert not (shop.folder / "try.db").exists()
    shop("--store", "none.db", "fork", "try.db", exit_code=3)


def test_reactions_run_on_a_fork_only_when_it_is_said(shop: Shell) -> None:
    shop("fork", "try.db")
    ran = shop("--store", "try.db", "run", "--once", exit_code=2)
    assert "error[fork]: this store is a fork of sqlite:" in ran.stderr
    assert "cqrs --store try.db run --live" in ran.stderr
    shop("--store", "try.db", "run", "--once", "--live")
    shop("run", "--once")


def test_doctor_tells_what_it_is_a_fork_of(shop: Shell) -> None:
    shop("fork", "try.db", "--at", "@2")
    shop("--store", "try.db", *PRODUCT, "cap")
    (found,) = [one for one in shop.json("--store", "try.db", "doctor")["findings"] if one["code"] == "fork"]
    source = f"sqlite:{shop.folder.resolve()}/shop.db"
    assert (found["severity"], found["message"]) == ("note", f"it is a fork of {source} up to @2, with 1 event since")
    assert "fork" not in [one["code"] for one in shop.json("doctor")["findings"]]
