"""A hundred thousand events of a bank, there and back: the same hash, states and rows, now and at a time."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from cqrs_cli.stores.commits import Commit, NewEvent, SentCommand
from cqrs_cli.stores.moments import rfc3339
from cqrs_cli.stores.registry import open_store
from cqrs_cli.stores.sqlite.store import SQLiteStore
from tests.conftest import Shell
from tests.transfer import foreign
from tests.transfer.logs import fields_of
from tests.transfer.test_interchange import as_cloud_events, exported, taken

EVENTS, ACCOUNTS = 100_000, 2_000
BEGUN_US = 1_700_000_000_000_000


def commits() -> list[Commit]:
    """Accounts are opened, then deposits go round, some of them two in a command."""
    made, left, number = [], EVENTS, 0
    while left:
        account, opens = UUID(int=number % ACCOUNTS + 1), number < ACCOUNTS
        count = 1 if opens else min(left, 1 + number % 3)
        body: dict[str, Any] = {"owner": f"Zoë {number}"} if opens else {"cents": number}
        data = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
        event = NewEvent(f"account-{account}", "AccountOpened" if opens else "Deposited", 1, data)
        sent = json.dumps({"account_id": str(account), **body}, separators=(",", ":"), ensure_ascii=False).encode()
        command = SentCommand("OpenAccount" if opens else "Deposit", 1, sha256(sent).digest(), sent, BEGUN_US + number)
        made.append(
            Commit(f"c{number:06}", (event,) * count, command, user_id="ada", recorded_us=BEGUN_US + number * 1_000_000)
        )
        left, number = left - count, number + 1
    return made


def hash_of(path: Path) -> tuple[int, bytes | None]:
    with open_store(str(path), read_only=True) as store:
        found = store.audit()
    assert not found.flaws
    return found.events, found.hash


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path, made = tmp_path_factory.mktemp("bank") / "bank.db", commits()
    with SQLiteStore(str(path), create=True, durability="relaxed") as store:
        for at in range(0, len(made), 5_000):
            assert store.take_in(made[at : at + 5_000], lambda rows, position: None)
    assert hash_of(path)[0] == EVENTS
    return path


pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def test_as_lines(source: Path, tmp_path: Path) -> None:
    taken(exported(source, tmp_path / "x.jsonl"), tmp_path / "again.db")
    assert hash_of(tmp_path / "again.db") == hash_of(source)


def test_as_cloud_events(source: Path, tmp_path: Path) -> None:
    taken(as_cloud_events(source, tmp_path / "x.jsonl"), tmp_path / "again.db", "bank")
    assert hash_of(tmp_path / "again.db") == hash_of(source)


def test_copied_with_states_and_rows(cqrs: Shell, source: Path, tmp_path: Path) -> None:
    cqrs.environ["CQRS_APP"] = "benchmarks.bank:domain"
    record = cqrs.json("copy", str(source), "again.db")
    assert record["same_history"] is True
    assert (record["states"]["compared"], record["states"]["differing"]) == (ACCOUNTS, [])
    assert hash_of(tmp_path / "again.db") == hash_of(source)

    check_rows(cqrs, str(source), "again.db")


def test_mirrored_with_states_and_rows(cqrs: Shell, source: Path, tmp_path: Path) -> None:
    cqrs.environ["CQRS_APP"] = "benchmarks.bank:domain"
    foreign.write_down(source, tmp_path / "other.db")
    (tmp_path / "cqrs.toml").write_text(foreign.SETTINGS)
    assert cqrs.json("mirror", "other.db", "again.db", "--dialect", "audit")["events"] == EVENTS
    assert fields_of(tmp_path / "again.db", foreign.KEPT) == fields_of(source, foreign.KEPT)
    states = [cqrs.json("replay", "--category", "account", "--store", store) for store in (str(source), "again.db")]
    assert states[0] == states[1]
    assert len(states[0]) == ACCOUNTS
    check_rows(cqrs, str(source), "again.db")


def check_rows(cqrs: Shell, source: str, copy: str) -> None:
    """A read model is the same on both, at a time in the middle and in the end."""

    def rows(store: str, at_us: int) -> Any:
        return cqrs.json("project", "account-balance", "--at", rfc3339(at_us), "--store", store)

    middle, end = (BEGUN_US + part * len(commits()) // 2 * 1_000_000 for part in (1, 2))
    then = rows(source, middle)
    assert then == rows(copy, middle) != rows(copy, end)
    assert rows(source, end) == rows(copy, end)
