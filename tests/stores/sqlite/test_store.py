"""The SQLite store keeps the contract."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.sqlite.limits import Limits
from cqrs_cli.stores.sqlite.store import SQLiteStore
from cqrs_cli.testing.making import commit, event
from cqrs_cli.testing.store_contract import StoreContract, store

__all__ = ["store"]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:{tmp_path / 'log.db'}"


class TestContract(StoreContract):
    """On one file."""

    def test_positions_are_dense(self, store: Store) -> None:
        store.append(commit("c1", event(), event()))
        with pytest.raises(ZeroDivisionError):
            store.append(commit("c2", event(), event("new-1", "New")), inline=lambda rows, recorded: print(1 // 0))
        store.append(commit("c3", event("new-2", "Newer")))
        assert [e.position for e in store.read()] == [1, 2, 3]


class TestInSmallPieces:
    """Pages and windows that end in the middle of everything."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[Store]:
        limits = Limits(window=7, smallest=2, largest=5)
        with SQLiteStore(str(tmp_path / "log.db"), create=True, limits=limits) as opened:
            yield opened

    test_any_selection = StoreContract.test_any_selection_gives_what_the_contract_says
    test_reading_while_the_caller_appends = StoreContract.test_reading_goes_on_while_the_caller_appends

    def test_a_read_that_comes_to_the_head_goes_on_with_what_came_meanwhile(self, store: Store) -> None:
        store.append(commit("c1", *[event()] * 10))
        seen = []
        for recorded in store.read():
            seen.append(recorded.position)
            if len(seen) == 1:
                store.append(commit("c2", event()))
        assert seen == [*range(1, 12)]

    def test_stream_by_stream_ends_at_the_head_as_it_was(self, store: Store) -> None:
        """Or a projection would take an event of a stream that it is past already."""
        store.append(commit("c1", *[event(f"a-{n}") for n in range(5)]))
        seen: list[int] = []
        for recorded in store.read(Selection(by_stream=True)):
            if not seen:
                store.append(commit("c2", event("a-4"), event("b-1")))
            seen.append(recorded.position)
        assert seen == [1, 2, 3, 4, 5]


class TestContractWithoutLock(StoreContract):
    """Where no lock between processes can be had: a rollback journal."""

    @pytest.fixture(autouse=True)
    def _no_lock(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # An environment variable would be a feature; the other processes find the journal mode in the file.
        monkeypatch.setattr("cqrs_cli.stores.sqlite.lock.why_not", lambda path: "a test says so")

    def test_it_is_a_rollback_journal(self, store: Store) -> None:
        described = store.describe()
        assert (described["journal_mode"], described["lock"]) == ("delete", None)
        assert described["lock_missing_because"] == "a test says so"
