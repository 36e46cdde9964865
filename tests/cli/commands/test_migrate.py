"""`cqrs migrate` makes a store or brings it forward, prints what it would do, and roles for it."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli.stores.postgres.address import address_of
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.sqlite.opening import FORMAT
from tests.conftest import ROOT
from tests.stores.postgres.administrator import run


def test_a_file_is_made_and_then_up_to_date(here: Any, tmp_path: Path) -> None:
    assert here("--store", "shop.db", "migrate").out == f"made shop.db, format {FORMAT}\n"
    assert here("--store", "shop.db", "migrate").out == f"shop.db is up to date, format {FORMAT}\n"
    assert json.loads(here("--store", "shop.db", "migrate", "--json").out) == {
        "store": "shop.db",
        "from": FORMAT,
        "to": FORMAT,
    }


def test_a_file_of_an_old_format_is_brought_forward(here: Any, tmp_path: Path) -> None:
    old = ROOT / "tests" / "stores" / "sqlite" / "fixtures" / "format_1_full.db.gz"
    (tmp_path / "old.db").write_bytes(gzip.decompress(old.read_bytes()))
    assert json.loads(here("--store", "old.db", "migrate", "--json").out) == {
        "store": "old.db",
        "from": 1,
        "to": FORMAT,
    }


@pytest.mark.parametrize("option", ["--dry-run", "--roles"])
def test_what_is_for_servers_is_refused_for_files(here: Any, option: str) -> None:
    ran = here("--store", "shop.db", "migrate", option)
    assert (ran.code, f"{option} is for a store on a server" in ran.err) == (2, True)


def test_a_store_on_a_server(here: Any, postgres_url: str) -> None:
    shown = open_store_name(postgres_url)
    missing = here("--store", postgres_url, "log")
    assert missing.code == 3
    assert "migrate" in missing.err
    printed = here("--store", postgres_url, "migrate", "--dry-run")
    assert printed.out.startswith("BEGIN;\n")
    assert here("--store", postgres_url, "log").code == 3, "nothing was run"
    assert here("--store", postgres_url, "migrate").out == f"made {shown}, format 1\n"
    assert json.loads(here("--store", postgres_url, "migrate", "--json").out) == {"store": shown, "from": 1, "to": 1}
    assert here("--store", postgres_url, "migrate", "--dry-run").out == f"-- {shown} is up to date, format 1\n"
    assert here("--store", postgres_url, "log").code == 0


def open_store_name(url: str) -> str:
    return address_of(url).shown


def test_what_is_printed_makes_the_same_store(here: Any, postgres_url: str) -> None:
    run(postgres_url, here("--store", postgres_url, "migrate", "--dry-run").out)
    with open_store(postgres_url) as store:
        assert store.findings() == []
        assert store.describe()["durability"] == "full"


def test_no_password_is_printed(here: Any, postgres_url: str) -> None:
    password = str(address_of(postgres_url).libpq.get("password") or "none was given")
    wrong = postgres_url.replace("127.0.0.1", "127.0.0.1:1,127.0.0.1") if "127.0.0.1" in postgres_url else postgres_url
    for words in (
        ["migrate"], ["log"], ["config"], ["doctor"], ["stats", "--json"], ["verify"], ["sql", "SELECT 1/0"],
        ["sql", "SELECT nothing"], ["migrate", "--roles"], ["migrate", "--dry-run"], ["--debug", "sql", "SELECT nothing"],
        ["backup", "b.db"], ["restore", "b.db"], ["streams"], ["project", "--status"],
    ):  # fmt: skip
        for url in (postgres_url, wrong.replace("/tester?", "/nosuch?")):
            ran = here("--store", url, *words)
            assert password not in ran.out + ran.err, words
            assert ran.code != 70, (words, ran.err)
