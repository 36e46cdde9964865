"""The PostgreSQL store keeps the contract."""

from collections.abc import Iterator

import pytest

from cqrs_cli.stores.contract import Selection, Store
from cqrs_cli.stores.postgres.limits import Limits
from cqrs_cli.stores.postgres.store import PostgresStore
from cqrs_cli.testing.making import commit, event
from cqrs_cli.testing.store_contract import StoreContract, store

__all__ = ["store"]


@pytest.fixture
def url(postgres_url: str) -> str:
    return postgres_url


class TestContract(StoreContract):
    """On a server, as the owner of the schema."""

    def test_positions_are_dense(self, store: Store) -> None:
        store.append(commit("c1", event(), event()))
        with pytest.raises(ZeroDivisionError):
            store.append(commit("c2", event(), event("new-1", "New")), inline=lambda rows, recorded: print(1 // 0))
        store.append(commit("c3", event("new-2", "Newer")))
        assert [e.position for e in store.read()] == [1, 2, 3]


class TestInSmallPieces:
    """Pages and windows that end in the middle of everything."""

    @pytest.fixture
    def store(self, url: str) -> Iterator[Store]:
        with PostgresStore(url, create=True, limits=Limits(window=7, smallest=2, largest=5, bytes=10)) as opened:
            yield opened

    test_any_selection = StoreContract.test_any_selection_gives_what_the_contract_says
    test_reading_while_the_caller_appends = StoreContract.test_reading_goes_on_while_the_caller_appends

    def test_a_read_that_comes_to_the_head_goes_on_with_what_came_meanwhile(self, store: Store) -> None:
        for selection in (Selection(), Selection(stream="order-1")):
            store.append(commit(f"c{selection.stream}", *[event()] * 10))
            seen: list[int] = []
            for recorded in store.read(selection):
                seen.append(recorded.position)
                if len(seen) == 1:
                    store.append(commit(f"d{selection.stream}", event()))
            assert seen == [*range(1, store.head() + 1)]

    def test_stream_by_stream_ends_at_the_head_as_it_was(self, store: Store) -> None:
        """Or a projection would take an event of a stream that it is past already."""
        store.append(commit("c1", *[event(f"a-{n}") for n in range(5)]))
        seen: list[int] = []
        for recorded in store.read(Selection(by_stream=True)):
            if not seen:
                store.append(commit("c2", event("a-4"), event("b-1")))
            seen.append(recorded.position)
        assert seen == [1, 2, 3, 4, 5]
