"""`--wait` of the commands that read the log: first it has what is waited for, then it is read."""

import shlex
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from cqrs_cli.cli.options.combinations import PATIENCE
from cqrs_cli.cli.shell.app import COMMANDS, WAITING
from cqrs_cli.cli.shell.session import Session
from cqrs_cli.log.waiting import Waiting
from cqrs_cli.stores.registry import open_store
from tests.cli.conftest import commit

WORDS = {
    "bisect": "order-1 'state.total > 0'",
    "blame": "order-1",
    "diff": "order-1@1 order-1@2",
    "export": "",
    "replay": "order-1",
    "show": "@1",
    "sql": "'SELECT 1'",
    "trace": "@1",
}


@pytest.mark.parametrize("command", WAITING)
def test_what_does_not_come_is_an_error(orders: Path, here: Any, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("CQRS_APP", "samples.orders:domain")
    timeout = "" if command == "sql" else "--timeout 0"  # its own limits the work too, which can't be done in none
    monkeypatch.setattr("cqrs_cli.cli.options.combinations.PATIENCE", 0.0)
    ran = here(*shlex.split(f"{command} {WORDS.get(command, '')} --json --wait @8 {timeout}"))
    assert (ran.code, ran.error["code"]) == (7, "timed-out"), ran
    assert "the log is at @7, not yet at @8 after 0 s" in ran.error["message"]
    assert "--wait" in here(command, "--help").out


def test_what_comes_is_read(orders: Path, here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is written once somebody waits for it."""
    waits = threading.Event()
    for_log = Waiting.for_log

    def told(self: Waiting) -> int:
        waits.set()
        return for_log(self)

    def write() -> None:
        waits.wait()
        with open_store(str(orders)) as store:
            store.append(commit(8, "order-3", "OrderCreated", {}))

    monkeypatch.setattr(Waiting, "for_log", told)
    writer = threading.Thread(target=write)
    writer.start()
    ran = here("log", "--count", "--wait", "command-8", "--timeout", "100")
    writer.join()
    assert (ran.code, ran.out) == (0, "8\n")


def test_the_timeout_of_sql_limits_the_wait_and_the_work_together(orders: Path, here: Any) -> None:
    began = time.monotonic()
    ran = here("sql", "SELECT 1", "--json", "--wait", "@8", "--timeout", "0.2")
    assert (ran.code, ran.error["code"]) == (7, "timed-out"), ran
    assert "not yet at @8 after 0.2 s" in ran.error["message"]
    assert 0.2 <= time.monotonic() - began < PATIENCE


def test_of_the_timeout_of_sql_the_work_gets_what_the_wait_left(
    orders: Path, here: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[float] = []
    opened = Session.store

    def told(self: Session) -> Any:
        store = opened(self)
        sql = store.sql
        monkeypatch.setattr(store, "sql", lambda *words: (limits.append(words[2]), sql(*words))[1])
        return store

    def slow(self: Waiting) -> int:
        time.sleep(0.3)
        return 7

    monkeypatch.setattr(Session, "store", told)
    monkeypatch.setattr(Waiting, "for_log", slow)
    assert here("sql", "SELECT 1", "--wait", "@7", "--timeout", "60").code == 0
    assert here("sql", "SELECT 1", "--wait", "@7").code == 0
    assert limits[0] < 59.8
    assert limits[1] == 8.0


def test_mistakes(orders: Path, here: Any) -> None:
    assert "--timeout goes with --wait" in here("log", "--timeout", "3").err
    assert "seconds, not 'soon'" in here("log", "--wait", "@1", "--timeout", "soon").err
    assert here("log", "--wait", "@x").code == 2


@pytest.mark.parametrize("command", ["send", "run", "import", "restore", "copy", "migrate"])
def test_what_writes_does_not_take_it(here: Any, command: str) -> None:
    assert "no such option: --wait" in here(command, "--wait", "@1").err


def test_all_that_take_it_are_commands() -> None:
    assert set(WAITING) <= {entry.name for entry in COMMANDS}
