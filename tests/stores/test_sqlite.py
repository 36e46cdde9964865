"""The SQLite store keeps the contract."""

from pathlib import Path

import pytest

from cqrs_cli.stores.contract import Store
from tests.stores.contract import StoreContract, store
from tests.stores.making import commit, event

__all__ = ["store"]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:{tmp_path / 'log.db'}"


class TestContract(StoreContract):
    """On one file."""

    def test_positions_are_dense(self, store: Store) -> None:
        store.append(commit("c1", event(), event()))
        with pytest.raises(ZeroDivisionError):
            store.append(commit("c2", event(), event("new-1", "New")), inline=lambda rows, recorded: 1 // 0)
        store.append(commit("c3", event("new-2", "Newer")))
        assert [e.position for e in store.read()] == [1, 2, 3]


class TestContractWithoutLock(StoreContract):
    """Where no lock between processes can be had: a rollback journal."""

    @pytest.fixture(autouse=True)
    def _no_lock(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # An environment variable would be a feature; the other processes find the journal mode in the file.
        monkeypatch.setattr("cqrs_cli.stores.sqlite_lock.why_not", lambda path: "a test says so")

    def test_it_is_a_rollback_journal(self, store: Store) -> None:
        described = store.describe()
        assert (described["journal_mode"], described["lock"]) == ("delete", None)
        assert described["lock_missing_because"] == "a test says so"
