"""`--wait` of the commands that read the log: first it has what is waited for, then it is read."""

import re
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
from tests.conftest import ROOT

WORDS = {  # that a command wants besides
    "bisect": "order-1 'state.total > 0'",
    "blame": "order-1",
    "diff": "order-1@1 order-1@2",
    "query orders-by-customer": "--customer-id 1e38d67d-be8f-47d2-84e0-ba9ff270b34e",
    "replay": "order-1",
    "show": "@1",
    "sql": "'SELECT 1'",
    "trace": "@1",
}


PAGES = dict(re.findall(r"^##+ (.*)\n((?:(?!##).*\n)*)", (ROOT / "docs" / "cli.md").read_text(), re.MULTILINE))
"""The help of each command; `query order-summary` are the rows of a read model."""
TIMED = [command for command, page in PAGES.items() if "--timeout SECONDS" in page]


def test_what_takes_seconds_is_called_timeout_and_goes_with_wait() -> None:
    assert {*WAITING, "project", "query order-summary", "query orders-by-customer"} == {*TIMED}
    for page in PAGES.values():
        taking = re.findall(r"^ +(--\S+).* (?:SECONDS|S) ", page, re.MULTILINE)
        assert {*taking, *re.findall(r"--[\w-]*timeout[\w-]*", page)} <= {"--timeout"}
        assert ("--timeout SECONDS" in page) == ("--wait @P" in page)


@pytest.mark.parametrize("command", TIMED)
def test_every_timeout_takes_no_time_and_refuses_the_same_in_the_same_words(
    orders: Path, here: Any, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("CQRS_APP", "samples.orders:domain")
    words = shlex.split(f"{command} {WORDS.get(command, '')} --json --wait @8")
    for timeout in ("0", "0.0", "-0"):
        ran = here(*words, f"--timeout={timeout}")
        assert (ran.code, ran.error["code"]) == (7, "timed-out"), ran
        assert "the log is at @7, not yet at @8 after 0 s" in ran.error["message"]
    for timeout in ("soon", "", "-1", "nan", "inf", "1000001", "5s"):
        ran = here(*words, f"--timeout={timeout}")
        assert (ran.code, ran.error["message"]) == (2, f"--timeout wants seconds, not {timeout!r}"), ran
        assert ran.error["hint"] == "from 0, which waits for nothing, to 1,000,000, such as 30 or 0.5"


@pytest.mark.parametrize("command", TIMED)
def test_without_a_timeout_it_is_waited_for_as_long_as_is_usual(
    orders: Path, here: Any, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("CQRS_APP", "samples.orders:domain")
    monkeypatch.setattr("cqrs_cli.cli.options.combinations.PATIENCE", 0.0)
    ran = here(*shlex.split(f"{command} {WORDS.get(command, '')} --json --wait @8"))
    assert (ran.code, ran.error["code"]) == (7, "timed-out"), ran


def test_what_is_there_is_not_waited_for(orders: Path, here: Any) -> None:
    assert here("log", "--count", "--wait", "@7", "--timeout", "0").out == "7\n"
    assert here("log", "--count", "--wait", "command-7", "--timeout", "0").out == "7\n"


def test_in_no_time_no_statement_is_run(orders: Path, here: Any) -> None:
    """Neither on a store where it would be done before anybody looks at the clock."""
    for words in ("--timeout 0", "--wait @7 --timeout 0"):
        ran = here("sql", "SELECT 1", "--json", *words.split())
        assert (ran.code, ran.out, ran.error["code"]) == (7, "", "timed-out"), ran
        assert (ran.error["message"]) == "the statement worked longer than 0 s"


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
    assert here("log", "--wait", "@x").code == 2


@pytest.mark.parametrize("command", ["send", "run", "import", "restore", "copy", "migrate"])
def test_what_writes_does_not_take_it(here: Any, command: str) -> None:
    assert "no such option: --wait" in here(command, "--wait", "@1").err


def test_all_that_take_it_are_commands() -> None:
    assert set(WAITING) <= {entry.name for entry in COMMANDS}
